"""Metrics of outside seeders: what trackers and the DHT say, verified by nobody and in no other number."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import Metric

from mirrord.core.outside.types import SEEDERS_SHOWN
from mirrord.core.statistics import Counters, OutsideCoverage, OutsideSource
from mirrord.metrics.families import Named, counter, gauge


def outside_families(known: Sequence[Named]) -> Iterator[Metric]:
    """Yield the families of the collections whose manifest is here; a source that is not asked has no series."""
    told = [(label, source.value, said) for label, each in known for source, said in each.outside.items()]
    yield gauge(
        "mirrord_outside_shards",
        "Shards by seeders outside mirrord, as trackers say, or by swarm members, as the DHT says. Unverified.",
        ("collection", "source", "seeders"),
        (
            ((label, source, seeders), shards)
            for label, source, said in told
            for seeders, shards in _classes(said).items()
        ),
    )
    yield gauge(
        "mirrord_outside_only_shards",
        "Shards without a claimed replica that somebody outside mirrord is said to have. Unverified.",
        ("collection", "source"),
        (((label, source), said.only_outside) for label, source, said in told),
    )
    yield gauge(
        "mirrord_outside_oldest_answer_timestamp_seconds",
        "When the oldest of the answers that count here was given; absent before the first.",
        ("collection", "source"),
        (((label, source), said.oldest_answer_at) for label, source, said in told),
    )


def outside_counter_families(counters: Counters) -> Iterator[Metric]:
    """Yield how often somebody was asked; a source that is not asked has no series."""
    yield _by_source(
        "mirrord_outside_lookups",
        "Questions about seeders outside mirrord, by who was asked.",
        counters.outside_lookups,
    )
    yield _by_source(
        "mirrord_outside_failures", "Those of these questions that nobody answered.", counters.outside_failures
    )


def _by_source(name: str, text: str, numbers: Mapping[OutsideSource, int]) -> Metric:
    return counter(name, text, ("source",), (((source.value,), number) for source, number in numbers.items()))


def _classes(said: OutsideCoverage) -> Mapping[str, int]:
    labels = (f"{seeders}+" if seeders == SEEDERS_SHOWN else str(seeders) for seeders in range(SEEDERS_SHOWN + 1))
    return dict(zip(labels, said.by_seeders, strict=True)) | {"unknown": said.unknown}
