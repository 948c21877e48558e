"""Planning, tick by tick: look at each collection, decide, and put the decision into effect."""

from typing import Final

from mirrord.core.clock import Instant
from mirrord.core.custody import OwnShard
from mirrord.core.effects import Effect
from mirrord.core.membership import Membership
from mirrord.core.placement.decisions import Plan
from mirrord.core.placement.planner import Planner
from mirrord.core.placement.view import NodeView, OwnClaim, OwnState
from mirrord.core.records.ids import ShardKey
from mirrord.core.records.kinds import Claim
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole

_CLAIMING: Final = (ShardRole.CLAIMED, ShardRole.FETCHING)


def plan_all(state: NodeState, now: Instant, out: list[Effect]) -> None:
    """Decide about every shard of every collection, once a tick."""
    for membership in state.memberships.values():
        if membership.parting:
            continue
        view = membership.look(_own_view(state, membership), state.gossip.records, state.settings.timing, now)
        if view is None:
            continue
        own = _own_state(state, membership)
        since = membership.since(now)
        planner = Planner(view, own, membership.needs, since, now.monotonic_seconds, state.settings.timing)
        membership.plan = planner.plan()
        _apply(state, membership, membership.plan, now, out)
    _give_up_stalled(state, now, out)


def _own_view(state: NodeState, membership: Membership) -> NodeView:
    collection = membership.collection
    claims = tuple(
        Claim(own.key.index, int(own.since.unix_seconds), own.lease_until, own.role is ShardRole.FETCHING, own.percent)
        for own in state.custody.of(collection)
        if own.role in _CLAIMING
    )
    return NodeView(
        node=state.own,
        presence=1.0,
        eligible=True,
        holdings=state.custody.indexes(collection, ShardRole.HELD),
        claims=claims,
        pledge_bytes=state.settings.pledge_bytes,
        free_bytes=state.room_bytes,
    )


def _own_state(state: NodeState, membership: Membership) -> OwnState:
    collection = membership.collection
    elsewhere = [own.role for own in state.custody.all() if own.key.collection != collection]
    return OwnState(
        holdings=state.custody.indexes(collection, ShardRole.HELD),
        claims=tuple(
            OwnClaim(own.key.index, own.since.monotonic_seconds, own.role is ShardRole.FETCHING, own.percent_to_plan_by)
            for own in state.custody.of(collection)
            if own.role in _CLAIMING
        ),
        busy=state.custody.indexes(collection, ShardRole.CHECKING, ShardRole.RELEASING),
        pledge_bytes=state.settings.pledge_bytes,
        room_bytes=state.room_bytes,
        fetches_elsewhere=elsewhere.count(ShardRole.FETCHING),
        claims_elsewhere=elsewhere.count(ShardRole.CLAIMED),
        banned=membership.banned,
        refused_rights=state.settings.refused_rights,
        may_claim=not state.paused and not state.stopping and state.reachable is not None,
    )


def _apply(state: NodeState, membership: Membership, plan: Plan, now: Instant, out: list[Effect]) -> None:
    for index in plan.yields:
        state.custody.release(ShardKey(membership.collection, index), True, out)
        state.counts["claims_yielded"] += 1
    for index in plan.starts:
        shard = membership.shard(index)
        assert shard is not None
        state.custody.start(ShardKey(membership.collection, index), state.lease_until(shard, now), now, out)
        state.counts["claims_won"] += 1
    for index in plan.claims:
        shard = membership.shard(index)
        assert shard is not None
        state.custody.claim(ShardKey(membership.collection, index), shard, state.lease_until(shard, now), now)
        state.counts["claims_made"] += 1
    if plan.yields or plan.starts or plan.claims:
        state.changed()


def _give_up_stalled(state: NodeState, now: Instant, out: list[Effect]) -> None:
    """Let go of fetches that no longer move, so that their bytes and their claim serve another."""
    oldest = now.monotonic_seconds - state.settings.timing.claim_stall_seconds
    for own in state.custody.all():
        if own.role is ShardRole.FETCHING and own.progressed_at < oldest and not state.paused:
            fail(state, own, now, out)


def fail(state: NodeState, own: OwnShard, now: Instant, out: list[Effect]) -> None:
    """A fetch came to nothing.

    A shard that was whole once is kept, bad pieces and all: it may be the last copy there is.
    """
    if own.verified_at:
        return
    state.counts["fetches_failed"] += 1
    membership = state.memberships.get(own.key.collection)
    if membership is not None:
        membership.ban(own.key.index, state.settings.timing, now)
    state.custody.release(own.key, own.role is ShardRole.FETCHING, out)
    state.changed()
