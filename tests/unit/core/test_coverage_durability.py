"""The loss model against closed forms, against dice, and at its extremes."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.coverage.durability import YEAR_SECONDS, expected_losses

DAY = 86_400.0
NEVER = 1e30


def losses(
    replicas: list[int], targets: list[int], lifetime: float, repair: float, horizon: float = YEAR_SECONDS
) -> float:
    return expected_losses(np.array(replicas), np.array(targets), lifetime, repair, horizon)


@pytest.mark.parametrize("copies", [1, 2, 3, 7, 30])
def test_without_repair_every_copy_dies_by_itself(copies: int) -> None:
    alone = 1 - math.exp(-YEAR_SECONDS / (180 * DAY))
    assert losses([copies], [copies], 180 * DAY, NEVER) == pytest.approx(alone**copies, rel=1e-9)


def test_two_copies_with_repair_are_lost_as_a_textbook_says() -> None:
    """Of two copies, with m = 1/repair and l = 1/lifetime: the mean time to loss is (3 l + m) / (2 l^2)."""
    lifetime, repair = 100 * DAY, DAY
    death, mend = 1 / lifetime, 1 / repair
    mean = (3 * death + mend) / (2 * death**2)
    assert losses([2], [2], lifetime, repair) == pytest.approx(1 - math.exp(-YEAR_SECONDS / mean), rel=0.02)


def test_dice_agree() -> None:
    lifetime, repair, target, horizon = 40 * DAY, 10 * DAY, 3, 200 * DAY
    dice, lost, runs = random.Random(5), 0, 4_000
    for _ in range(runs):
        at, copies = 0.0, 2
        while copies:
            death, mend = copies / lifetime, 1 / repair if copies < target else 0.0
            at += dice.expovariate(death + mend)
            if at > horizon:
                break
            copies += 1 if dice.random() < mend / (death + mend) else -1
        lost += not copies
    share = lost / runs
    assert losses([2], [target], lifetime, repair, horizon) == pytest.approx(share, abs=4 * math.sqrt(share / runs))


def test_what_nobody_holds_is_lost_already_and_nothing_is_nothing() -> None:
    assert losses([0, 0], [3, 0], 100 * DAY, DAY) == pytest.approx(2)
    assert losses([], [], 100 * DAY, DAY) == 0


def test_shards_add_up() -> None:
    each = [losses([k], [t], 90 * DAY, 3 * DAY) for k, t in ((1, 3), (2, 3), (3, 3), (5, 3), (2, 10))]
    assert losses([1, 2, 3, 5, 2], [3, 3, 3, 3, 10], 90 * DAY, 3 * DAY) == pytest.approx(sum(each))


@given(
    st.integers(1, 12), st.integers(1, 12), st.floats(DAY, 3_000 * DAY), st.floats(60, 300 * DAY), st.floats(1.01, 50)
)
def test_more_copies_steadier_nodes_and_faster_repair_never_do_harm(
    copies: int, target: int, lifetime: float, repair: float, more: float
) -> None:
    now = losses([copies], [target], lifetime, repair)
    assert 0 <= now <= 1
    slack = 1 + 1e-6
    assert losses([copies + 1], [target], lifetime, repair) <= now * slack
    assert losses([copies], [target + 1], lifetime, repair) <= now * slack
    assert losses([copies], [target], lifetime * more, repair) <= now * slack
    assert losses([copies], [target], lifetime, repair / more) <= now * slack


def test_the_smallest_chance_keeps_its_digits() -> None:
    """Repair in a minute, five copies, nodes that last ten years: (1/mttdl) of a pure chain is 5! l^5 / m^4."""
    lifetime, repair = 3_650 * DAY, 60.0
    rate = math.factorial(5) / lifetime**5 * repair**4
    assert losses([5], [5], lifetime, repair) == pytest.approx(rate * YEAR_SECONDS, rel=1e-4)


def test_extremes_stay_within_bounds() -> None:
    assert losses([3], [3], 1e-3, NEVER) == pytest.approx(1)
    assert 0 <= losses([3], [3], 1e-3, 1e-9) <= 1
    assert losses([1_000], [2_000], 100 * DAY, DAY) < 1e-12


def test_a_hundred_thousand_shards_are_reckoned_by_their_classes() -> None:
    dice = np.random.default_rng(1)
    replicas, targets = dice.integers(0, 4, 100_000), dice.integers(3, 5, 100_000)
    by_class = sum(
        np.count_nonzero((replicas == k) & (targets == t)) * losses([k], [t], 90 * DAY, DAY)
        for k in range(4)
        for t in (3, 4)
    )
    assert expected_losses(replicas, targets, 90 * DAY, DAY) == pytest.approx(by_class)
