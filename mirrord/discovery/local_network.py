"""Searching the local network for nodes of our collections, and being found in it.

Rules, after BEP 14:

- A rendezvous is searched for when the node wishes it, but once a minute at most; a wish that comes
  too early waits.
- Who hears somebody new search for the same rendezvous searches, too, by the same rule: so the new
  one knows us after a moment, and two that know each other do not chatter.
- Our own search, which multicast brings back, is known by its cookie.
- What comes in too fast, does not parse, or is about what nobody here looks for is dropped.
"""

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import SeekPeers
from mirrord.core.errors import RemoteProtocolError
from mirrord.core.events import AddressesFound, AddressSource, Event
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.records.ids import Address
from mirrord.discovery.multicast import MulticastSockets
from mirrord.discovery.places import places_for
from mirrord.discovery.search import Search, decode_search, encode_searches

_FORGET_SECONDS: Final = 2 * limits.RENDEZVOUS_MIDNIGHT_SECONDS
"""A rendezvous that nobody asked for in so long is yesterday's, or its collection was left."""

_NEW_AGAIN_SECONDS: Final = 3_600.0
"""Whoever was not heard for so long is new: it may have forgotten us."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sought:
    """One rendezvous.  Times are trio's seconds; ``port`` is 0 where we are not to be found."""

    port: int
    asked_at: float
    searched_at: float = float("-inf")
    is_due: bool = False

    @property
    def due_at(self) -> float:
        """When to search for it next."""
        return self.searched_at + limits.LOCAL_SEARCH_SECONDS if self.is_due and self.port else float("inf")


class LocalNetwork:
    """One node in its local network.

    ``hosts`` are the IP literals that it listens on for peers; ``emit`` takes what is found, and may
    wait, which drops what is heard meanwhile.
    """

    def __init__(self, hosts: tuple[str, ...], emit: Callable[[Event], Awaitable[None]]) -> None:
        self._hosts = hosts
        self._emit = emit
        self._cookie = secrets.token_hex(8).encode()
        self._sought: dict[bytes, _Sought] = {}
        self._heard: OrderedDict[Address, float] = OrderedDict()
        self._wish = trio.Event()

    def seek(self, effect: SeekPeers) -> None:
        """Search for a rendezvous, at once or when a minute has passed since the last time."""
        now = trio.current_time()
        sought = self._sought.setdefault(effect.rendezvous, _Sought(0, now))
        sought.port, sought.asked_at, sought.is_due = effect.port if effect.announce else 0, now, True
        self._wish.set()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Search and answer until cancelled; started once it hears.

        Never fails: where this machine has no multicast, one line in the log says so and it returns.
        """
        async with trio.open_nursery() as nursery:
            opened = [sockets for is_ipv6 in (False, True) if (sockets := await _open(is_ipv6)) is not None]
            try:
                places = [place for sockets in opened for place in sockets.join(places_for(self._hosts))]
                _log.info("searching the local network", places=[place.host for place in places])
                for sockets in opened:
                    nursery.start_soon(self._listen, sockets)
                task_status.started()
                if opened:
                    await self._search_when_due(opened)
            finally:
                for sockets in opened:
                    sockets.close()

    # --- speaking --------------------------------------------------------------------------------

    async def _search_when_due(self, opened: list[MulticastSockets]) -> None:
        while True:
            self._wish = trio.Event()
            now = trio.current_time()
            self._sought = {key: s for key, s in self._sought.items() if s.asked_at + _FORGET_SECONDS > now}
            due = {key: sought for key, sought in self._sought.items() if sought.due_at <= now}
            for sought in due.values():
                sought.is_due, sought.searched_at = False, now
            for port in sorted({sought.port for sought in due.values()}):
                rendezvous = sorted(key for key, sought in due.items() if sought.port == port)
                await self._search(opened, port, rendezvous)
            with trio.move_on_at(min((sought.due_at for sought in self._sought.values()), default=float("inf"))):
                await self._wish.wait()

    async def _search(self, opened: list[MulticastSockets], port: int, rendezvous: list[bytes]) -> None:
        """Ask at every place that this machine has right now: Wi-Fi and cables come and go."""
        places = places_for(self._hosts)
        for sockets in opened:
            for place in sockets.join(places):
                for datagram in encode_searches(sockets.group, port, rendezvous, self._cookie):
                    await sockets.speak(place, datagram)

    # --- hearing ---------------------------------------------------------------------------------

    async def _listen(self, sockets: MulticastSockets) -> None:
        allowance = Allowance(limits.LOCAL_SEARCHES_BURST, 1 / limits.LOCAL_SEARCHES_PER_SECOND, _now())
        while True:
            try:
                datagram, source = await sockets.hear()
            except OSError as error:  # an interface went down; the next datagram comes from another
                _log.debug("the local network was not heard", detail=error.strerror)
                continue
            if not allowance.take(_now()):
                # Not reading is the only defence against a flood: what comes meanwhile, the kernel drops.
                await trio.sleep(1 / limits.LOCAL_SEARCHES_PER_SECOND)
                continue
            try:
                search = decode_search(datagram)
            except RemoteProtocolError:
                continue  # another program's idea of BEP 14
            await self._take_in(search, source.host)

    async def _take_in(self, search: Search, host: str) -> None:
        known = [self._sought[key] for key in search.rendezvous if key in self._sought]
        if search.cookie == self._cookie or not known or "%" in host:
            return  # our own, not about us, or from an address that means nothing to other hosts
        address, now = Address(host, search.port), trio.current_time()
        silent_seconds = now - self._heard.pop(address, float("-inf"))
        self._heard[address] = now
        while len(self._heard) > limits.LOCAL_HEARD_MAX:
            self._heard.popitem(last=False)
        if silent_seconds > _NEW_AGAIN_SECONDS:
            for sought in known:
                sought.is_due = True
            self._wish.set()
        await self._emit(AddressesFound((address,), AddressSource.LOCAL_NETWORK))


async def _open(is_ipv6: bool) -> MulticastSockets | None:
    version = "IPv6" if is_ipv6 else "IPv4"
    try:
        sockets = MulticastSockets(is_ipv6=is_ipv6)
    except OSError as error:
        _log.info("the local network is not searched", over=version, detail=error.strerror)
        return None
    try:
        await sockets.bind()
    except OSError as error:
        sockets.close()
        _log.info("the local network is not searched", over=version, detail=error.strerror)
        return None
    return sockets


def _now() -> Instant:
    return Instant(trio.current_time(), 0.0)
