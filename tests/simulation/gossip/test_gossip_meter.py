"""The bytes of exchanges that were not spoken are those of their like that were."""

from collections import Counter

import pytest

from mirrord.simulation.gossip.meter import SPOKEN_MIN, Ends, Meter, Occasion
from mirrord.simulation.gossip.wire import Sort

BOTH, ONE = Ends(2, 0), Ends(1, 1)


def test_an_exchange_that_was_not_spoken_costs_the_mean_of_its_kind() -> None:
    meter = Meter()
    for size in (100, 300):
        meter.exchanged(Occasion.ROUND, ONE, 1, Counter({Sort.LISTINGS: size}))
    meter.exchanged(Occasion.ROUND, ONE, 1, None)
    meter.exchanged(Occasion.GREETING, ONE, 2, Counter({Sort.LISTINGS: 1_000}))
    bill = meter.bill()
    assert bill.reachable[Sort.LISTINGS] == bill.unreachable[Sort.LISTINGS] == 3 * 200 + 2 * 1_000
    assert (meter.exchanges, meter.spoken) == (5, 4)


def test_what_two_ends_exchange_is_counted_at_both() -> None:
    meter = Meter()
    meter.count(Sort.PUSHES, 10, BOTH)
    meter.count(Sort.PUSHES, 100, ONE)
    meter.count(Sort.PUSHES, 1_000, Ends(0, 1))
    bill = meter.bill()
    assert (bill.reachable[Sort.PUSHES], bill.unreachable[Sort.PUSHES]) == (120, 1_100)


def test_some_of_every_kind_are_spoken() -> None:
    meter = Meter()
    assert meter.wants_spoken(Occasion.ROUND, ONE)
    for _ in range(SPOKEN_MIN):
        meter.exchanged(Occasion.ROUND, ONE, 1, Counter())
    assert not meter.wants_spoken(Occasion.ROUND, ONE)
    assert meter.wants_spoken(Occasion.ROUND, BOTH)
    assert meter.bill().reachable == pytest.approx(dict.fromkeys(Sort, 0))
