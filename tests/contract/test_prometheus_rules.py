"""What is deployed for Prometheus: rules that are tested, alerts that somebody can act on, metrics that exist."""

import re
import shutil
import subprocess
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from promql_parser import VectorSelector

from mirrord.cli.app import GROUPS, TOP
from mirrord.cli.main import main
from mirrord.core.statistics import Transfer
from mirrord.metrics.exposition import About, Snapshot, SnapshotCollector
from tests.builders import NETWORK, make_statistics
from tests.dashboards import queries
from tests.promql import aggregations, matchers, selectors

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
LINK = "{{ $externalLabels.mirrord_docs }}docs/runbooks/"
SECTIONS = ["What it means", "How bad", "What to do", "When it resolves"]
SEVERITIES = {"page", "ticket", "info"}
# What Prometheus itself makes for each target.
OF_PROMETHEUS = {"up"}
DEADLINE_SECONDS = 300


def rules() -> list[dict[str, Any]]:
    """Return every rule of every file."""
    files = [yaml.safe_load(path.read_text()) for path in sorted((FOLDER / "rules").glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


@cache
def cases() -> list[dict[str, Any]]:
    """Return every test case of ``promtool test rules``."""
    files = sorted((FOLDER / "tests").glob("*.yml"))
    return [case for path in files for case in yaml.safe_load(path.read_text())["tests"]]


RULES = {rule.get("alert") or rule["record"]: rule for rule in rules()}
ALERTS = {name: rule for name, rule in RULES.items() if "alert" in rule}
RECORDED = {name: rule for name, rule in RULES.items() if "record" in rule}
every_rule = pytest.mark.parametrize("name", RULES)
every_alert = pytest.mark.parametrize("name", ALERTS)


def asked_in(expr: str) -> set[str]:
    """Return the metrics that an expression names, those that rules record among them."""
    return {str(selector.name) for selector, _ in selectors(promql_parser.parse(expr))}


def asked_of_daemons(name: str) -> set[str]:
    """Return the metrics of daemons that a rule rests on, through those that other rules record."""
    found = asked_in(RULES[name]["expr"])
    return {
        metric
        for each in found
        for metric in (asked_of_daemons(each) if each in RECORDED else {each})
        if metric not in RECORDED
    }


@cache
def exported() -> dict[str, frozenset[str]]:
    """Return the labels of everything on a page, by the name that a query uses."""
    statistics = make_statistics()
    node = replace(statistics.node, clock_offset_seconds=0.5)  # absent where too few peers are known
    snapshot = Snapshot(replace(statistics, node=node), NETWORK, Transfer())
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: frozenset(
            getattr(family, "_labelnames", ())
        )
        for family in SnapshotCollector(snapshot, About("0.1.0"), time.perf_counter()).collect()
    }


def run_promtool(*arguments: str, where: Path = FOLDER) -> str:
    """Run promtool, which must find nothing, and return what it said."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run(
        [program, *arguments], cwd=where, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_there_is_something_to_check() -> None:
    assert len(ALERTS) >= 20
    assert len(RECORDED) >= 10
    assert len(rules()) == len(RULES), "two rules of one name"


# --- promtool -------------------------------------------------------------------------------------


def test_promtool_finds_nothing_in_the_rules() -> None:
    files = sorted(str(path) for path in (FOLDER / "rules").glob("*.yml"))
    assert run_promtool("check", "rules", "--lint=all", "--lint-fatal", *files).count("SUCCESS") == len(files)


def test_promtool_finds_nothing_in_the_configuration(tmp_path: Path) -> None:
    """With a target file, as it warns where none is."""
    shutil.copy(FOLDER / "prometheus.yml", tmp_path)
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    (tmp_path / "mirrord").mkdir()
    (tmp_path / "mirrord" / "local.json").write_text('[{"targets": ["nas:7780"]}]')
    said = run_promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", where=tmp_path)
    assert "WARNING" not in said


def test_what_stands_in_comments_works_without_them(tmp_path: Path) -> None:
    """Everything that an operator may want: an Alertmanager, a token, TLS."""
    text = (FOLDER / "prometheus.yml").read_text()
    options = re.compile(r"^(\s*)# (?=\s*(?:- )?[a-z_]+:(?:\s|$))", re.MULTILINE)
    bare = options.sub(r"\1", text).replace("/etc/prometheus/", f"{tmp_path}/")
    (tmp_path / "prometheus.yml").write_text(bare)
    for name in ("mirrord-token", "mirrord-ca.pem"):
        (tmp_path / name).write_text("")
    job = yaml.safe_load(bare)["scrape_configs"][0]
    assert job["scheme"] == "https"
    assert job["tls_config"].keys() == {"ca_file"}
    assert job["authorization"].keys() == {"credentials_file"}
    assert yaml.safe_load(bare)["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:9093"]
    run_promtool("check", "config", "--syntax-only", "prometheus.yml", where=tmp_path)


@pytest.mark.parametrize("file", sorted(path.name for path in (FOLDER / "tests").glob("*.yml")))
def test_the_cases_hold(file: str) -> None:
    run_promtool("test", "rules", f"tests/{file}")


# --- the cases ------------------------------------------------------------------------------------


def cases_of(alert: str, kind: str) -> list[dict[str, Any]]:
    """Return the good or the bad cases of an alert, by their names."""
    return [case for case in cases() if case["name"].startswith(f"{alert}: {kind}: ")]


@every_alert
def test_an_alert_has_a_case_in_which_it_does_not_fire(name: str) -> None:
    found = cases_of(name, "good")
    assert found
    assert not [test for case in found for test in case["alert_rule_test"] if test["exp_alerts"]]


@every_alert
def test_an_alert_has_a_case_in_which_it_waits_fires_and_resolves(name: str) -> None:
    found = cases_of(name, "bad")
    assert found
    for case in found:
        fires = [bool(test["exp_alerts"]) for test in case["alert_rule_test"]]
        assert True in fires, case["name"]
        assert not fires[-1], f"{case['name']}: it has to resolve"
        assert {test["alertname"] for test in case["alert_rule_test"]} == {name}
    assert any(not case["alert_rule_test"][0]["exp_alerts"] for case in found), "no case shows that it waits"


@every_alert
def test_the_cases_of_an_alert_have_what_it_asks_for(name: str) -> None:
    """A good case without the series in question would be good whatever the alert says."""
    for kind in ("good", "bad"):
        shown = {
            str(promql_parser.parse(series["series"]).name)
            for case in cases_of(name, kind)
            for series in case["input_series"]
        }
        assert asked_of_daemons(name) <= shown


@every_alert
def test_a_case_shows_what_people_read(name: str) -> None:
    fired = [
        alert for case in cases_of(name, "bad") for test in case["alert_rule_test"] for alert in test["exp_alerts"]
    ]
    for alert in fired:
        assert alert["exp_annotations"].keys() == ALERTS[name]["annotations"].keys()
        text = " ".join(alert["exp_annotations"].values())
        assert not re.search(r"\{\{|<no value>|%!|\de\+|<error", text), text


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_rule_has_a_case_with_a_value(name: str) -> None:
    asked = {
        metric
        for case in cases()
        for test in case.get("promql_expr_test", ())
        if test["exp_samples"]
        for metric in asked_in(test["expr"])
    }
    assert name in asked


# --- what rules ask -------------------------------------------------------------------------------


@every_rule
def test_a_rule_asks_for_what_is_exported(name: str) -> None:
    for selector, _ in selectors(promql_parser.parse(RULES[name]["expr"])):
        metric = str(selector.name)
        if metric not in RECORDED and metric not in OF_PROMETHEUS:
            assert metric in exported()
            assert matchers(selector).keys() <= exported()[metric] | {"job", "instance"}


@every_rule
def test_no_rule_adds_up_daemons(name: str) -> None:
    """Each reports the whole network; within one daemon, which keeps its ``instance``, adding up is fine."""
    for each in aggregations(promql_parser.parse(RULES[name]["expr"])):
        if each.operator in ("sum", "avg"):
            assert each.by is None or "instance" in each.by
    assert not re.search(r"(sum|avg|count) without \([^)]*\b(instance|job)\b", RULES[name]["expr"])


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_recording_rule_is_called_says_what_it_does(name: str) -> None:
    level, _, operation = name.split(":")
    assert level == "mirrord"
    words = {"max": "max by", "min": "min by", "count": "count by", "ratio": "max by", "fall6h": "6h", "fall7d": "7d"}
    assert words[operation] in RECORDED[name]["expr"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_rule_is_used(name: str) -> None:
    texts = [rule["expr"] + " ".join(rule.get("annotations", {}).values()) for rule in rules()]
    texts += [query.expr for query in queries()]
    assert any(re.search(rf"{name}(?![\w:])", text) for text in texts)


def test_selectors_are_found_in_an_expression() -> None:
    """What the tests above look with."""
    assert asked_in('a > 0 and on (x) max_over_time(b:c:d{k="v"}[5m]) == 1') == {"a", "b:c:d"}
    (selector,) = [part for part, _ in selectors(promql_parser.parse('a{k="v", l!="w"}'))]
    assert isinstance(selector, VectorSelector)
    assert matchers(selector) == {"k": ("=", "v"), "l": ("!=", "w")}


# --- what people are told -------------------------------------------------------------------------


@every_alert
def test_an_alert_says_how_urgent_it_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert name.startswith("Mirrord")
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in SEVERITIES
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    description = alert["annotations"]["description"]
    assert "\n" not in description, "folded, so that it is one line"
    assert description.endswith(".")
    assert alert["annotations"]["runbook_url"] == f"{LINK}{runbook_of(name)}"


@every_alert
def test_no_alert_fires_because_a_daemon_was_restarted(name: str) -> None:
    """A restart takes a minute or two; what looks back over a day needs no wait of its own."""
    wait = ALERTS[name].get("for")
    if wait is None:
        assert "[1d]" in ALERTS[name]["expr"]
    else:
        assert re.fullmatch(r"\d+[mhd]", wait)
        assert not wait.endswith("m") or int(wait[:-1]) >= 5


def runbook_of(alert: str) -> str:
    """Return the name of an alert's page: MirrordNoPeers is on no-peers.md."""
    words = re.findall(r"[A-Z][a-z]*", alert.removeprefix("Mirrord"))
    return f"{'-'.join(words).lower()}.md"


@every_alert
def test_an_alert_has_its_runbook(name: str) -> None:
    text = (RUNBOOKS / runbook_of(name)).read_text()
    assert text.startswith(f"# {name}\n\nSeverity: {ALERTS[name]['labels']['severity']}:")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert not [part for part in re.split(r"^## .*$", text, flags=re.MULTILINE) if not part.strip()]
    index = (RUNBOOKS / "README.md").read_text()
    assert f"| [{name}]({runbook_of(name)}) | {ALERTS[name]['labels']['severity']} |" in index


def test_there_is_no_runbook_without_an_alert() -> None:
    assert {path.name for path in RUNBOOKS.glob("*.md")} == {runbook_of(name) for name in ALERTS} | {"README.md"}


def told_commands() -> dict[str, list[str]]:
    """Return every ``mirrord ...`` that a runbook or an alert tells, with where it does."""
    texts = {path.name: path.read_text() for path in RUNBOOKS.glob("*.md")}
    texts |= {name: " ".join(alert["annotations"].values()) for name, alert in ALERTS.items()}
    found: dict[str, list[str]] = {}
    for where, text in texts.items():
        for command in re.findall(r"`mirrord ([^`]+)`", text):
            found.setdefault(command, []).append(where)
    return found


@pytest.mark.parametrize("command", sorted(told_commands()))
def test_a_command_that_is_told_exists_with_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = command.split()
    groups = {group.name: {each.name for each in group.commands} for group in GROUPS}
    line = words[:2] if words[0] in groups else words[:1]
    assert line[-1] in (groups[line[0]] if len(line) == 2 else {each.name for each in TOP})
    assert main([*line, "--help"]) == 0
    helped = capsys.readouterr().out
    assert not [word for word in words if word.startswith("--") and word not in helped]
