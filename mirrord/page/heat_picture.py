"""The heat map as SVG: lying for a wide window, standing for a telephone, where every number stays legible.

Colour never says anything alone: the place says how many replicas, the numbers how many shards, a dashed line where
the targets are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mirrord.core.coverage.heatmap import Heat, HeatMap
from mirrord.core.wording import counted
from mirrord.page.markup import NOTHING, Markup, drawn, tag

SHADES: Final = 4
"""Shades of a cell with enough replicas: the darker, the more of the column's shards are in it."""

_TICKS: Final = 5
_GAP: Final = 1.5
_DIGIT: Final = 6.8
_Place = tuple[float, float, float, float]
"""x, y, width and height in the picture."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where cells lie, in units of the picture: along the ranks and along the replicas."""

    left: int
    top: int
    rank: float
    replica: float


def lying(heat: HeatMap, name: str) -> Markup:
    """Draw ranks from left to right, and few replicas at the bottom; ``name`` makes its ids unique on the page."""
    frame = _Frame(left=46, top=6, rank=(1000 - 46 - 2) / heat.columns, replica=34)
    bottom = frame.top + heat.rows * frame.replica
    parts = [
        *_lying_axes(heat, frame),
        *(_cell(heat, at, _lying_place(heat, frame, *at), _says(heat, *at)) for at in _filled(heat)),
        drawn("path", class_="aim", d=_lying_line(heat, frame)),
    ]
    return _picture(heat, name, "lying", f"0 0 1000 {bottom + 24:g}", parts)


def standing(heat: HeatMap, name: str) -> Markup:
    """Draw ranks from top to bottom, and few replicas on the left."""
    frame = _Frame(left=70, top=22, rank=25, replica=(340 - 70 - 2) / heat.rows)
    height = frame.top + heat.columns * frame.rank
    parts = [
        *_standing_axes(heat, frame),
        *(_cell(heat, at, _standing_place(frame, *at)) for at in _filled(heat)),
        drawn("path", class_="aim", d=_standing_line(heat, frame)),
    ]
    return _picture(heat, name, "standing", f"0 0 340 {height + 4:g}", parts)


def _picture(heat: HeatMap, name: str, way: str, box: str, parts: list[Markup]) -> Markup:
    title, more = f"{name}-{way}-title", f"{name}-{way}-more"
    return tag(
        "svg",
        tag("title", "Shards by popularity and replicas", id=title),
        tag("desc", _described(heat), id=more),
        *parts,
        viewBox=box,
        class_=way,
        role="img",
        aria_labelledby=f"{title} {more}",
    )


def _described(heat: HeatMap) -> str:
    rows = (
        f"{sum(cells):,} with {heat.replicas(row)}" for row, cells in reversed([*enumerate(heat.cells)]) if any(cells)
    )
    return f"Of {counted(heat.shards, 'shard')}, by replicas: {', '.join(rows)}. The table by popularity says more."


def _filled(heat: HeatMap) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(heat.rows) for column in range(heat.columns) if heat.cells[row][column])


def _cell(heat: HeatMap, at: tuple[int, int], place: _Place, says: Markup = NOTHING) -> Markup:
    """Draw a cell; ``says`` what it says to a mouse, which a telephone has none of."""
    row, column = at
    x, y, width, height = place
    box = drawn("rect", x=_n(x), y=_n(y), width=_n(width - _GAP), height=_n(height - _GAP))
    number = _fitting(heat.cells[row][column], width)
    middle = {"x": _n(x + (width - _GAP) / 2), "y": _n(y + (height - _GAP) / 2)}
    return tag("g", says, box, tag("text", number, **middle) if number else NOTHING, class_=_shade(heat, row, column))


def _says(heat: HeatMap, row: int, column: int) -> Markup:
    shards, short = heat.cells[row][column], heat.lacking[row][column]
    first, last = heat.ranks(column)
    what = f"rank {first:,}" if first == last else f"ranks {first:,} to {last:,}"
    lacking = f", {'all' if short == shards else f'{short:,}'} below target" if short else ""
    return tag("title", f"{what}: {counted(shards, 'shard')} with {heat.replicas(row)}{lacking}")


def _shade(heat: HeatMap, row: int, column: int) -> str:
    said = heat.heat(row, column)
    if said is not Heat.ENOUGH:
        return str(said)
    return f"enough{min(SHADES, 1 + int(heat.share(row, column) * SHADES))}"


