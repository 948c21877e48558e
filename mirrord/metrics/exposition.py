"""One page of metrics, made from one snapshot; pure but for the process's own figures.

Nothing is remembered between two pages: a number that cannot be had now is absent, never old.
"""

import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mirrord.core.statistics import NetworkStatistics, Statistics, Transfer
from mirrord.metrics.collection_families import collection_families
from mirrord.metrics.network_families import limit_families, network_families
from mirrord.metrics.node_families import (
    audit_families,
    counter_families,
    engine_families,
    node_families,
    peer_families,
)
from mirrord.metrics.outside_families import outside_counter_families

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one page is made from."""

    statistics: Statistics
    network: NetworkStatistics
    engine: Transfer


@dataclass(frozen=True, slots=True)
class About:
    """What a page says of itself: ``errors`` is how many could not be made, ``every_shard`` what is on it."""

    version: str
    errors: int = 0
    every_shard: bool = False


class SnapshotCollector(Collector):
    """The families of one snapshot; ``started`` is ``time.perf_counter()`` from before it was taken."""

    def __init__(self, snapshot: Snapshot, about: About, started: float) -> None:
        self._snapshot = snapshot
        self._about = about
        self._started = started

    def collect(self) -> Iterable[Metric]:
        """Yield every family, this page's own duration last."""
        statistics, network = self._snapshot.statistics, self._snapshot.network
        yield GaugeMetricFamily(
            "mirrord_snapshot_timestamp_seconds", "When the snapshot of this page was taken.", statistics.at
        )
        yield from node_families(statistics.node)
        yield from peer_families(statistics.by_liveness)
        yield from collection_families(statistics.collections, self._about.every_shard)
        yield from audit_families()
        yield from engine_families(self._snapshot.engine, statistics.node.given_up_bytes)
        yield from network_families(network)
        yield from counter_families(statistics.counters)
        yield from outside_counter_families(statistics.counters)
        yield from limit_families(statistics.counters.limits_reached, network.limits_reached)
        yield from _own_families(self._about, failed=False)
        yield GaugeMetricFamily(
            "mirrord_scrape_duration_seconds",
            "Taking the snapshot and making this page of it, the writing of the text left out.",
            time.perf_counter() - self._started,
        )


class FailureCollector(Collector):
    """What can still be said where no snapshot could be had, or nothing could be made of it."""

    def __init__(self, about: About) -> None:
        self._about = about

    def collect(self) -> Iterable[Metric]:
        """Yield the daemon's own families, and that the rest is missing."""
        yield from _own_families(self._about, failed=True)


def _own_families(about: About, *, failed: bool) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "mirrord_scrape_failed", "1 if everything but the process's own figures is missing from this page.", failed
    )
    yield CounterMetricFamily("mirrord_scrape_errors", "Pages that could not be made.", about.errors)
    build = GaugeMetricFamily("mirrord_build_info", "What runs here; always 1.", labels=("version", "python"))
    build.add_metric((about.version, platform.python_version()), 1)
    yield build
    yield from ProcessCollector(registry=None).collect()


def write_page(collector: Collector) -> bytes:
    """Return a collector's families in the text format; CPU-bound, so run it in a thread."""
    return generate_latest(collector)
