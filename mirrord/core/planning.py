"""Planning, tick by tick: look at each collection, decide, and put the decision into effect."""

from dataclasses import replace
from typing import Final

from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.collecting import leave
from mirrord.core.custody import OwnShard
from mirrord.core.effects import Effect, ReportShard, ShardTurn
from mirrord.core.membership import Membership, Sight, refusal_of
from mirrord.core.placement.decisions import Decision, Explainer
from mirrord.core.placement.outlook import Outlook, look_ahead
from mirrord.core.placement.own import OwnClaim, OwnHolding, OwnState
from mirrord.core.placement.planner import Plan, plan
from mirrord.core.placement.view import ACT_AT
from mirrord.core.records.ids import CollectionId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Shard
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole

_CLAIMING: Final = (ShardRole.CLAIMED, ShardRole.FETCHING)


def plan_all(state: NodeState, now: Instant, out: list[Effect]) -> None:
    """Decide about every shard of every collection, once a tick."""
    for membership in state.memberships.values():
        if membership.parting:
            continue
        seen = membership.look(state.own, state.gossip.records, state.settings.timing, now)
        if membership.leaving_by:
            _leave_where_done(state, membership, now, out)
            continue
        if seen is None or not membership.is_admitted:
            continue
        view, calls = seen
        made = plan(view, calls, own_state(state, membership), now.monotonic_seconds)
        _apply(state, membership, made, now, out)
    _give_up_stalled(state, now, out)


def own_state(state: NodeState, membership: Membership) -> OwnState:
    """Return this node in one collection, exactly as it is."""
    collection, settings = membership.collection, state.settings
    elsewhere = [own.role for own in state.custody.all() if own.key.collection != collection]
    ours = list(state.custody.of(collection))
    return OwnState(
        node=state.own,
        holdings={
            own.key.index: OwnHolding(
                own.since.monotonic_seconds,
                own.release_announced.monotonic_seconds if own.release_announced is not None else None,
            )
            for own in ours
            if own.role is ShardRole.HELD
        },
        claims=tuple(
            OwnClaim(own.key.index, own.since.monotonic_seconds, own.role is ShardRole.FETCHING, own.percent_to_plan_by)
            for own in ours
            if own.role in _CLAIMING
        ),
        busy=state.custody.indexes(collection, ShardRole.CHECKING, ShardRole.RELEASING),
        let_go=state.custody.indexes(collection, ShardRole.RELEASING),
        pledge_bytes=settings.pledge_bytes,
        room_bytes=state.room_bytes,
        may_claim=not state.paused and not state.stopping and state.reachable is not None,
        fetches_elsewhere=elsewhere.count(ShardRole.FETCHING),
        claims_elsewhere=elsewhere.count(ShardRole.CLAIMED),
        excess_bytes=max(0, -state.room_in_pledge),
        released_at=membership.released_at,
        declined=membership.declined(settings.refused_rights, settings.refused_shards),
        pinned=membership.named(settings.pinned_shards),
        banned=dict(membership.banned),
    )


def _apply(state: NodeState, membership: Membership, made: Plan, now: Instant, out: list[Effect]) -> None:
    collection = membership.collection
    for index in made.yields:
        state.custody.release(ShardKey(collection, index), True, out)
        state.counts["claims_yielded"] += 1
        out.append(ReportShard(ShardKey(collection, index), ShardTurn.YIELDED))
    for index in made.starts:
        shard = _shard(membership, index)
        state.custody.start(ShardKey(collection, index), state.lease_until(shard, now), now, out)
        state.counts["claims_won"] += 1
    for index in made.claims:
        shard = _shard(membership, index)
        state.custody.claim(ShardKey(collection, index), shard, state.lease_until(shard, now), now)
        state.counts["claims_made"] += 1
        out.append(_counted(state, membership, index, ShardTurn.CLAIMED))
    for index in (*made.announce, *made.withdraw):
        announced = now if index in made.announce else None
        state.custody.announce_release(ShardKey(collection, index), announced)
    for index in made.release:
        state.custody.release(ShardKey(collection, index), True, out)
        membership.released_at = now.monotonic_seconds
        state.counts["holdings_released"] += 1
        out.append(_counted(state, membership, index, ShardTurn.RELEASED))
    if made != Plan():
        state.changed()


