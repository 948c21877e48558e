"""What the daemon spends on one scrape of its metrics, and how long its loop waits meanwhile."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from tests.bench.bench import Bench, say
from tests.bench.figures import Figure, Reach
from tests.bench.processes import cpu_seconds
from tests.command_line import ROOT

_SCRAPES: Final = 50
"""Enough for the kernel's clock ticks of 10 ms."""

_NODES: Final = 10_000
_LARGE_SCRAPES: Final = 15


def measure(bench: Bench) -> Iterator[Figure]:
    node = bench.idle_node
    node.metrics()
    before = cpu_seconds(node.pid)
    for _ in range(_SCRAPES):
        node.metrics()
    milliseconds = 1000 * (cpu_seconds(node.pid) - before) / _SCRAPES
    yield Figure("one scrape, 3,000 shards: daemon's core", milliseconds, "ms CPU", Reach(20, at_most=True))
    yield from _of(3_000, 20, 5, with_bytes=True)
    yield from _of(100_000, 150, 20)
    all_series = _scraped(3_000, "all")
    yield Figure("one scrape, all series of 3,000 shards", 1_000 * all_series["cpu"], "ms CPU", _at_most(100))


def _of(shards: int, cpu_ms: float, pause_ms: float, *, with_bytes: bool = False) -> Iterator[Figure]:
    found = _scraped(shards)
    name = f"one scrape, {shards:,} shards, {_NODES:,} nodes"
    yield Figure(name, 1_000 * found["cpu"], "ms CPU", _at_most(cpu_ms))
    worst, baseline = _median_ms(found["pauses"]), 1_000 * found["baseline"]
    yield Figure(f"{name}: loop's pause", worst, "ms", _at_most(pause_ms), baseline, "ms without scrapes")
    yield Figure(f"{name}: the longest of all", 1_000 * max(found["pauses"]), "ms")
    if with_bytes:
        yield Figure(f"{name}: page", found["bytes"] / 1_000, "kB", _at_most(100))
        yield Figure(f"{name}: series", found["series"], "series", _at_most(600))


def _at_most(value: float) -> Reach:
    return Reach(value, at_most=True)


def _median_ms(seconds: list[float]) -> float:
    return 1_000 * statistics.median(seconds)


def _scraped(shards: int, *which: str) -> dict[str, Any]:
    say(f"scrape: {_NODES:,} nodes, {shards:,} shards {' '.join(which)}")
    command = [sys.executable, "-m", "tests.bench.scraped_node", str(shards), str(_NODES), str(_LARGE_SCRAPES), *which]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
