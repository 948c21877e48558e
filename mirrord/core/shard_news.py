"""What the engine and the disk tell of this node's own shards, and what follows from it."""

from typing import assert_never

from mirrord.core import events as ev
from mirrord.core.clock import Instant
from mirrord.core.custody import OwnShard
from mirrord.core.effects import Effect, PauseFetching, ReportShard, ResumeFetching, ShardTurn
from mirrord.core.placement.ranks import with_margin
from mirrord.core.planning import fail
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole

_READ_AGAIN_TICKS = 2
"""A holding that cannot be read is looked at again after so many ticks: ten minutes, with WAN's."""


def heed_shard_news(state: NodeState, event: ev.ShardNews, now: Instant, out: list[Effect]) -> None:
    """Take one such event."""
    match event:
        case ev.FetchProgressed():
            _progressed(state, event, now)
        case ev.HoldingVerified():
            _verified(state, event, now, out)
        case ev.HoldingFailed():
            _holding_failed(state, event, now, out)
        case ev.FetchFailed():
            _fetch_failed(state, event, now, out)
        case ev.ShardRemoved():
            state.custody.removed(event.shard, out)
            state.speed.forget(event.shard)
            state.changed()
        case ev.VerificationRequested():
            state.custody.verify(event.shard, out)
        case ev.DiskFilled():
            if not state.paused:
                out.append(PauseFetching())
                state.changed(urgent=False)
            state.paused = f"disk full: {event.detail}"
        case ev.DiskMeasured():
            _disk_measured(state, event.free_bytes, now, out)
        case _:
            assert_never(event)


def _progressed(state: NodeState, event: ev.FetchProgressed, now: Instant) -> None:
    own = state.custody.get(event.shard)
    if own is None or event.bytes_total <= 0:
        return
    percent, before = min(99, event.bytes_done * 100 // event.bytes_total), own.percent
    state.speed.note(event.shard, event.bytes_done, now)
    renewed = state.lease_until(own.shard, now)
    if state.custody.progressed(event.shard, percent, renewed, now) and percent // 10 > before // 10:
        state.changed(urgent=False)


def _verified(state: NodeState, event: ev.HoldingVerified, now: Instant, out: list[Effect]) -> None:
    own = state.custody.get(event.shard)
    was_fetching = own is not None and own.role is ShardRole.FETCHING
    if own is not None and own.role is not ShardRole.RELEASING:
        out.append(_good_news(own, now))
    state.speed.forget(event.shard)
    membership = state.memberships.get(event.shard.collection)
    if membership is not None:
        membership.failures.pop(event.shard.index, None)
    if state.custody.verified(event.shard, now, out):
        state.counts["fetches_finished"] += was_fetching
        state.changed()


def _good_news(own: OwnShard, now: Instant) -> ReportShard:
    """Say that all of a shard is here and right; called before custody knows."""
    if own.role is not ShardRole.FETCHING:
        return ReportShard(own.key, ShardTurn.CHECKED)
    if own.verified_at:
        return ReportShard(own.key, ShardTurn.MENDED)
    seconds = None if own.restored else now.monotonic_seconds - own.since.monotonic_seconds
    return ReportShard(own.key, ShardTurn.FETCHED, seconds=seconds)


def _holding_failed(state: NodeState, event: ev.HoldingFailed, now: Instant, out: list[Effect]) -> None:
    custody = state.custody
    own = custody.get(event.shard)
    if own is None:
        return
    if own.role is ShardRole.CHECKING and own.verified_at:
        custody.repair(event.shard, state.lease_until(own.shard, now), now, out)
        state.changed()
    elif own.role is ShardRole.CHECKING:
        custody.release(event.shard, False, out)
        state.changed(urgent=False)
    elif custody.spoiled(event.shard, state.lease_until(own.shard, now), now, out):
        state.counts["holdings_failed"] += 1
        custody.tell(own, state.members_of(own.key), True, out)
        state.changed()


def _fetch_failed(state: NodeState, event: ev.FetchFailed, now: Instant, out: list[Effect]) -> None:
    own = state.custody.get(event.shard)
    if own is not None and own.verified_at:
        read_at = now.monotonic_seconds + _READ_AGAIN_TICKS * state.settings.timing.tick_seconds
        state.custody.doubt(event.shard, read_at, out)
        state.changed()
    elif own is not None:
        fail(state, own, now, out)


def _disk_measured(state: NodeState, free_bytes: int, now: Instant, out: list[Effect]) -> None:
    state.disk_free_bytes = free_bytes
    if state.paused and free_bytes > with_margin(state.bytes_to_come):
        state.paused = ""
        out.append(ResumeFetching())
        state.changed(urgent=False)
        for own in state.custody.all():
            own.progressed_at = now.monotonic_seconds  # the wait was not its fault
