"""The middle of the Collection dashboard: where the copies are, and where they are missing."""

from typing import Final

from deploy.grafana import marks
from deploy.grafana.layout import Section
from deploy.grafana.panels import NO_AUDITS_YET, AnyPanel, Frame, Query, lines, number, states
from deploy.grafana.promql import added, highest, lowest, ours, per_second, select
from deploy.grafana.tables import Column, replica_matrix, rows

WORST_SHOWN: Final = 50


def sections() -> tuple[Section, ...]:
    """Return the sections, in their order."""
    return (
        Section("Where are the copies?", _heat_map()),
        Section("Coverage: how much of the collection has so many copies", _coverage()),
        Section("The long tail: what nobody has asked for yet", (*_long_tail(), *_bands())),
        Section("Copies by what is known of them", _kinds()),
        Section("The worst shards", _worst()),
    )


def _heat_map() -> tuple[AnyPanel, ...]:
    return (
        replica_matrix(
            Frame(
                "Shards by popularity and copies",
                "From left to right the shards from the most to the least popular, in twentieths (00: the most popular "
                "5 %); from bottom to top how many claimed copies they have; the number and the colour of a cell say "
                "how many shards. All should be at or above the target; whatever lies in the rows 0 and 1 is in "
                "danger. With several daemons each cell shows the highest opinion: choose one under 'Seen by' where "
                "they disagree.",
                "short",
                (13, 9),
            ),
            Query(highest(ours("mirrord_rank_shards"), "rank", "replicas")),
            across="rank",
            heading="copies \N{RIGHTWARDS ARROW} rank %",
        ),
        states(
            Frame(
                "Fewest copies over time, by popularity",
                "A strip for each twentieth of the shards, the most popular on top; the colour is the number of "
                "claimed copies of its rarest shard at that time. Red that stays is what nobody repairs: look whether "
                "nodes refuse these shards, or have no room.",
                "none",
                (11, 9),
            ),
            Query(lowest(ours("mirrord_rank_min_replicas"), "rank"), "{{rank}} %"),
            thresholds=marks.copies(),
        ),
        lines(
            Frame(
                "Shards below target, by popularity",
                "Which part of the ranking waits for copies.",
                "short",
                (24, 7),
            ),
            Query(highest(ours("mirrord_rank_shards_below_target"), "rank"), "{{rank}} %"),
            stacked=True,
        ),
    )


def _coverage() -> tuple[AnyPanel, ...]:
    said = {
        "demand": ("Of the demand", "The part of all demand (listens, downloads): what people would miss today."),
        "items": ("Of the items", "The part of all items, each worth the same: what history would miss."),
        "bytes": ("Of the bytes", "The part of all bytes: how far the work is done."),
    }
    return tuple(
        lines(
            Frame(
                title,
                f"{meaning} A line each for at least one, two, three copies and for the target. A line that falls "
                "means that nodes leave faster than others repair.",
                "percentunit",
                (8, 9),
                NO_AUDITS_YET,
            ),
            Query(
                highest(ours("mirrord_coverage_ratio", weight=weight, kind="$kind"), "replicas"),
                "{{replicas}}",
            ),
            largest=1,
        )
        for weight, (title, meaning) in said.items()
    )


def _long_tail() -> tuple[AnyPanel, ...]:
    zero = highest(ours("mirrord_band_covered_bytes", band="zero"), "replicas")
    all_of_zero = f"({highest(ours('mirrord_band_bytes', band='zero'))} > 0)"
    met = highest(ours("mirrord_shards_target_met", kind="$kind"), "band")
    every = added(highest(ours("mirrord_shards", kind="$kind"), "band", "replicas"), "band")
    return (
        replica_matrix(
            Frame(
                "Shards by band and copies",
                "Bands of popularity: head (half of all demand), upper, middle, tail, and zero, which nobody has asked "
                "for. The number of a cell is how many shards have so many copies of the chosen kind.",
                "short",
                (8, 8),
            ),
            Query(highest(ours("mirrord_shards", kind="$kind"), "band", "replicas")),
            across="band",
            heading="copies \N{RIGHTWARDS ARROW} band",
            order=("head", "upper", "middle", "tail", "zero"),
        ),
        lines(
            Frame(
                "Zero popularity: bytes with so many copies",
                "The part of the bytes of the zero band that has at least one, two, three claimed copies, and its "
                "target. No download would ever notice that these are gone: this line is their only voice.",
                "percentunit",
                (8, 8),
                "the collection has no shards of zero popularity",
            ),
            Query(f"{zero} / on () group_left () {all_of_zero}", "{{replicas}}"),
            largest=1,
        ),
        lines(
            Frame(
                "Shards at their target, by band",
                "The part of each band that has its target of copies. The bands should rise together; a band that is "
                "left behind is one that nobody wants to hold.",
                "percentunit",
                (8, 8),
                NO_AUDITS_YET,
            ),
            Query(f"{met} / ({every} > 0)", "{{band}}"),
            largest=1,
        ),
    )


