"""Every query of the dashboards asks for what is exported, in a way that is right for one daemon and for a hundred."""

import re
import time
from dataclasses import replace
from functools import cache

import promql_parser
import pytest
from prometheus_client.core import Metric
from promql_parser import Expr

from mirrord.core.statistics import Transfer
from mirrord.metrics.exposition import About, Snapshot, SnapshotCollector
from tests.builders import NETWORK, make_statistics
from tests.dashboards import Query, Variable, queries, variables
from tests.promql import aggregations, functions, keeps, matchers, parse, selectors, walk

QUERIES = queries()
# Prometheus makes these itself for everything that it scrapes.
OF_PROMETHEUS = {"up": "gauge", "scrape_duration_seconds": "gauge", "scrape_samples_scraped": "gauge"}
TARGET_LABELS = {"job", "instance"}
# What counts daemons, on purpose: how many are watched, how many agree, how many are reached.
COUNTS_DAEMONS = {
    ("collection", "Different opinions"),
    ("network", "Different tables, by collection"),
    ("network", "Daemons watched"),
    ("network", "Daemons that are reached"),
}


def name_of(query: object) -> str:
    assert isinstance(query, Query)
    same = [each for each in QUERIES if (each.dashboard, each.panel) == (query.dashboard, query.panel)]
    return re.sub(r"\W+", "-", f"{query.dashboard}-{query.panel}-{same.index(query)}").strip("-")


def name_of_variable(variable: object) -> str:
    assert isinstance(variable, Variable)
    return f"{variable.dashboard}-{variable.name}"


every_query = pytest.mark.parametrize("query", QUERIES, ids=name_of)


@cache
def families() -> list[Metric]:
    """Return what a daemon's page is made of, whose node knows enough peers to tell how its clock goes."""
    statistics = make_statistics()
    node = replace(statistics.node, clock_offset_seconds=0.5)
    snapshot = Snapshot(replace(statistics, node=node), NETWORK, Transfer())
    return list(SnapshotCollector(snapshot, About("0.1.0"), time.perf_counter()).collect())


def page() -> list[tuple[str, dict[str, str]]]:
    """Return name and labels of every sample."""
    return [(sample.name, sample.labels) for family in families() for sample in family.samples]


@cache
def exported() -> dict[str, tuple[str, frozenset[str]]]:
    """Return kind and labels of everything on a page, by the name that a query uses."""
    found = {}
    for family in families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        # A family without a sample, such as that of domains which nobody declares, has its labels nevertheless.
        found[name] = (family.type, frozenset(getattr(family, "_labelnames", ())))
    return found | {name: (kind, frozenset()) for name, kind in OF_PROMETHEUS.items()}


@every_query
def test_a_query_can_be_parsed(query: Query) -> None:
    assert any(True for _ in selectors(parse(query.expr)))
    assert not re.findall(r"\$(?!job|instance|collection|kind|__rate_interval|__range)\w+", query.expr)


@every_query
def test_a_query_asks_for_what_is_exported(query: Query) -> None:
    for selector, _ in selectors(parse(query.expr)):
        assert selector.name in exported(), "documented in docs/operating.md, and on the page of a daemon?"
        labels = set(matchers(selector)) - TARGET_LABELS
        assert labels <= exported()[selector.name][1], f"{selector.name} has other labels"


@every_query
def test_a_query_asks_for_values_that_occur(query: Query) -> None:
    """A liveness that is spelt wrongly would be an empty panel for ever."""
    for selector, _ in selectors(parse(query.expr)):
        samples = [labels for name, labels in page() if name == selector.name]
        for label, (_, value) in matchers(selector).items():
            if samples and "$" not in value:
                wanted = re.compile(value.replace("\\\\", "\\"))
                assert any(wanted.fullmatch(labels.get(label, "")) for labels in samples), (label, value)


@every_query
def test_a_query_asks_the_chosen_daemons(query: Query) -> None:
    for selector, _ in selectors(parse(query.expr)):
        assert matchers(selector)["job"] == ("=~", "$job")
        assert matchers(selector)["instance"] == ("=~", "$instance")


@every_query
def test_a_query_is_about_the_chosen_collection(query: Query) -> None:
    """On the Collection dashboard; what a daemon counts for all of its collections together has no such label."""
    for selector, _ in selectors(parse(query.expr)):
        has_one = "collection" in exported()[selector.name][1]
        if query.dashboard == "collection" and has_one:
            assert matchers(selector)["collection"] == ("=", "$collection")
        else:
            assert "collection" not in matchers(selector)


