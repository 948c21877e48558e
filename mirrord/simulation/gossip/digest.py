"""What it costs two nodes to find out where they differ, before any record moves."""

from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from mirrord.simulation.gossip.columns import Columns
from mirrord.simulation.gossip.editions import START_UNIX, Editions
from mirrord.simulation.gossip.exchange import Spoken, speak
from mirrord.simulation.gossip.population import Population
from mirrord.simulation.gossip.wire import Sort

DIFFERENCES: Final = 200


@dataclass(frozen=True, slots=True)
class DigestCost:
    """Bytes of the direction in which more is said, records left out, with the given differences and with none."""

    differences: int
    bytes_one_way: int
    bytes_equal: int


def digest_cost(population: Population, seed: int) -> DigestCost:
    """Let two nodes compare all records: one lacks the last edition of 200 of them, be it the opener or not."""
    editions = Editions(population, seed)
    columns = Columns(population, editions)
    older = editions.newest.copy()
    differences = min(DIFFERENCES, len(population) // 2)
    for node in Random(seed).sample(range(len(population)), differences):
        editions.publish(node, START_UNIX)
    newer = editions.newest
    behind = speak(columns, older.copy(), newer.copy(), 0)
    ahead = speak(columns, newer.copy(), older.copy(), 0)
    equal = speak(columns, newer.copy(), newer.copy(), 0)
    return DigestCost(differences, max(_one_way(behind), _one_way(ahead)), _one_way(equal))


def _one_way(spoken: Spoken) -> int:
    return max(sent[Sort.DIGESTS] + sent[Sort.LISTINGS] for sent in (spoken.by_opener, spoken.by_answerer))


def record_bytes(population: Population, editions: Editions) -> float:
    """Return how long an envelope is, on average over the nodes online."""
    online = np.flatnonzero(population.online)[:: max(1, len(population) // 200)].tolist()
    return sum(len(editions.record(node, 1).envelope) for node in online) / len(online)
