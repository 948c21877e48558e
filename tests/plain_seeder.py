"""A seeder outside mirrord: a bare libtorrent session with its own files, as any BitTorrent client is one."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import libtorrent as lt

from mirrord.core.records.ids import Address

_WAIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_QUIET: Final[dict[str, Any]] = dict.fromkeys(
    ("enable_lsd", "enable_upnp", "enable_natpmp", "enable_incoming_utp", "enable_outgoing_utp"), False
)


@contextmanager
def plain_seeder(
    folder: Path,
    torrents: Iterable[tuple[bytes, Path]],
    *,
    host: str = "127.0.0.2",
    trackers: Iterable[str] = (),
    dht: Iterable[Address] = (),
) -> Iterator[Address]:
    """Seed copies of some torrents' files (a .torrent, and the folder with its files); yield where.

    Every torrent is announced to each of ``trackers``, and in the DHT that the nodes ``dht`` belong to.
    """
    routers = list(dht)
    session = lt.session(
        _QUIET
        | {
            "listen_interfaces": f"{host}:0",
            "enable_dht": bool(routers),
            "dht_bootstrap_nodes": ",".join(map(str, routers)),
            "dht_restrict_routing_ips": False,
            "dht_restrict_search_ips": False,
            "dht_block_ratelimit": 1_000,
            "allow_multiple_connections_per_ip": True,
            "announce_to_all_trackers": True,
            "announce_to_all_tiers": True,
            "alert_mask": int(lt.alert.category_t.status_notification | lt.alert.category_t.error_notification),
        }
    )
    handles = []
    for torrent, files in torrents:
        params = lt.load_torrent_buffer(torrent)
        assert params.ti is not None
        shutil.copytree(files, folder / params.ti.name())
        params.save_path = str(folder)
        params.trackers = list(trackers)
        params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
        handles.append(session.add_torrent(params))
    _wait_until(lambda: all(handle.status().is_seeding for handle in handles), "it seeds")
    _wait_until(lambda: not routers or _knows_the_dht(session), "it is in the DHT")
    for handle in handles:
        handle.force_dht_announce()
    yield Address(host, session.listen_port())
    for handle in handles:
        session.remove_torrent(handle)


def _knows_the_dht(session: lt.session) -> bool:
    session.post_session_stats()
    counted = [alert for alert in session.pop_alerts() if isinstance(alert, lt.session_stats_alert)]
    return bool(counted) and counted[-1].values["dht.dht_nodes"] > 0


def _wait_until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {_WAIT_SECONDS} s: {what}"
        time.sleep(_POLL_SECONDS)