def _fitting(shards: int, width: float) -> str:
    """Return a number that fits, in thousands if it must, or nothing."""
    for text in (str(shards), f"{shards / 1000:.0f}k" if shards >= 1000 else ""):
        if text and len(text) * _DIGIT + 2 <= width:
            return text
    return ""


def _lying_place(heat: HeatMap, frame: _Frame, row: int, column: int) -> _Place:
    x = frame.left + column * frame.rank
    return x, frame.top + (heat.rows - 1 - row) * frame.replica, frame.rank, frame.replica


def _standing_place(frame: _Frame, row: int, column: int) -> _Place:
    return frame.left + row * frame.replica, frame.top + column * frame.rank, frame.replica, frame.rank


def _lying_line(heat: HeatMap, frame: _Frame) -> str:
    """Return the way along the greatest targets: what lies below the line has too few replicas."""
    way = []
    for column, (_, most) in enumerate(heat.targets):
        x, y, width, _ = _lying_place(heat, frame, min(most, heat.rows) - 1, column)
        way.append(f"{_n(x)} {_n(y - _GAP / 2)} H{_n(x + width)}")
    return "M" + " L".join(way)


def _standing_line(heat: HeatMap, frame: _Frame) -> str:
    way = []
    for column, (_, most) in enumerate(heat.targets):
        x, y, _, height = _standing_place(frame, min(most, heat.rows), column)
        way.append(f"{_n(x - _GAP / 2)} {_n(y)} V{_n(y + height)}")
    return "M" + " L".join(way)


def _lying_axes(heat: HeatMap, frame: _Frame) -> Iterator[Markup]:
    for row in range(heat.rows):
        y = frame.top + (heat.rows - 0.5 - row) * frame.replica
        yield tag("text", heat.replicas(row), x=frame.left - 10, y=_n(y), class_="axis end")
    bottom = frame.top + heat.rows * frame.replica + 14
    yield tag("text", "most popular", x=frame.left, y=_n(bottom), class_="axis start")
    for tick in range(1, _TICKS - 1):
        column = round(tick * heat.columns / (_TICKS - 1))
        if 2 < column < heat.columns - 2:
            x = frame.left + column * frame.rank
            yield tag("text", f"{heat.ends[column] + 1:,}", x=_n(x), y=_n(bottom), class_="axis")
    last = f"least popular, rank {heat.shards:,}"
    yield tag("text", last, x=_n(frame.left + heat.columns * frame.rank), y=_n(bottom), class_="axis end")


def _standing_axes(heat: HeatMap, frame: _Frame) -> Iterator[Markup]:
    for row in range(heat.rows):
        x = frame.left + (row + 0.5) * frame.replica
        yield tag("text", heat.replicas(row), x=_n(x), y=12, class_="axis")
    yield tag("text", "rank", x=frame.left - 8, y=12, class_="axis end")
    for column in range(heat.columns):
        y = frame.top + (column + 0.5) * frame.rank
        yield tag("text", f"{heat.ends[column] + 1:,}", x=frame.left - 8, y=_n(y), class_="axis end")


def legend() -> Markup:
    """Return what the colours mean, in words."""
    enough = tuple(f"enough{shade}" for shade in range(1, SHADES + 1))
    entries = (
        (_key(*enough), "enough replicas; the stronger, the more of the range's shards"),
        (_key(Heat.BELOW.value), "some below target"),
        (_key(Heat.ONE.value), "one replica"),
        (_key(Heat.NONE.value), "no replica"),
        (tag("svg", drawn("path", class_="aim", d="M0 6H24"), **_key_box(24)), "target; towards 0 there are too few"),
    )
    return tag("ul", *(tag("li", key, " ", text) for key, text in entries), class_="legend")


def _key(*classes: str) -> Markup:
    boxes = (
        tag("g", drawn("rect", x=place * 16, width=15, height=12), class_=name) for place, name in enumerate(classes)
    )
    return tag("svg", *boxes, **_key_box(len(classes) * 16))


def _key_box(width: int) -> dict[str, str | int]:
    return {"viewBox": f"0 0 {width} 12", "width": width, "class_": "key", "aria_hidden": "true"}


def heat_figure(wide: HeatMap, narrow: HeatMap, name: str) -> Markup:
    """Return both pictures, of which a window shows one, and their legend."""
    if not wide.columns:
        return NOTHING
    caption = tag(
        "figcaption",
        tag("strong", "Shards by popularity and replicas"),
        " The number in a cell is how many shards there are of that rank and with so many claimed replicas.",
    )
    return tag("figure", caption, lying(wide, name), standing(narrow, name), legend(), class_="heat")


def _n(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
