"""The mainline DHT: how nodes that were told no address find each other, without a server of ours.

libtorrent is the DHT; this file asks it, hands on what it found, and keeps what it knows of other
DHT nodes from one run to the next, so that routers are needed once in a node's life.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import libtorrent as lt
import structlog
import trio

from mirrord.core.effects import SeekPeers
from mirrord.core.events import AddressesFound, AddressSource, Event
from mirrord.core.limits import ADDRESSES_FOUND_BURST, HELLO_COLLECTIONS_MAX
from mirrord.core.records.ids import Address
from mirrord.torrents.alerts import DhtAnswered
from mirrord.torrents.engine import DhtSettings
from mirrord.torrents.sealed_file import unseal, write_sealed
from mirrord.torrents.session import Session

_MAGIC: Final = b"mirrord dht 1\n"
_SOUGHT_MAX: Final = 2 * HELLO_COLLECTIONS_MAX
"""Around midnight, each collection has two."""

_KNOWN_MAX: Final = 100
"""DHT nodes to begin with: a bucket has eight, and each asked tells eight more."""

_SAVE_EVERY_SECONDS: Final = 900.0
"""A daemon that is killed loses no more than this, which ages by hours, not by minutes."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Dht:
    """The engine's part in the DHT, while ``session`` runs; without settings it does nothing."""

    def __init__(
        self, settings: DhtSettings | None, session: Session, emit: Callable[[Event], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._session = session
        self._emit = emit
        self._found: dict[Address, None] = {}
        self._sought: dict[bytes, None] = {}
        self._news = trio.Event()
        self.nodes = 0

    def start(self, known: tuple[Address, ...] = ()) -> None:
        """Begin to take part; libtorrent must listen already.  ``known`` is what :meth:`known` said."""
        if self._settings is not None:
            self._session.start_dht(known)

    async def known(self) -> tuple[Address, ...]:
        """Return some DHT nodes that it knows, to begin with elsewhere."""
        return nodes_in(await self._session.dht_state()) if self._settings is not None else ()

    def seek(self, effect: SeekPeers) -> None:
        """Look for a collection's nodes, and announce ourselves where that is wished."""
        if self._settings is not None:
            self._sought.pop(effect.rendezvous, None)
            self._sought[effect.rendezvous] = None
            while len(self._sought) > _SOUGHT_MAX:
                del self._sought[next(iter(self._sought))]
            self._session.look_up(effect.rendezvous, effect.port if effect.announce else 0)

    def look_up(self, info_hash: bytes) -> None:
        """Look who is under a hash that is no rendezvous; whoever asked takes the answers."""
        if self._settings is not None:
            self._session.look_up(info_hash, 0)

    def take_in(self, answer: DhtAnswered) -> None:
        """Note who was found under a rendezvous.

        A lookup gets an answer of each DHT node that it asks, mostly the same.  What is found elsewhere, such as the
        swarm members of a shard, is nobody to be dialled as a node.
        """
        if answer.info_hash not in self._sought:
            return
        for address in answer.addresses:
            if len(self._found) < ADDRESSES_FOUND_BURST:
                self._found[address] = None
        self._news.set()

    async def report(self) -> None:
        """Tell the node what was found; while it is slow to listen, less often and more at once."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            found, self._found = tuple(self._found), {}
            if found:
                await self._emit(AddressesFound(found, AddressSource.DHT))

    async def save_now_and_then(self) -> None:
        """Keep what is known of other DHT nodes, until cancelled."""
        while True:
            await trio.sleep(_SAVE_EVERY_SECONDS)
            await self.save()

    async def save(self) -> None:
        """Keep what is known of other DHT nodes; where that is nothing, what was known before is better."""
        if self._settings is None or not self.nodes:
            return
        state = await self._session.dht_state()
        try:
            await trio.to_thread.run_sync(write_sealed, self._settings.state, _MAGIC, state)
        except OSError as error:
            _log.warning("the DHT's state was not kept; routers will be asked", detail=f"{error.filename}: {error}")


def nodes_in(state: bytes) -> tuple[Address, ...]:
    """Return the DHT nodes that a state names: 4 or 16 bytes of address and 2 of port each (BEP 5, BEP 32)."""
    decoded: Any = lt.bdecode(state)
    kept: dict[bytes, list[bytes]] = decoded.get(b"dht state", {})
    packed = [*kept.get(b"nodes", ()), *kept.get(b"nodes6", ())][:_KNOWN_MAX]
    return tuple(Address(str(ip_address(node[:-2])), int.from_bytes(node[-2:], "big")) for node in packed)


def load_dht_state(path: Path) -> bytes | None:
    """Return what an earlier run kept; None where there is nothing to trust.  Blocking."""
    try:
        state = unseal(path.read_bytes(), _MAGIC)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("the DHT's state cannot be read; routers will be asked", detail=f"{path}: {error.strerror}")
        return None
    if state is None:
        _log.warning("the DHT's state is damaged; routers will be asked", path=str(path))
    return state
