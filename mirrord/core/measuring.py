"""Measuring how long nodes and repairs last, and how safe each collection is: once a tick, kept across restarts."""

from typing import Final

import numpy as np

from mirrord.core.clock import Instant
from mirrord.core.coverage.judging import Safety, judge
from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.tally import Tally
from mirrord.core.effects import Effect, PersistMeasured, ReportCoverage
from mirrord.core.membership import Membership
from mirrord.core.state import NodeState

_PERSIST_TICKS: Final = 12
"""How often the sums are written: an hour of ``wan`` is not much to lose."""

_WORST_FIRST: Final = tuple(Safety)


def measure(state: NodeState, ticks: int, now: Instant, out: list[Effect]) -> None:
    """Take a look at every collection; now and then, remember what was seen."""
    state.count(now)
    for membership in state.memberships.values():
        tally = state.census.tally(membership.collection)
        membership.lifetimes(state.settings.timing).look(tally, membership.facts, membership.targets_column(), now)
        _judge(membership, tally, out)
    if ticks % _PERSIST_TICKS == 0:
        remember(state, out)


def _judge(membership: Membership, tally: Tally, out: list[Effect]) -> None:
    """Say where a collection has become safer, or less safe, since the last look."""
    if membership.manifest is None or membership.parting:
        return
    facts, targets = membership.facts, membership.targets_column()
    table = ShardTable(facts, targets, np.zeros_like(targets), tally.replicas(len(targets)), own={})
    found, before = judge(table, is_known=True), membership.safety
    membership.safety = found.safety
    if before is not None and found.safety is not before:
        is_worse = _WORST_FIRST.index(found.safety) < _WORST_FIRST.index(before)
        is_urgent = is_worse and found.safety in (Safety.LOST, Safety.DANGER)
        out.append(ReportCoverage(membership.collection, found.text, is_worse, is_urgent))


def remember(state: NodeState, out: list[Effect]) -> None:
    """Write what was measured, where anything was."""
    for membership in state.memberships.values():
        measured = membership.lifetimes(state.settings.timing).measured()
        if measured != membership.measured:
            membership.measured = measured
            out.append(PersistMeasured(membership.collection, measured))
