"""The rest of the Collection dashboard: what may come of it, repair, waste, other seeders, and agreement."""

from deploy.grafana import marks
from deploy.grafana.layout import Section
from deploy.grafana.panels import NO_AUDITS_YET, AnyPanel, Frame, Query, lines, number
from deploy.grafana.promql import added, highest, in_range, lowest, ours, per_second, select
from deploy.grafana.tables import Column, rows


def sections() -> tuple[Section, ...]:
    """Return the sections, in their order."""
    return (
        Section("What if the largest operator, network or country vanished?", _domains()),
        Section("Repair: how fast copies come back", (*_repair(), *_measured())),
        Section(
            "Seeders outside mirrord: unverified, not ours, in no other figure", (*_outside(), *_outside_questions())
        ),
        Section("Do the daemons agree?", _agreement()),
    )


def _domains() -> tuple[AnyPanel, ...]:
    figures = ("ratio", "nodes", "lost_shards", "lost_bytes", "below_target_shards")
    return (
        rows(
            Frame(
                "The loss of the largest one",
                "For each kind of failure domain its largest member: how much of all copies it has, and what would be "
                "left without any copy, or below target, if all its nodes vanished at once. Lost shards should be 0: "
                "invite nodes elsewhere. 'mirrord status' names the domain. Kinds that no node declares are left out.",
                "none",
                (14, 7),
                "no node says where it stands",
            ),
            *(Query(highest(ours(f"mirrord_largest_domain_{figure}"), "domain")) for figure in figures),
            columns=(
                Column("domain", "Largest"),
                Column("Value #A", "Part of all copies", "percentunit"),
                Column("Value #B", "Nodes", "short"),
                Column("Value #C", "Shards lost", "short", marks.any_is_bad()),
                Column("Value #D", "Bytes lost", "decbytes", marks.any_is_bad()),
                Column("Value #E", "Shards below target", "short"),
            ),
            sort="Shards lost",
            descending=True,
        ),
        lines(
            Frame(
                "Shards that would be lost",
                "The same over time. It falls as copies spread; a rise means that one operator, network or country "
                "holds more and more of the only copies.",
                "short",
                (10, 7),
                "no node says where it stands",
            ),
            Query(highest(ours("mirrord_largest_domain_lost_shards"), "domain"), "{{domain}}"),
        ),
    )


def _repair() -> tuple[AnyPanel, ...]:
    return (
        lines(
            Frame(
                "Missing copies and surplus",
                "What must be fetched until everything has its target, and what is held beyond the targets. Surplus is "
                "no fault: it is given up only where its space is wanted.",
                "decbytes",
                (8, 8),
            ),
            Query(highest(ours("mirrord_repair_backlog_bytes"), "collection"), "missing"),
            Query(highest(ours("mirrord_surplus_bytes"), "collection"), "surplus"),
        ),
        lines(
            Frame(
                "Repair rate",
                "How fast missing copies appear, over the whole network. Nothing is shown before a repair was "
                "measured. Low while much is missing: the lines are slow, or nobody has room.",
                "Bps",
                (8, 8),
                "nothing measured yet",
            ),
            Query(highest(ours("mirrord_repair_bytes_per_second"), "collection"), "repair"),
        ),
        lines(
            Frame(
                "Time until whole",
                "Missing copies divided by the repair rate, over time: it should fall as fast as time passes. Absent "
                "where nobody can tell.",
                "s",
                (8, 8),
                "unknown",
            ),
            Query(highest(ours("mirrord_repair_eta_seconds"), "collection"), "whole in"),
        ),
    )


def _measured() -> tuple[AnyPanel, ...]:
    return (
        lines(
            Frame(
                "Lifetime of a node, duration of a repair",
                "The two means that the expected losses come from: how long a node lasts, and how long a shard stays "
                "below its target. Both start from a stated prior (docs/coverage.md) and follow what is measured.",
                "s",
                (8, 8),
            ),
            Query(lowest(ours("mirrord_node_lifetime_seconds"), "collection"), "lifetime of a node"),
            Query(highest(ours("mirrord_repair_duration_seconds"), "collection"), "duration of a repair"),
        ),
        number(
            Frame(
                "Lost and repaired",
                "Nodes that vanished and repairs that ended in the time that this page shows, and the years of nodes "
                "that were watched, as the daemon knows them that saw most.",
                "short",
                (4, 8),
            ),
            Query(highest(in_range(ours("mirrord_nodes_lost_total")), "collection"), "nodes lost"),
            Query(highest(in_range(ours("mirrord_repairs_total")), "collection"), "repairs"),
            Query(
                f"{highest(in_range(ours('mirrord_nodes_observed_seconds_total')), 'collection')} / 31557600",
                "node-years watched",
            ),
        ),
        lines(
            Frame(
                "Expected losses, over time",
                "The model's number over time. It rises when copies or repair are lost, long before a shard is.",
                "short",
                (6, 8),
            ),
            Query(highest(ours("mirrord_expected_shard_losses"), "collection"), "shards a year"),
            decimals=6,
        ),
        lines(
            Frame(
                "Open claims",
                "Shards that nodes are about to fetch or fetch now. None while copies are missing: nobody has room, or "
                "everybody refuses.",
                "short",
                (6, 8),
            ),
            Query(highest(ours("mirrord_claims_open"), "collection"), "claims"),
        ),
    )


