"""Every libtorrent setting that mirrord changes, and why.

Ratios and megabytes a second were measured on loopback, TCP, 512 MiB, two processes on two cores.
"""

from ipaddress import ip_address
from typing import Final

import libtorrent as lt

from mirrord.core.limits import KIB, MIB
from mirrord.torrents.engine import EngineSettings, places_of

_ALERTS: Final = (
    lt.alert.category_t.error_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.dht_operation_notification  # what a lookup found
)
"""No alerts about single pieces, blocks or connections: Python stays out of the path of the bytes."""

TORRENT_FLAGS: Final = (
    lt.torrent_flags.update_subscribe  # state_update_alert speaks of it
    | lt.torrent_flags.duplicate_is_error
    | lt.torrent_flags.disable_dht  # members come from announcements
    | lt.torrent_flags.disable_lsd  # ... all of them; a private swarm is not made known to strangers
    | lt.torrent_flags.disable_pex
)
"""On every torrent.  ``auto_managed`` and ``paused`` are left out: we schedule, libtorrent does not."""


def session_settings(settings: EngineSettings) -> dict[str, str | int | bool]:
    """Return the settings of the session as libtorrent's constructor takes them."""
    return {
        **_whom_to_talk_to(settings),
        **_no_scheduling(),
        **_throughput(),
        "download_rate_limit": settings.download_rate_limit,
        "upload_rate_limit": settings.upload_rate_limit,
        "alert_mask": int(_ALERTS),
        "alert_queue_size": 20_000,  # the default of 2,000 drops alerts when some thousand shards are added at once
    }


def _whom_to_talk_to(settings: EngineSettings) -> dict[str, str | int | bool]:
    return {
        "user_agent": "mirrord",  # tell swarm members who asks, not which library of which version
        "listen_interfaces": settings.listen_interfaces,
        "max_retry_port_bind": 0,  # announced is the port that was asked for, so the next one is no substitute
        "listen_system_port_fallback": False,  # ... nor is any other
        "listen_queue_size": 64,  # a popular shard draws many members at once; the default is 5
        "enable_outgoing_utp": settings.enable_utp,
        "enable_incoming_utp": settings.enable_utp,  # uTP moved 27 MB/s on loopback, TCP 280: the demo turns it off
        **_dht(settings),
        "enable_lsd": False,  # members come from announcements
        "enable_upnp": False,  # opening ports in a router is the operator's to decide
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": settings.several_members_per_address,
        "min_reconnect_time": settings.reconnect_seconds,  # the default of 60 leaves a restarted member alone too long
        "max_failcount": 255,  # who is a member is for announcements to say: back off, but never give a member up
        "connections_limit": 500,  # shards times members; the default of 200 starves a node with many shards
        "unchoke_slots_limit": -1,  # every member heals the collection, so none waits for a slot
    }


def _dht(settings: EngineSettings) -> dict[str, str | int | bool]:
    """The DHT begins only when :meth:`Session.start_dht` says so.

    Where there are no routers, libtorrent would begin it at once and so before it looks at what an
    earlier run knew (measured).
    """
    routers = settings.dht.routers if settings.dht is not None else ()
    found: dict[str, str | int | bool] = {
        "enable_dht": False,
        "dht_bootstrap_nodes": ",".join(map(str, routers)),  # of the library's own without this
    }
    if _is_within_one_machine(settings.listen_interfaces):
        # Rules against one machine that poses as many would leave a network within one machine without anybody.
        found |= {"dht_restrict_routing_ips": False, "dht_restrict_search_ips": False}
        found["dht_block_ratelimit"] = 1_000  # packets a second of one address; with the default of 5 all are banned
    return found


def _is_within_one_machine(listen_interfaces: str) -> bool:
    return all(ip_address(place.host).is_loopback for place in places_of(listen_interfaces))


def _no_scheduling() -> dict[str, str | int | bool]:
    """Lift the limits that would leave a shard unseeded in a queue."""
    names = ("downloads", "seeds", "checking", "dht_limit", "tracker_limit", "lsd_limit", "limit")
    return {f"active_{name}": -1 for name in names}


def _throughput() -> dict[str, str | int | bool]:
    return {
        "send_buffer_watermark": 3 * MIB,  # with the two below 400 instead of 330 MB/s
        "send_buffer_low_watermark": 1 * MIB,  # start reading ahead before a fast member runs dry
        "send_buffer_watermark_factor": 150,  # per cent of a member's rate that may wait in its buffer
        "max_queued_disk_bytes": 32 * MIB,  # a tenth of the default in memory, and no slower
        "aio_threads": 4,  # as fast as the default of 10, with fewer stacks and less seeking
        "hashing_threads": 1,  # 950 MB/s, more than most disks; leaves a core for transfers
        "checking_mem_usage": 32 * MIB // (16 * KIB),  # blocks in flight during a re-read
        "file_pool_size": 100,  # open files; shards of small files thrash the default of 40
        "close_file_interval": 120,  # let an idle node's files go, so that their disk can be unmounted
    }


def keep_rate_limits_on_local_networks(session: lt.session) -> None:
    """Make the operator's limits hold for loopback and private addresses, which libtorrent exempts."""
    everyone = lt.ip_filter()
    class_bit = 1 << lt.session.global_peer_class_id
    everyone.add_rule("0.0.0.0", "255.255.255.255", class_bit)
    everyone.add_rule("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", class_bit)
    session.set_peer_class_filter(everyone)
