"""``mirrord simulate``: what it says, what it refuses, and that it can be stopped."""

import importlib.util
import json
import os
import pty
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path

import pytest

import mirrord.simulation.engine
from mirrord.cli.main import main
from mirrord.cli.simulation_report import verdict
from mirrord.simulation.engine import run
from mirrord.simulation.policy import policy_names
from mirrord.simulation.result import Result
from mirrord.simulation.scenarios import SCENARIOS
from mirrord.simulation.telling import LINE_SECONDS, PlainLines
from mirrord.simulation.wishes import Wishes
from tests.command_line import COMMAND, ROOT, clean_environment

SMALL = ("simulate", "heal-5", "--nodes", "40", "--shards", "30", "--copies", "3")
SMALL_WISHES = Wishes("heal-5", nodes=40, shards=30, copies=3)


def simulate_json(capsys: pytest.CaptureFixture[str], *line: str) -> dict[str, object]:
    main([*SMALL, *line, "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert isinstance(facts, dict)
    return facts


# --- what it says -------------------------------------------------------------------------------------------


def test_the_summary_stands_beside_the_oracle_and_the_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(SMALL)) == 0
    out, err = capsys.readouterr()
    heading = next(line for line in out.splitlines() if "oracle" in line)
    assert heading.split() == ["figure", "mirrord", "oracle", "bound"]
    for words in ("40 nodes, 30 shards, target 3", "seed 1", "all at target after", "waste", "Gini of fill"):
        assert words in out
    assert out.rstrip().splitlines()[-1].startswith("All at target after ")
    assert err == ""


def test_the_json_has_every_field_and_nothing_else_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    facts = simulate_json(capsys)
    assert set(facts) == {"schema", "oracle"} | {field.name for field in fields(Result)}
    assert facts["schema"] == 1
    oracle = facts["oracle"]
    assert isinstance(oracle, dict) and oracle["policy"] == "oracle"
    assert facts["oracle_hours_to_target"] == oracle["hours_to_target"] is not None


def test_one_seed_is_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (simulate_json(capsys, "--seed", seed) for seed in ("7", "7", "8"))
    assert first["event_log_sha256"] == again["event_log_sha256"] != other["event_log_sha256"]
    different = {name for name in first if first[name] != again[name]}
    assert different <= {"wall_seconds", "oracle"}


def test_without_the_oracle_nothing_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    facts = simulate_json(capsys, "--no-oracle")
    assert facts["oracle"] is facts["oracle_hours_to_target"] is None
    assert main([*SMALL, "--no-oracle"]) == 0
    assert "oracle" not in capsys.readouterr().out


def test_every_scenario_and_policy_is_listed_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--list"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line]
    said = {words[0]: words[1] for words in lines}
    assert set(said) == {"scenario", "policy", "gossip", *SCENARIOS, *policy_names()}
    assert main(["simulate", "--list", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {entry["name"]: entry["summary"] for entry in facts["scenarios"]} == {name: said[name] for name in SCENARIOS}
    assert [entry["name"] for entry in facts["policies"]] == list(policy_names())


def test_a_run_that_ends_short_of_its_target_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--hours", "0.5"]) == 3
    assert "below target after 0.5 h" in capsys.readouterr().out


def test_a_broken_rule_is_exit_code_1_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(
        run(SMALL_WISHES), violations=2, violation_examples=("hour 1.00: node 3 fetches beyond its pledge",)
    )
    monkeypatch.setattr(mirrord.simulation.engine, "run", lambda *_: broken)
    assert main(list(SMALL)) == 1
    assert "2 rules broken, the first in hour 1.00: node 3" in capsys.readouterr().out


def test_the_verdict_says_why_a_target_is_out_of_reach() -> None:
    result = run(Wishes("heal-5", nodes=40, shards=30, copies=3, hours=0.5))
    full = replace(result, bounds=replace(result.bounds, copies_max=2))
    assert "the pledges hold at most 2 copies of all" in verdict(full, None).plain
    left = replace(
        result, withdrawn_copies_left=1, series=(replace(result.series[-1], below_target=0),), hours_to_target=None
    )
    assert verdict(left, None).plain.startswith("1 copy of withdrawn shards left")


# --- the picture --------------------------------------------------------------------------------------------


def test_a_picture_is_drawn_as_its_ending_says(tmp_path: Path) -> None:
    assert main([*SMALL, "--plot", str(tmp_path / "run.png")]) == 0
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG\r\n")
    for name in ("a.svg", "b.SVG"):
        assert main([*SMALL, "--plot", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.SVG").read_bytes()
    texts = {element.text for element in ElementTree.parse(tmp_path / "a.svg").iter() if element.tag.endswith("text")}
    assert {"heal-5, decided by mirrord", "Replicas", "rarest shard, oracle"} <= texts


@pytest.fixture
def never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("this may not be found out after a long run only")

    monkeypatch.setattr(mirrord.simulation.engine, "run", fail)


@pytest.mark.usefixtures("never_runs")
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("run.gif", "no picture can be drawn for the ending '.gif'"),
        ("run", "no picture can be drawn for the ending ''"),
        ("nowhere/run.svg", "No such file or directory"),
        ("folder.svg", "cannot be written"),
        ("file/run.svg", "Not a directory"),
    ],
)
def test_a_picture_that_cannot_be_is_refused_before_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").touch()
    assert main([*SMALL, "--plot", str(tmp_path / file)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and "\nhint: " in err
    assert {path.name for path in tmp_path.iterdir()} == {"folder.svg", "file"}


@pytest.mark.usefixtures("never_runs")
@pytest.mark.parametrize(("package", "what"), [("matplotlib", "a plot"), ("scipy", "a simulation")])
def test_a_missing_package_is_said_with_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, what: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else object())
    assert main([*SMALL, "--plot", str(tmp_path / "run.svg")]) == 2
    said = f"error: {what} needs {package}, which is not installed\nhint: pip install 'mirrord[simulation]'\n"
    assert capsys.readouterr() == ("", said)


# --- what it refuses ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("never_runs")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "`mirrord simulate --list` shows them"),
        ("heal5", "did you mean heal-5?"),
        ("bootstrp", "did you mean bootstrap?"),
        ("heal-5 --policy orcale", "did you mean oracle?"),
        ("heal-5 --policy xyzzy", "one of: mirrord, "),
        ("heal-5 --nodes 0", "--nodes"),
        ("heal-5 --nodes -5", "--nodes"),
        ("heal-5 --nodes many", "--nodes"),
        ("heal-5 --nodes 100001", "--nodes"),
        ("heal-5 --shards 0", "--shards"),
        ("heal-5 --shards 100001", "--shards"),
        ("heal-5 --copies 0", "--copies"),
        ("heal-5 --copies 41 --nodes 40", "40 nodes cannot hold 41 copies"),
        ("heal-5 --nodes 20", "20 nodes have no room for 8 copies of 3,000 shards"),
        ("bootstrap --nodes 20", "20 nodes have no room for 9 copies of 3,000 shards"),
        ("heal-5 --nodes 100000 --shards 100000", "do not fit into memory"),
        ("heal-5 --seed -1", "--seed"),
        ("heal-5 --seed one", "--seed"),
        ("heal-5 --seed 9223372036854775808", "--seed"),
        ("heal-5 --staleness 5", "'5' is not an age"),
        ("heal-5 --staleness 1m", "'1m' is not an age"),
        ("single-shard --staleness gossip", "views of one age"),
        ("heal-5 --known 0", "cannot know 0"),
        ("heal-5 --known 1.5", "cannot know 1.5"),
        ("heal-5 --loss 1", "a loss of 1"),
        ("heal-5 --hours 0", "0 hours"),
        ("heal-5 --hours nan", "nan hours"),
        ("heal-5 heal-15", "unexpected extra argument"),
    ],
)
def test_a_wrong_line_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert main(["simulate", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and said in err
    assert len(err.splitlines()) == 2 and err.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("text", "view"), [("15min", "15 min"), ("1h", "1 h"), ("90s", "1.5 min"), ("0.5 h", "30 min")]
)
def test_an_age_has_a_unit(capsys: pytest.CaptureFixture[str], text: str, view: str) -> None:
    facts = simulate_json(capsys, "--staleness", text, "--hours", "0.5", "--no-oracle")
    assert facts["view"] == f"{view} old"


# --- while it runs ------------------------------------------------------------------------------------------


def test_elsewhere_than_on_a_terminal_a_line_is_said_now_and_then() -> None:
    now = 0.0
    stream = StringIO()
    telling = PlainLines(stream, lambda: now)
    for second in range(int(3 * LINE_SECONDS)):
        now = float(second)
        telling.far(second / 100, f"hour {second}")
    assert stream.getvalue().splitlines() == [
        " 10%  hour 10, about 90 s left",
        " 20%  hour 20, about 80 s left",
    ]


def test_ctrl_c_ends_a_run_at_once_and_quietly() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "simulate", "churn-45d", "--json"],
        cwd=ROOT,
        env=clean_environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while b"hour" not in shown:  # it shows how far it is, so it runs
        shown += os.read(ours, 65_536)
    asked_at = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert time.monotonic() - asked_at < 2.0
    assert process.returncode == 130
    assert out == ""
    while b"\x1b[?25h" not in shown:  # the cursor is back
        shown += os.read(ours, 65_536)
    os.close(ours)
    assert b"Traceback" not in shown
