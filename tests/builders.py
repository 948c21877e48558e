"""Values that tests of several parts need: a statistics snapshot of a network that was never run, and its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mirrord.core.coverage.table import OwnPart, ShardFacts, ShardTable
from mirrord.core.errors import RejectReason
from mirrord.core.placement.bands import Band
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Decision, Verdict
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardIndex
from mirrord.core.records.kinds import Shard
from mirrord.core.statistics import (
    CollectionStatistics,
    Counters,
    Liveness,
    Measures,
    NetworkStatistics,
    NodeStatistics,
    OutsideSource,
    PeerStatistics,
    ReplicaKind,
    ShardRole,
    ShardStatus,
    Statistics,
    Totals,
)

AT = 1_800_000_000.0


def node_id(number: int) -> NodeId:
    return NodeId(number.to_bytes(2, "big") * 16)


def collection_id(number: int) -> CollectionId:
    return CollectionId((0xC000 + number).to_bytes(2, "big") * 16)


def make_shard(index: int, replicas: int = 3, **changes: object) -> ShardStatus:
    """Return a shard of 100 GB with a target of 3; every fifth is held here."""
    shard = ShardStatus(
        index=ShardIndex(index),
        name=f"shard-{index:05}",
        bytes=100_000_000_000,
        band=tuple(Band)[min(index, len(Band) - 1)],
        demand_ppb=500_000_000 >> min(index, 40),
        rights="CC0-1.0",
        replicas=replicas,
        target=3,
        claims=0,
        withdrawn_reason="",
        role=ShardRole.HELD if index % 5 == 0 else ShardRole.NONE,
        percent=0,
        verified_at=int(AT) - 3600 if index % 5 == 0 else 0,
    )
    return replace(shard, **changes)  # type: ignore[arg-type]


def make_table(shards: Sequence[ShardStatus]) -> ShardTable:
    """Return the columns of these shards, each of one item."""
    manifest = tuple(
        Shard(
            index=shard.index,
            name=shard.name,
            info_hash_v2=bytes(32),
            info_hash_v1=bytes(20),
            torrent_sha256=Sha256(bytes(32)),
            torrent_bytes=1,
            bytes=shard.bytes,
            files=1,
            items=1,
            popularity_min=0,
            popularity_max=0,
            demand_ppb=shard.demand_ppb,
            rights=shard.rights,
            withdrawn_reason=shard.withdrawn_reason,
        )
        for shard in shards
    )
    kinds = {
        ReplicaKind.CLAIMED: [shard.replicas for shard in shards],
        ReplicaKind.VERIFIED: [shard.verified for shard in shards],
        ReplicaKind.STALE: [shard.stale for shard in shards],
        ReplicaKind.DISPUTED: [shard.disputed for shard in shards],
    }
    return ShardTable(
        facts=ShardFacts.of(manifest, [shard.band for shard in shards]),
        targets=np.array([shard.target for shard in shards], dtype=np.int64),
        claims=np.array([shard.claims for shard in shards], dtype=np.int64),
        replicas={kind: np.array(counts, dtype=np.int32) for kind, counts in kinds.items()},
        own={
            place: OwnPart(shard.role, shard.percent, shard.verified_at, is_holding=shard.role is ShardRole.HELD)
            for place, shard in enumerate(shards)
            if shard.role is not ShardRole.NONE or shard.verified_at or shard.percent
        },
    )


MEASURES = Measures(
    detection_seconds=8.5 * 86_400.0,
    node_lifetime_seconds=90 * 86_400.0,
    nodes_lost=3,
    observed_seconds=270 * 86_400.0,
    repair_seconds=2 * 86_400.0,
    repairs=11,
    repair_bytes_per_second=5_000_000.0,
)


def make_collection(
    shards: Sequence[ShardStatus], name: str = "open-books", number: int = 1, **changes: object
) -> CollectionStatistics:
    held = [shard for shard in shards if shard.role is ShardRole.HELD]
    collection = CollectionStatistics(
        collection=collection_id(number),
        name=name,
        manifest_version=1,
        parting=False,
        held_bytes=sum(shard.bytes for shard in held),
        holders=4,
        records=5,
        shards=make_table(shards),
        measures=MEASURES,
    )
    return replace(collection, **changes)  # type: ignore[arg-type]


def make_peer(number: int, **changes: object) -> PeerStatistics:
    peer = PeerStatistics(
        node=node_id(number),
        liveness=Liveness.ALIVE,
        silent_seconds=12.5,
        connected=number % 2 == 0,
        addresses=(Address(f"192.0.2.{number}", 7700),),
        pledge_bytes=2_000_000_000_000,
        free_bytes=1_100_000_000_000,
        holdings=9,
        claims=1,
        operator=f"operator-{number}",
        agent="mirrord 0.1.0",
    )
    return replace(peer, **changes)  # type: ignore[arg-type]


def make_node(**changes: object) -> NodeStatistics:
    node = NodeStatistics(
        node=node_id(1),
        sequence=17,
        pledge_bytes=1_000_000_000_000,
        used_bytes=400_000_000_000,
        disk_free_bytes=2_500_000_000_000,
        fetching_paused="",
        stopping=False,
        coordination=(Address("192.0.2.1", 7700), Address("2001:db8::1", 7700)),
        bittorrent=(Address("192.0.2.1", 7701),),
        sessions=2,
        nodes_alive=3,
        nodes_away=1,
        nodes_gone=0,
    )
    return replace(node, **changes)  # type: ignore[arg-type]


COUNTERS = Counters(
    claims_made=9,
    claims_won=7,
    claims_yielded=2,
    fetches_finished=6,
    fetches_failed=1,
    holdings_failed=0,
    announcements_published=17,
    records_accepted=120,
    records_rejected={RejectReason.STALE: 11, RejectReason.BAD_SIGNATURE: 1},
    gossip_rounds=44,
    sessions_opened=8,
    sessions_ended_at_fault=1,
    dials_failed=3,
    blobs_fetched=13,
    holdings_released=3,
    limits_reached={"RECORDS_PER_COLLECTION_MAX": 4},
    outside_lookups={OutsideSource.DHT: 40},
    outside_failures={OutsideSource.DHT: 1},
)

NETWORK = NetworkStatistics(
    sessions_open=5,
    sessions_accepted=2,
    sessions_slowed=1,
    sessions_opened_total=8,
    handshakes_pending=3,
    handshakes_failed={"hung_up": 6, "too_often": 0},
    protocol_breaches=2,
    dials_begun=9,
    dials_pending=1,
    accept_failures=0,
    queued_bytes=4_096,
    received_bytes=1_000_000,
    sent_bytes=2_000_000,
    budgets_tracked=7,
    limits_reached={"handshakes_max": 11, "frame_max_bytes": 0},
)


def make_statistics(
    collections: Sequence[CollectionStatistics] | None = None,
    peers: Sequence[PeerStatistics] | None = None,
    node: NodeStatistics | None = None,
    counters: Counters = COUNTERS,
) -> Statistics:
    """Return a snapshot: by default one collection of ten shards, shard 9 one copy short, and four peers."""
    if collections is None:
        collections = (make_collection([make_shard(i, replicas=2 if i == 9 else 3 + i % 4) for i in range(10)]),)
    if peers is None:
        peers = (make_peer(2), make_peer(3), make_peer(4), make_peer(5, liveness=Liveness.AWAY, silent_seconds=90_000))
    return Statistics(
        at=AT,
        node=node or make_node(),
        peers=tuple(peers),
        by_liveness={state: _together([peer for peer in peers if peer.liveness is state]) for state in Liveness},
        collections=tuple(collections),
        counters=counters,
    )


def _together(peers: Sequence[PeerStatistics]) -> Totals:
    return Totals(len(peers), sum(peer.pledge_bytes for peer in peers), sum(peer.free_bytes for peer in peers))


# --- reasons --------------------------------------------------------------------------------------


def make_decision(index: int, verdict: Verdict = Verdict.ENOUGH, **changes: object) -> Decision:
    decision = Decision(ShardIndex(index), verdict, replicas=3.0, target=3, claims=0)
    return replace(decision, **changes)  # type: ignore[arg-type]


def decisions_on(shards: Sequence[ShardStatus]) -> list[Decision]:
    """Return what a planner could think of these shards: what is held is kept, and there is enough of the rest."""
    return [
        make_decision(
            shard.index,
            Verdict.KEEP if shard.role is ShardRole.HELD else Verdict.ENOUGH,
            replicas=float(shard.replicas),
            left=max(0.0, shard.replicas - 1.0),
            claims=shard.claims,
        )
        for shard in shards
    ]


@dataclass(frozen=True)
class Room:
    """What a pledge leaves, as a planner's own state says it."""

    room_bytes: int = 600_000_000_000
    excess_bytes: int = 0


@dataclass(frozen=True)
class ScriptedReasons:
    """Stands where the core's Reasons do; its shards are the decisions themselves.

    ``given`` collects the room and the excess that it was asked to look ahead with.
    """

    decisions: Sequence[Decision]
    own: Room = Room()
    outlook: Outlook = field(default_factory=Outlook)
    given: list[tuple[int, int]] = field(default_factory=list)

    @property
    def shards(self) -> tuple[Decision, ...]:
        known = {decision.shard: decision for decision in self.decisions}
        return tuple(known.get(ShardIndex(i), make_decision(i)) for i in range(max(known, default=-1) + 1))

    def decide(self, shard: Decision) -> Decision:
        return shard

    def look_ahead(self, room_bytes: int, excess_bytes: int) -> Outlook:
        self.given.append((room_bytes, excess_bytes))
        return self.outlook
