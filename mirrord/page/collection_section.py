"""One collection: is it safe, what is in danger, will it be whole, what does this node do for it?"""

from collections.abc import Iterator
from typing import Final

from mirrord.core.coverage.heatmap import heat_map
from mirrord.core.coverage.judging import Judgement, Safety, judge
from mirrord.core.records.ids import to_short_text
from mirrord.core.statistics import CollectionStatistics, Coverage
from mirrord.core.wording import counted, format_share, format_size, format_wait
from mirrord.page.collection_tables import bands, domains, kinds, outside, weights, worst_shards
from mirrord.page.heat_picture import heat_figure
from mirrord.page.markup import NOTHING, Markup, figures, tag, words
from mirrord.page.moments import moment

_MARKS: Final = {
    Safety.LOST: "✕",
    Safety.DANGER: "!",
    Safety.BELOW: "-",
    Safety.WAITING: "…",
    Safety.SAFE: "✓",
}
"""Beside the colour of a judgement, for who does not see it."""

_WORDS: Final = {safety: "not whole" if safety is Safety.BELOW else safety.value for safety in Safety}

_LEAST_SAID: Final = 0.001


def judged(collection: CollectionStatistics) -> Judgement:
    """Return the judgement on a collection."""
    return judge(collection.shards, is_known=bool(collection.manifest_version))


def judgement_line(found: Judgement) -> Markup:
    """Return a judgement's sentence with its mark and colour."""
    return tag("p", _mark(found.safety), tag("span", found.text), class_=f"judgement is-{found.safety}")


def badge(safety: Safety) -> Markup:
    """Return a judgement in a word, with its mark and colour."""
    return tag("span", _mark(safety), tag("span", _WORDS[safety]), class_=f"badge is-{safety}")


def _mark(safety: Safety) -> Markup:
    return tag("b", _MARKS[safety], aria_hidden="true")


def title_of(collection: CollectionStatistics) -> Markup:
    """Return what a collection is called."""
    return words(collection.name) if collection.name else tag("span", "(no name yet)")


def collection_section(collection: CollectionStatistics, name: str, columns: tuple[int, int], worst: int) -> Markup:
    """Return everything about a collection; ``name`` makes its ids unique on the page.

    ``columns`` are those of the heat map in a wide window and on a telephone, ``worst`` how many shards are listed.
    """
    found = judged(collection)
    version = f", version {collection.manifest_version}" if collection.manifest_version else ""
    size = f", {counted(collection.coverage.shards, 'shard')}, {format_size(collection.bytes)}" if version else ""
    head = tag(
        "div",
        tag("h2", title_of(collection), id=name),
        tag("p", f"{to_short_text(collection.collection)}{version}{size}", class_="quiet"),
        class_="head",
    )
    parts = [head, judgement_line(found), *_notes(collection)]
    if collection.manifest_version and collection.coverage.shards:
        parts += [
            _figures(collection),
            heat_figure(heat_map(collection.shards, columns[0]), heat_map(collection.shards, columns[1]), name),
            _details(collection, name, worst),
        ]
    return tag("section", *parts, aria_labelledby=name)


def _notes(collection: CollectionStatistics) -> Iterator[Markup]:
    """Yield what else its reader must know first."""
    if collection.leaving_by:
        until = moment(collection.leaving_by)
        yield tag("p", "This node leaves it, and seeds until ", until, " at most; its copies here count no more.")
    elif collection.parting:
        yield tag("p", "This node leaves it; its copies here count no more.")
    if not collection.is_admitted:
        yield tag(
            "p",
            f"This node does not count here, as the collection is {collection.policy.name.lower()}: it reads and "
            "seeds, but claims nothing until a curator admits it.",
        )


def _figures(collection: CollectionStatistics) -> Markup:
    coverage, durability = collection.coverage, collection.durability
    is_asked_for = bool(collection.shards.facts.demand_ppb[collection.shards.facts.standing].any())
    demand = "of all demand is for shards at target" if is_asked_for else "no demand known: of all shards alike"
    lifetime = format_wait(collection.measures.node_lifetime_seconds)
    entries = (
        ("Demand covered", format_share(coverage.demand_covered[3]), demand),
        ("Rarest shard", counted(coverage.min_replicas, "replica"), _targets(collection)),
        ("Below target", f"{coverage.below_target:,}", f"of {counted(coverage.shards, 'shard')}"),
        _missing(coverage),
        _whole_in(durability.repair_eta_seconds),
        (
            "Expected losses",
            _small(durability.expected_shard_losses),
            f"shards a year, if nodes last {lifetime} and fail one by one",
        ),
    )
    return figures(entries, marked={"Expected losses"} if durability.expected_shard_losses >= 1 else set())


def _targets(collection: CollectionStatistics) -> str:
    targets = collection.shards.targets[collection.shards.facts.standing]
    least, most = int(targets.min()), int(targets.max())
    return f"the target is {most}" if least == most else f"the targets are {least} to {most}"


def _missing(coverage: Coverage) -> tuple[str, str, str]:
    if not coverage.backlog_bytes:
        spare = (
            f"{format_size(coverage.surplus_bytes)} more than asked for" if coverage.surplus_bytes else "none to spare"
        )
        return "Missing", "nothing", f"and {spare}"
    return "Missing", format_size(coverage.backlog_bytes), "still to be copied"


def _whole_in(eta_seconds: float | None) -> tuple[str, str, str]:
    if eta_seconds is None:
        return "Whole in", "not known", "no repair was measured yet"
    if not eta_seconds:
        return "Whole in", "whole now", "nothing is to be repaired"
    return "Whole in", format_wait(eta_seconds), "if repairs go on as measured"


def _small(number: float) -> str:
    return f"< {_LEAST_SAID}" if 0 < number < _LEAST_SAID else f"{number:,.3g}"


def _details(collection: CollectionStatistics, name: str, worst: int) -> Markup:
    """Lay the tables out in two columns, or in one where the window is narrow."""
    worst_first = worst_shards(collection, name, worst)
    by_band, of_kinds, elsewhere = bands(collection, name), kinds(collection, name), outside(collection, name)
    covered, gone, here = weights(collection, name), domains(collection, name), _here(collection)
    if worst_first is NOTHING:
        left, right = tag("div", by_band, gone, here), tag("div", covered, of_kinds, elsewhere)
    else:
        left, right = tag("div", worst_first), tag("div", by_band, covered, of_kinds, gone, elsewhere, here)
    return tag("div", left, right, class_="pair")


def _here(collection: CollectionStatistics) -> Markup:
    """Say what this node holds of it, and what only this node holds."""
    held, only = len(collection.shards.held()), collection.only_here
    lines = [f"{counted(held, 'shard')}, {format_size(collection.held_bytes)}"]
    if collection.counts_here and held:
        here = f"{counted(only, 'shard has its', 'shards have their')} only replica on this disk: keep it"
        lines.append(here if only else "every one of them has a replica elsewhere, too")
    lines.append(f"{counted(collection.holders, 'node')} in all hold something of it")
    return tag("div", tag("h3", "On this node"), tag("ul", *(tag("li", line) for line in lines), class_="plain"))
