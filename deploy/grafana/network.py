"""The Network dashboard: how does the coordination behave?"""

from deploy.grafana import layout, marks
from deploy.grafana.layout import Page, Section
from deploy.grafana.network_trouble import claims, discovery, reach, strain, trouble
from deploy.grafana.panels import AnyPanel, Frame, Query, lines, number
from deploy.grafana.promql import highest, largest, lowest, per_second, select


def page() -> Page:
    """Return the dashboard."""
    return Page(
        name="network",
        title="mirrord / Network",
        description="Who is there, do the daemons know the same, what does it cost, and who makes trouble?",
        since="now-24h",
        variables=(
            layout.datasource(),
            layout.job(),
            layout.daemons('mirrord_build_info{job=~"$job"}', "Seen by"),
        ),
        sections=(
            Section("Who is there?", _nodes()),
            Section("Do the daemons know the same?", _agreement()),
            Section("Gossip: what the coordination costs", (*_gossip(), *_traffic())),
            Section("Claims: does the placement work?", claims()),
            Section("Trouble: what strangers try, and which limits bite", (*trouble(), *strain())),
            Section("How peers find each other", (*discovery(), *reach())),
        ),
    )


def _nodes() -> tuple[AnyPanel, ...]:
    return (
        number(
            Frame(
                "Alive now",
                "Nodes that announced themselves lately, as the best informed daemon sees it.",
                "short",
                (4, 7),
            ),
            Query(highest(select("mirrord_nodes", liveness="alive"))),
            thresholds=marks.steps(marks.RED, (1, marks.YELLOW), (3, marks.GREEN)),
        ),
        number(
            Frame(
                "Daemons watched",
                "Daemons that this Prometheus reaches, and those that it does not. The network may be much larger: "
                "every one of them reports all of it.",
                "short",
                (4, 7),
            ),
            Query(f"count({select('up')} == 1) or vector(0)", "reached"),
            Query(f"count({select('up')} == 0) or vector(0)", "not reached"),
        ),
        lines(
            Frame(
                "Nodes by liveness",
                "alive: heard of lately. away: silent, its copies still count. gone: silent for weeks. Many that turn "
                "away at once are a storm: a power cut, a broken line, or our own line.",
                "short",
                (8, 7),
            ),
            Query(highest(select("mirrord_nodes"), "liveness"), "{{liveness}}"),
        ),
        lines(
            Frame(
                "Room: pledged and free",
                "What all peers give together and what of it is free, by liveness. No room left among the alive while "
                "shards lack copies: invite nodes.",
                "decbytes",
                (8, 7),
            ),
            Query(highest(select("mirrord_peers_pledge_bytes"), "liveness"), "pledged, {{liveness}}"),
            Query(highest(select("mirrord_peers_free_bytes"), "liveness"), "free, {{liveness}}"),
        ),
    )


def _agreement() -> tuple[AnyPanel, ...]:
    # A fingerprint is a value that is the same where two daemons know the same.
    fingerprints = f'count_values by (collection) ("fingerprint", {select("mirrord_collection_fingerprint")})'
    covered = select("mirrord_coverage_ratio", weight="bytes", replicas="target", kind="claimed")
    alive = select("mirrord_nodes", liveness="alive")
    return (
        lines(
            Frame(
                "Different tables, by collection",
                "How many different sets of records the daemons have: 1 means that all know the same. It rises for as "
                "long as an announcement travels; where it never comes down to few, a daemon is cut off.",
                "short",
                (8, 8),
            ),
            Query(f"count by (collection) ({fingerprints})", "{{collection}}"),
        ),
        lines(
            Frame(
                "Disagreement about coverage",
                "The highest minus the lowest opinion on the part of a collection that has its target. Over 2 % for "
                "hours: one of them reaches too few peers, has a wrong clock, or runs another version.",
                "percentunit",
                (8, 8),
            ),
            Query(f"{highest(covered, 'collection')} - {lowest(covered, 'collection')}", "{{collection}}"),
            thresholds=marks.steps(marks.GREEN, (0.02, marks.ORANGE)),
        ),
        lines(
            Frame(
                "Disagreement about who is alive",
                "The number of alive nodes, as the daemon sees it that sees most, and the one that sees fewest.",
                "short",
                (8, 8),
            ),
            Query(highest(alive), "most"),
            Query(lowest(alive), "fewest"),
        ),
    )


def _gossip() -> tuple[AnyPanel, ...]:
    rounds = per_second(select("mirrord_gossip_rounds_total"))
    agreed = per_second(select("mirrord_gossip_rounds_agreed_total"))
    answered = per_second(select("mirrord_gossip_rounds_answered_total"))
    return (
        lines(
            Frame(
                "Rounds that found nothing new",
                "The part of the anti-entropy rounds that peers began with a daemon in which both turned out to know "
                "the same, in the mean and of the least lucky daemon. High is a network at rest; low while nothing "
                "happens is a fault.",
                "percentunit",
                (8, 8),
                "no rounds yet",
            ),
            Query(f"avg({agreed} / ({answered} > 0))", "mean"),
            Query(f"min({agreed} / ({answered} > 0))", "lowest"),
            largest=1,
        ),
        lines(
            Frame(
                "Rounds, by daemon",
                "Anti-entropy rounds that a daemon began, a second: the ten busiest daemons. One every gossip period "
                "is what it should be.",
                "ops",
                (8, 8),
            ),
            Query(largest(rounds), "{{instance}}"),
        ),
        lines(
            Frame(
                "Gossip period",
                "The time between two rounds of a daemon. All should say the same: another value is another timing "
                "profile, which does not belong in this network.",
                "s",
                (8, 8),
            ),
            Query(highest(select("mirrord_gossip_period_seconds")), "longest"),
            Query(lowest(select("mirrord_gossip_period_seconds")), "shortest"),
        ),
    )


def _traffic() -> tuple[AnyPanel, ...]:
    accepted = per_second(select("mirrord_records_accepted_total"))
    return (
        lines(
            Frame(
                "Bytes received, by daemon",
                "What the coordination costs a line (shards are not in it): the ten daemons that receive most.",
                "Bps",
                (6, 8),
            ),
            Query(largest(per_second(select("mirrord_network_received_bytes_total"))), "{{instance}}"),
        ),
        lines(
            Frame(
                "Bytes sent, by daemon",
                "The same for what is sent. One that sends much more than the others is asked by everybody: do the "
                "others reach each other?",
                "Bps",
                (6, 8),
            ),
            Query(largest(per_second(select("mirrord_network_sent_bytes_total"))), "{{instance}}"),
        ),
        lines(
            Frame(
                "Records accepted",
                "News, a second: announcements and others that changed something, in the mean and at the busiest "
                "daemon.",
                "ops",
                (6, 8),
            ),
            Query(f"avg({accepted})", "mean"),
            Query(f"max({accepted})", "busiest"),
        ),
        lines(
            Frame(
                "Records rejected, by reason",
                "A second, at the daemon that rejected most. stale is normal: news came twice. bad_signature or "
                "malformed for long is a broken or hostile peer; it is counted and dropped.",
                "ops",
                (6, 8),
            ),
            Query(highest(per_second(select("mirrord_records_rejected_total")), "reason"), "{{reason}}"),
        ),
    )
