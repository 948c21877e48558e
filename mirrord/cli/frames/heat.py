"""The heat map in characters: numbers where there is room for them, else blocks as high as their part of a column is.

Colour never says anything alone: the row says how many replicas, its end how many shards, and ``target`` stands where
the targets are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from mirrord.cli.frames.canvas import Canvas, fitted, joined, spread
from mirrord.control.coverage_shapes import HeatMapShape
from mirrord.core.coverage.heat import Heat, HeatMap

_LABEL: Final = 10
_TOTAL: Final = 8
_CELL_MAX: Final = 8
_NUMBERS_FROM: Final = 3
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_TENTHS: Final = "123456789"
_LEGEND: Final = (("none", "none"), ("one", "one"), ("below", "too few"), ("enough", "enough"))
_WORST_FIRST: Final = (Heat.NONE, Heat.ONE, Heat.BELOW, Heat.ENOUGH)


@dataclass(frozen=True, slots=True)
class _Size:
    """Of all cells: columns, lines, the greatest number in one, the greatest part of its column in one."""

    width: int
    tall: int
    most: int
    greatest_share: float

    @property
    def has_numbers(self) -> bool:
        """Whether there is room for them."""
        return self.width >= _NUMBERS_FROM and len(f"{self.most:,}") < self.width

    @property
    def middle(self) -> int:
        """The line that labels and numbers stand in, counted from below."""
        return (self.tall - 1) // 2


def heat_of(shape: HeatMapShape) -> HeatMap:
    """Return the map that was sent."""
    return HeatMap(shape.ends, shape.cells, shape.lacking, shape.targets)


def columns_that_fit(width: int) -> int:
    """Return how many columns a map may have on a screen that is so wide."""
    return max(1, width - _LABEL - _TOTAL)


def legend(canvas: Canvas) -> Text:
    """Return what the colours mean."""
    pieces: list[Text] = []
    for heat, means in _LEGEND:
        pieces += [canvas.text("  ", heat), canvas.text(f" {means}  ", "quiet")]
    line = joined(pieces)
    line.rstrip()
    return line


def heat_lines(heat: HeatMap, canvas: Canvas, tall: int = 1) -> list[Text]:
    """Return the map with its axes, many replicas on top; each row is ``tall`` lines."""
    if not heat.columns:
        return []
    cell = max(1, min(_CELL_MAX, columns_that_fit(canvas.width) // heat.columns))
    size = _Size(cell, tall, max(max(row) for row in heat.cells), _greatest_share(heat))
    one_target = heat.targets[0][1] if len(set(heat.targets)) == 1 else None
    lines: list[Text] = []
    for row in reversed(range(heat.rows)):
        for line in reversed(range(tall)):
            is_middle = line == size.middle
            label = _label(heat, row, one_target) if is_middle else ""
            cells = (_cell(heat, (row, column), size, line, canvas) for column in range(heat.columns))
            total = _total(heat, row, canvas) if is_middle else Text(end="")
            lines.append(fitted(joined((canvas.text(f"{label:>{_LABEL - 1}} "), *cells, total)), canvas.width))
    if one_target is None:
        lines.append(_targets(heat, cell, canvas))
    return [*lines, _axis(heat, cell, canvas)]


def _label(heat: HeatMap, row: int, target: int | None) -> str:
    return (
        f"target {heat.replicas(row)}"
        if target is not None and row == min(target, heat.rows - 1)
        else (heat.replicas(row))
    )


def _greatest_share(heat: HeatMap) -> float:
    return max(heat.share(row, column) for row in range(heat.rows) for column in range(heat.columns))


def _cell(heat: HeatMap, at: tuple[int, int], size: _Size, line: int, canvas: Canvas) -> Text:
    """Return one line of a cell, counted from below."""
    row, column = at
    said, is_middle = heat.heat(row, column), line == size.middle
    if said is None:
        dot = "·" if canvas.unicode else "."
        return canvas.text((dot if is_middle else " ").center(size.width), "quiet")
    if size.has_numbers:
        number = f"{heat.cells[row][column]:,}" if is_middle else ""
        return joined((canvas.text(number.center(size.width - 1), said.value), canvas.text(" ")))
    share = heat.share(row, column) / size.greatest_share
    if not canvas.unicode:
        tenth = _TENTHS[min(8, int(share * 9))]
        return canvas.text((tenth if is_middle else " ") * size.width, f"block {said.value}")
    eighths = max(1, round(share * 8 * size.tall)) - 8 * line
    block = " " if eighths <= 0 else _BLOCKS[min(8, eighths) - 1]
    return canvas.text(block * size.width, f"block {said.value}")


def _total(heat: HeatMap, row: int, canvas: Canvas) -> Text:
    shards = sum(heat.cells[row])
    if not shards:
        return canvas.text("-".rjust(_TOTAL), "quiet")
    said = {heat.heat(row, column) for column in range(heat.columns)}
    worst = next(each for each in _WORST_FIRST if each in said)
    style = {Heat.NONE: "bad", Heat.ONE: "bad", Heat.BELOW: "warn"}.get(worst, "")
    return canvas.text(f"{shards:,}".rjust(_TOTAL), style)


def _targets(heat: HeatMap, cell: int, canvas: Canvas) -> Text:
    """Return the greatest target of each column, in a line of its own."""
    shown = (str(most) if len(str(most)) <= cell else "+" for _, most in heat.targets)
    row = "".join(each.center(cell) for each in shown)
    return fitted(joined((canvas.text(f"{'target':>{_LABEL - 1}} "), canvas.text(row, "quiet"))), canvas.width)


def _axis(heat: HeatMap, cell: int, canvas: Canvas) -> Text:
    width = max(heat.columns * cell, 0)
    return fitted(joined((canvas.text(" " * _LABEL), _axis_words(heat, width, canvas))), canvas.width)


def _axis_words(heat: HeatMap, width: int, canvas: Canvas) -> Text:
    left, right = next((pair for pair in _ends(heat) if len(pair[0]) + len(pair[1]) + 2 <= width), ("", ""))
    if not left:
        return canvas.text("popular first"[: width + _TOTAL], "quiet")
    return spread(canvas.text(left, "quiet"), canvas.text(right, "quiet"), width)


def _ends(heat: HeatMap) -> Iterator[tuple[str, str]]:
    yield "most popular", f"least popular, rank {heat.shards:,}"
    yield "most popular", f"rank {heat.shards:,}"
    yield "popular", f"{heat.shards:,}"
