"""How records travel among 10,000 simulated nodes, honest ones alone and with a fifth that means harm."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

from tests.bench.bench import Bench, say
from tests.bench.figures import Figure, Reach
from tests.command_line import COMMAND, ROOT

_NODES: Final = 10_000
_HOSTILE: Final = 0.2


def measure(_bench: Bench) -> Iterator[Figure]:
    say(f"gossip: {_NODES:,} nodes without and with {_HOSTILE:.0%} hostile ones, some minutes")
    command = [*COMMAND, "simulate", "gossip", "--nodes", str(_NODES), "--hostile", str(_HOSTILE), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=3_600)
    hostile: dict[str, Any] = json.loads(done.stdout)
    yield from _calm(hostile["calm"])
    yield Figure("gossip, 20 % hostile: slower by", hostile["slowdown"], "ratio", Reach(1.5, at_most=True))
    yield Figure("the same: forged records accepted", hostile["forged_accepted"], "records", Reach(0, at_most=True))
    yield Figure("the same: a table grows by a message", hostile["table_growth_max"], "records", Reach(2, at_most=True))


def _calm(found: dict[str, Any]) -> Iterator[Figure]:
    name = "gossip, 10,000 nodes"
    yield Figure(f"{name}: to 99.9 %, mean", found["periods_to_999"], "periods", Reach(7, at_most=True))
    yield Figure("the same, the slowest", found["periods_to_999_worst"], "periods", Reach(7, at_most=True))
    yield Figure(f"{name}: urgent, median", found["urgent_periods_median"], "periods", Reach(2, at_most=True))
    payload = found["payload_bytes_per_second"]
    rate = found["bytes_per_second_per_node"]
    yield Figure(f"{name}: in and out", rate, "B/s", Reach(6_000, at_most=True), payload, "B/s of records alone")
    digest = f"digest exchange, {found['digest_differences']} differences"
    yield Figure(f"{digest}, one way", found["digest_bytes"], "B", Reach(35_000, at_most=True))
    yield Figure("the same with none", found["digest_bytes_equal"], "B", Reach(1_000, at_most=True))
