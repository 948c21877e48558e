"""Where nodes that were told no address meet: under 20 bytes that each computes from collection and day.

The mainline DHT and the local network take such bytes for a torrent's info-hash, and know who is
"in its swarm".  They change with the day, so that nobody can prepare a place for a collection (the
DHT nodes whose ids are nearest) that stays one, and yesterday's are soon forgotten.

Here is when to look: at once when a collection is joined or our port has changed, then every
``rendezvous_seconds``; every ``rendezvous_alone_seconds`` while no peer of the collection is there.
Around midnight, when clocks disagree about the day, the neighbour day's rendezvous counts, too.
"""

import hashlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import SeekPeers
from mirrord.core.events import AddressesFound, AddressSource
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.records.ids import Address, CollectionId
from mirrord.core.timing import TimingProfile

RENDEZVOUS_BYTES: Final = 20
_CONTEXT: Final = b"mirrord/1 rendezvous"
_DAY_SECONDS: Final = 86_400
_JITTER: Final = 0.2
"""A period is this part longer or shorter, so that nodes that started together do not stay together."""

_GOLDEN: Final = 0.618
"""Spreads one throw of the dice over many collections."""


def rendezvous(collection: CollectionId, day: int) -> bytes:
    """Return the 20 bytes under which a collection's nodes look for each other on a day since 1970 (UTC)."""
    return hashlib.blake2b(_CONTEXT + collection + day.to_bytes(8, "big"), digest_size=RENDEZVOUS_BYTES).digest()


def days_of(unix_seconds: float) -> tuple[int, ...]:
    """Return today, and the neighbour day where it is near; a clock that was never set shows the first day of all."""
    day, second = divmod(max(0, int(unix_seconds)), _DAY_SECONDS)
    if second < limits.RENDEZVOUS_MIDNIGHT_SECONDS and day > 0:
        return (day, day - 1)
    if second >= _DAY_SECONDS - limits.RENDEZVOUS_MIDNIGHT_SECONDS:
        return (day, day + 1)
    return (day,)


@dataclass(slots=True)
class _Look:
    """When a collection was last looked for, in monotonic seconds, and by how much to stretch the next wait."""

    looked_at: float = float("-inf")
    stretch: float = 1.0


class Rendezvous:
    """When to look for the peers of each joined collection."""

    def __init__(self, timing: TimingProfile) -> None:
        self._timing = timing
        self._looks: dict[CollectionId, _Look] = {}
        self._allowances: dict[AddressSource, Allowance] = {}
        self._port: int | None = None

    def join(self, collection: CollectionId) -> None:
        """Look for a collection's peers from now on."""
        self._looks.setdefault(collection, _Look())

    def part(self, collection: CollectionId) -> None:
        """Look for them no more."""
        self._looks.pop(collection, None)

    def listens_at(self, port: int) -> None:
        """Be found at TCP port ``port`` from now on; at 0 nowhere.  Before this is known nothing is looked for."""
        if port != self._port:
            self._port = port
            for look in self._looks.values():
                look.looked_at = float("-inf")

    def seek(self, now: Instant, dice: float, accompanied: Container[CollectionId]) -> Iterator[SeekPeers]:
        """Yield what is due.  ``accompanied`` are the collections of which a peer is there."""
        if self._port is None:
            return
        for turn, (collection, look) in enumerate(self._looks.items()):
            if now.monotonic_seconds < self._due_at(collection, look, accompanied):
                continue
            look.looked_at = now.monotonic_seconds
            look.stretch = 1 + _JITTER * (2 * ((dice + turn * _GOLDEN) % 1.0) - 1)
            for day in days_of(now.unix_seconds):
                yield SeekPeers(rendezvous(collection, day), self._port, announce=self._port > 0)

    def take(self, event: AddressesFound, now: Instant) -> tuple[Address, ...]:
        """Return as many of the addresses as a source may tell us now; the others come again."""
        allowance = self._allowances.get(event.source)
        if allowance is None:
            each = self._timing.rendezvous_seconds / limits.ADDRESSES_FOUND_BURST
            allowance = self._allowances[event.source] = Allowance(limits.ADDRESSES_FOUND_BURST, each, now)
        return tuple(address for address in event.addresses if allowance.take(now))

    def next_deadline(self, accompanied: Container[CollectionId]) -> float:
        """Return the monotonic seconds at which something is due."""
        if self._port is None:
            return float("inf")
        due = (self._due_at(collection, look, accompanied) for collection, look in self._looks.items())
        return min(due, default=float("inf"))

    def _due_at(self, collection: CollectionId, look: _Look, accompanied: Container[CollectionId]) -> float:
        timing = self._timing
        alone = collection not in accompanied
        return look.looked_at + look.stretch * (timing.rendezvous_alone_seconds if alone else timing.rendezvous_seconds)
