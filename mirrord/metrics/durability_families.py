"""Metrics of what may come of a collection: lifetimes, repairs, expected losses, failure domains."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import Metric

from mirrord.core.statistics import DomainRisk, Durability
from mirrord.metrics.families import Named, counter, gauge


def durability_families(known: Sequence[Named]) -> Iterator[Metric]:
    """Yield the families of the collections whose manifest is here; what nobody knows has no series."""
    yield from _measured(known)
    yield from _expected(known)
    yield from _domains(known)


def _measured(known: Sequence[Named]) -> Iterator[Metric]:
    measures = [(label, each.measures) for label, each in known]
    yield gauge(
        "mirrord_node_lifetime_seconds",
        "How long a node lasts in the mean: measured, beginning from a stated prior.",
        ("collection",),
        (((label,), each.node_lifetime_seconds) for label, each in measures),
    )
    yield counter(
        "mirrord_nodes_lost",
        "Nodes whose copies stopped counting although they had not left.",
        ("collection",),
        (((label,), each.nodes_lost) for label, each in measures),
    )
    yield counter(
        "mirrord_nodes_observed_seconds",
        "Time for which nodes were seen to count, of all nodes together.",
        ("collection",),
        (((label,), each.observed_seconds) for label, each in measures),
    )
    yield gauge(
        "mirrord_repair_duration_seconds",
        "How long a shard stays below its target in the mean: measured, beginning from a stated prior.",
        ("collection",),
        (((label,), each.repair_seconds) for label, each in measures),
    )
    yield counter(
        "mirrord_repairs",
        "Shards that came back to their target.",
        ("collection",),
        (((label,), each.repairs) for label, each in measures),
    )
    yield gauge(
        "mirrord_repair_bytes_per_second",
        "How fast missing replicas appear, over the whole network; absent before anything was measured.",
        ("collection",),
        (((label,), each.repair_bytes_per_second) for label, each in measures),
    )


def _expected(known: Sequence[Named]) -> Iterator[Metric]:
    def of_each(name: str, text: str, number: Callable[[Durability], float | None]) -> Metric:
        return gauge(name, text, ("collection",), (((label,), number(each.durability)) for label, each in known))

    yield of_each(
        "mirrord_repair_eta_seconds",
        "When every shard has its target, if repairs go on as measured; absent where nobody can tell.",
        lambda durability: durability.repair_eta_seconds,
    )
    yield of_each(
        "mirrord_expected_shard_losses",
        "Shards that the model expects to be lost within a year; those without any replica count as lost.",
        lambda durability: durability.expected_shard_losses,
    )


def _domains(known: Sequence[Named]) -> Iterator[Metric]:
    risks = [(label, risk) for label, each in known for risk in each.durability.domains]

    def of_each(name: str, text: str, number: Callable[[DomainRisk], float]) -> Metric:
        return gauge(
            name, text, ("collection", "domain"), (((label, risk.kind), number(risk)) for label, risk in risks)
        )

    yield of_each(
        "mirrord_largest_domain_ratio",
        "The part of the bytes of all replicas that is with the largest operator, subnet, ASN or country.",
        lambda risk: risk.share,
    )
    yield of_each("mirrord_largest_domain_nodes", "The nodes of that domain.", lambda risk: risk.nodes)
    yield of_each(
        "mirrord_largest_domain_lost_shards",
        "Shards that would have no replica left without that domain.",
        lambda risk: risk.lost_shards,
    )
    yield of_each("mirrord_largest_domain_lost_bytes", "The bytes of these shards.", lambda risk: risk.lost_bytes)
    yield of_each(
        "mirrord_largest_domain_below_target_shards",
        "Shards that would be below their target without that domain.",
        lambda risk: risk.below_target_shards,
    )
