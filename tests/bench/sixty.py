"""Sixty daemons on one machine: how soon they all agree, and what each costs once there is nothing to do."""

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final

from mirrord.core.limits import KIB, MIB
from tests.bench.bench import Bench, say
from tests.bench.figures import Figure, Reach
from tests.bench.processes import cpu_seconds, resident_mb
from tests.integration.daemon.agreement import join_all, wait_until_alike, wait_until_one, wait_until_safe
from tests.integration.daemon.running_nodes import RunningNode
from tests.integration.daemon.small_collection import build, open_shop

_NODES: Final = 60
_SHARDS: Final = 12
_COPIES: Final = 3
_TIMING: Final = "lan"
"""Agrees within a minute, and costs several times what the default, which is for volunteers' lines, costs."""

_WAIT_SECONDS: Final = 600.0
_SETTLING_SECONDS: Final = 30
_WINDOW_SECONDS: Final = 60


def measure(bench: Bench) -> Iterator[Figure]:
    collection = build(bench.root, _SHARDS, shard_bytes=64 * KIB, files_each=1, target=_COPIES, name="sixty")
    nodes = _start_gently(bench)
    origin, *others = nodes
    open_shop(origin, collection)
    began = time.monotonic()
    join_all(others, collection.invitation(origin))
    say("sixty: all have joined; waiting until they agree")
    wait_until_one(nodes, _WAIT_SECONDS)
    yield Figure("60 daemons: every announcement everywhere", time.monotonic() - began, "s")
    wait_until_safe(nodes, _SHARDS, _WAIT_SECONDS)
    wait_until_alike(nodes, _WAIT_SECONDS)
    yield Figure("60 daemons: same copies counted, all there", time.monotonic() - began, "s")
    yield from _idle_figures(nodes)
    for node in nodes:
        node.stop()


def _start_gently(bench: Bench) -> Sequence[RunningNode]:
    """Start one daemon after the other: sixty at once would all be slow on few cores."""
    nodes = []
    for number in range(_NODES):
        node = bench.nodes.make(f"sixty-{number:02}", 2 * MIB)
        node.configure(timing=_TIMING)
        nodes.append(node.start())
        if (number + 1) % 10 == 0:
            say(f"sixty: {number + 1} of {_NODES} daemons run")
    return nodes


def _idle_figures(nodes: Sequence[RunningNode]) -> Iterator[Figure]:
    say(f"sixty: {_SETTLING_SECONDS} s to settle, then {_WINDOW_SECONDS} s of doing nothing")
    time.sleep(_SETTLING_SECONDS)
    before, began = [cpu_seconds(node.pid) for node in nodes], time.monotonic()
    time.sleep(_WINDOW_SECONDS)
    seconds = time.monotonic() - began
    shares = [(cpu_seconds(node.pid) - used) / seconds for node, used in zip(nodes, before, strict=True)]
    memory = [resident_mb(node.pid) for node in nodes]
    yield Figure("60 daemons, idle: memory of the largest", max(memory), "MB RSS", Reach(80, at_most=True))
    yield Figure("60 daemons, idle: memory, the median", statistics.median(memory), "MB RSS")
    yield Figure("60 daemons, idle: core, each", 100 * sum(shares) / len(shares), "%", Reach(1, at_most=True))
    yield Figure("60 daemons, idle: core, the busiest", 100 * max(shares), "%")