def _outside() -> tuple[AnyPanel, ...]:
    ours_with_a_copy = added(
        highest(ours("mirrord_shards", kind="claimed", replicas="!0"), "band", "replicas"),
    )
    seeded = highest(ours("mirrord_outside_shards", seeders="~1|2|3\\\\+"), "source", "seeders")
    classes = highest(ours("mirrord_outside_shards"), "source", "seeders")
    return (
        lines(
            Frame(
                "Ours, and what others seed",
                "Shards with a claimed copy of ours, beside shards that plain BitTorrent clients seem to seed, by who "
                "said so. These are hearsay: nobody verifies them, they may go tomorrow, and no plan counts on them.",
                "short",
                (6, 8),
                "nobody asked trackers or the DHT yet",
            ),
            Query(ours_with_a_copy, "ours, claimed"),
            Query(added(seeded, "source"), "outside, says the {{source}}"),
        ),
        lines(
            Frame(
                "Shards by seeders outside",
                "How many seeders outside mirrord a tracker or the DHT names for our shards; unknown before anybody "
                "answered. The DHT lists whoever takes part, whole or not: an upper bound.",
                "short",
                (6, 8),
                "nobody asked trackers or the DHT yet",
            ),
            Query(classes, "{{source}}: {{seeders}}"),
        ),
        number(
            Frame(
                "Lost here, said to be elsewhere",
                "Shards without a claimed copy of ours that somebody outside mirrord is said to have. Fetch them while "
                "that is so: ask the curator for their torrents, download, and 'mirrord shard adopt'.",
                "short",
                (4, 8),
                "nobody asked trackers or the DHT yet",
            ),
            Query(highest(ours("mirrord_outside_only_shards"), "source"), "{{source}}"),
            thresholds=marks.none_is_good(),
        ),
    )


def _outside_questions() -> tuple[AnyPanel, ...]:
    oldest = lowest(ours("mirrord_outside_oldest_answer_timestamp_seconds"), "source")
    return (
        lines(
            Frame(
                "Age of the oldest answer",
                "How old the oldest of these answers is. They are asked for slowly, out of politeness: hours are "
                "normal.",
                "s",
                (4, 8),
                "no answer yet",
            ),
            Query(f"time() - {oldest}", "{{source}}"),
        ),
        lines(
            Frame(
                "Questions and failures",
                "Questions that daemons asked trackers and the DHT, and those that nobody answered; the busiest "
                "daemon.",
                "reqps",
                (4, 8),
                "nobody asked trackers or the DHT yet",
            ),
            Query(highest(per_second(select("mirrord_outside_lookups_total")), "source"), "{{source}}"),
            Query(highest(per_second(select("mirrord_outside_failures_total")), "source"), "{{source}}, failed"),
        ),
    )


def _agreement() -> tuple[AnyPanel, ...]:
    # Fingerprints are values: daemons that know the same have the same one, so what counts is how many there are.
    fingerprints = f'count_values by (collection) ("fingerprint", {ours("mirrord_collection_fingerprint")})'
    covered = ours("mirrord_coverage_ratio", weight="bytes", kind="$kind")
    return (
        number(
            Frame(
                "Different opinions",
                "How many different tables the daemons have: 1 means that all know the same. While announcements "
                "travel there are more for a moment; for hours, a daemon is cut off: see the Network dashboard.",
                "short",
                (6, 7),
            ),
            Query(f"count by (collection) ({fingerprints})"),
            thresholds=marks.steps(marks.GREEN, (2, marks.YELLOW)),
        ),
        lines(
            Frame(
                "Disagreement about coverage",
                "How far the daemons differ in the part of the bytes that is covered: the highest minus the lowest. "
                "Over 2 % for hours: one of them does not hear the others.",
                "percentunit",
                (10, 7),
                NO_AUDITS_YET,
            ),
            Query(f"{highest(covered, 'replicas')} - {lowest(covered, 'replicas')}", "{{replicas}}"),
            thresholds=marks.steps(marks.GREEN, (0.02, marks.ORANGE)),
        ),
        lines(
            Frame(
                "Announcements known",
                "How many nodes' announcements the daemons have: the best and the least informed one. The lines should "
                "be one.",
                "short",
                (8, 7),
            ),
            Query(highest(ours("mirrord_collection_records"), "collection"), "most"),
            Query(lowest(ours("mirrord_collection_records"), "collection"), "fewest"),
        ),
    )
