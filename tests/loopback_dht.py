"""A DHT of a few real nodes on loopback: bare libtorrent sessions, as any BitTorrent client has one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import libtorrent as lt

from mirrord.core.records.ids import Address

_WAIT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_SETTINGS: Final[dict[str, Any]] = {
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_block_ratelimit": 1_000,
    **dict.fromkeys(
        ("enable_lsd", "enable_upnp", "enable_natpmp", "enable_incoming_utp", "enable_outgoing_utp"), False
    ),
}


@contextmanager
def loopback_dht(count: int = 6, host: str = "127.0.0.1") -> Iterator[list[Address]]:
    """Run DHT nodes that know each other; yield where they are."""
    shown = f"[{host}]" if ":" in host else host
    sessions = [lt.session(_SETTINGS | {"listen_interfaces": f"{shown}:0"}) for _ in range(count)]
    _wait_until(lambda: all(session.listen_port() for session in sessions), "they listen")
    places = [Address(host, session.listen_port()) for session in sessions]
    for index, session in enumerate(sessions):
        session.add_dht_node(tuple(places[index - 1]))
    _wait_until(lambda: all(_dht_nodes(session) > 0 for session in sessions), "they know each other")
    yield places
    sessions.clear()


def _dht_nodes(session: lt.session) -> int:
    """Return how many others a session knew when it was last asked, and ask it again."""
    session.post_session_stats()
    counted = [alert for alert in session.pop_alerts() if isinstance(alert, lt.session_stats_alert)]
    return counted[-1].values["dht.dht_nodes"] if counted else 0


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {_WAIT_SECONDS} s: {what}"
        time.sleep(_POLL_SECONDS)
