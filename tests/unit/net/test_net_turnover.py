"""Who leaves a full house for a newcomer: few, and never those that were there before."""

from dataclasses import dataclass

from mirrord.core import limits
from mirrord.net.turnover import Turnover

STAY, PARTING = limits.SESSION_STAY_SECONDS, limits.SESSION_PARTING_SECONDS


@dataclass(frozen=True)
class Caller:
    opened_at: float


def test_the_youngest_that_has_stayed_long_enough_leaves() -> None:
    guests = [Caller(0.0), Caller(5.0), Caller(10.0)]
    assert Turnover().leaver(guests, 5.0 + STAY) == Caller(5.0)
    assert Turnover().leaver(guests, STAY - 1) is None


def test_one_leaves_at_a_time() -> None:
    turnover, guests = Turnover(), [Caller(0.0), Caller(1.0)]
    assert turnover.leaver(guests, 100.0) == Caller(1.0)
    assert turnover.leaver(guests, 100.0 + PARTING / 2) is None
    assert turnover.leaver(guests, 100.0 + PARTING) == Caller(1.0)


def test_a_flood_of_newcomers_displaces_itself() -> None:
    turnover, house = Turnover(), [Caller(float(number)) for number in range(48)]
    before = set(house)
    for now in range(1_000, 2_000):
        if (leaver := turnover.leaver(house, float(now))) is not None:
            house.remove(leaver)
            house.append(Caller(float(now)))
    assert len(before & set(house)) >= len(before) - STAY / PARTING - 1
