"""Metrics of this node, of the other nodes it knows, and of what it has done."""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mirrord.core.errors import RejectReason
from mirrord.core.events import AddressSource
from mirrord.core.statistics import Counters, Finding, Liveness, NodeStatistics, Totals, Transfer


def node_families(node: NodeStatistics) -> Iterator[Metric]:
    """Yield the families of this node."""
    nodes = GaugeMetricFamily("mirrord_nodes", "Nodes by liveness, in this node's opinion.", labels=("liveness",))
    nodes.add_metric((Liveness.ALIVE.value,), node.nodes_alive)
    nodes.add_metric((Liveness.AWAY.value,), node.nodes_away)
    nodes.add_metric((Liveness.GONE.value,), node.nodes_gone)
    yield nodes
    yield GaugeMetricFamily("mirrord_pledge_bytes", "What the operator gives.", node.pledge_bytes)
    yield GaugeMetricFamily(
        "mirrord_used_bytes", "Holdings and fetches together; never above the pledge.", node.used_bytes
    )
    yield GaugeMetricFamily(
        "mirrord_disk_free_bytes", "What the file system of the data folder still offers.", node.disk_free_bytes
    )
    yield GaugeMetricFamily(
        "mirrord_fetching_paused", "1 while nothing is fetched (the disk is full), else 0.", bool(node.fetching_paused)
    )
    if node.clock_offset_seconds is not None:
        yield GaugeMetricFamily(
            "mirrord_clock_offset_seconds",
            "By how much this machine's clock is ahead of the median peer's; absent with too few peers to tell.",
            node.clock_offset_seconds,
        )
    yield GaugeMetricFamily(
        "mirrord_clock_wrong",
        "1 while nothing is announced because this machine's clock is wrong, else 0.",
        node.clock_wrong,
    )
    yield GaugeMetricFamily(
        "mirrord_key_elsewhere",
        "1 while another machine announces itself with this node's key, else 0.",
        node.key_elsewhere,
    )
    yield GaugeMetricFamily(
        "mirrord_equivocators",
        "Nodes that are proved to have contradicted themselves and do not count.",
        node.equivocators,
    )
    yield GaugeMetricFamily("mirrord_stopping", "1 while the daemon stops, else 0.", node.stopping)
    yield GaugeMetricFamily(
        "mirrord_gossip_period_seconds", "A round of anti-entropy is begun this often.", node.gossip_period_seconds
    )
    yield GaugeMetricFamily("mirrord_sessions", "Open sessions with peers.", node.sessions)
    own = GaugeMetricFamily(
        "mirrord_own_addresses", "Addresses of this node, by what peers that dialled back found.", labels=("finding",)
    )
    for finding in Finding:
        own.add_metric((finding.value,), sum(address.finding is finding for address in node.own_addresses))
    yield own
    yield GaugeMetricFamily("mirrord_known_addresses", "Addresses of peers in the address book.", node.known_addresses)
    yield GaugeMetricFamily(
        "mirrord_proved_addresses", "Those of them where a node has spoken with this one.", node.proved_addresses
    )


def peer_families(by_liveness: Mapping[Liveness, Totals]) -> Iterator[Metric]:
    """Yield what the peers pledge and have free, by liveness; never a series for each peer."""
    pledged = GaugeMetricFamily(
        "mirrord_peers_pledge_bytes", "What all peers give together, by liveness.", labels=("liveness",)
    )
    free = GaugeMetricFamily(
        "mirrord_peers_free_bytes", "What all peers say is free of their pledges, by liveness.", labels=("liveness",)
    )
    for liveness, totals in by_liveness.items():
        pledged.add_metric((liveness.value,), totals.pledge_bytes)
        free.add_metric((liveness.value,), totals.free_bytes)
    yield pledged
    yield free


AUDIT_OUTCOMES: Final = ("passed", "failed", "offline", "contained", "unknown")
_NO_AUDITS: Final = "This version does not audit yet."


