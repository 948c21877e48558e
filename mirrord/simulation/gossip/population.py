"""Who there is: the keys of all nodes, who can be dialled, who is online, and who means harm.

Nodes are numbered by the id of their announcement's record, so that a bucket is a run of numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mirrord.core.records.ids import RecordId
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey, record_id
from mirrord.core.records.signing import SigningKey
from mirrord.simulation.gossip.wishes import GossipWishes
from mirrord.simulation.seeds import Purpose, generator


class Role(IntEnum):
    """How a node behaves."""

    HONEST = 0
    FORGER = 1
    """Sends what others never signed."""
    REPLAYER = 2
    """Sends what others signed long ago."""
    EQUIVOCATOR = 3
    """Signs two records with one sequence."""
    FLOODER = 4
    """Keeps as many sessions as it may, and sends useless records into all of them."""


HOSTILE_ROLES = (Role.FORGER, Role.REPLAYER, Role.EQUIVOCATOR, Role.FLOODER)


@dataclass(frozen=True, slots=True)
class Population:
    """Every array has one place for each node; ``role`` is a :class:`Role`, honest for who is offline."""

    keys: tuple[SigningKey, ...]
    record_keys: tuple[RecordKey, ...]
    record_ids: tuple[RecordId, ...]
    reachable: NDArray[np.bool_]
    online: NDArray[np.bool_]
    role: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def honest(self) -> NDArray[np.bool_]:
        """Who is online and means well."""
        honest: NDArray[np.bool_] = self.online & (self.role == Role.HONEST)
        return honest


def make_population(wishes: GossipWishes) -> Population:
    """Draw the nodes of a run; the same seed gives the same keys, reachable and online nodes, hostile or not."""
    rng = generator(wishes.seed, Purpose.POPULATION)
    made = [_identity(wishes.seed, number) for number in range(wishes.nodes)]
    made.sort(key=lambda identity: identity[0])
    reachable = _drawn(rng.permutation, wishes.nodes, wishes.reachable)
    online = ~_drawn(rng.permutation, wishes.nodes, wishes.offline)
    role = np.zeros(wishes.nodes, np.int8)
    there = generator(wishes.seed, Purpose.LIES).permutation(np.flatnonzero(online))
    hostile = there[: round(wishes.hostile * len(there))]
    role[hostile] = np.resize(np.array(HOSTILE_ROLES, np.int8), len(hostile))
    return Population(
        keys=tuple(key for _, key in made),
        record_keys=tuple(RecordKey(Kind.ANNOUNCEMENT, key.public) for _, key in made),
        record_ids=tuple(identity for identity, _ in made),
        reachable=reachable,
        online=online,
        role=role,
    )


def _identity(seed: int, number: int) -> tuple[RecordId, SigningKey]:
    key = SigningKey(blake2b(f"simulated node {number} of {seed}".encode(), digest_size=32).digest())
    return record_id(RecordKey(Kind.ANNOUNCEMENT, key.public)), key


def _drawn(permutation: Callable[[int], NDArray[np.int64]], count: int, share: float) -> NDArray[np.bool_]:
    drawn: NDArray[np.bool_] = np.zeros(count, np.bool_)
    drawn[permutation(count)[: round(share * count)]] = True
    return drawn
