"""How many shards to expect to lose: a birth-death chain on the number of replicas of each shard.

::

    k -> k - 1   at rate k / lifetime     one of k holders vanishes
    k -> k + 1   at rate 1 / repair       while k is below the target: one repair at a time
    0            is the end               nobody has the shard any more

This is the model by which the mean time to data loss of RAID (Patterson, Gibson and Katz, 1988) and of replicated
stores has been reckoned since; here it is solved for a year from the replicas that there are, not for the mean in the
long run.  A shard without replicas is lost already and counts as one.  It leaves out that nodes fail together (what
:mod:`domains` is about), that lifetimes are not exponential, and that a holder may lie.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

YEAR_SECONDS: Final = 365.25 * 86_400
"""The horizon of what is expected."""

_STATES_MAX: Final = 64
"""More replicas than this make no difference that a float could show."""

_STEP: Final = 0.5
"""The uniformised time of one step, before it is doubled: the series then has few terms."""

_TERMS: Final = 18
"""Terms of that series: the next one is below 1e-22 of the first."""


def expected_losses(
    replicas: NDArray[np.integer],
    targets: NDArray[np.integer],
    lifetime_seconds: float,
    repair_seconds: float,
    horizon_seconds: float = YEAR_SECONDS,
) -> float:
    """Return how many of these shards (``replicas`` and ``targets`` are by shard) will be lost within the horizon.

    ``lifetime_seconds`` is how long a node lasts and ``repair_seconds`` how long a repair takes, both in the mean
    and above 0.
    """
    counts = np.minimum(replicas, _STATES_MAX).astype(np.int64)
    wanted = np.minimum(targets, _STATES_MAX).astype(np.int64)
    pairs, often = np.unique(wanted * (_STATES_MAX + 1) + counts, return_counts=True)
    total = 0.0
    for target in np.unique(pairs // (_STATES_MAX + 1)).tolist():
        chosen = pairs // (_STATES_MAX + 1) == target
        starts = pairs[chosen] % (_STATES_MAX + 1)
        states = int(max(target, starts.max())) + 1
        lost = _lost_within(horizon_seconds, states, int(target), 1 / lifetime_seconds, 1 / repair_seconds)
        total += float((lost[starts] * often[chosen]).sum())
    return total


def _lost_within(seconds: float, states: int, target: int, death: float, repair: float) -> NDArray[np.float64]:
    """Return the probability of having lost everything within so many seconds, by the number of replicas now.

    The chain is uniformised and one short step of it doubled until the time is over.  No term is ever negative, so
    that even the smallest probability keeps its leading digits.
    """
    rates = np.zeros((states, states))
    for replicas in range(1, states):
        rates[replicas, replicas - 1] = replicas * death
        if replicas < target and replicas + 1 < states:
            rates[replicas, replicas + 1] = repair
    fastest = float(rates.sum(axis=1).max(initial=0.0))
    if not fastest:
        return np.ones(states)  # there is no state but the last
    doublings = max(0, int(np.ceil(np.log2(max(fastest * seconds, _STEP) / _STEP))))
    step = fastest * seconds / 2**doublings
    once = rates / fastest
    np.fill_diagonal(once, np.maximum(0.0, 1 - once.sum(axis=1)))
    term = np.exp(-step) * np.eye(states)
    passed = term.copy()
    for number in range(1, _TERMS):
        term = term @ once * (step / number)
        passed += term
    for _ in range(doublings):
        passed = passed @ passed
        passed /= passed.sum(axis=1, keepdims=True)  # rounding must not breed shards
    return np.asarray(passed[:, 0])
