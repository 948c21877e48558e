"""The heat map of coverage as whoever draws it has it; :mod:`heatmap` makes it."""

from dataclasses import dataclass
from enum import StrEnum


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
