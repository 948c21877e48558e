"""What `make fuzz` does, in plain numbers: which target gets how many inputs, and what came of it."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz.target import Target

JOB_MAX_INPUTS: Final = 250_000
"""A job is one process; several share a target's corpus, and none is so long that the others wait for it."""

RSS_MAX_MIB: Final = 1_024
"""libFuzzer keeps the corpus in memory, Python the program: 250 MiB together (measured)."""

INPUT_MAX_SECONDS: Final = 60
"""An input takes milliseconds; what takes this long hangs, on a busy machine too."""

GROWTH_MAX_BLOCKS: Final = 20_000
"""Blocks of Python's allocator that up to 20,000 replayed inputs may leave: less than one each.  Caches leave 5,000."""

GROWTH_MAX_KIB: Final = 32 * 1_024
"""The same as the kernel counts it, C code and fragments included: 2 MiB (measured)."""

INPUT_MAX_MS: Final = 1_000
"""Of processor time, for a replayed input outside the fuzzer; 300 for a whole siege (measured)."""

_STATISTIC: Final = re.compile(r"^stat::(\w+):\s+(\d+)$")
_COVERAGE: Final = re.compile(r"\bcov: (\d+)\b.*\bcorp: (\d+)")
_KEPT: Final = re.compile(r"Test unit written to (\S+)")
_EXIT_REASONS: Final = {70: "an input hung", 71: "memory grew past its bound", 77: "the process died"}
_SHOWN_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Job:
    """So many inputs for one target, in one process."""

    label: str
    inputs: int


def plan(targets: Sequence[Target], inputs: int) -> list[Job]:
    """Share inputs out by weight, each target at least one, and cut them into jobs, every target's first job first."""
    total = sum(target.weight for target in targets)
    shares = {target.label: max(1, inputs * target.weight // total) for target in targets}
    heaviest = max(targets, key=lambda target: target.weight).label
    shares[heaviest] += max(0, inputs - sum(shares.values()))  # what rounding left over
    jobs = []
    for label, share in shares.items():
        count = -(-share // JOB_MAX_INPUTS)
        jobs += [(number, Job(label, share // count + (number < share % count))) for number in range(count)]
    return [job for _, job in sorted(jobs, key=lambda each: each[0])]


@dataclass(slots=True)
class Outcome:
    """What became of one target, of all its jobs together.

    ``edges`` is libFuzzer's count of branches reached; ``growth`` is what :mod:`tests.fuzz.replay` measured.
    ``findings`` are files (or, where there is none, a word for it), each with what went wrong.
    """

    label: str
    planned: int = 0
    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0
    edges: int = 0
    corpus: int = 0
    rss_max_mib: int = 0
    growth: dict[str, int] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def inputs_per_second(self) -> float:
        """How fast it went, by the time of one processor."""
        return self.inputs / self.seconds if self.seconds else 0.0

    def add(self, job: Job, exit_code: int, said: Sequence[str]) -> None:
        """Take in all that a worker said: lines of JSON of its own, and libFuzzer's."""
        self.planned += job.inputs
        told: dict[str, int] = {}
        for line in said:
            if line.startswith("{"):
                self._hear(json.loads(line), told)
            elif found := _STATISTIC.match(line):
                told[found[1]] = int(found[2])
            elif found := _COVERAGE.search(line):
                self.edges, self.corpus = max(self.edges, int(found[1])), max(self.corpus, int(found[2]))
        self.inputs += max(told.get("number_of_executed_units", 0), told.get("inputs", 0))
        self.taken += told.get("taken", 0)
        self.seconds += told.get("processor_ms", 0) / 1000
        self.rss_max_mib = max(self.rss_max_mib, told.get("peak_rss_mb", 0))
        if exit_code:
            what = _EXIT_REASONS.get(exit_code, f"the worker ended with {exit_code}")
            kept = [found[1] for line in said if (found := _KEPT.search(line))]
            self.findings[kept[-1] if kept else what] = "\n".join([what, *said[-_SHOWN_LINES:]])

    def add_replay(self, exit_code: int, said: Sequence[str]) -> None:
        """Take in what replaying the corpus came to."""
        if exit_code:
            self.findings["replay"] = "\n".join(said[-_SHOWN_LINES:])
            return
        self.growth = json.loads(said[-1])
        bounds = {"blocks_grown": GROWTH_MAX_BLOCKS, "rss_grown_kib": GROWTH_MAX_KIB, "slowest_ms": INPUT_MAX_MS}
        for what, most in bounds.items():
            if self.growth[what] > most:
                self.findings[what] = f"{self.growth[what]:,}, at most {most:,} are allowed"

    def _hear(self, told: dict[str, object], sums: dict[str, int]) -> None:
        if "finding" in told:
            self.findings[str(told["finding"])] = str(told["what"])
        else:
            sums |= {key: value for key, value in told.items() if isinstance(value, int)}


_COLUMNS: Final = (
    *(("inputs", 12), ("taken", 7), ("inputs/s", 10), ("edges", 7), ("corpus", 8)),
    *(("MiB", 6), ("blocks", 8), ("KiB", 8), ("ms", 6)),
)
_LABEL_WIDTH: Final = 34


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the table and the findings, as people read them.

    MiB is the most memory of a fuzzing process; blocks and KiB are what replaying the corpus left behind, and ms
    what the slowest input in it took.
    """
    lines = [_row("target", [name for name, _ in _COLUMNS])]
    for each in outcomes:
        grown = [each.growth.get(what, 0) for what in ("blocks_grown", "rss_grown_kib", "slowest_ms")]
        figures = (round(each.inputs_per_second), each.edges, each.corpus, each.rss_max_mib, *grown)
        taken = f"{each.taken / each.inputs:.0%}" if each.inputs else "-"
        lines.append(_row(each.label, [f"{each.inputs:,}", taken, *(f"{figure:,}" for figure in figures)]))
    inputs, findings = sum(each.inputs for each in outcomes), sum(len(each.findings) for each in outcomes)
    lines.append(_row("all", [f"{inputs:,}"]) + f"   findings: {findings}")
    for each in outcomes:
        for place, what in each.findings.items():
            lines.append(f"\n{each.label}: {what}\n  {place}")
            if Path(place).is_file():
                lines.append(f'  again: make fuzz ARGS="--reproduce {place}"')
    return "\n".join(lines)


def _row(label: str, cells: Sequence[str]) -> str:
    widths = (width for _, width in _COLUMNS)
    return f"{label:<{_LABEL_WIDTH}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Return the same for machines."""
    return json.dumps({"targets": [asdict(each) for each in outcomes]}, indent=1) + "\n"


def is_clean(outcomes: Sequence[Outcome]) -> bool:
    """Whether every planned input was run and none found anything."""
    return all(not each.findings and each.inputs >= each.planned for each in outcomes)
