"""What a bench says: one figure, and whether it reaches what is promised."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """What is promised of a figure: at least ``value``, or at most."""

    value: float
    at_most: bool = False

    def holds(self, value: float) -> bool:
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.value:g}"


@dataclass(frozen=True)
class Figure:
    """One row.

    ``baseline`` is what a ratio was taken against in the same run, in ``baseline_unit``.
    """

    name: str
    value: float
    unit: str
    reach: Reach | None = None
    baseline: float | None = None
    baseline_unit: str = ""

    @property
    def holds(self) -> bool | None:
        """None where nothing is promised."""
        return None if self.reach is None else self.reach.holds(self.value)

    def row(self) -> str:
        """Return the line that a person reads."""
        verdict = {None: "", True: "holds", False: "MISSED"}[self.holds]
        against = "" if self.baseline is None else f"against {self.baseline:.4g} {self.baseline_unit}"
        reach = "" if self.reach is None else str(self.reach)
        return f"{self.name:<42} {self.value:>9.4g} {self.unit:<9} {reach:<8} {verdict:<6} {against}".rstrip()

    def as_json(self) -> dict[str, object]:
        """Return the entry of ``bench.json``."""
        return {
            "name": self.name,
            "value": round(self.value, 6),
            "unit": self.unit,
            "reach": None if self.reach is None else self.reach.value,
            "holds": self.holds,
            "baseline": None if self.baseline is None else round(self.baseline, 6),
        }


def ratio_figure(name: str, ours: Sequence[float], theirs: Sequence[float], reach: Reach, unit: str) -> Figure:
    """Return the median of ours over the median of theirs, both rates in ``unit``."""
    baseline = statistics.median(theirs)
    return Figure(name, statistics.median(ours) / baseline, "ratio", reach, baseline, unit)
