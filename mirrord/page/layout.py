"""The whole page, from one snapshot; CPU-bound, so run it in a thread."""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

from mirrord.core.coverage.judging import Judgement, Safety
from mirrord.core.records.ids import to_short_text
from mirrord.core.statistics import CollectionStatistics
from mirrord.core.wording import counted, format_size
from mirrord.page.collection_section import badge, collection_section, judged, title_of
from mirrord.page.data import PageData
from mirrord.page.markup import NOTHING, Content, Markup, drawn, table, tag, void, wide_only
from mirrord.page.moments import moment
from mirrord.page.node_section import happenings_section, node_section, troubles
from mirrord.page.script import SCRIPT
from mirrord.page.style import LIGHT, STYLE

SHOWN_WHOLE: Final = 3
"""Collections with a section of their own; where there are more, those that are worst off."""

_SIZES: Final = {1: ((40, 20), 20), 2: ((20, 12), 10), 3: ((10, 8), 5)}
"""By how many sections there are: columns of the heat maps (wide, narrow), and how many shards are listed."""

_URGENCY: Final = {safety: place for place, safety in enumerate(Safety)}


def render(data: PageData) -> bytes:
    """Return the page as UTF-8."""
    statistics = data.statistics
    found = [(judged(each), each) for each in statistics.collections]
    found.sort(key=lambda pair: _URGENCY[pair[0].safety])  # what stood first stays first among equals
    page = tag("html", _head(data, found), _body(data, found), lang="en")
    return f"<!DOCTYPE html>\n{page.html}\n".encode()


_Found = Sequence[tuple[Judgement, CollectionStatistics]]


def _head(data: PageData, found: _Found) -> Markup:
    safety = found[0][0].safety if found else Safety.WAITING
    title = f"{safety.value}: mirrord {to_short_text(data.statistics.node.node)}"
    return tag(
        "head",
        void("meta", charset="utf-8"),
        tag("title", title),
        void("meta", name="viewport", content="width=device-width,initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="robots", content="noindex"),
        void("link", rel="icon", href=_icon(safety)),
        tag("style", Markup(STYLE)),
    )


def _icon(safety: Safety) -> str:
    ground, _ = LIGHT["enough4" if safety is Safety.SAFE else safety.value]
    dot = drawn("circle", cx=4, cy=4, r=4, fill=ground)
    return "data:image/svg+xml," + quote(tag("svg", dot, xmlns="http://www.w3.org/2000/svg", viewBox="0 0 8 8").html)


def _body(data: PageData, found: _Found) -> Markup:
    taken = tag("p", "as of ", moment(data.statistics.at, "%Y-%m-%d %H:%M:%S UTC"), id="taken")
    by_hand = tag("noscript", tag("p", tag("a", "Load newer numbers", href="")))
    old = tag("p", "The daemon does not answer: what stands here is old.", id="old", role="status", hidden=True)
    node = tag("p", f"node {to_short_text(data.statistics.node.node)}")
    header = tag("header", tag("h1", "mirrord"), node, taken, by_hand, old)
    return tag("body", header, _main(data, found), _footer(data), tag("script", Markup(SCRIPT)))


def _main(data: PageData, found: _Found) -> Markup:
    shown = found[:SHOWN_WHOLE]
    columns, worst = _SIZES[max(1, len(shown))]
    sections = (
        collection_section(each, f"c{number}", columns, worst) for number, (_, each) in enumerate(shown, start=1)
    )
    return tag(
        "main",
        *troubles(data.statistics),
        _overview(found),
        *sections,
        node_section(data.statistics, data.transfer),
        happenings_section(data.happenings),
    )


def _overview(found: _Found) -> Markup:
    """Return a table of all collections where not all have a section."""
    if len(found) <= SHOWN_WHOLE:
        return NOTHING
    is_it = tag("th", "is", scope="col", class_="says")
    heads: list[Content] = [
        "collection",
        is_it,
        "rarest",
        "below target",
        wide_only("missing", "th"),
        wide_only("here", "th"),
    ]
    made = table(counted(len(found), "collection"), heads, _overview_rows(found), name="all", wide=True)
    more = f"The {SHOWN_WHOLE} that are worst off follow; mirrord coverage NAME shows any other."
    return tag("section", tag("h2", "Collections", id="collections"), made, tag("p", more, class_="quiet"))


def _overview_rows(found: _Found) -> Iterator[list[Content]]:
    for judgement, each in found:
        coverage = each.coverage
        yield [
            title_of(each),
            tag("td", badge(judgement.safety), class_="says"),
            f"{coverage.min_replicas:,}",
            f"{coverage.below_target:,}",
            wide_only(format_size(coverage.backlog_bytes)),
            wide_only(format_size(each.held_bytes)),
        ]


def _footer(data: PageData) -> Markup:
    metrics = tag("a", "/metrics", href="metrics")
    said = (
        f"mirrord {data.version}. Replicas are claimed: their holders say so, and nothing is verified before there are "
        "audits. All is as this node sees the network. For Prometheus: "
    )
    return tag("footer", tag("p", said, metrics))
