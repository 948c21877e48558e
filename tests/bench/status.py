"""What ``mirrord status`` costs, from the start of its process to its end."""

import os
import statistics
from collections.abc import Iterator
from typing import Final

from tests.bench.bench import Bench
from tests.bench.figures import Figure, Reach
from tests.integration.daemon.running_nodes import RunningNode

_ROUNDS: Final = 9
_DEGRADED: Final = 3
"""Its exit code where a shard has too few copies; of the synthetic collection's shards none has one."""


def measure(bench: Bench) -> Iterator[Figure]:
    node = bench.idle_node
    seconds = statistics.median(_process_seconds(node) for _ in range(_ROUNDS))
    yield Figure("mirrord status, 3,000 shards: process time", seconds, "s", Reach(0.25, at_most=True))


def _process_seconds(node: RunningNode) -> float:
    before = os.times()
    ended = node.command("status")
    after = os.times()
    assert ended.code == _DEGRADED, ended.err
    return after.children_user + after.children_system - before.children_user - before.children_system
