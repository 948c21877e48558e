"""One job in a process of its own: atheris makes inputs, guided by what they reach in mirrord, and a target takes them.

An exception is written down, once for each place that raised it, and the job goes on.  A hang or a process that
grows past its bound is libFuzzer's to end.
"""

import argparse
import hashlib
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import atheris

with atheris.instrument_imports(include=["mirrord", "h11"]):
    from tests.fuzz.campaign import INPUT_MAX_SECONDS, RSS_MAX_MIB
    from tests.fuzz.mutation import mutate
    from tests.fuzz.seeds import seeds_of
    from tests.fuzz.target import Target
    from tests.fuzz.targets import TARGETS

_REPORTS: Final = 20
"""How often a job says how far it is."""


@dataclass(slots=True)
class Harness:
    """Feeds one target, counts, and keeps what goes wrong."""

    target: Target
    planned: int
    findings: Path
    inputs: int = 0
    taken: int = 0
    began_at: float = field(default_factory=time.process_time)
    seen: set[str] = field(default_factory=set)

    def __call__(self, data: bytes) -> None:
        """Take one input of libFuzzer's."""
        try:
            self.taken += self.target.take(data)
        except Exception as error:
            self._write_down(data, error)
        self.inputs += 1
        if self.inputs % max(1, self.planned // _REPORTS) == 0:
            processor_ms = round(1000 * (time.process_time() - self.began_at))
            say(inputs=self.inputs, taken=self.taken, processor_ms=processor_ms)

    def _write_down(self, data: bytes, error: Exception) -> None:
        raised = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(raised.filename).name}:{raised.lineno}"
        if place in self.seen:
            return
        self.seen.add(place)
        folder = self.findings / self.target.label
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / hashlib.sha256(data).hexdigest()[:16]
        path.write_bytes(data)
        say(finding=str(path), what=f"{place}: {str(error)[:200]}")


def mutator(target: Target) -> Callable[[bytes, int, int], bytes]:
    """Return how new inputs are made of old ones: a message by its fields, anything else by its bytes."""
    start = target.protobuf_at

    def change(data: bytes, max_bytes: int, seed: int) -> bytes:
        if start is None:
            return atheris.Mutate(data, max_bytes)
        head, message = data[:start], data[start:]
        return head + mutate(message, max_bytes - len(head), Random(seed), atheris.Mutate)

    return change


def say(**what: object) -> None:
    """Tell the parent, a line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run one job; libFuzzer ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("label")
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--findings", type=Path, required=True)
    asked = parser.parse_args()
    target = TARGETS[asked.label]
    corpus, findings = asked.corpus / target.label, asked.findings / target.label
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for data in () if any(corpus.iterdir()) else seeds_of(target):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)  # as libFuzzer names them
    flags = {
        "runs": asked.inputs,
        "seed": asked.seed,
        "max_len": target.input_max_bytes,
        "timeout": INPUT_MAX_SECONDS,
        "rss_limit_mb": RSS_MAX_MIB,
        "print_final_stats": 1,
        "artifact_prefix": f"{findings}/",
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{name}={value}" for name, value in flags.items()), str(corpus)],
        Harness(target, asked.inputs, asked.findings),
        custom_mutator=mutator(target),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
