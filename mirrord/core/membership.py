"""This node's part in one collection: its manifest, its targets of the day, its last plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirrord.core.clock import Instant
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.gossip.liveness import presence, silent_seconds
from mirrord.core.placement.bands import Band, band_of_shards
from mirrord.core.placement.decisions import Plan
from mirrord.core.placement.deficits import DeficitAges, Need, needs, valid_claims
from mirrord.core.placement.keys import day_of, salt
from mirrord.core.placement.targets import targets
from mirrord.core.placement.view import NodeView, View
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardIndex
from mirrord.core.records.kinds import Announcement, CollectionState, Manifest, Shard
from mirrord.core.records.recordset import RecordSet
from mirrord.core.stored import StoredShard
from mirrord.core.timing import TimingProfile


@dataclass(slots=True)
class Membership:
    """One joined collection.  ``manifest`` is None until its body has arrived.

    ``body_wanted`` is the body that is being fetched; ``waiting`` are shards of an earlier run whose
    meaning only the manifest can tell.
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
    ages: DeficitAges = field(default_factory=DeficitAges)
    plan: Plan | None = None
    needs: tuple[Need, ...] = ()
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
        self.plan = None

    def look(self, own: NodeView, records: RecordSet, timing: TimingProfile, now: Instant) -> View | None:
        """Return the view of this moment, or None without a manifest; also renews targets and needs.

        ``own`` is this node itself, exactly as it is; what it last announced is left aside.
        """
        if self.manifest is None:
            return None
        others = [
            _node_view(node, announcement, state, timing, now)
            for node, announcement in records.announcements(self.collection)
            if node != own.node and (state := announcement.part_in(self.collection)) is not None
        ]
        nodes = tuple(sorted([own, *others], key=lambda n: n.node))
        day = day_of(now.unix_seconds)
        if self.targets_of != (day, self.version):
            self.targets_of = (day, self.version)
            self.targets = targets(self.manifest.body, [n.pledge_bytes for n in nodes if n.presence > 0])
        day_salt = salt(self.collection, day, self.version)
        view = View(self.collection, day_salt, own.node, self.manifest.body.shards, self.targets, nodes)
        self.needs = needs(view)
        return view

    def since(self, now: Instant) -> Mapping[ShardIndex, float]:
        """Return since when each needy shard has lacked what it lacks."""
        return self.ages.update(self.needs, now.monotonic_seconds)

    def ban(self, index: ShardIndex, timing: TimingProfile, now: Instant) -> None:
        """Do not try a shard again for a while after a failure; each failure doubles it, up to 30 times."""
        failed = self.failures.get(index, 0)
        self.failures[index] = failed + 1
        self.banned[index] = now.monotonic_seconds + timing.ban_seconds * min(2**failed, 30)


def _meaning(shard: Shard) -> tuple[str, bytes, bytes, bytes]:
    """Return what a version of the manifest may never change: the folder, the content, the .torrent."""
    return shard.name, shard.info_hash_v2, shard.info_hash_v1, shard.torrent_sha256


def _node_view(
    node: NodeId, announcement: Announcement, state: CollectionState, timing: TimingProfile, now: Instant
) -> NodeView:
    silent = silent_seconds(announcement, now)
    return NodeView(
        node=node,
        presence=presence(silent, timing),
        eligible=silent <= timing.alive_seconds and not state.parting,
        holdings=state.holdings,
        claims=valid_claims(state.claims, silent, now.unix_seconds, timing),
        pledge_bytes=announcement.pledge_bytes,
        free_bytes=announcement.free_bytes,
    )
