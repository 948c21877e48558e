"""A whole frame: what fits the terminal, the most important first, and more of it where there is more room."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from mirrord.cli.frames.canvas import Canvas, beside, fitted, in_ascii, joined, rule, spread
from mirrord.cli.frames.collection import (
    domain_lines,
    figures,
    judgement_lines,
    mark,
    name_of,
    outside_lines,
    style_of,
    title,
    worst_lines,
)
from mirrord.cli.frames.heat import heat_lines, heat_of, legend
from mirrord.cli.frames.node import alerts, event_lines, header, here_lines
from mirrord.cli.text import cut, printable
from mirrord.control.coverage_shapes import CollectionCoverageShape, CoverageAnswer, HappeningShape
from mirrord.control.shapes import CollectionShape, Status

_WIDE_FROM: Final = 112
"""Columns from which on two sections stand side by side."""

_TALL_MAX: Final = 3
_WORST: Final = "worst shards"
_HERE: Final = "this node"
_LAST: Final = "what happened last"
_HEAT: Final = "replicas by popularity"
_LEAST_BELOW_HEAT: Final = 12
_ROWS_UNLIMITED: Final = 10
_TAB_COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the daemon brought; ``coverage`` is that of one collection, None where none is joined."""

    status: Status
    coverage: CoverageAnswer | None
    events: tuple[HappeningShape, ...]

    @property
    def collection(self) -> CollectionCoverageShape | None:
        """The collection that is shown."""
        return self.coverage.collections[0] if self.coverage is not None and self.coverage.collections else None


@dataclass(frozen=True, slots=True)
class Around:
    """What is said beside: the unix second now, ``alert`` in place of fresh answers, and both ends of the last line."""

    clock: float
    alert: str = ""
    keys: str = ""
    news: str = ""


def frame(seen: Seen, around: Around, canvas: Canvas) -> list[Text]:
    """Return the lines of a frame: exactly as many as the terminal has, where that is known."""
    identity = seen.collection.id if seen.collection is not None else ""
    lines = [header(seen.status, canvas, around.clock)]
    if around.alert:
        lines.append(fitted(canvas.text(f" {printable(around.alert)} ", "alert"), canvas.width))
    lines += alerts(seen.status, identity, canvas)
    has_tabs = len(seen.status.collections) > 1
    if has_tabs:
        lines.append(_tabs(seen.status.collections, identity, canvas))
    if seen.coverage is not None and seen.collection is not None:
        if not (has_tabs and canvas.is_low):
            lines.append(_title(seen.collection, canvas))
        lines += _collection(seen.coverage, seen.collection, canvas, len(lines))
    else:
        lines += [Text(end=""), canvas.text(" no collection is joined: mirrord collection join INVITATION")]
    lines += _below(seen, canvas, len(lines))
    if canvas.height is not None:
        lines = _to_height(lines, _footer(around, canvas), canvas.height)
    return _shown(lines, canvas)


def report(answer: CoverageAnswer, collection: CollectionCoverageShape, canvas: Canvas) -> list[Text]:
    """Return all there is to say of one collection, however long."""
    lines = [_title(collection, canvas), *_collection(answer, collection, canvas, 0)]
    if collection.worst:
        lines += [rule(canvas, _WORST), *worst_lines(collection, canvas, _ROWS_UNLIMITED)]
    if collection.domains:
        lines += [rule(canvas, "if the largest vanished"), *domain_lines(collection, canvas)]
    if collection.outside:
        words = "seeders outside mirrord: unverified, and in no other number"
        lines += [rule(canvas, words), *outside_lines(answer, collection, canvas)]
    return _shown(lines, canvas)


def _shown(lines: Sequence[Text], canvas: Canvas) -> list[Text]:
    """Return lines that are sent as they are."""
    kept = [fitted(line, canvas.width) for line in lines]
    return kept if canvas.unicode else [in_ascii(line) for line in kept]


def _tabs(collections: Sequence[CollectionShape], identity: str, canvas: Canvas) -> Text:
    """Return all collections in a line, each with its sign; the one that is shown is never cut off."""
    place = next((i for i, each in enumerate(collections) if each.id == identity), 0)
    tabs = [_tab(each, each.id == identity, canvas) for each in collections]
    first = 0
    while first < place and sum(tab.cell_len for tab in tabs[first : place + 1]) > canvas.width - 2:
        first += 1
    more = canvas.text("< " if first else "", "quiet")
    return fitted(joined((more, *tabs[first:])), canvas.width)


