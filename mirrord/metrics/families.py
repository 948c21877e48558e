"""Families of metrics from plain rows, and the names of collections as labels."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mirrord.core import limits
from mirrord.core.records.ids import CollectionId, to_short_text, to_text
from mirrord.core.statistics import CollectionStatistics

Samples = Iterable[tuple[Sequence[str], float | None]]
"""Label values and a number; a row without a number, which nobody knows, is left out."""

Named = tuple[str, CollectionStatistics]
"""A collection and the value of its label."""


def gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    """Return a family of gauges."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family


def counter(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    """Return a family of counters; ``_total`` is added to its name."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family


def named(collections: Sequence[CollectionStatistics]) -> list[Named]:
    """Return each collection with its label, which is its short id.

    A stranger can make a key whose short id is that of another; then it is the whole one.
    """
    often = Counter(to_short_text(each.collection) for each in collections)
    return [(_label(each.collection, often), each) for each in collections]


def _label(collection: CollectionId, often: Mapping[str, int]) -> str:
    short = to_short_text(collection)
    return short if often[short] == 1 else to_text(collection)


def shown(name: str) -> str:
    """Return a curator's text as a label that is short and has no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[: limits.NAME_MAX_BYTES])
