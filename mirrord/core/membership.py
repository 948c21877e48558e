"""This node's part in one collection: its manifest, its targets of the day, its last plan."""

import copy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.coverage.judging import Safety
from mirrord.core.coverage.lifetimes import Lifetimes
from mirrord.core.coverage.table import NO_FACTS, ShardFacts
from mirrord.core.effects import NOTHING_MEASURED, Measured
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.gossip.liveness import presence, silent_seconds
from mirrord.core.placement.ages import DeficitAges
from mirrord.core.placement.bands import Band, band_of_shards
from mirrord.core.placement.calling import Calls, call
from mirrord.core.placement.claims import ban_seconds
from mirrord.core.placement.domains import Said
from mirrord.core.placement.heed import Heed
from mirrord.core.placement.keys import day_of, salt
from mirrord.core.placement.own import OwnState
from mirrord.core.placement.roster import Roster
from mirrord.core.placement.storm import StormGuard, membership_share
from mirrord.core.placement.targets import targets
from mirrord.core.placement.view import Looker, ShardColumns, View
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardIndex
from mirrord.core.records.kinds import Announcement, Manifest, Shard
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.shardset import NO_SHARDS, ShardSet
from mirrord.core.stored import StoredShard
from mirrord.core.timing import TimingProfile

Seen = tuple[View, Calls]
"""A view, and who is called for what in it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A view, and all that it takes to say who is called in it: which takes a while, and may be done in any thread."""

    view: View
    ages: NDArray[np.float64]
    membership_share: float
    passed_over: NDArray[np.bool_]

    def calls(self) -> Calls:
        """Work out who is called for what."""
        return call(self.view, self.ages, self.membership_share, self.passed_over)