def _tab(collection: CollectionShape, is_shown: bool, canvas: Canvas) -> Text:
    name = cut(name_of(collection.name, collection.id), _TAB_COLUMNS)
    sign = canvas.text(f" {mark(canvas, collection.safety)} ", style_of(collection.safety))
    return joined((sign, canvas.text(f" {name} ", "title" if is_shown else "quiet"), canvas.text(" ")))


def _title(collection: CollectionCoverageShape, canvas: Canvas) -> Text:
    return fitted(canvas.text(title(collection), "title"), canvas.width)


def _collection(answer: CoverageAnswer, collection: CollectionCoverageShape, canvas: Canvas, above: int) -> list[Text]:
    """Return one collection down to its heat map; ``above`` lines are taken already."""
    lines = judgement_lines(collection, canvas)
    lines += figures(collection, answer.auditing, canvas, 2 if canvas.is_low else None)
    heat = heat_of(collection.heat_map)
    if not heat.columns:
        return lines
    tall = 1
    if canvas.height is not None:
        room = canvas.height - above - len(lines) - 3 - _LEAST_BELOW_HEAT
        tall = max(1, min(_TALL_MAX, room // heat.rows))
    return [*lines, rule(canvas, _HEAT, legend(canvas)), *heat_lines(heat, canvas, tall)]


def _below(seen: Seen, canvas: Canvas, above: int) -> list[Text]:
    """Return worst shards, this node and what happened last, in the lines that are left."""
    room = canvas.height - above - 1 if canvas.height is not None else None
    if canvas.width >= _WIDE_FROM:
        return _side_by_side(seen, canvas, room)
    wants = _wants(seen)
    rows = dict(wants) if room is None else _shared(wants, room)
    lines: list[Text] = []
    if _WORST in rows and seen.collection is not None:
        lines += [rule(canvas, _WORST), *worst_lines(seen.collection, canvas, rows[_WORST])]
    if _HERE in rows:
        lines += [rule(canvas, _HERE), *here_lines(seen.status, seen.collection, canvas, rows[_HERE])]
    if _LAST in rows:
        lines += [rule(canvas, _LAST), *event_lines(seen.events, seen.status.at, canvas, rows[_LAST])]
    return lines


def _side_by_side(seen: Seen, canvas: Canvas, room: int | None) -> list[Text]:
    gap = 3
    left, right = (
        canvas.narrow((canvas.width - gap) // 2),
        canvas.narrow(canvas.width - gap - (canvas.width - gap) // 2),
    )
    here = 2 + (min(len(seen.collection.here.under_way), 4) if seen.collection is not None else 0)
    rows = _ROWS_UNLIMITED + here if room is None else room
    about = [rule(left, _HERE), *here_lines(seen.status, seen.collection, left, min(here, max(0, rows - 1)))]
    worst: list[Text] = []
    if seen.collection is not None:
        worst = [rule(left, _WORST), *worst_lines(seen.collection, left, max(0, rows - len(about) - 1))]
    last = [rule(right, _LAST), *event_lines(seen.events, seen.status.at, right, max(0, rows - 1))]
    return beside([*worst, *about][:rows], last[:rows], left.width, gap)


def _wants(seen: Seen) -> list[tuple[str, int]]:
    """Return how many lines each section would take, those that matter most first."""
    collection = seen.collection
    wants = []
    if collection is not None:
        wants.append((_WORST, min(max(1, len(collection.worst)), _ROWS_UNLIMITED)))
    under_way = len(collection.here.under_way) if collection is not None else 0
    wants.append((_HERE, 2 + min(under_way, 3)))
    wants.append((_LAST, max(1, len(seen.events))))
    return wants


def _shared(wants: list[tuple[str, int]], room: int) -> dict[str, int]:
    """Share the lines that are left: two for each section and its rule, then in turn; what does not fit is left out."""
    rows: dict[str, int] = {}
    for name, want in wants:
        least = min(want, 2)
        if room >= least + 1:
            rows[name], room = least, room - least - 1
        elif room >= 2:
            rows[name], room = 1, room - 2
    while room > 0 and any(rows[name] < want for name, want in wants if name in rows):
        for name, want in wants:
            if name in rows and rows[name] < want and room > 0:
                rows[name], room = rows[name] + 1, room - 1
    return rows


def _footer(around: Around, canvas: Canvas) -> Text:
    return spread(canvas.text(f" {around.keys}", "quiet"), canvas.text(around.news, "quiet"), canvas.width)


def _to_height(lines: list[Text], footer: Text, height: int) -> list[Text]:
    kept = lines[: height - 1]
    return [*kept, *(Text(end="") for _ in range(height - 1 - len(kept))), footer][-height:]
