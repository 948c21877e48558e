"""Records that are followed on their way: how long until half of the network has one, and nearly all of it."""

from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from mirrord.simulation.gossip.network import PERIOD, Network

LOOKS_A_PERIOD: Final = 20
"""Times are rounded up to a twentieth of a period."""

_NEARLY_ALL: Final = 0.999


@dataclass(slots=True)
class Tracer:
    """One record; times are seconds since ``born_at``, None: not yet.  "All" are the honest nodes online."""

    node: int
    edition: int
    born_at: float
    half_seconds: float | None = None
    nearly_all_seconds: float | None = None


class Tracers:
    """Follows records in one network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._watchers = np.flatnonzero(network.population.honest)
        self.ordinary: list[Tracer] = []
        self.urgent: list[Tracer] = []

    def follow(self, node: int, edition: int, born_at: float) -> None:
        """Follow a refresh."""
        self.ordinary.append(Tracer(node, edition, born_at))

    def follow_urgent(self, node: int, heard: list[float]) -> None:
        """Follow an urgent change, of which some have heard by push after so many seconds each, ascending."""
        tracer = Tracer(node, int(self._network.editions.newest[node]), self._network.now)
        half, nearly_all = self._needed()
        tracer.half_seconds = heard[half - 1] if len(heard) >= half else None
        tracer.nearly_all_seconds = heard[nearly_all - 1] if len(heard) >= nearly_all else None
        self.urgent.append(tracer)

    def _needed(self) -> tuple[int, int]:
        watchers = len(self._watchers)
        return ceil(watchers / 2), ceil(_NEARLY_ALL * watchers)

    def look(self) -> None:
        """See how far the followed records have come."""
        half, nearly_all = self._needed()
        waiting = [t for t in (*self.ordinary, *self.urgent) if t.nearly_all_seconds is None]
        if not waiting:
            return
        columns = np.array([tracer.node for tracer in waiting])
        editions = np.array([tracer.edition for tracer in waiting], np.uint8)
        have = (self._network.matrix[np.ix_(self._watchers, columns)] >= editions).sum(axis=0)
        for tracer, heard in zip(waiting, have.tolist(), strict=True):
            age = self._network.now - tracer.born_at
            if heard >= half and tracer.half_seconds is None:
                tracer.half_seconds = age
            if heard >= nearly_all:
                tracer.nearly_all_seconds = age

    def all_arrived(self) -> bool:
        """Whether nearly everybody has each of the followed records."""
        return all(tracer.nearly_all_seconds is not None for tracer in (*self.ordinary, *self.urgent))


def periods(seconds: float) -> float:
    """Return a time in gossip periods."""
    return seconds / PERIOD