@dataclass(slots=True)
class Membership:
    """One joined collection.  ``manifest`` is None until its body has arrived.

    ``leaving_by`` is the unix second until which a graceful leave seeds at most, 0 where nobody leaves;
    ``taken`` are the announcements that the roster has taken over.  ``body_wanted`` is the body that is
    being fetched; ``waiting`` are shards of an earlier run whose meaning only the manifest can tell.
    ``is_admitted`` is whether this node counts here, ``safety`` how safe the collection was at the last look.
    """

    collection: CollectionId
    bootstrap: tuple[Address, ...]
    parting_until: int = 0
    manifest: Manifest | None = None
    body_wanted: Sha256 | None = None
    waiting: list[StoredShard] = field(default_factory=list)
    bands: tuple[Band, ...] = ()
    targets: tuple[int, ...] = ()
    targets_of: tuple[int, int] = (0, 0)
    _targets_column: tuple[tuple[int, ...], NDArray[np.int64]] = ((), NO_FACTS.bytes)
    leaving_by: int = 0
    delete_on_leave: bool = False
    is_admitted: bool = True
    shards: ShardColumns | None = None
    facts: ShardFacts = NO_FACTS
    safety: Safety | None = None
    measured: Measured = NOTHING_MEASURED
    _lifetimes: Lifetimes | None = None
    taken: dict[NodeId, Announcement] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    looker: Looker = field(default_factory=Looker)
    guard: StormGuard = field(default_factory=StormGuard)
    heed: Heed = field(default_factory=Heed)
    ages: DeficitAges = field(default_factory=DeficitAges)
    view: View | None = None
    said_of_domains: tuple[Said | None, ...] = ()
    """By the rows of that view, which the roster may have given to others since."""
    released_at: float | None = None
    banned: dict[ShardIndex, float] = field(default_factory=dict)
    failures: dict[ShardIndex, int] = field(default_factory=dict)

    @property
    def parting(self) -> bool:
        """Whether the operator is leaving this collection."""
        return self.parting_until > 0

    @property
    def version(self) -> int:
        """The manifest's version, 0 before it has arrived."""
        return self.manifest.head.version if self.manifest is not None else 0

    @property
    def name(self) -> str:
        """What the collection calls itself, empty before its manifest has arrived."""
        return self.manifest.body.name if self.manifest is not None else ""

    def lifetimes(self, timing: TimingProfile) -> Lifetimes:
        """Return what measures how long nodes and repairs last, from what was ``measured`` before on."""
        if self._lifetimes is None:
            self._lifetimes = Lifetimes(timing, self.measured)
        return self._lifetimes

    def targets_column(self) -> NDArray[np.int64]:
        """Return the targets as a column that nobody writes to."""
        if self._targets_column[0] is not self.targets:
            self._targets_column = self.targets, np.array(self.targets, dtype=np.int64)
        return self._targets_column[1]

    def shard(self, index: int) -> Shard | None:
        """Return a shard by index, where the manifest has it."""
        if self.manifest is None or not 0 <= index < len(self.manifest.body.shards):
            return None
        return self.manifest.body.shards[index]

    def judge(self, manifest: Manifest) -> None:
        """Raise :class:`RecordError` where a newer manifest gives a shard another meaning.

        Holdings are bitmaps of indexes, so a curator who gives an index to other bytes would turn
        every copy into a false one.
        """
        old = self.manifest.body.shards if self.manifest is not None else ()
        new = manifest.body.shards
        if len(new) < len(old):
            raise RecordError(RejectReason.MALFORMED, f"version {manifest.head.version} has fewer shards than before")
        for before, after in zip(old, new, strict=False):
            if _meaning(before) != _meaning(after):
                raise RecordError(RejectReason.MALFORMED, f"shard {before.index} has changed its meaning")

    def accept(self, manifest: Manifest) -> None:
        """Take over a newer manifest, or raise what :meth:`judge` raises."""
        self.judge(manifest)
        body, known = manifest.body, len(self.targets)
        self.manifest = manifest
        self.bands = band_of_shards(body.shards)
        # Until the next look, new shards want what they must have at least, the others what they wanted.
        self.targets = tuple(
            0 if shard.withdrawn else self.targets[i] if i < known else body.target_min_replicas
            for i, shard in enumerate(body.shards)
        )
        self.targets_of = (0, 0)
        self.shards = ShardColumns.of(body.shards)
        self.facts = ShardFacts.of(body.shards, self.bands)
        self.view = None

    def look(self, own: NodeId, records: RecordSet, timing: TimingProfile, now: Instant) -> Seen | None:
        """Return the view of this moment and who is called for what, or None without a manifest.

        Renews the targets where the day or the manifest has changed.
        """
        if self.manifest is None or self.shards is None:
            return None
        self._take_over(records, now)
        self._renew_targets(timing, now)
        sight = self._see(self.shards, own, timing, now)
        self.view, self.said_of_domains = sight.view, self.roster.said_of_domains()
        calls = sight.calls()
        self.heed.note(sight.view, calls, now.monotonic_seconds)
        return sight.view, calls

    def imagine(self, own: OwnState, records: RecordSet, timing: TimingProfile, now: Instant) -> Sight | None:
        """Return what :meth:`look` would see, were this node announced as ``own`` says: its pledge and its room.

        Nothing is changed by it, but that the roster has the newest records.
        """
        if self.manifest is None or self.shards is None:
            return None
        self._take_over(records, now)
        roster, row = self.roster, self.roster.row_of.get(own.node)
        if row is not None and roster.pledge_bytes[row] != own.pledge_bytes:
            roster = copy.deepcopy(roster)
            roster.pledge_bytes[row], roster.free_bytes[row] = own.pledge_bytes, own.room_bytes
        memory = {name: copy.deepcopy(getattr(self, name)) for name in ("looker", "guard", "heed", "ages")}
        imagined = replace(self, roster=roster, **memory)
        imagined._renew_targets(timing, now)
        return imagined._see(self.shards, own.node, timing, now)

    def _renew_targets(self, timing: TimingProfile, now: Instant) -> None:
        day = day_of(now.unix_seconds)
        if self.targets_of != (day, self.version):
            self.targets_of = (day, self.version)
            self.targets = self._targets_now(timing, now)

    def _see(self, shards: ShardColumns, own: NodeId, timing: TimingProfile, now: Instant) -> Sight:
        storm = self.guard.watch(self.roster, now.unix_seconds, timing, own)
        targets_now = np.array(self.targets, dtype=np.int64)
        day_salt = salt(self.collection, day_of(now.unix_seconds), self.version)
        view = self.looker.look(self.roster, shards, targets_now, day_salt, now.unix_seconds, timing, storm)
        ages = self.ages.update(view, now.monotonic_seconds)
        share = membership_share(self.roster, now.unix_seconds, timing)
        return Sight(view, ages, share, self.heed.passed_over(view, now.monotonic_seconds))

    def _take_over(self, records: RecordSet, now: Instant) -> None:
        """Bring the roster up to the records that we have now."""
        present: dict[NodeId, Announcement] = {}
        for node, announcement in records.announcements(self.collection):
            present[node] = announcement
            if self.taken.get(node) is not announcement:
                part = announcement.part_in(self.collection)
                assert part is not None
                self.roster.put(node, announcement, part, now.unix_seconds)
        for node in self.taken.keys() - present.keys():
            self.roster.drop(node)
        self.taken = present

    def _targets_now(self, timing: TimingProfile, now: Instant) -> tuple[int, ...]:
        assert self.manifest is not None
        there = [
            announcement.pledge_bytes
            for announcement in self.taken.values()
            if presence(silent_seconds(announcement, now), timing) > 0
        ]
        return targets(self.manifest.body, there)

    def ban(self, index: ShardIndex, timing: TimingProfile, now: Instant) -> None:
        """Do not try a shard again for a while after a failure; each failure doubles it, up to 30 times."""
        failed = self.failures[index] = self.failures.get(index, 0) + 1
        self.banned[index] = now.monotonic_seconds + ban_seconds(failed, timing)

    def declined(self, refused_rights: tuple[str, ...], refused_shards: tuple[str, ...]) -> ShardSet:
        """Return the shards that the operator refuses, by a word of their rights statements or by name."""
        if self.manifest is None or not (refused_rights or refused_shards):
            return NO_SHARDS
        return ShardSet.of(
            shard.index
            for shard in self.manifest.body.shards
            if refusal_of(shard, refused_rights, refused_shards) is not None
        )

    def banned_now(self, now: Instant) -> ShardSet:
        """Return the shards that failed us and are left alone for now."""
        return ShardSet.of(index for index, until in self.banned.items() if until > now.monotonic_seconds)

    def named(self, names: tuple[str, ...]) -> ShardSet:
        """Return the shards of these names."""
        if self.manifest is None or not names:
            return NO_SHARDS
        return ShardSet.of(shard.index for shard in self.manifest.body.shards if shard.name in names)


def refusal_of(shard: Shard, refused_rights: tuple[str, ...], refused_shards: tuple[str, ...]) -> str | None:
    """Return the operator's word that keeps a shard out, or None."""
    if shard.name in refused_shards:
        return shard.name
    return next((word for word in refused_rights if word.casefold() in shard.rights.casefold()), None)


def _meaning(shard: Shard) -> tuple[str, bytes, bytes, bytes]:
    """Return what a version of the manifest may never change: the folder, the content, the .torrent."""
    return shard.name, shard.info_hash_v2, shard.info_hash_v1, shard.torrent_sha256
