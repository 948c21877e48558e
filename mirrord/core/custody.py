"""The shards that this node has, or is about to have: a small state machine a shard.

::

    (nothing) --claim--> CLAIMED --start--> FETCHING --verified--> HELD
        ^                   |  yield           |  yield, failed     |  a bad piece is found
        '-------------------'<-----------------'                    v
        '<--- not whole --- CHECKING --verified--> HELD         FETCHING (this shard again)
                               ^
                               adopt; or HELD, and cannot be read: checked again until it can, or is
                               found to lack pieces, and is a fetch again
    any --removed by operator, curator or yield--> RELEASING --engine let go--> (nothing)

A claim lives in memory only: a restart forgets it, and nobody waits for it longer than its lease.
Everything from FETCHING on is persisted before the engine is asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mirrord.core.clock import Instant
from mirrord.core.effects import (
    AddSwarmMembers,
    CheckShard,
    Effect,
    FetchShard,
    ForgetShard,
    LinkShard,
    PersistShard,
    RemoveShard,
    SeedShard,
    ShardState,
)
from mirrord.core.placement.planner import KEPT_PERCENT
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex, ShardKey
from mirrord.core.records.kinds import Shard
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import ShardRole
from mirrord.core.stored import StoredShard

CHECKS_AT_ONCE: Final = 2
"""Adopted shards that are read at a time: a disk reads one stream best, two hide the seeks."""


@dataclass(slots=True)
class OwnShard:
    """One shard of ours.

    ``lease_until`` is unix seconds, ``restored`` marks a fetch that an earlier run began.  ``ordered``
    says that the engine was asked for it in this run; ``told`` are the swarm members that it knows.
    ``progressed_at`` is when the fetch last gained a percent; ``verifying`` that a holding is being
    read again for the operator.  ``release_announced`` is when the intent to give a holding up was
    announced.  ``read_at`` is the monotonic second before which it is left alone.
    """

    key: ShardKey
    shard: Shard
    role: ShardRole
    since: Instant
    lease_until: int = 0
    percent: int = 0
    progressed_at: float = 0.0
    verified_at: int = 0
    read_at: float = 0.0
    restored: bool = False
    ordered: bool = False
    verifying: bool = False
    told: frozenset[Address] = frozenset()
    release_announced: Instant | None = None

    @property
    def percent_to_plan_by(self) -> int:
        """How far the fetch is, where that decides whether to yield it.

        A fetch of an earlier run is taken to be too far for that, because nobody knows how far it is before
        the engine has looked; so is one that was whole once, which may be the last copy.
        """
        return max(self.percent, KEPT_PERCENT) if self.restored or self.verified_at else self.percent


class Custody:
    """Every shard of ours, over all collections."""

    def __init__(self) -> None:
        self.given_up_bytes = 0
        """What had come of fetches that were given up: fetched in vain."""
        self._shards: dict[ShardKey, OwnShard] = {}
        self._waiting: dict[ShardKey, OwnShard] = {}
        self._reading: set[ShardKey] = set()

    def get(self, key: ShardKey) -> OwnShard | None:
        """Return what a shard is to us."""
        return self._shards.get(key)

    def of(self, collection: CollectionId) -> Iterator[OwnShard]:
        """Iterate over our shards of one collection, by index."""
        return iter(sorted((s for s in self._shards.values() if s.key.collection == collection), key=lambda s: s.key))

    def all(self) -> Iterator[OwnShard]:
        """Iterate over all our shards."""
        return iter(list(self._shards.values()))

    def indexes(self, collection: CollectionId, *roles: ShardRole) -> ShardSet:
        """Return the indexes of our shards that have one of these roles."""
        return ShardSet.of(
            s.key.index for s in self._shards.values() if s.key.collection == collection and s.role in roles
        )

    @property
    def used_bytes(self) -> int:
        """Bytes of the pledge that are spoken for: everything from a claim to a release under way."""
        return sum(own.shard.bytes for own in self._shards.values())

    # --- in -------------------------------------------------------------------------------------

    def restore(self, was: StoredShard, shard: Shard, lease_until: int, now: Instant) -> None:
        """Take back a shard of an earlier run; ``order`` hands it to the engine."""
        role = {
            ShardState.FETCHING: ShardRole.FETCHING,
            ShardState.CHECKING: ShardRole.CHECKING,
            ShardState.HELD: ShardRole.HELD,
        }[was.state]
        own = OwnShard(was.shard, shard, role, now, verified_at=was.verified_at, progressed_at=now.monotonic_seconds)
        if role is ShardRole.FETCHING:
            own.lease_until, own.restored = lease_until, True
        self._shards[was.shard] = self._waiting[was.shard] = own

    def claim(self, key: ShardKey, shard: Shard, lease_until: int, now: Instant) -> None:
        """Claim a shard that is nothing to us yet."""
        assert key not in self._shards
        self._shards[key] = OwnShard(key, shard, ShardRole.CLAIMED, now, lease_until=lease_until)

    def start(self, key: ShardKey, lease_until: int, now: Instant, out: list[Effect]) -> None:
        """Turn a settled claim into a fetch."""
        own = self._shards[key]
        own.role, own.since, own.lease_until = ShardRole.FETCHING, now, lease_until
        own.progressed_at = now.monotonic_seconds
        self._waiting[key] = own
        out.append(PersistShard(key, ShardState.FETCHING, 0))

    def adopt(self, key: ShardKey, shard: Shard, place: str, now: Instant, out: list[Effect]) -> None:
        """Begin to check a shard whose files the operator says are there; takes the place of a claim."""
        self._shards[key] = self._waiting[key] = OwnShard(key, shard, ShardRole.CHECKING, now)
        out.append(PersistShard(key, ShardState.CHECKING, 0))
        if place:
            out.append(LinkShard(key, shard.name, place))

    # --- news from the engine -------------------------------------------------------------------

    def progressed(self, key: ShardKey, percent: int, lease_until: int, now: Instant) -> bool:
        """Note how far a fetch is; return whether it gained a percent, which also renews its lease."""
        own = self._shards.get(key)
        if own is None or own.role is not ShardRole.FETCHING or percent <= own.percent:
            return False
        own.percent, own.progressed_at, own.lease_until = percent, now.monotonic_seconds, lease_until
        return True

    def verified(self, key: ShardKey, now: Instant, out: list[Effect]) -> bool:
        """All of it is on disk and right; return whether that is new."""
        own = self._shards.get(key)
        if own is None or own.role is ShardRole.RELEASING:
            return False
        is_new = own.role is not ShardRole.HELD
        own.verifying = False
        self._reading.discard(key)
        own.role, own.percent, own.verified_at = ShardRole.HELD, 100, int(now.unix_seconds)
        if is_new:
            own.since, own.release_announced = now, None
        out.append(PersistShard(key, ShardState.HELD, own.verified_at))
        return is_new

    def spoiled(self, key: ShardKey, lease_until: int, now: Instant, out: list[Effect]) -> bool:
        """A held shard has bad pieces: it is a fetch again.  Return whether it had been held."""
        own = self._shards.get(key)
        if own is None or own.role is not ShardRole.HELD:
            return False
        own.role, own.since, own.lease_until, own.percent = ShardRole.FETCHING, now, lease_until, 99
        own.progressed_at, own.told, own.verifying = now.monotonic_seconds, frozenset(), False
        out.append(PersistShard(key, ShardState.FETCHING, own.verified_at))
        return True

    def verify(self, key: ShardKey, out: list[Effect]) -> None:
        """Read a holding again; it stays one until a piece turns out to be wrong."""
        own = self._shards.get(key)
        if own is not None and own.role is ShardRole.HELD and own.ordered and not own.verifying:
            own.verifying = True
            out.append(CheckShard(key, own.shard.name, own.shard.torrent_sha256))

    # --- out ------------------------------------------------------------------------------------

    def doubt(self, key: ShardKey, read_at: float, out: list[Effect]) -> None:
        """A shard that was whole once cannot be read now: look again at the monotonic second ``read_at``.

        Its disk may be unplugged and come back with every byte, so nothing of it is given up.
        """
        own = self._shards.get(key)
        if own is None or own.role is ShardRole.RELEASING:
            return
        own.role, own.read_at = ShardRole.CHECKING, read_at
        self._begin_again(own)
        out.append(PersistShard(key, ShardState.CHECKING, own.verified_at))

    def repair(self, key: ShardKey, lease_until: int, now: Instant, out: list[Effect]) -> None:
        """What was whole once has been looked at again, and pieces are missing: fetch them."""
        own = self._shards[key]
        own.role, own.since, own.lease_until = ShardRole.FETCHING, now, lease_until
        own.progressed_at, own.read_at = now.monotonic_seconds, 0.0
        self._begin_again(own)
        out.append(PersistShard(key, ShardState.FETCHING, own.verified_at))

    def _begin_again(self, own: OwnShard) -> None:
        """Hand a shard to the engine once more."""
        own.ordered, own.verifying, own.told = False, False, frozenset()
        self._waiting[own.key] = own
        self._reading.discard(own.key)

    def announce_release(self, key: ShardKey, announced: Instant | None) -> None:
        """Note the intent to give a holding up, announced now, or (None) that it is withdrawn."""
        own = self._shards[key]
        assert own.role is ShardRole.HELD
        own.release_announced = announced

    def release(self, key: ShardKey, delete_files: bool, out: list[Effect]) -> None:
        """Give a shard up, whatever it is to us; its bytes are free when the engine has let go."""
        own = self._shards.get(key)
        if own is None or own.role is ShardRole.RELEASING:
            return
        if own.role is ShardRole.CLAIMED:
            del self._shards[key]
            return
        if own.role is ShardRole.FETCHING and not own.verified_at:
            self.given_up_bytes += own.shard.bytes * own.percent // 100
        if own.role is ShardRole.HELD and delete_files:
            out.append(PersistShard(key, ShardState.CHECKING, 0))  # a restart half-way must look before it counts
        own.role = ShardRole.RELEASING
        self._waiting.pop(key, None)
        self._reading.discard(key)
        out.append(RemoveShard(key, own.shard.name, own.shard.torrent_sha256, delete_files))

    def removed(self, key: ShardKey, out: list[Effect]) -> None:
        """The engine let go."""
        own = self._shards.get(key)
        if own is not None and own.role is ShardRole.RELEASING:
            del self._shards[key]
            out.append(ForgetShard(key))

    # --- orders ---------------------------------------------------------------------------------

    def waiting(self, now: Instant) -> list[OwnShard]:
        """Return what the engine should be asked for: a .torrent, or a turn to be read, was missing."""
        return [own for own in self._waiting.values() if own.read_at <= now.monotonic_seconds]

    def lost_torrent(self, sha256: Sha256) -> None:
        """A .torrent is not here after all: hand its shard to the engine again once it is."""
        for own in self._shards.values():
            if own.shard.torrent_sha256 == sha256 and own.ordered and own.role is not ShardRole.RELEASING:
                self._begin_again(own)

    def order(self, own: OwnShard, members: frozenset[Address], out: list[Effect]) -> None:
        """Hand a shard whose .torrent is here to the engine, once a run."""
        torrent = own.shard.torrent_sha256
        match own.role:
            case ShardRole.HELD:
                out.append(SeedShard(own.key, own.shard.name, torrent))
            case ShardRole.CHECKING:
                if len(self._reading) >= CHECKS_AT_ONCE:
                    return
                self._reading.add(own.key)
                out.append(CheckShard(own.key, own.shard.name, torrent))
            case _:
                own.told = members
                out.append(FetchShard(own.key, own.shard.name, torrent, tuple(sorted(members))))
        own.ordered = True
        self._waiting.pop(own.key, None)

    def tell(self, own: OwnShard, members: frozenset[Address], again: bool, out: list[Effect]) -> None:
        """Tell the engine whom to fetch from, or who fetches what we hold, where that has changed, or ``again``."""
        may_tell = own.ordered and own.role in (ShardRole.FETCHING, ShardRole.HELD)
        if may_tell and members and (again or members - own.told):
            own.told = members
            out.append(AddSwarmMembers(own.key, tuple(sorted(members))))

    def replace(self, collection: CollectionId, shards: Iterable[Shard]) -> None:
        """Take over a new version of the manifest: the shards are the same, what is said of them may not be."""
        for shard in shards:
            own = self._shards.get(ShardKey(collection, ShardIndex(shard.index)))
            if own is not None:
                own.shard = shard
