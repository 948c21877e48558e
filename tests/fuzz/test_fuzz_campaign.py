"""`make fuzz` itself: every input has a target, whatever goes wrong is told, and no finding is lost."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.campaign import JOB_MAX_INPUTS, Job, Outcome, is_clean, plan, report
from tests.fuzz.replay import measure
from tests.fuzz.seeds import seeds_of
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
LIBFUZZER = [
    "#524288\tpulse  cov: 80 ft: 126 corp: 30/1702b lim: 560 exec/s: 9000 rss: 189Mb",
    "#1000\tDONE   cov: 84 ft: 130 corp: 35/1702b lim: 560 exec/s: 9000 rss: 190Mb",
    "stat::number_of_executed_units: 1000",
    "stat::peak_rss_mb:              190",
]


def target(take: object = lambda data: True) -> Target:
    return Target(family="a", name="b", take=take, valid=st.just(b"x"))  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [1_000, 9_999_999, 10_000_000])
def test_a_plan_gives_out_every_input_and_forgets_no_target(inputs: int) -> None:
    jobs = plan(list(TARGETS.values()), inputs)
    assert sum(job.inputs for job in jobs) == inputs
    assert {job.label for job in jobs} == set(TARGETS)
    assert all(0 < job.inputs <= JOB_MAX_INPUTS for job in jobs)


def test_what_a_worker_says_becomes_figures() -> None:
    outcome = Outcome("a/b")
    said = [json.dumps({"inputs": 950, "taken": 400, "processor_ms": 2_000}), *LIBFUZZER]
    outcome.add(Job("a/b", 1_000), 0, said)
    outcome.add(Job("a/b", 1_000), 0, said)
    assert (outcome.inputs, outcome.taken, outcome.inputs_per_second) == (2_000, 800, 500.0)
    assert (outcome.edges, outcome.corpus, outcome.rss_max_mib) == (84, 35, 190)
    assert is_clean([outcome])


def test_an_exception_a_hang_and_growth_are_findings() -> None:
    outcome = Outcome("a/b")
    outcome.add(Job("a/b", 10), 0, [json.dumps({"finding": "f/1", "what": "KeyError at x.py:1: 7"}), *LIBFUZZER])
    outcome.add(Job("a/b", 10), 70, ["Test unit written to f/timeout-2"])
    outcome.add(Job("a/b", 10), -9, [])
    outcome.add_replay(
        0, [json.dumps({"replayed": 9, "blocks_grown": 99_999, "rss_grown_kib": 1, "slowest_ms": 5_000})]
    )
    assert set(outcome.findings) == {"f/1", "f/timeout-2", "the worker ended with -9", "blocks_grown", "slowest_ms"}
    assert not is_clean([outcome])
    assert all(place in report([outcome]) for place in outcome.findings)


def test_a_job_that_ended_early_is_not_clean() -> None:
    outcome = Outcome("a/b")
    outcome.add(Job("a/b", 2_000), 0, LIBFUZZER)
    assert not outcome.findings
    assert not is_clean([outcome])


def test_a_leak_shows_where_inputs_are_replayed() -> None:
    kept: list[bytes] = []

    def leak(data: bytes) -> bool:
        kept.append(data + b"!")
        return True

    assert measure(target(leak), [b"%d" % number for number in range(2_000)]).blocks_grown > 15_000
    assert abs(measure(target(), [b"x"] * 2_000).blocks_grown) < 1_000


@pytest.mark.parametrize("label", TARGETS)
def test_a_corpus_begins_with_something_that_fits(label: str) -> None:
    seeds = list(seeds_of(TARGETS[label]))
    assert seeds
    assert len(seeds) == len(set(seeds))
    assert all(len(data) <= TARGETS[label].input_max_bytes for data in seeds)


def test_a_short_campaign_finds_nothing_and_says_so(tmp_path: Path) -> None:
    atheris = ROOT / "build" / "fuzz" / "atheris"
    if not atheris.is_dir() and importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: `make fuzz` does that")
    flags = ["--inputs=2000", "--workers=1", "--seed=1", "--target=wire/message", "--target=text/size"]
    paths = os.pathsep.join([str(ROOT), str(atheris)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "findings: 0" in done.stdout
    assert (tmp_path / "build" / "fuzz" / "report.json").is_file()
