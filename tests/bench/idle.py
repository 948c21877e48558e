"""What a daemon costs while nothing happens: memory, and a part of a core."""

import time
from collections.abc import Iterator
from typing import Final

from tests.bench.bench import Bench, say
from tests.bench.figures import Figure, Reach
from tests.bench.processes import cpu_seconds, resident_mb

_SETTLING_SECONDS: Final = 20
_WINDOW_SECONDS: Final = 30


def measure(bench: Bench) -> Iterator[Figure]:
    node = bench.idle_node
    say(f"idle: {_SETTLING_SECONDS} s to settle, then {_WINDOW_SECONDS} s of doing nothing")
    time.sleep(_SETTLING_SECONDS)
    used, began = cpu_seconds(node.pid), time.monotonic()
    time.sleep(_WINDOW_SECONDS)
    share = (cpu_seconds(node.pid) - used) / (time.monotonic() - began)
    yield Figure("idle daemon, 3,000 shards: memory", resident_mb(node.pid), "MB RSS", Reach(80, at_most=True))
    yield Figure("idle daemon, 3,000 shards: core", 100 * share, "%", Reach(1, at_most=True))
