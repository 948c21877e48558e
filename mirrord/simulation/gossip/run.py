"""One run: let the network come to its steady state, follow some records, and add up."""

import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

import numpy as np

from mirrord.simulation.gossip.editions import Editions
from mirrord.simulation.gossip.hostility import Hostility, Judge, judge
from mirrord.simulation.gossip.meter import Meter
from mirrord.simulation.gossip.network import PERIOD, Network
from mirrord.simulation.gossip.population import make_population
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.gossip.summing import ratio, steady_state, sum_up
from mirrord.simulation.gossip.tracers import LOOKS_A_PERIOD, Tracers
from mirrord.simulation.gossip.wishes import GossipWishes, check_gossip_wishes

WARM_UP_PERIODS: Final = 12
"""Before anything is measured: sessions are open, and as many changes are under way as there ever will be."""

_TRACERS: Final = 100
_URGENT_TRACERS: Final = 20
_URGENT_EVERY_LOOKS: Final = 5
_STRAGGLERS_PERIODS: Final = 30

Progress = Callable[[float, str], None]


def run_gossip(wishes: GossipWishes, tell: Progress, judge: Judge = judge) -> GossipResult:
    """Simulate what was asked for; with hostile nodes, the same network without them as well.

    Raises :class:`mirrord.core.errors.UsageError` for wishes that cannot be.  ``tell`` is told how far it is.
    """
    check_gossip_wishes(wishes)
    began = time.monotonic()
    if not wishes.hostile:
        return replace(_run(wishes, tell, judge), wall_seconds=time.monotonic() - began)
    calm = _run(
        replace(wishes, hostile=0.0), lambda done, text: tell(done / 2, f"without hostile nodes: {text}"), judge
    )
    result = _run(wishes, lambda done, text: tell((1 + done) / 2, text), judge)
    return replace(
        result,
        calm=calm,
        slowdown=ratio(result.periods_to_999, calm.periods_to_999),
        wall_seconds=time.monotonic() - began,
    )


def _run(wishes: GossipWishes, tell: Progress, judge: Judge) -> GossipResult:
    tell(0.0, "signing everybody's first announcement")
    population = make_population(wishes)
    editions = Editions(population, wishes.seed)
    dice = Random(f"gossip {wishes.seed}")
    hostility = Hostility(population, editions, dice, judge)
    network = Network(population, editions, wishes, hostility)
    whole = WARM_UP_PERIODS + wishes.periods
    for period in range(1, WARM_UP_PERIODS + 1):
        network.run_until(period * PERIOD)
        tell(period / whole, f"warming up, period {period} of {WARM_UP_PERIODS}")
    network.meter = Meter()
    network.links.counts.clear()
    tracers = Tracers(network)
    for look in range(1, wishes.periods * LOOKS_A_PERIOD + 1):
        _look(network, tracers, look, dice)
        if look % LOOKS_A_PERIOD == 0:
            period = look // LOOKS_A_PERIOD
            tell((WARM_UP_PERIODS + period) / whole, f"period {period} of {wishes.periods}")
    steady = steady_state(network, wishes.periods * PERIOD)
    for _ in range(_STRAGGLERS_PERIODS * LOOKS_A_PERIOD):
        if tracers.all_arrived():
            break
        network.run_until(network.now + PERIOD / LOOKS_A_PERIOD)
        tracers.look()
    return sum_up(wishes, network, tracers, steady)


def _look(network: Network, tracers: Tracers, look: int, dice: Random) -> None:
    """Go on to the next look, and begin to follow what is published meanwhile."""
    published = network.run_until((WARM_UP_PERIODS + look / LOOKS_A_PERIOD) * PERIOD)
    for born_at, node, edition in published[: max(0, _TRACERS - len(tracers.ordinary))]:
        tracers.follow(node, edition, born_at)
    if look % _URGENT_EVERY_LOOKS == 0 and len(tracers.urgent) < _URGENT_TRACERS:
        node = dice.choice(np.flatnonzero(network.population.honest).tolist())
        tracers.follow_urgent(node, network.publish_urgent(node, claims=1))
    tracers.look()
