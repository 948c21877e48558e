"""The heat map of coverage: how many shards of which popularity have how many replicas.

Columns are ranges of popularity rank, the most popular first; rows are numbers of claimed replicas.  The status page
and ``mirrord top`` draw it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.types import REPLICAS_SHOWN

ROWS_MAX: Final = 10
"""Rows that a map has at most, however high the targets are; the last one is open."""


class Heat(StrEnum):
    """What a cell says of its shards: there is none, one copy, fewer than some target, or enough for all of them."""

    NONE = "none"
    ONE = "one"
    BELOW = "below"
    ENOUGH = "enough"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Shards by popularity and replicas; ``cells[row][column]`` have ``row`` claimed replicas, in the last row or more.

    Column c holds the ranks from ``ends[c]`` to ``ends[c + 1] - 1``, of which 0 is the most popular.  ``lacking`` are
    those of a cell that are below their target, ``targets`` the least and the greatest target of each column.
    """

    ends: tuple[int, ...]
    cells: tuple[tuple[int, ...], ...]
    lacking: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        """How many numbers of replicas are told apart."""
        return len(self.cells)

    @property
    def columns(self) -> int:
        """How many ranges of popularity are told apart; 0 where no shard stands."""
        return len(self.ends) - 1

    @property
    def shards(self) -> int:
        """All that are in the map."""
        return self.ends[-1]

    def replicas(self, row: int) -> str:
        """Return what a row is called: ``0``, ``1`` ... ``5+``."""
        return f"{row}+" if row == self.rows - 1 else str(row)

    def ranks(self, column: int) -> tuple[int, int]:
        """Return the first and the last rank of a column as people count them: the most popular shard is 1."""
        return self.ends[column] + 1, self.ends[column + 1]

    def share(self, row: int, column: int) -> float:
        """Return the part of the column's shards that is in this cell."""
        return self.cells[row][column] / (self.ends[column + 1] - self.ends[column])

    def heat(self, row: int, column: int) -> Heat | None:
        """Return what a cell says, None where it is empty."""
        if not self.cells[row][column]:
            return None
        if not row:
            return Heat.NONE
        if not self.lacking[row][column]:
            return Heat.ENOUGH
        return Heat.ONE if row == 1 else Heat.BELOW


def heat_map(table: ShardTable, columns: int, rows: int | None = None) -> HeatMap:
    """Return the map of the standing shards, in ``columns`` ranges of nearly equal length, or one a shard if fewer.

    By default there are ``rows`` enough that the open last one is above every target, and never more than ROWS_MAX.
    """
    ranked = table.facts.ranked
    claimed, targets = table.claimed[ranked], table.targets[ranked]
    if rows is None:
        rows = min(ROWS_MAX, max(REPLICAS_SHOWN, int(targets.max(initial=0)) + 1) + 1)
    columns = min(columns, len(ranked))
    ends = np.linspace(0, len(ranked), columns + 1).round().astype(np.int64)
    begins, lengths = ends[:-1], np.diff(ends)
    places = np.minimum(claimed, rows - 1) * columns + np.repeat(np.arange(columns), lengths)
    least = np.minimum.reduceat(targets, begins).tolist() if columns else []
    greatest = np.maximum.reduceat(targets, begins).tolist() if columns else []
    return HeatMap(
        ends=tuple(ends.tolist()),
        cells=_counted(places, rows, columns),
        lacking=_counted(places[claimed < targets], rows, columns),
        targets=tuple(zip(least, greatest, strict=True)),
    )


def _counted(places: NDArray[np.integer], rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(places, minlength=rows * columns)[: rows * columns]
    return tuple(tuple(row) for row in counts.reshape(rows, columns).tolist())
