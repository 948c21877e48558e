"""A node's state as one immutable snapshot for people and for Prometheus."""

from collections import Counter
from dataclasses import fields
from typing import Final

from mirrord.core.clock import Instant
from mirrord.core.coverage import coverage
from mirrord.core.custody import OwnShard
from mirrord.core.gossip.liveness import Liveness, liveness, presence, silent_seconds
from mirrord.core.membership import Membership
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Announcement, Shard
from mirrord.core.records.shardset import NO_SHARDS
from mirrord.core.state import NodeState
from mirrord.core.statistics import (
    CollectionStatistics,
    Counters,
    NodeStatistics,
    PeerStatistics,
    ShardRole,
    ShardStatus,
    Statistics,
)

_COUNTS_FROM: Final = 0.5
"""A copy on a node that falls silent is counted until its presence is below one half."""


def report(state: NodeState, now: Instant) -> Statistics:
    """Return the snapshot of this moment."""
    connected = state.gossip.sessions.peers()
    peers = tuple(
        _peer(state, node, announcement, node in connected, now)
        for node, announcement in sorted(state.gossip.records.nodes())
        if node != state.own
    )
    seen = Counter(peer.liveness for peer in peers)
    reachable = state.reachable
    return Statistics(
        at=now.unix_seconds,
        node=NodeStatistics(
            node=state.own,
            sequence=state.sequence,
            pledge_bytes=state.settings.pledge_bytes,
            used_bytes=state.custody.used_bytes,
            disk_free_bytes=state.disk_free_bytes if state.disk_free_bytes is not None else 0,
            fetching_paused=state.paused,
            stopping=state.stopping,
            coordination=(reachable.coordination if reachable is not None else ()) + state.gossip.reach.found_by_peers,
            bittorrent=reachable.bittorrent if reachable is not None else (),
            sessions=len(state.gossip.sessions),
            nodes_alive=seen[Liveness.ALIVE],
            nodes_away=seen[Liveness.AWAY],
            nodes_gone=seen[Liveness.GONE],
            clock_offset_seconds=state.gossip.clock.offset_seconds(now),
            clock_wrong=state.clock_wrong,
            key_elsewhere=now.monotonic_seconds < state.key_elsewhere_until,
            equivocators=len(state.gossip.records.equivocators()),
            own_addresses=state.gossip.reach.own_addresses,
            known_addresses=len(state.gossip.book),
            proved_addresses=state.gossip.book.proved,
        ),
        peers=peers,
        collections=tuple(_collection(state, m, now) for _, m in sorted(state.memberships.items())),
        counters=_counters(state),
    )


def _counters(state: NodeState) -> Counters:
    counts = state.counts + state.gossip.counts
    known = {field.name for field in fields(Counters)} - {"records_rejected"}
    return Counters(
        **{name: count for name, count in counts.items() if name in known},
        records_rejected=dict(state.gossip.rejected),
        limits_reached=dict(state.gossip.limits_reached),
        addresses_found=dict(state.gossip.book.found),
    )


def _peer(state: NodeState, node: NodeId, announcement: Announcement, connected: bool, now: Instant) -> PeerStatistics:
    silent = silent_seconds(announcement, now)
    return PeerStatistics(
        node=node,
        liveness=liveness(silent, state.settings.timing),
        silent_seconds=silent,
        connected=connected,
        addresses=announcement.coordination,
        pledge_bytes=announcement.pledge_bytes,
        free_bytes=announcement.free_bytes,
        holdings=sum(len(part.holdings) for part in announcement.collections),
        claims=sum(len(part.claims) for part in announcement.collections),
        operator=announcement.operator,
        agent=announcement.agent,
    )


def _collection(state: NodeState, membership: Membership, now: Instant) -> CollectionStatistics:
    shards = membership.manifest.body.shards if membership.manifest is not None else ()
    replicas, holders, records = _replicas(state, membership, len(shards), now)
    targets = membership.targets or (0,) * len(shards)
    ours = {own.key.index: own for own in state.custody.of(membership.collection)}
    return CollectionStatistics(
        collection=membership.collection,
        name=membership.manifest.body.name if membership.manifest is not None else "",
        manifest_version=membership.version,
        parting=membership.parting,
        bytes=sum(shard.bytes for shard in shards if not shard.withdrawn),
        held_bytes=sum(
            own.shard.bytes for own in state.custody.of(membership.collection) if own.role is ShardRole.HELD
        ),
        holders=holders,
        records=records,
        shards=tuple(
            _shard(membership, shard, ours.get(shard.index), replicas[shard.index], targets[shard.index])
            for shard in shards
        ),
        coverage=coverage(shards, membership.bands, replicas, targets),
        leaving_by=membership.leaving_by,
        parting_until=membership.parting_until,
        policy=state.gossip.records.admissions(membership.collection).policy,
        is_admitted=membership.is_admitted,
    )


def _replicas(state: NodeState, membership: Membership, count: int, now: Instant) -> tuple[list[int], int, int]:
    """Return the copies of each shard on nodes that are present and stay, how many such nodes, how many records."""
    replicas = [0] * count
    holders = records = 0
    stays = membership.is_admitted and not membership.leaving_by
    held = {state.own: state.custody.indexes(membership.collection, ShardRole.HELD) if stays else NO_SHARDS}
    for node, announcement in state.gossip.records.announcements(membership.collection):
        part = announcement.part_in(membership.collection)
        records += 1
        is_there = presence(silent_seconds(announcement, now), state.settings.timing) >= _COUNTS_FROM
        if node != state.own and part is not None and not part.parting and is_there:
            held[node] = part.holdings
    for holdings in held.values():
        holders += bool(holdings.bits)
        for index in holdings:
            if index < count:
                replicas[index] += 1
    return replicas, holders, records


def _shard(membership: Membership, shard: Shard, own: OwnShard | None, replicas: int, target: int) -> ShardStatus:
    view = membership.view
    return ShardStatus(
        index=shard.index,
        name=shard.name,
        bytes=shard.bytes,
        band=membership.bands[shard.index],
        demand_ppb=shard.demand_ppb,
        rights=shard.rights,
        replicas=replicas,
        target=target,
        claims=int(view.claims_count[shard.index]) if view is not None else 0,
        withdrawn_reason=shard.withdrawn_reason,
        role=_role(own),
        percent=own.percent if own is not None else 0,
        verified_at=own.verified_at if own is not None else 0,
    )


def _role(own: OwnShard | None) -> ShardRole:
    if own is None:
        return ShardRole.NONE
    return ShardRole.CHECKING if own.verifying else own.role
