"""A node's state as one immutable snapshot for people and for Prometheus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.coverage.domains import Placed
from mirrord.core.coverage.table import OwnPart, ShardTable
from mirrord.core.custody import OwnShard
from mirrord.core.gossip.liveness import Liveness, liveness, silent_seconds
from mirrord.core.membership import Membership
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Announcement
from mirrord.core.state import NodeState
from mirrord.core.statistics import (
    CollectionStatistics,
    Counters,
    NodeStatistics,
    PeerStatistics,
    ShardRole,
    Statistics,
)
from mirrord.core.timing import TimingProfile

_FINGERPRINT_BITS: Final = 48
"""Of a digest: as many as a float, which is what Prometheus keeps, holds without a loss."""


_PRESENT_FROM: Final = 0.5
"""Of a node's worth to the planner, which is its presence as long as nobody audits: see ``counted_until_seconds``."""


def report(state: NodeState, now: Instant) -> Statistics:
    """Return the snapshot of this moment."""
    state.count(now)
    nodes, said = state.census.everybody()
    seen = state.census.by_liveness(now)
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
            nodes_alive=seen[Liveness.ALIVE].nodes,
            nodes_away=seen[Liveness.AWAY].nodes,
            nodes_gone=seen[Liveness.GONE].nodes,
            clock_offset_seconds=state.gossip.clock.offset_seconds(now),
            clock_wrong=state.clock_wrong,
            key_elsewhere=now.monotonic_seconds < state.key_elsewhere_until,
            equivocators=len(state.gossip.records.equivocators),
            own_addresses=state.gossip.reach.own_addresses,
            known_addresses=len(state.gossip.book),
            proved_addresses=state.gossip.book.proved,
            gossip_period_seconds=state.settings.timing.gossip_period_seconds,
            given_up_bytes=state.custody.given_up_bytes,
        ),
        peers=Peers(nodes, said, frozenset(state.gossip.sessions.peers()), state.settings.timing, now),
        by_liveness=seen,
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
        outside_lookups=dict(state.survey.asked),
        outside_failures=dict(state.survey.failed),
    )


@dataclass(frozen=True, eq=False)
class Peers(Sequence[PeerStatistics]):
    """The other nodes, by id; made when somebody looks at them, for most snapshots are taken without."""

    _nodes: tuple[NodeId, ...]
    _said: tuple[Announcement | None, ...]
    _connected: frozenset[NodeId]
    _timing: TimingProfile
    _now: Instant

    @cached_property
    def _peers(self) -> tuple[PeerStatistics, ...]:
        rows = zip(self._nodes, self._said, strict=True)
        known = sorted((node, said) for node, said in rows if said is not None)
        return tuple(self._peer(node, said) for node, said in known)

    def _peer(self, node: NodeId, said: Announcement) -> PeerStatistics:
        silent = silent_seconds(said, self._now)
        return PeerStatistics(
            node=node,
            liveness=liveness(silent, self._timing),
            silent_seconds=silent,
            connected=node in self._connected,
            addresses=said.coordination,
            pledge_bytes=said.pledge_bytes,
            free_bytes=said.free_bytes,
            holdings=sum(len(part.holdings) for part in said.collections),
            claims=sum(len(part.claims) for part in said.collections),
            operator=said.operator,
            agent=said.agent,
        )

    def __len__(self) -> int:
        return len(self._peers)

    @overload
    def __getitem__(self, index: int) -> PeerStatistics: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[PeerStatistics, ...]: ...

    def __getitem__(self, index: int | slice) -> PeerStatistics | tuple[PeerStatistics, ...]:
        return self._peers[index]

    def __iter__(self) -> Iterator[PeerStatistics]:
        return iter(self._peers)


def _collection(state: NodeState, membership: Membership, now: Instant) -> CollectionStatistics:
    collection, records = membership.collection, state.gossip.records
    facts, tally = membership.facts, state.census.tally(collection)
    ours = {own.key.index: own for own in state.custody.of(collection)}
    said = records.announcement(state.own)
    takes_part = said is not None and said.part_in(collection) is not None and records.counts(state.own, collection)
    return CollectionStatistics(
        collection=collection,
        name=membership.name,
        manifest_version=membership.version,
        parting=membership.parting,
        held_bytes=sum(own.shard.bytes for own in ours.values() if own.role is ShardRole.HELD),
        holders=tally.holders,
        records=len(tally) + takes_part,
        shards=ShardTable(
            facts=facts,
            targets=membership.targets_column(),
            claims=_claims(membership),
            replicas=tally.replicas(len(facts.shards)),
            own={index: _own_part(own) for index, own in ours.items()},
        ),
        measures=membership.lifetimes(state.settings.timing).measures(),
        placed=_placed(membership),
        fingerprint=state.gossip.ledger.indexes[collection].root & ((1 << _FINGERPRINT_BITS) - 1),
        leaving_by=membership.leaving_by,
        parting_until=membership.parting_until,
        policy=records.admissions(collection).policy,
        is_admitted=membership.is_admitted,
        outside_answers=state.survey.answers(collection, len(facts.shards), now),
    )


def _claims(membership: Membership) -> NDArray[np.int64]:
    view = membership.view
    return view.claims_count if view is not None else np.zeros(len(membership.facts.shards), dtype=np.int64)


def _placed(membership: Membership) -> Placed | None:
    """Return who held what when the planner looked last."""
    view = membership.view
    if view is None:
        return None
    counts = view.worth.vetted + view.worth.unvetted >= _PRESENT_FROM
    return Placed(view.pairs, counts, membership.said_of_domains)


def _own_part(own: OwnShard) -> OwnPart:
    role = ShardRole.CHECKING if own.verifying else own.role
    return OwnPart(role, own.percent, own.verified_at, is_holding=own.role is ShardRole.HELD)
