"""The heat map of coverage: how many shards of which popularity have how many replicas.

Columns are ranges of popularity rank, the most popular first; rows are numbers of claimed replicas.  The status page
and ``mirrord top`` draw it; its parts are in :mod:`heat`, so that who only draws it need not load numpy.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.coverage.heat import Heat as Heat
from mirrord.core.coverage.heat import HeatMap as HeatMap
from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.types import REPLICAS_SHOWN

ROWS_MAX: Final = 10
"""Rows that a map has at most, however high the targets are; the last one is open."""


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