@every_query
def test_only_counters_are_asked_how_fast_they_grow(query: Query) -> None:
    for selector, around in selectors(parse(query.expr)):
        kind, _ = exported()[selector.name]
        used = {"rate", "increase"} & set(functions(around))
        assert bool(used) == (kind == "counter"), selector.name


@every_query
def test_a_window_suits_what_is_shown(query: Query) -> None:
    """What is drawn over time follows the resolution; what is one number may be about all of the time shown."""
    windows = re.findall(r"\[([^]]*)\]", query.expr)
    assert windows == ["$__range" if query.instant else "$__rate_interval"] * len(windows)
    ranges = [part for part, _ in walk(parse(query.expr)) if isinstance(part, promql_parser.MatrixSelector)]
    assert len(ranges) == len(windows)


@every_query
def test_no_query_adds_up_daemons(query: Query) -> None:
    """Every daemon reports the whole network: a sum over a hundred of them would be a hundred times the truth."""
    for aggregation in aggregations(parse(query.expr)):
        if aggregation.operator in ("sum", "count", "count_values", "group", "stddev", "stdvar", "quantile"):
            over_daemons = keeps("instance", aggregation.over) and "instance" not in (aggregation.by or ())
            assert not over_daemons or (query.dashboard, query.panel) in COUNTS_DAEMONS
            assert not over_daemons or aggregation.operator != "sum"
        if aggregation.operator == "avg":
            # A mean is of what daemons do themselves, never of what each says of all.
            kinds = {exported()[selector.name][0] for selector, _ in selectors(aggregation.over)}
            assert kinds == {"counter"}


@every_query
def test_a_page_for_a_hundred_daemons_stays_readable(query: Query) -> None:
    expr = parse(query.expr)
    if query.dashboard == "collection":
        assert not keeps("instance", expr), "one answer, whoever gives it"
    elif query.dashboard == "network" and keeps("instance", expr):
        outermost = next(aggregations(expr)).operator
        assert outermost in ("topk", "bottomk"), "a line for each daemon"


@every_query
def test_labels_that_are_kept_exist(query: Query) -> None:
    for aggregation in aggregations(parse(query.expr)):
        known = {label for selector, _ in selectors(aggregation.over) for label in exported()[selector.name][1]}
        # count_values and label_replace make labels of their own.
        assert (aggregation.by or frozenset()) <= known | TARGET_LABELS


def test_the_exceptions_are_needed() -> None:
    counting = {
        (query.dashboard, query.panel)
        for query in QUERIES
        for aggregation in aggregations(parse(query.expr))
        if aggregation.operator in ("count", "count_values")
    }
    assert counting == COUNTS_DAEMONS


def test_everything_that_a_daemon_reports_of_a_collection_is_shown() -> None:
    asked = {selector.name for query in QUERIES for selector, _ in selectors(parse(query.expr))}
    ours = {name for name, (_, labels) in exported().items() if "collection" in labels}
    assert sorted(ours - asked) == ["mirrord_collection_manifest_version"]


@pytest.mark.parametrize("variable", [each for each in variables() if each.type == "query"], ids=name_of_variable)
def test_a_variable_asks_for_what_is_exported(variable: Variable) -> None:
    found = re.fullmatch(r"label_values\((?P<series>.*), (?P<label>\w+)\)|query_result\((?P<expr>.*)\)", variable.query)
    assert found
    expr = parse(found["series"] or found["expr"])
    for selector, _ in selectors(expr):
        assert selector.name in exported()
        assert set(matchers(selector)) - TARGET_LABELS <= exported()[selector.name][1]
    assert found["label"] in (None, *TARGET_LABELS)


def shown(text: str) -> tuple[bool, str]:
    """Return whether a sum in an expression is over daemons, and its text; the rule itself must be able to fail."""
    aggregation: Expr = parse(text)
    (first, *_) = aggregations(aggregation)
    return keeps("instance", first.over) and "instance" not in (first.by or ()), first.operator


@pytest.mark.parametrize(
    ("text", "over_daemons"),
    [
        ("sum(mirrord_shards)", True),
        ("sum by (band) (mirrord_shards)", True),
        ("sum by (band) (max by (band, replicas) (mirrord_shards))", False),
        ("sum by (instance) (mirrord_own_shards)", False),
        ("sum by (band) (topk(3, mirrord_shards))", True),
        ("sum by (band) (max without (replicas) (mirrord_shards))", True),
        ("sum by (band) (rate(mirrord_shards_total[5m]) * 2)", True),
    ],
)
def test_the_rule_finds_sums_over_daemons(text: str, over_daemons: bool) -> None:
    assert shown(text) == (over_daemons, "sum")
