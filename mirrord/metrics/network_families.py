"""Metrics of the connections to peers, and of the limits that bite."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mirrord.core.statistics import NetworkStatistics


def network_families(network: NetworkStatistics) -> Iterator[Metric]:
    """Yield what crosses the wire, and how connections begin and fail."""
    sessions = GaugeMetricFamily(
        "mirrord_network_sessions", "Open sessions, by who called whom.", labels=("direction",)
    )
    sessions.add_metric(("accepted",), network.sessions_accepted)
    sessions.add_metric(("dialled",), network.sessions_open - network.sessions_accepted)
    yield sessions
    for name, text, number in (
        ("sessions_slowed", "Sessions that wait because their peers are over their budget.", network.sessions_slowed),
        ("handshakes_pending", "Accepted connections that are not sessions yet.", network.handshakes_pending),
        ("dials_pending", "Dials under way.", network.dials_pending),
        ("queued_bytes", "Bytes that wait for peers to read them.", network.queued_bytes),
        ("budgets_tracked", "Keys and networks whose use of this node is remembered.", network.budgets_tracked),
    ):
        yield GaugeMetricFamily(f"mirrord_{name}", text, number)
    for name, text, number in (
        ("network_received_bytes", "TCP payload from peers, with TLS and its handshakes.", network.received_bytes),
        ("network_sent_bytes", "TCP payload to peers, with TLS and its handshakes.", network.sent_bytes),
        ("dials_begun", "Dials begun.", network.dials_begun),
        ("protocol_breaches", "Sessions ended because the peer sent what is no message.", network.protocol_breaches),
        ("accept_failures", "Times that accepting failed for want of descriptors or memory.", network.accept_failures),
    ):
        yield CounterMetricFamily(f"mirrord_{name}", text, number)
    failed = CounterMetricFamily(
        "mirrord_handshakes_failed", "Connections that never became sessions, by reason.", labels=("reason",)
    )
    for reason, count in network.handshakes_failed.items():
        failed.add_metric((reason,), count)
    yield failed


def limit_families(*reached: Mapping[str, int]) -> Iterator[Metric]:
    """Yield how often each limit has bitten; ``reached`` is by the limit's name, in whatever case."""
    family = CounterMetricFamily(
        "mirrord_limit_reached", "Times that a limit has bitten, by its name in core/limits.py.", labels=("limit",)
    )
    counts = {name.lower(): count for some in reached for name, count in some.items()}
    for name, count in sorted(counts.items()):
        family.add_metric((name,), count)
    yield family
