"""The lower half of the Network dashboard: claims, waste, trouble, and how peers find each other."""

from deploy.grafana import marks
from deploy.grafana.panels import AnyPanel, Frame, Query, bars, lines, number
from deploy.grafana.promql import added, highest, in_range, largest, per_second, select


def claims() -> tuple[AnyPanel, ...]:
    """Return how the claims of the watched daemons went."""
    wasted = added(per_second(select("mirrord_fetch_wasted_bytes_total")), "instance")
    fetched = f"({per_second(select('mirrord_fetch_bytes_total'))} > 0)"
    return (
        lines(
            Frame(
                "Claims made, won, yielded",
                "A second, in the mean of the watched daemons. Many more yielded than won: too many call at once, and "
                "news travels too slowly.",
                "ops",
                (8, 8),
            ),
            *(
                Query(f"avg({per_second(select(f'mirrord_claims_{deed}_total'))})", deed)
                for deed in ("made", "won", "yielded")
            ),
        ),
        lines(
            Frame(
                "Wasted part of what is fetched",
                "What came for nothing (bad, redundant, given up), as a part of what a daemon fetched: in the mean and "
                "at the worst. Above a tenth for long: who sends garbage, or why are fetches given up?",
                "percentunit",
                (8, 8),
                "nothing is fetched",
            ),
            Query(f"avg({wasted} / on (instance) {fetched})", "mean"),
            Query(f"max({wasted} / on (instance) {fetched})", "worst"),
            thresholds=marks.steps(marks.GREEN, (0.1, marks.ORANGE)),
        ),
        lines(
            Frame(
                "Open claims, by collection",
                "Shards that nodes are about to fetch or fetch now, over the whole network.",
                "short",
                (8, 8),
            ),
            Query(highest(select("mirrord_claims_open"), "collection"), "{{collection}}"),
        ),
    )


def trouble() -> tuple[AnyPanel, ...]:
    """Return what went wrong, and whose fault it is."""
    limits = highest(in_range(select("mirrord_limit_reached_total")), "limit")
    return (
        number(
            Frame(
                "Equivocators",
                "Nodes that are proved to have contradicted themselves. Their copies do not count; nothing is to be "
                "done.",
                "short",
                (4, 8),
            ),
            Query(highest(select("mirrord_equivocators"))),
            thresholds=marks.none_is_good(),
        ),
        lines(
            Frame(
                "Handshakes failed, by reason",
                "Connections that never became sessions, a second, at the daemon that had most. For hours: somebody "
                "floods the port; a firewall can stop it earlier.",
                "ops",
                (10, 8),
            ),
            Query(highest(per_second(select("mirrord_handshakes_failed_total")), "reason"), "{{reason}}"),
        ),
        bars(
            Frame(
                "Limits that bite",
                "How often limits were reached in the time shown, at the daemon where most: the ten most frequent. "
                "docs/operating.md says for each what it means.",
                "short",
                (10, 8),
                "none was reached",
            ),
            Query(largest(f"{limits} > 0"), "{{limit}}"),
        ),
    )


def strain() -> tuple[AnyPanel, ...]:
    """Return what peers cost this machine, and where it is short of something."""
    return (
        lines(
            Frame(
                "Sessions slowed, bytes queued",
                "Sessions that wait because their peers are over their budget, at the daemon that has most.",
                "short",
                (8, 8),
            ),
            Query(highest(select("mirrord_sessions_slowed")), "slowed"),
            Query(highest(select("mirrord_handshakes_pending")), "handshakes pending"),
        ),
        lines(
            Frame(
                "Bytes that wait for peers",
                "What is queued for peers that do not read, by daemon: the ten with most. Of all of them at once: this "
                "line's upload is full.",
                "decbytes",
                (8, 8),
            ),
            Query(largest(select("mirrord_queued_bytes")), "{{instance}}"),
        ),
        lines(
            Frame(
                "Faults of peers",
                "Sessions ended for a fault of the peer, messages that were none, and connections that failed for want "
                "of descriptors or memory (that is our own machine), a second, at the daemon that had most.",
                "ops",
                (8, 8),
            ),
            Query(highest(per_second(select("mirrord_sessions_ended_at_fault_total"))), "at fault"),
            Query(highest(per_second(select("mirrord_protocol_breaches_total"))), "breaches"),
            Query(highest(per_second(select("mirrord_accept_failures_total"))), "accept failed"),
        ),
    )


def discovery() -> tuple[AnyPanel, ...]:
    """Return how daemons find peers, and reach them."""
    return (
        lines(
            Frame(
                "New addresses, by source",
                "Addresses of peers that were new, a second, by who told of them; the daemon that learned most.",
                "ops",
                (6, 8),
            ),
            Query(highest(per_second(select("mirrord_addresses_found_total")), "source"), "{{source}}"),
        ),
        lines(
            Frame(
                "DHT nodes, by daemon",
                "Nodes of the DHT that a daemon knows: the ten with fewest. 0 for long means that UDP does not get "
                "out.",
                "short",
                (6, 8),
            ),
            Query(f"bottomk(10, {select('mirrord_dht_nodes')})", "{{instance}}"),
        ),
        lines(
            Frame(
                "Dials begun and failed",
                "A second, in the mean of the watched daemons. Nodes that left are dialled in vain for a while.",
                "ops",
                (6, 8),
            ),
            Query(f"avg({per_second(select('mirrord_dials_begun_total'))})", "begun"),
            Query(f"avg({per_second(select('mirrord_dials_failed_total'))})", "failed"),
        ),
    )


def reach() -> tuple[AnyPanel, ...]:
    """Return whether daemons are connected, and reached."""
    return (
        lines(
            Frame(
                "Sessions, by daemon",
                "Open sessions: the ten daemons with fewest. 0 is a daemon that hears nothing.",
                "short",
                (6, 8),
            ),
            Query(f"bottomk(10, {select('mirrord_sessions')})", "{{instance}}"),
        ),
        lines(
            Frame(
                "Daemons that are reached",
                "Watched daemons by what peers that dialled back found at their addresses. Where nobody is reached "
                "from outside, nobody new gets in.",
                "short",
                (12, 7),
            ),
            Query(f"count by (finding) ({select('mirrord_own_addresses')} > 0)", "{{finding}}"),
        ),
        lines(
            Frame(
                "Addresses known and proved",
                "How many addresses of peers the daemon knows that knows most, and at how many of them somebody "
                "answered.",
                "short",
                (12, 7),
            ),
            Query(highest(select("mirrord_known_addresses")), "known"),
            Query(highest(select("mirrord_proved_addresses")), "proved"),
        ),
    )
