"""What the daemon spends on one scrape of its metrics."""

from collections.abc import Iterator
from typing import Final

from tests.bench.bench import Bench
from tests.bench.figures import Figure
from tests.bench.processes import cpu_seconds

_SCRAPES: Final = 50
"""Enough for the kernel's clock ticks of 10 ms."""


def measure(bench: Bench) -> Iterator[Figure]:
    node = bench.idle_node
    before = cpu_seconds(node.pid)
    for _ in range(_SCRAPES):
        node.metrics()
    milliseconds = 1000 * (cpu_seconds(node.pid) - before) / _SCRAPES
    yield Figure("one scrape, 3,000 shards: daemon's core", milliseconds, "ms")