def audit_families() -> Iterator[Metric]:
    """Yield what audits found: nothing, as long as there are none."""
    yield GaugeMetricFamily(
        "mirrord_auditing", f"1 where peers are asked to prove their holdings, else 0. {_NO_AUDITS}", 0
    )
    audits = CounterMetricFamily("mirrord_audits", f"Audits by outcome. {_NO_AUDITS}", labels=("outcome",))
    for outcome in AUDIT_OUTCOMES:
        audits.add_metric((outcome,), 0)
    yield audits


def engine_families(engine: Transfer, given_up_bytes: int) -> Iterator[Metric]:
    """Yield what the engine moved, and what of it in vain."""
    yield CounterMetricFamily(
        "mirrord_fetch_bytes", "Payload that came from swarm members, good or not.", engine.downloaded_bytes
    )
    wasted = CounterMetricFamily(
        "mirrord_fetch_wasted_bytes",
        "Payload that came in vain: it did not hash right, was here already, or its fetch was given up.",
        labels=("reason",),
    )
    wasted.add_metric(("bad",), engine.failed_bytes)
    wasted.add_metric(("redundant",), engine.redundant_bytes)
    wasted.add_metric(("given_up",), given_up_bytes)
    yield wasted
    yield CounterMetricFamily("mirrord_upload_bytes", "Payload sent to swarm members.", engine.uploaded_bytes)
    yield GaugeMetricFamily(
        "mirrord_dht_nodes",
        "Nodes in the routing tables of the DHT; 0 while it is off or not reached.",
        engine.dht_nodes,
    )


def counter_families(counters: Counters) -> Iterator[Metric]:
    """Yield what happened since the start of the process."""
    for name, text, number in (
        ("claims_made", "Claims announced.", counters.claims_made),
        ("claims_won", "Claims that settled and became fetches.", counters.claims_won),
        ("claims_yielded", "Claims withdrawn because enough better ones stood.", counters.claims_yielded),
        ("fetches_finished", "Fetches that became holdings.", counters.fetches_finished),
        ("fetches_failed", "Fetches that the engine gave up.", counters.fetches_failed),
        ("holdings_failed", "Holdings in which a re-read found bad pieces.", counters.holdings_failed),
        ("holdings_released", "Holdings given up because the network has enough others.", counters.holdings_released),
        ("announcements_published", "Announcements signed.", counters.announcements_published),
        ("records_accepted", "Records of peers that changed something.", counters.records_accepted),
        ("gossip_rounds", "Anti-entropy exchanges begun.", counters.gossip_rounds),
        ("gossip_rounds_answered", "Anti-entropy exchanges that peers began.", counters.gossip_rounds_answered),
        ("gossip_rounds_agreed", "Those of them in which both knew the same.", counters.gossip_rounds_agreed),
        ("sessions_opened", "Sessions opened, from either side.", counters.sessions_opened),
        ("sessions_ended_at_fault", "Sessions ended for a fault of the peer.", counters.sessions_ended_at_fault),
        ("dials_failed", "Dials that nobody answered as a peer.", counters.dials_failed),
        ("blobs_fetched", "Manifests and torrents fetched from peers.", counters.blobs_fetched),
    ):
        yield CounterMetricFamily(f"mirrord_{name}", text, number)
    rejected = CounterMetricFamily(
        "mirrord_records_rejected", "Records of peers that changed nothing, by reason.", labels=("reason",)
    )
    for reason in RejectReason:
        rejected.add_metric((reason.value,), (counters.records_rejected or {}).get(reason, 0))
    yield rejected
    found = CounterMetricFamily(
        "mirrord_addresses_found", "Addresses of peers that were new, by who told us.", labels=("source",)
    )
    for source in AddressSource:
        found.add_metric((source.value,), counters.addresses_found.get(source, 0))
    yield found
