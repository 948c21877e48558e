"""Measuring how long nodes and repairs last: once a tick, kept across restarts."""

from typing import Final

from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, PersistMeasured
from mirrord.core.state import NodeState

_PERSIST_TICKS: Final = 12
"""How often the sums are written: an hour of ``wan`` is not much to lose."""


def measure(state: NodeState, ticks: int, now: Instant, out: list[Effect]) -> None:
    """Take a look at every collection; now and then, remember what was seen."""
    state.count(now)
    for membership in state.memberships.values():
        tally = state.census.tally(membership.collection)
        membership.lifetimes(state.settings.timing).look(tally, membership.facts, membership.targets_column(), now)
    if ticks % _PERSIST_TICKS == 0:
        remember(state, out)


def remember(state: NodeState, out: list[Effect]) -> None:
    """Write what was measured, where anything was."""
    for membership in state.memberships.values():
        measured = membership.lifetimes(state.settings.timing).measured()
        if measured != membership.measured:
            membership.measured = measured
            out.append(PersistMeasured(membership.collection, measured))
