"""Feeds what a fuzzer found interesting to its target again and again, without the fuzzer: memory must not grow.

Inside atheris this cannot be told, as its own tracing of comparisons loses memory (measured with 3.0: 1,400 blocks
an input of the session machine, all of them numbers and bytes that no object of Python refers to).
"""

import argparse
import gc
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hypothesis.internal.conjecture.data import STRUCTURAL_COVERAGE_CACHE

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUTS_MAX: Final = 20_000
SECONDS_MAX: Final = 20.0
"""For the rounds that are measured; the one before them fills every cache."""

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Growth:
    """How many inputs were fed after the first round, and what they left behind.

    ``blocks_grown`` are blocks of Python's allocator, ``rss_grown_kib`` is what the kernel counts, C code included;
    ``slowest_ms`` is the processor time of the slowest input of the first round.
    """

    replayed: int
    blocks_grown: int
    rss_grown_kib: int
    slowest_ms: int


def measure(target: Target, inputs: list[bytes]) -> Growth:
    """Feed all inputs once, then as many rounds as fit, and compare."""
    slowest = max((_timed(target, data) for data in inputs), default=0.0)
    blocks, rss_bytes = _memory()
    replayed, began = 0, time.monotonic()
    while inputs and replayed < INPUTS_MAX and time.monotonic() < began + SECONDS_MAX:
        for data in inputs:
            target.take(data)
        replayed += len(inputs)
    blocks_now, rss_now = _memory()
    return Growth(replayed, blocks_now - blocks, (rss_now - rss_bytes) // 1024, round(1000 * slowest))


def _timed(target: Target, data: bytes) -> float:
    began = time.process_time()
    target.take(data)
    return time.process_time() - began


def _memory() -> tuple[int, int]:
    # Hypothesis keeps a tag for each strategy that it ever drew from, also for those made for one input: 1,100 blocks
    # a round of the session machine's 250 inputs (measured), and none of them ours.
    STRUCTURAL_COVERAGE_CACHE.clear()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return sys.getallocatedblocks(), pages * _PAGE_BYTES


def main() -> None:
    """Measure one target over its corpus and say so in a line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("label")
    parser.add_argument("--corpus", type=Path, required=True)
    asked = parser.parse_args()
    paths = sorted((asked.corpus / asked.label).iterdir())[:INPUTS_MAX]
    growth = measure(TARGETS[asked.label], [path.read_bytes() for path in paths])
    sys.stdout.write(json.dumps(asdict(growth)) + "\n")


if __name__ == "__main__":
    main()
