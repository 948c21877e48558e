"""What is said of outside seeders, and how often to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import Shard
from mirrord.core.timing import DAY, DEMO, HOUR, LAN, WAN, TimingProfile

SEEDERS_SHOWN: Final = 3
"""``by_seeders`` counts 0 to 3 outside seeders; the last place holds 3 or more."""

UNKNOWN: Final = -1
"""In a column of seeders: nobody has been asked, or not lately."""

_SWARM_HASH_BYTES: Final = 20


class OutsideSource(StrEnum):
    """Who tells of outside seeders; also the ``source`` label of the metrics.

    A ``tracker`` says how many seeders it knows.  The ``dht`` lists swarm members, seeders or not: an upper bound.
    """

    TRACKER = "tracker"
    DHT = "dht"


@dataclass(frozen=True, slots=True)
class OutsideSettings:
    """Whom the operator lets us ask: the DHT, and trackers by their addresses."""

    dht: bool = False
    trackers: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[OutsideSource, ...]:
        """What is asked at all."""
        asked = ((OutsideSource.TRACKER, bool(self.trackers)), (OutsideSource.DHT, self.dht))
        return tuple(source for source, is_asked in asked if is_asked)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, in seconds.

    The ``gap`` lies between two questions to the DHT, or to one tracker; ``again`` is how long one shard is left
    alone after an answer.  Each failure doubles the gap, up to ``backoff_max``; answers are forgotten after ``forget``.
    """

    lookup_gap_seconds: float
    lookup_again_seconds: float
    scrape_gap_seconds: float
    scrape_again_seconds: float
    backoff_max_seconds: float
    forget_seconds: float


PACES: Final = {
    WAN.name: Pace(30, 6 * HOUR, 60, 12 * HOUR, DAY, 3 * DAY),
    LAN.name: Pace(5, HOUR / 6, 10, HOUR / 2, HOUR, 3 * HOUR),
    DEMO.name: Pace(1, 5, 1, 5, 8, 60),
}
"""By the name of the timing profile: a network that heals in seconds is watched by the second.  Of 3,000 hybrid
shards, each with two hashes, the DHT is asked within 50 hours, so that an answer is kept for three days."""


def pace_of(timing: TimingProfile) -> Pace:
    """Return how often to ask in a network of this profile; one of nobody's is as patient as ``wan``."""
    return PACES.get(timing.name, PACES[WAN.name])


@dataclass(frozen=True, slots=True)
class OutsideCoverage:
    """The outside seeders of a collection's standing shards, as one source tells of them; nobody has verified any.

    ``by_seeders[k]`` shards have k, the last k or more; of ``unknown`` ones nobody has told, or not lately.
    ``only_outside`` shards have an outside seeder and not one claimed replica.  ``oldest_answer_at`` is the unix
    second of the oldest answer that counts here, None where there is none.
    """

    by_seeders: tuple[int, ...]
    unknown: int
    only_outside: int
    oldest_answer_at: float | None


@dataclass(frozen=True, slots=True, eq=False)
class OutsideAnswers:
    """What one source told of each shard: seeders (UNKNOWN where nobody did), and when (unix seconds)."""

    seeders: NDArray[np.int16]
    answered_at: NDArray[np.float64]

    def cover(self, standing: NDArray[np.bool_], claimed: NDArray[np.int32]) -> OutsideCoverage:
        """Sum up the shards that stand; ``claimed`` are their replicas."""
        told = standing & (self.seeders != UNKNOWN)
        counts = np.bincount(np.minimum(self.seeders[told], SEEDERS_SHOWN), minlength=SEEDERS_SHOWN + 1)
        return OutsideCoverage(
            by_seeders=tuple(counts.tolist()),
            unknown=int(np.count_nonzero(standing) - np.count_nonzero(told)),
            only_outside=int(np.count_nonzero(told & (self.seeders > 0) & (claimed == 0))),
            oldest_answer_at=float(self.answered_at[told].min()) if told.any() else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Swarms:
    """The shards of a collection that may be asked about, as columns by index; those ``below`` target come first."""

    collection: CollectionId
    shards: Sequence[Shard]
    standing: NDArray[np.bool_]
    below: NDArray[np.bool_]


def swarm_hashes(shard: Shard) -> tuple[bytes, ...]:
    """Return the 20 bytes under which swarm members look for each other: one hash, or both of a hybrid torrent."""
    both = (shard.info_hash_v1, shard.info_hash_v2[:_SWARM_HASH_BYTES])
    return tuple(dict.fromkeys(swarm_hash for swarm_hash in both if swarm_hash))
