"""Bytes of the honest nodes: counted where a message was made, estimated where an exchange was not spoken.

Of the exchanges that found a difference a random part is spoken message by message; what those took on
average, the others took too.  They are told apart by occasion and by who can be dialled, because a new
session's first round finds more to say, and who can be dialled takes part in more rounds.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from mirrord.simulation.gossip.wire import Sort

SPOKEN_MIN: Final = 30
"""Of each kind of exchange, how many are spoken before any is estimated."""


class Occasion(Enum):
    """Why two nodes speak."""

    ROUND = "round"
    GREETING = "greeting"


class Ends(NamedTuple):
    """How many of the two ends of a session are honest nodes that can be dialled, or cannot."""

    reachable: int
    unreachable: int


@dataclass(slots=True)
class _Stratum:
    exchanges: int = 0
    spoken: int = 0
    bytes_spoken: Counter[Sort] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Bill:
    """Bytes in and out together, by what they were spent on: of those who can be dialled, and of the others."""

    reachable: dict[Sort, float]
    unreachable: dict[Sort, float]


class Meter:
    """What has been spent since it was made."""

    def __init__(self) -> None:
        self._strata: dict[tuple[Occasion, Ends], _Stratum] = {}
        self._counted: dict[Ends, Counter[Sort]] = {}
        self.exchanges = 0
        self.spoken = 0

    def count(self, sort: Sort, size: int, ends: Ends) -> None:
        """Add bytes that are known."""
        self._counted.setdefault(ends, Counter())[sort] += size

    def wants_spoken(self, occasion: Occasion, ends: Ends) -> bool:
        """Whether too few exchanges of a kind have been spoken yet to tell what the others took."""
        stratum = self._strata.get((occasion, ends))
        return stratum is None or stratum.spoken < SPOKEN_MIN

    def exchanged(self, occasion: Occasion, ends: Ends, times: int, spoken: Counter[Sort] | None) -> None:
        """Add an exchange, said so many ``times`` at once; None: it was not spoken."""
        stratum = self._strata.setdefault((occasion, ends), _Stratum())
        stratum.exchanges += times
        self.exchanges += times
        if spoken is not None:
            stratum.spoken += 1
            self.spoken += times
            stratum.bytes_spoken.update(spoken)

    def bill(self) -> Bill:
        """Return what was spent."""
        bill = Bill(dict.fromkeys(Sort, 0.0), dict.fromkeys(Sort, 0.0))
        for ends, counted in self._counted.items():
            _charge(bill, ends, counted, 1.0)
        for (_, ends), stratum in self._strata.items():
            _charge(bill, ends, stratum.bytes_spoken, stratum.exchanges / stratum.spoken)
        return bill


def _charge(bill: Bill, ends: Ends, spent: Counter[Sort], times: float) -> None:
    for sort, size in spent.items():
        bill.reachable[sort] += ends.reachable * size * times
        bill.unreachable[sort] += ends.unreachable * size * times
