"""What the first row of the Collection dashboard says of a collection, asked of Prometheus's own engine."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.dashboards import dashboards, panels, queries

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)
WORDS = {0: "LOSING", 1: "IN DANGER", 2: "REPAIRING", 10: "EMPTY", 11: "AT TARGET", 12: "SAFE"}


def asked(panel: str, kind: str) -> str:
    """Return the query of a panel as Grafana sends it."""
    (expr,) = [query.expr for query in queries() if (query.dashboard, query.panel) == ("collection", panel)]
    for name, value in {"$job": "mirrord", "$instance": ".+", "$collection": "c", "$kind": kind}.items():
        expr = expr.replace(name, value)
    return expr


def series(metric: str, instance: str, value: float, **labels: str) -> dict[str, str]:
    """Return a series of one value; those without a kind are of the node, not of a collection."""
    whole = {"job": "mirrord", "instance": instance, **({"collection": "c"} if labels else {}), **labels}
    shown = ",".join(f'{label}="{text}"' for label, text in whole.items())
    return {"series": f"{metric}{{{shown}}}", "values": str(value)}


def network(*seen: tuple[int, int], auditing: int = 0) -> list[dict[str, str]]:
    """Return what daemons report: each the fewest claimed copies and the shards below target that it sees."""
    found = []
    for number, (fewest, below) in enumerate(seen):
        instance = f"daemon{number}:7780"
        found.append(series("mirrord_auditing", instance, auditing))
        for kind, copies, lacking in (("claimed", fewest, below), ("verified", 0, 7)):
            found.append(series("mirrord_min_replicas", instance, copies, kind=kind))
            found.append(series("mirrord_shards_below_target", instance, lacking, kind=kind))
    return found


def check(folder: Path, expr: str, reported: Sequence[dict[str, str]], expected: Sequence[tuple[str, float]]) -> None:
    """Let promtool evaluate ``expr``; fail unless exactly ``expected`` (labels and value) comes out."""
    samples = [{"labels": labels, "value": value} for labels, value in expected]
    test = {
        "interval": "30s",
        "input_series": list(reported),
        "promql_expr_test": [{"expr": expr, "eval_time": "0s", "exp_samples": samples}],
    }
    path = folder / "verdict.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("fewest", "below", "verdict"),
    [(0, 3, 0), (1, 3, 1), (2, 3, 2), (5, 1, 2), (0, 0, 10), (1, 0, 11), (2, 0, 12), (7, 0, 12)],
)
def test_the_verdict_follows_the_rarest_shard_and_the_target(
    tmp_path: Path, fewest: int, below: int, verdict: int
) -> None:
    check(tmp_path, asked("Verdict", "claimed"), network((fewest, below)), [('{kind="claimed"}', verdict)])


def test_the_most_pessimistic_of_a_hundred_daemons_decides(tmp_path: Path) -> None:
    seen = [(3, 0)] * 98 + [(1, 2), (2, 4)]
    check(tmp_path, asked("Verdict", "claimed"), network(*seen), [('{kind="claimed"}', 1)])
    check(tmp_path, asked("Shards below target", "claimed"), network(*seen), [('{kind="claimed"}', 4)])


@pytest.mark.parametrize("panel", ["Verdict", "Fewest copies", "Shards below target"])
def test_without_audits_nothing_is_said_of_verified_copies(tmp_path: Path, panel: str) -> None:
    check(tmp_path, asked(panel, "verified"), network((3, 0), (3, 0)), [])


def test_with_audits_verified_copies_have_a_verdict(tmp_path: Path) -> None:
    check(tmp_path, asked("Verdict", "verified"), network((3, 0), auditing=1), [('{kind="verified"}', 0)])
    check(tmp_path, asked("Verdict", "claimed"), network((3, 0), auditing=1), [('{kind="claimed"}', 12)])


def test_every_verdict_has_a_word() -> None:
    (panel,) = [panel for panel in panels(dashboards()["collection"]) if panel["title"] == "Verdict"]
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    said = {int(value): result["text"] for value, result in mapping["options"].items()}
    assert mapping["type"] == "value"
    assert sorted(said) == sorted(WORDS)
    assert not [value for value, word in WORDS.items() if not said[value].startswith(word)], json.dumps(said)
