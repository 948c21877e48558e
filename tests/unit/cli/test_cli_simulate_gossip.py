"""``mirrord simulate gossip``: what it says and what it refuses."""

import json
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

import mirrord.simulation.gossip.run
from mirrord.cli.gossip_report import gossip_verdict
from mirrord.cli.main import main
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.gossip.run import run_gossip
from mirrord.simulation.gossip.wishes import GossipWishes

SMALL = ("simulate", "gossip", "--nodes", "60", "--periods", "5", "--offline", "0.1")
SMALL_WISHES = GossipWishes(nodes=60, periods=5, offline=0.1)


@pytest.fixture(scope="module")
def result() -> GossipResult:
    return run_gossip(SMALL_WISHES, lambda done, text: None)


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> Callable[[GossipResult], None]:
    def give(result: GossipResult) -> None:
        monkeypatch.setattr(mirrord.simulation.gossip.run, "run_gossip", lambda *_: result)

    return give


def test_the_summary_stands_beside_what_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--hostile", "0.2"]) == 0
    out, err = capsys.readouterr()
    for words in ("60 nodes", "seed 1", "99.9 % after", "≤ 7 periods", "forged records accepted", "bad signature"):
        assert words in " ".join(out.split())
    assert err == ""


def test_the_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts) == {"schema", "scenario"} | {field.name for field in fields(GossipResult)}
    assert (facts["schema"], facts["scenario"], facts["nodes"]) == (1, "gossip", 60)
    assert facts["calm"] is None and facts["slowdown"] is None
    assert facts["periods_to_999"] > 0 and facts["forged_accepted"] == 0


def test_the_default_is_the_network_of_the_promise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], result: GossipResult
) -> None:
    asked: list[GossipWishes] = []
    monkeypatch.setattr(mirrord.simulation.gossip.run, "run_gossip", lambda wishes, _: asked.append(wishes) or result)
    assert main(["simulate", "gossip"]) == 0
    capsys.readouterr()
    (wishes,) = asked
    assert (wishes.nodes, wishes.reachable, wishes.offline, wishes.hostile) == (10_000, 0.3, 0.2, 0.0)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({}, 0, "An ordinary change reaches 99.9 % after"),
        ({"forged_accepted": 1}, 1, "1 forged record accepted"),
        ({"mismatches": 2}, 1, "2 rounds of"),
        ({"periods_to_999": None}, 3, "Not every change"),
        ({"urgent_periods_to_999": None}, 3, "Not every change"),
    ],
)
def test_the_exit_code_says_what_it_came_to(
    capsys: pytest.CaptureFixture[str],
    gives: Callable[[GossipResult], None],
    result: GossipResult,
    change: dict[str, object],
    code: int,
    said: str,
) -> None:
    changed = replace(result, **change)  # type: ignore[arg-type]
    gives(changed)
    assert main(list(SMALL)) == code
    assert said in " ".join(capsys.readouterr().out.split())
    assert said in gossip_verdict(changed).plain


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gossip --nodes 10", "with 10 nodes"),
        ("gossip --nodes 50000", "with 50,000 nodes"),
        ("gossip --periods 1", "1 periods"),
        ("gossip --hostile 1", "hostile share"),
        ("gossip --reachable 0", "are no network"),
        ("gossip --offline 2", "to be offline"),
        ("gossip --exact 0", "share of the exchanges"),
        ("gossip --shards 10", "--shards is about the placement of shards"),
        ("gossip --policy rarest", "--policy is about the placement of shards"),
        ("gossip --plot a.svg", "--plot is about the placement of shards"),
        ("gossip --no-oracle", "--no-oracle is about the placement of shards"),
        ("heal-5 --hostile 0.2", "--hostile is about gossip"),
        ("heal-5 --periods 10", "--periods is about gossip"),
        ("gosip", "did you mean gossip?"),
    ],
)
def test_a_wrong_line_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert main(["simulate", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and said in err
    assert len(err.splitlines()) == 2 and err.splitlines()[1].startswith("hint: ")
