"""Small simulated networks for tests."""

from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from mirrord.simulation.gossip.columns import Columns
from mirrord.simulation.gossip.editions import START_UNIX, Editions
from mirrord.simulation.gossip.hostility import Hostility, Judge, judge
from mirrord.simulation.gossip.network import Network
from mirrord.simulation.gossip.population import Population, make_population
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.gossip.run import run_gossip
from mirrord.simulation.gossip.wishes import GossipWishes

SMALL = GossipWishes(nodes=120, periods=5)


def run(wishes: GossipWishes, judge: Judge = judge) -> GossipResult:
    """Run quietly, as if it took no time."""
    result = run_gossip(wishes, lambda done, text: None, judge)
    return replace(result, wall_seconds=0.0)


def network_of(wishes: GossipWishes, judge: Judge = judge) -> Network:
    population = make_population(wishes)
    editions = Editions(population, wishes.seed)
    return Network(population, editions, wishes, Hostility(population, editions, Random(1), judge))


class World:
    """Records of some nodes, published a few times each, and what one node may have of them."""

    def __init__(self, nodes: int, seed: int = 1) -> None:
        self.population: Population = make_population(GossipWishes(nodes=nodes, seed=seed))
        self.editions = Editions(self.population, seed)
        dice = Random(seed)
        for node in range(nodes):
            for _ in range(dice.randrange(3)):
                self.editions.publish(node, START_UNIX + dice.randrange(1_000), claims=dice.randrange(2))
        self.columns = Columns(self.population, self.editions)

    def row(self, seed: int, missing: float = 0.2) -> NDArray[np.uint8]:
        """Return a row in which some records are old and some are missing."""
        rng = np.random.default_rng(seed)
        row = rng.integers(1, self.editions.newest, endpoint=True).astype(np.uint8)
        row[rng.random(len(row)) < missing] = 0
        return row
