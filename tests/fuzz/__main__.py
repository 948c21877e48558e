"""`make fuzz`: hostile inputs for every decoder and for the session machine, in a process a core.

Prints a table at the end and fails where an exception was not ours, an input hung, or memory grew.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from tests.fuzz.campaign import Job, Outcome, as_json, is_clean, plan, report
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUTS: Final = 10_000_000
FOLDER: Final = Path("build") / "fuzz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign, or one input of an earlier one; return the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.reproduce is not None:
        return _reproduce(asked.reproduce)
    chosen = _choose(asked.target)
    jobs = plan(chosen, asked.inputs)
    outcomes = {target.label: Outcome(target.label) for target in chosen}
    ends_at = time.monotonic() + 60 * asked.minutes
    # Each thread only waits for its worker, which is a process.
    with ThreadPoolExecutor(asked.workers) as pool:
        for future in as_completed([pool.submit(_run, job, asked.seed + n, ends_at) for n, job in enumerate(jobs)]):
            job, exit_code, said, seconds = future.result()
            if said:
                outcomes[job.label].add(job, exit_code, said)
                done = sum(outcome.inputs for outcome in outcomes.values())
                findings = len(outcomes[job.label].findings)
                progress = f"{job.label}: {job.inputs:,} in {seconds:.0f} s, {findings} findings"
                sys.stderr.write(f"{done:>12,} of {asked.inputs:,}  {progress}\n")
        for outcome, (exit_code, said) in zip(outcomes.values(), pool.map(_replay, outcomes), strict=True):
            outcome.add_replay(exit_code, said)
    results = list(outcomes.values())
    (FOLDER / "report.json").write_text(as_json(results), encoding="utf-8")
    sys.stdout.write(report(results) + "\n")
    return 0 if is_clean(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of all targets together")
    parser.add_argument("--target", action="append", default=[], help="a family or a target; may be repeated")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing after so long")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same inputs again")
    parser.add_argument("--reproduce", type=Path, help="a file below findings/: feed it to its target once")
    return parser


def _choose(names: Sequence[str]) -> list[Target]:
    chosen = [t for t in TARGETS.values() if not names or t.label in names or t.family in names]
    if not chosen:
        raise SystemExit(f"no such target; there are {', '.join(TARGETS)}")
    return chosen


def _run(job: Job, seed: int, ends_at: float) -> tuple[Job, int, list[str], float]:
    """Run a worker to its end; return its exit code, all lines that it said (none: not begun), and how long it took."""
    began = time.monotonic()
    if began > ends_at:
        return job, 0, [], 0.0
    flags = (f"--inputs={job.inputs}", f"--seed={seed}", f"--findings={FOLDER / 'findings'}")
    exit_code, said = _python("tests.fuzz.worker", job.label, *flags)
    return job, exit_code, said, time.monotonic() - began


def _replay(label: str) -> tuple[int, list[str]]:
    """Measure what the corpus of a target leaves behind; return the exit code and all that was said."""
    return _python("tests.fuzz.replay", label)


def _python(module: str, label: str, *flags: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", module, label, f"--corpus={FOLDER / 'corpus'}", *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace").splitlines()


def _reproduce(path: Path) -> int:
    """Let a target take one input without any fuzzer, so that its exception shows whole."""
    target = TARGETS[f"{path.parent.parent.name}/{path.parent.name}"]
    sys.stdout.write("taken\n" if target.take(path.read_bytes()) else "refused\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
