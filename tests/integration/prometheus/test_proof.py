"""A real Prometheus watches real daemons lose three nodes and heal: what it would tell an operator, and when."""

import math
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from mirrord.core.records.ids import to_short_text
from tests.dashboards import Query, Variable, queries, variables
from tests.integration.prometheus.deployed import SCRAPE_SECONDS, alert_names, recordings
from tests.integration.prometheus.excused import UNANSWERED, UNCRAMMED, UNFIRED
from tests.integration.prometheus.grafana import RATE_INTERVAL, choices, fill, one_of
from tests.integration.prometheus.network import POPULARITY, SEEDED_OUTSIDE, TARGET, metrics_address
from tests.integration.prometheus.running_prometheus import require
from tests.integration.prometheus.shortening import shorten
from tests.integration.prometheus.story import Story


def by_name(found: Iterable[Query]) -> dict[str, Query]:
    """Return queries by dashboard and panel; a number tells the second of a panel from its first."""
    seen: Counter[tuple[str, str]] = Counter()
    named = {}
    for query in found:
        seen[query.dashboard, query.panel] += 1
        number = seen[query.dashboard, query.panel]
        named[f"{query.dashboard}: {query.panel}{f' ({number})' if number > 1 else ''}"] = query
    return named


RECORDINGS = recordings()
QUERIES = by_name(queries())
VARIABLES = variables()


def value(story: Story, moment: str, expression: str) -> float:
    """Return what a query with one series said at a moment of the story, in the open collection."""
    (sample,) = story.prometheus.query(expression.replace("$collection", story.network.label), story.moments[moment])
    return sample.values[0]


# --- alerts ------------------------------------------------------------------------------------------


def test_who_watches_nothing_is_told(story: Story) -> None:
    assert not story.silent_at_first


def test_nothing_is_said_of_a_network_that_is_whole(story: Story) -> None:
    assert not story.loud_while_whole


def test_every_alert_fires_in_trouble(story: Story) -> None:
    assert not story.silent_in_trouble


def test_every_alert_resolves_when_all_has_healed(story: Story) -> None:
    assert not story.loud_at_the_end


def test_the_alerts_that_are_excused_never_fired(story: Story) -> None:
    excused = {*UNFIRED, *(() if story.network.can_cram else UNCRAMMED)}
    assert excused <= set(alert_names())
    assert not excused & story.prometheus.fired_since(story.began)


# --- rules -------------------------------------------------------------------------------------------


def test_prometheus_finds_every_rule_in_order(story: Story) -> None:
    rules = story.prometheus.rules()
    assert {rule["name"] for rule in rules} == {*RECORDINGS, *alert_names()}
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_rule_has_data(story: Story, name: str) -> None:
    assert any(story.prometheus.query(shorten(RECORDINGS[name]), at) for at in story.moments.values())
    assert any(story.prometheus.query(name, at) for at in story.moments.values()), "it was recorded"


# --- what the numbers say ----------------------------------------------------------------------------


@pytest.mark.parametrize(("moment", "replicas"), [("whole", TARGET), ("trouble", 0), ("healed", TARGET)])
def test_the_rarest_shard_is_as_rare_as_it_truly_is(story: Story, moment: str, replicas: int) -> None:
    assert value(story, moment, 'mirrord:min_replicas:min{collection="$collection",kind="claimed"}') == replicas


@pytest.mark.parametrize("moment", ["whole", "healed"])
def test_nothing_is_below_its_target_before_and_after_and_all_agree(story: Story, moment: str) -> None:
    assert value(story, moment, 'mirrord:shards_below_target:max{collection="$collection",kind="claimed"}') == 0
    assert value(story, moment, 'mirrord:coverage_disagreement:ratio{collection="$collection"}') == 0
    assert value(story, moment, 'mirrord:records_disagreement:ratio{collection="$collection"}') == 0


def test_in_trouble_the_copies_of_the_dead_are_missing_and_stale(story: Story) -> None:
    everything = len(POPULARITY)
    below_target = 'mirrord:shards_below_target:max{collection="$collection",kind="claimed"}'
    assert value(story, "trouble", below_target) == everything
    assert value(story, "trouble", 'max(mirrord_repair_backlog_bytes{collection="$collection"})') > 0
    stale = 'sum without (band, replicas) (mirrord_shards{collection="$collection",kind="stale",replicas!="0"})'
    assert value(story, "trouble", f"max(max_over_time(({stale})[1m:1s]))") == everything  # until records expire
    assert value(story, "trouble", 'mirrord:records_disagreement:ratio{collection="$collection"}') > 0.5  # the hermit
    assert value(story, "trouble", 'mirrord:fingerprints:count{collection="$collection"}') > 1


