"""A node of a large network that was never there, with its real metrics server: what a scrape does to its loop.

Run as ``python -m tests.bench.scraped_node SHARDS NODES SCRAPES [all]``; prints one object of JSON.  A task stands
where the daemon's loop does: it wants to run every millisecond, and notes how much later it does.  The reader is a
process of its own, as Prometheus is.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from mirrord.core.statistics import NetworkStatistics, Statistics, Transfer
from mirrord.metrics.server import MetricsOptions, open_metrics_listeners, serve_metrics
from tests.bench.cold_start import Newcomer
from tests.bench.synthetic import announcements

_TICK_SECONDS: Final = 0.001
_BASELINE_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.3
_READER: Final = f"""
import sys, time, urllib.request
for _ in range(int(sys.argv[2])):
    page = urllib.request.urlopen(sys.argv[1]).read()
    time.sleep({_PAUSE_SECONDS})
sys.stdout.buffer.write(page)
"""


@dataclass
class Ticker:
    """How late a task runs that wants to run every millisecond, in seconds: the worst since it was asked last."""

    worst: float = 0.0

    async def tick(self) -> None:
        while True:
            wanted = time.perf_counter() + _TICK_SECONDS
            await trio.sleep(_TICK_SECONDS)
            self.worst = max(self.worst, time.perf_counter() - wanted)

    def take(self) -> float:
        worst, self.worst = self.worst, 0.0
        return worst


@dataclass
class Source:
    """The node as the metrics see it; ``pauses`` are the worst of each scrape and the rest behind it."""

    newcomer: Newcomer
    ticker: Ticker
    pauses: list[float] = field(default_factory=list)

    def statistics(self) -> Statistics:
        self.pauses.append(self.ticker.take())
        return self.newcomer.node.statistics(self.newcomer.now)

    def network(self) -> NetworkStatistics:
        return NetworkStatistics()

    def transfer(self) -> Transfer:
        return Transfer()


async def scrape(newcomer: Newcomer, scrapes: int, every_shard: bool) -> dict[str, object]:
    """Serve that many scrapes, and return what they cost."""
    listeners = await open_metrics_listeners("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/metrics"
    ticker = Ticker()
    source = Source(newcomer, ticker)
    async with trio.open_nursery() as nursery:
        options = MetricsOptions("bench", every_shard=every_shard)
        await nursery.start(partial(serve_metrics, listeners, source, options))
        nursery.start_soon(ticker.tick)
        await _read(url, 2)  # loads what only the first scrape loads
        ticker.take()
        began, used = time.perf_counter(), time.process_time()
        await trio.sleep(_BASELINE_SECONDS)
        idle_share = (time.process_time() - used) / (time.perf_counter() - began)
        baseline = ticker.take()
        began, used = time.perf_counter(), time.process_time()
        page = await _read(url, scrapes + 1)
        cpu = time.process_time() - used - idle_share * (time.perf_counter() - began)
        nursery.cancel_scope.cancel()
    series = sum(line.startswith(b"mirrord_") and b"collection=" in line for line in page.splitlines())
    return {
        "cpu": cpu / (scrapes + 1),
        "pauses": source.pauses[-scrapes:],
        "baseline": baseline,
        "bytes": len(page),
        "series": series,
    }


async def _read(url: str, scrapes: int) -> bytes:
    done = await trio.run_process([sys.executable, "-c", _READER, url, str(scrapes)], capture_stdout=True)
    return bytes(done.stdout)


def main(shards: int, nodes: int, scrapes: int, every_shard: bool) -> None:
    newcomer = Newcomer()
    newcomer.import_manifest(shards)
    newcomer.take_in(list(announcements(nodes, shards)))
    found = trio.run(scrape, newcomer, scrapes, every_shard)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), every_shard=sys.argv[4:] == ["all"])