def _bands() -> tuple[AnyPanel, ...]:
    stands = f"{highest(ours('mirrord_band_bytes'), 'band')} > 0"
    return (
        states(
            Frame(
                "Fewest copies over time, by band",
                "The colour is the number of claimed copies of the rarest shard of the band at that time. Bands "
                "without shards are left out.",
                "none",
                (12, 6),
            ),
            Query(f"{lowest(ours('mirrord_band_min_replicas'), 'band')} and on (band) {stands}", "{{band}}"),
            thresholds=marks.copies(),
        ),
        rows(
            Frame(
                "Bands",
                "How much of the collection and of its demand is in each band.",
                "none",
                (12, 6),
            ),
            Query(highest(ours("mirrord_band_bytes"), "band")),
            Query(highest(ours("mirrord_band_demand_ratio"), "band")),
            columns=(
                Column("band", "Band"),
                Column("Value #A", "Size", "decbytes"),
                Column("Value #B", "Part of the demand", "percentunit"),
            ),
            sort="Part of the demand",
            descending=True,
        ),
    )


def _kinds() -> tuple[AnyPanel, ...]:
    with_copies = highest(ours("mirrord_shards", replicas="!0"), "kind", "band", "replicas")
    return (
        lines(
            Frame(
                "Shards that have a copy of a kind",
                "Claimed: a holder says so. Verified: an audit confirmed it (none before there are audits). Stale: its "
                "holder is silent for so long that it does not count. Disputed: audits failed. Many stale ones mean "
                "that nodes left without saying so; they count again at once when they return.",
                "short",
                (8, 8),
            ),
            Query(added(with_copies, "kind"), "{{kind}}"),
        ),
        lines(
            Frame(
                "Fewest and most copies",
                "Claimed and verified replicas of the rarest and of the commonest shard.",
                "short",
                (8, 8),
            ),
            Query(lowest(ours("mirrord_min_replicas"), "kind"), "fewest, {{kind}}"),
            Query(highest(ours("mirrord_max_replicas"), "kind"), "most, {{kind}}"),
        ),
        lines(
            Frame(
                "Audits, by outcome",
                "Audits that daemons made, a second, at the daemon that made most. Failed ones are copies that are not "
                "there: they no longer count. Offline and unknown say nothing against a holder.",
                "ops",
                (8, 8),
                "no audits yet",
            ),
            Query(highest(per_second(select("mirrord_audits_total")), "outcome"), "{{outcome}}"),
        ),
    )


def _worst() -> tuple[AnyPanel, ...]:
    worst = lowest(ours("mirrord_shard_replicas", kind="claimed"), "shard")
    return (
        rows(
            Frame(
                f"The {WORST_SHOWN} worst shards below target",
                "Shards by their number, the fewest claimed copies first. 'mirrord plan NUMBER' on any node says why a "
                "shard waits. Every daemon names at most 200 (with metrics_all_shards all of them).",
                "none",
                (10, 9),
                "nothing is below its target",
            ),
            Query(f"bottomk({WORST_SHOWN}, {worst})"),
            columns=(Column("shard", "Shard"), Column("Value", "Copies", "none", marks.copies())),
            sort="Copies",
        ),
        number(
            Frame(
                "Below target, not named",
                "Shards below their target that have no series of their own, as there are too many. The aggregates "
                "above have them all.",
                "short",
                (4, 9),
            ),
            Query(highest(ours("mirrord_shard_series_omitted"), "collection")),
            thresholds=marks.none_is_good(),
        ),
        lines(
            Frame(
                "Bytes of the shards below target",
                "The size of the shards that lack copies, once each, by the kind of copies that is counted.",
                "decbytes",
                (10, 9),
            ),
            Query(highest(ours("mirrord_below_target_bytes"), "kind"), "{{kind}}"),
        ),
    )