@pytest.mark.parametrize("moment", ["whole", "trouble", "healed"])
def test_no_copy_is_ever_called_verified(story: Story, moment: str) -> None:
    verified = 'mirrord_shards{collection="$collection",kind="verified",replicas!="0"}'
    assert value(story, moment, f"max({verified})") == 0
    assert value(story, moment, 'max(mirrord_coverage_ratio{collection="$collection",kind="verified"})') == 0
    assert value(story, moment, "max(mirrord_auditing)") == 0


def test_seeders_outside_are_counted_and_make_no_shard_safe(story: Story) -> None:
    asking = f'collection="$collection",instance="{metrics_address(story.network.asking)}"'
    told = f'mirrord_outside_shards{{{asking},source="tracker"}}'.replace("$collection", story.network.label)
    samples = story.prometheus.query(told, story.moments["healed"])
    counted = {sample.labels["seeders"]: sample.values[0] for sample in samples if sample.values[0]}
    assert counted == {"0": len(POPULARITY) - len(SEEDED_OUTSIDE), "1": len(SEEDED_OUTSIDE)}
    only_outside = value(story, "trouble", f'mirrord_outside_only_shards{{{asking},source="tracker"}}')
    lost = value(story, "trouble", f'sum(mirrord_shards{{{asking},kind="claimed",replicas="0"}})')
    assert 1 <= only_outside <= lost


# --- pages -------------------------------------------------------------------------------------------


def test_promtool_has_nothing_to_say_about_the_pages_of_living_daemons(story: Story) -> None:
    promtool = require("promtool")
    for node in story.network.everybody:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=10) as answer:
            page = answer.read()
        checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


# --- dashboards --------------------------------------------------------------------------------------


def chosen_in(story: Story, dashboard: str, kind: str = "claimed") -> dict[str, str]:
    """Return what stands for each variable of a dashboard: all daemons, the open collection."""
    chosen = {
        "__rate_interval": RATE_INTERVAL,
        "__range": f"{round(story.moments['healed'] - story.began)}s",
        "kind": kind,
        "collection": story.network.label,
    }
    for variable in VARIABLES:
        if variable.dashboard == dashboard and variable.name not in chosen and variable.type == "query":
            values = [value for _, value in choices(story.prometheus, variable, chosen, story.moments["healed"])]
            chosen[variable.name] = variable.all_value or one_of(values)
    return chosen


def numbers(story: Story, query: Query, chosen: Mapping[str, str]) -> list[float]:
    """Return all that a query finds in the story: a panel of present values is looked at in each phase."""
    expression = fill(query.expr, chosen)
    if query.instant:
        samples = [sample for at in story.moments.values() for sample in story.prometheus.query(expression, at)]
    else:
        samples = story.prometheus.query_range(expression, story.began, story.moments["healed"], SCRAPE_SECONDS)
    return [value for sample in samples for value in sample.values if not math.isnan(value)]


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_of_a_dashboard_finds_data_or_is_excused(story: Story, name: str) -> None:
    query = QUERIES[name]
    found = numbers(story, query, chosen_in(story, query.dashboard))
    assert bool(found) is (name not in UNANSWERED), query.expr


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if "$kind" in query.expr])
def test_nothing_is_covered_by_verified_copies_as_nobody_audits(story: Story, name: str) -> None:
    query = QUERIES[name]
    found = numbers(story, query, chosen_in(story, query.dashboard, "verified"))
    assert query.kind == "table" or not any(found), query.expr


def test_every_excuse_is_of_a_query_that_there_is() -> None:
    assert UNANSWERED.keys() <= QUERIES.keys()


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: f"{variable.dashboard}-{variable.name}")
def test_a_variable_offers_what_there_is(story: Story, variable: Variable) -> None:
    if variable.type == "datasource":
        assert variable.query == "prometheus"
        return
    found = choices(story.prometheus, variable, chosen_in(story, variable.dashboard), story.moments["healed"])
    network = story.network
    offered = {
        "job": [("mirrord", "mirrord")],
        "collection": [
            (each.folder.body.name, to_short_text(each.id)) for each in (network.collection, network.closed)
        ],
        "instance": [(address, address) for address in map(metrics_address, network.everybody)],
        "kind": [("claimed", "claimed"), ("verified", "verified")],
    }
    assert sorted(found) == sorted(offered[variable.name])
