"""Everything that a node is, in one place; only :mod:`node` and its parts change it."""

from collections import Counter
from dataclasses import dataclass, field

from mirrord.core.announcing import NodeSettings, Reachable
from mirrord.core.clock import Instant
from mirrord.core.coverage.census import Census
from mirrord.core.custody import Custody
from mirrord.core.gossip.gossip import Gossip
from mirrord.core.membership import Membership
from mirrord.core.outside.survey import Survey
from mirrord.core.outside.types import pace_of
from mirrord.core.placement.claims import lease_seconds
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardKey
from mirrord.core.records.kinds import Shard
from mirrord.core.records.shardset import NO_SHARDS
from mirrord.core.speed import DownloadSpeed
from mirrord.core.statistics import ShardRole


@dataclass(slots=True)
class NodeState:
    """A node's state.

    ``paused`` says in a few words why nothing is fetched, and is empty while fetching goes on;
    ``disk_free_bytes`` is None until the disk has been measured.  ``dirty`` means that what was
    last announced is no longer true, ``urgent`` that others decide by the difference.
    """

    own: NodeId
    settings: NodeSettings
    gossip: Gossip
    sequence: int
    blobs_held: set[Sha256]
    custody: Custody = field(default_factory=Custody)
    memberships: dict[CollectionId, Membership] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    reachable: Reachable | None = None
    disk_free_bytes: int | None = None
    paused: str = ""
    stopping: bool = False
    clock_wrong: bool = False
    key_elsewhere_until: float = 0.0
    """Monotonic seconds until which we take it that another machine has our key."""
    dirty: bool = True
    urgent: bool = False
    speed: DownloadSpeed = field(default_factory=DownloadSpeed)
    look_soon: bool = False
    """A manifest has come: do not wait a whole tick for the first plan."""
    census: Census = field(init=False)
    survey: Survey = field(init=False)

    def __post_init__(self) -> None:
        self.census = Census(self.own, self.settings.timing)
        self.survey = Survey(self.settings.outside, pace_of(self.settings.timing))

    def count(self, now: Instant) -> None:
        """Bring the counts of replicas up to the records, the holdings and the clock of this moment."""
        lets_count = {
            collection: self.custody.indexes(collection, ShardRole.HELD)
            if membership.is_admitted and not membership.leaving_by
            else NO_SHARDS
            for collection, membership in self.memberships.items()
        }
        self.census.update(self.gossip.records, lets_count, now)

    def changed(self, urgent: bool = True) -> None:
        """Note that the announcement must be renewed."""
        self.dirty = True
        self.urgent = self.urgent or urgent

    @property
    def announced(self) -> Reachable:
        """Where others are told that they find us.

        Where peers found us at a public address, swarm members are told its host, too, and first, as it says what
        may vanish together with us.
        """
        coordination = self.gossip.reach.announced
        bittorrent = self.reachable.bittorrent if self.reachable is not None else ()
        hosts = dict.fromkeys(address.host for address in self.gossip.reach.found_by_peers)
        seen = tuple(Address(host, bittorrent[0].port) for host in hosts) if bittorrent else ()
        return Reachable(coordination, tuple(dict.fromkeys(seen + bittorrent)))

    def admitted_memberships(self) -> list[Membership]:
        """Return the collections in which this node counts: of no other does it speak."""
        return [membership for membership in self.memberships.values() if membership.is_admitted]

    @property
    def room_bytes(self) -> int:
        """Bytes that the pledge and the disk both still allow to be claimed."""
        room = self.room_in_pledge
        if self.disk_free_bytes is not None:
            room = min(room, self.disk_free_bytes - self.bytes_to_come)
        return max(0, room)

    @property
    def room_in_pledge(self) -> int:
        """Bytes of the pledge that nothing uses, below 0 after the operator shrank it."""
        return self.settings.pledge_bytes - self.custody.used_bytes

    @property
    def bytes_to_come(self) -> int:
        """Bytes that claims and fetches will still write."""
        return sum(
            own.shard.bytes * (100 - own.percent) // 100
            for own in self.custody.all()
            if own.role in (ShardRole.CLAIMED, ShardRole.FETCHING)
        )

    def lease_until(self, shard: Shard, now: Instant) -> int:
        """Return the unix second until which a claim on ``shard`` made or renewed now should count."""
        return int(now.unix_seconds + lease_seconds(shard.bytes, self.settings.timing))

    def fetchers(self) -> dict[ShardKey, frozenset[Address]]:
        """Return the BitTorrent addresses of everybody else who fetches a shard, by shard.

        Who holds one dials them, because they may have no way to dial a holder behind NAT.
        """
        found: dict[ShardKey, set[Address]] = {}
        for collection in self.memberships:
            for node, announcement in self.gossip.records.announcements(collection):
                part = announcement.part_in(collection)
                for claim in part.claims if part is not None and node != self.own else ():
                    if claim.fetching:
                        aim = filter(self.gossip.dialling.may_aim_at, announcement.bittorrent)
                        found.setdefault(ShardKey(collection, claim.shard), set()).update(aim)
        return {shard: frozenset(addresses) for shard, addresses in found.items()}

    def sources_of_torrents(self, now: Instant) -> frozenset[NodeId]:
        """Return the nodes that hold a shard whose .torrent we wait for: they have it."""
        lacking = [own.key for own in self.custody.waiting(now) if own.shard.torrent_sha256 not in self.blobs_held]
        found: set[NodeId] = set()
        for key in lacking:
            for node, announcement in self.gossip.records.announcements(key.collection):
                part = announcement.part_in(key.collection)
                if node != self.own and part is not None and key.index in part.holdings:
                    found.add(node)
        return frozenset(found)

    def members_of(self, key: ShardKey) -> frozenset[Address]:
        """Return the BitTorrent addresses of everybody who says to have a shard, or a part of it."""
        members: set[Address] = set()
        for node, announcement in self.gossip.records.announcements(key.collection):
            part = announcement.part_in(key.collection)
            if node == self.own or part is None:
                continue
            if key.index in part.holdings or any(claim.shard == key.index and claim.fetching for claim in part.claims):
                members.update(filter(self.gossip.dialling.may_aim_at, announcement.bittorrent))
        return frozenset(members)