def _counted(state: NodeState, membership: Membership, index: ShardIndex, turn: ShardTurn) -> ReportShard:
    claimed = state.census.tally(membership.collection).claimed(len(membership.targets))
    return ReportShard(ShardKey(membership.collection, index), turn, int(claimed[index]), membership.targets[index])


def _shard(membership: Membership, index: ShardIndex) -> Shard:
    shard = membership.shard(index)
    assert shard is not None, "the planner knows only the shards of the manifest"
    return shard


def _leave_where_done(state: NodeState, membership: Membership, now: Instant, out: list[Effect]) -> None:
    """End a graceful leave when the network has the copies without us, or when the operator's patience ends."""
    if _is_replaced(state, membership) or now.unix_seconds >= membership.leaving_by:
        leave(state, membership.collection, membership.delete_on_leave, now, out)


def _is_replaced(state: NodeState, membership: Membership) -> bool:
    """Whether every shard here has its copies without ours, which count until our record says that we part."""
    held = state.custody.indexes(membership.collection, ShardRole.HELD)
    view, row = membership.view, membership.roster.row_of.get(state.own)
    if view is None:
        return not held and not membership.waiting
    has_said = row is None or bool(membership.roster.parting[row])
    return has_said and all(view.missing(index) < ACT_AT for index in held if not view.shards.withdrawn[index])


def _give_up_stalled(state: NodeState, now: Instant, out: list[Effect]) -> None:
    """Let go of fetches that no longer move, so that their bytes and their claim serve another."""
    oldest = now.monotonic_seconds - state.settings.timing.claim_stall_seconds
    for own in state.custody.all():
        if own.role is ShardRole.FETCHING and own.progressed_at < oldest and not state.paused:
            if not own.verified_at:
                out.append(ReportShard(own.key, ShardTurn.STALLED))
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


class Reasons:
    """Why each shard of one collection is as it is here.

    Made in a moment; what it says is worked out when it is asked, in any thread.
    """

    def __init__(
        self, sight: Sight, own: OwnState, shards: tuple[Shard, ...], settings: NodeSettings, now: Instant
    ) -> None:
        self.own = own
        self.shards = shards
        self._sight = sight
        self._refused = settings.refused_rights, settings.refused_shards
        self._now = now.monotonic_seconds
        self._worked_out: tuple[Plan, Explainer] | None = None

    def _work_out(self) -> tuple[Plan, Explainer]:
        if self._worked_out is None:
            view, calls = self._sight.view, self._sight.calls()
            made = plan(view, calls, self.own, self._now)
            self._worked_out = made, Explainer(view, calls, self.own, made, self._now)
        return self._worked_out

    def decide(self, shard: Shard) -> Decision:
        """Return the verdict on one shard and the numbers behind it."""
        _, explainer = self._work_out()
        return explainer.decide(shard, refusal_of(shard, *self._refused) or "")

    def look_ahead(self, room_bytes: int, excess_bytes: int) -> Outlook:
        """Return what this node would claim and could give up, where other collections leave it so much."""
        made, _ = self._work_out()
        own = replace(self.own, room_bytes=room_bytes, excess_bytes=excess_bytes)
        return look_ahead(self._sight.view, own, made, self._now)


def reasons(state: NodeState, now: Instant, pledge_bytes: int | None = None) -> dict[CollectionId, Reasons]:
    """Return why this node does what it does, or what it would do at once with another pledge.

    A collection without a manifest, one that is being left, or in which this node does not count, has no reasons.
    """
    found: dict[CollectionId, Reasons] = {}
    for membership in state.memberships.values():
        if membership.parting or membership.leaving_by or membership.manifest is None:
            continue
        if not membership.is_admitted:
            continue
        own = own_state(state, membership)
        if pledge_bytes is not None:
            own = _with_pledge(state, own, pledge_bytes)
        sight = membership.imagine(own, state.gossip.records, state.settings.timing, now)
        if sight is not None:
            found[membership.collection] = Reasons(sight, own, membership.manifest.body.shards, state.settings, now)
    return found


def _with_pledge(state: NodeState, own: OwnState, pledge_bytes: int) -> OwnState:
    room = pledge_bytes - state.custody.used_bytes
    on_disk = state.disk_free_bytes - state.bytes_to_come if state.disk_free_bytes is not None else room
    return replace(own, pledge_bytes=pledge_bytes, room_bytes=max(0, min(room, on_disk)), excess_bytes=max(0, -room))
