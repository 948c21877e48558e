"""What a page of metrics says of a snapshot, read back with Prometheus' own parser."""

import time
from dataclasses import fields

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mirrord.core.coverage.domains import DOMAINS, Placed
from mirrord.core.placement.bands import Band
from mirrord.core.placement.pairs import Pairs
from mirrord.core.records.ids import CollectionId, to_short_text, to_text
from mirrord.core.statistics import Counters, OutsideAnswers, OutsideSource, ShardRole, Statistics, Transfer
from mirrord.metrics.exposition import About, FailureCollector, Snapshot, SnapshotCollector, write_page
from mirrord.metrics.replica_families import SHARD_SERIES_MAX
from tests.builders import AT, NETWORK, collection_id, make_collection, make_node, make_shard, make_statistics

OWN = to_short_text(collection_id(1))
Page = dict[tuple[str, frozenset[tuple[str, str]]], float]


def text_of(statistics: Statistics) -> str:
    snapshot = Snapshot(statistics, NETWORK, Transfer(uploaded_bytes=7, downloaded_bytes=5))
    return write_page(SnapshotCollector(snapshot, About("0.1.0"), time.perf_counter())).decode()


def page_of(statistics: Statistics) -> Page:
    text = text_of(statistics)
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    page = {(sample.name, frozenset(sample.labels.items())): float(sample.value) for sample in samples}
    assert len(page) == len(samples), "two samples with the same labels"
    return page


def number(page: Page, name: str, **labels: str) -> float:
    return page[(name, frozenset(labels.items()))]


def names(page: Page) -> set[str]:
    return {name for name, _ in page}


def test_every_shard_is_counted_once_by_band_and_replicas() -> None:
    shards = [make_shard(i, replicas=i) for i in range(9)]
    page = page_of(make_statistics([make_collection(shards)]))
    own = {"collection": OWN, "kind": "claimed"}
    assert number(page, "mirrord_shards", band="head", replicas="0", **own) == 1
    assert number(page, "mirrord_shards", band="upper", replicas="1", **own) == 1
    assert number(page, "mirrord_shards", band="zero", replicas="4", **own) == 1
    assert number(page, "mirrord_shards", band="zero", replicas="5+", **own) == 4
    claimed = [
        value for (name, labels), value in page.items() if name == "mirrord_shards" and ("kind", "claimed") in labels
    ]
    assert sum(claimed) == 9
    classes = {dict(labels)["replicas"] for name, labels in page if name == "mirrord_shards"}
    assert classes == {"0", "1", "2", "3", "4", "5+"}
    assert number(page, "mirrord_shards_target_met", band="zero", **own) == 5
    assert number(page, "mirrord_min_replicas", **own) == 0
    assert number(page, "mirrord_max_replicas", **own) == 8
    assert number(page, "mirrord_shards_below_target", **own) == 3
    assert number(page, "mirrord_below_target_bytes", **own) == 300_000_000_000


def test_coverage_is_told_by_demand_by_items_and_by_bytes() -> None:
    shards = [make_shard(0, replicas=2, demand_ppb=900_000_000), make_shard(1, replicas=0, demand_ppb=100_000_000)]
    page = page_of(make_statistics([make_collection(shards)]))
    own = {"collection": OWN, "kind": "claimed"}
    for weight, two in (("demand", 0.9), ("items", 0.5), ("bytes", 0.5)):
        assert number(page, "mirrord_coverage_ratio", weight=weight, replicas="2", **own) == pytest.approx(two)
        assert number(page, "mirrord_coverage_ratio", weight=weight, replicas="target", **own) == 0


def test_every_counter_has_a_series() -> None:
    told = names(page_of(make_statistics()))
    counted = {field.name for field in fields(Counters)} - {"limits_reached"}
    assert not [name for name in sorted(counted) if f"mirrord_{name}_total" not in told]


def test_every_limit_that_can_bite_has_a_series_whether_the_core_counts_it_or_the_network() -> None:
    page = page_of(make_statistics())
    limits = {dict(labels)["limit"]: value for (name, labels), value in page.items() if "limit_reached" in name}
    assert limits == {"records_per_collection_max": 4, "handshakes_max": 11, "frame_max_bytes": 0}


def test_the_connections_to_peers_are_told() -> None:
    page = page_of(make_statistics())
    assert number(page, "mirrord_network_sessions", direction="accepted") == 2
    assert number(page, "mirrord_network_sessions", direction="dialled") == 3
    assert number(page, "mirrord_sessions_slowed") == 1
    assert number(page, "mirrord_handshakes_pending") == 3
    assert number(page, "mirrord_handshakes_failed_total", reason="hung_up") == 6
    assert number(page, "mirrord_handshakes_failed_total", reason="too_often") == 0
    assert number(page, "mirrord_protocol_breaches_total") == 2
    assert number(page, "mirrord_dials_begun_total") == 9
    assert number(page, "mirrord_dials_pending") == 1
    assert number(page, "mirrord_accept_failures_total") == 0
    assert number(page, "mirrord_queued_bytes") == 4_096
    assert number(page, "mirrord_network_received_bytes_total") == 1_000_000
    assert number(page, "mirrord_network_sent_bytes_total") == 2_000_000
    assert number(page, "mirrord_budgets_tracked") == 7


def test_the_node_its_peers_and_its_deeds_are_told() -> None:
    page = page_of(make_statistics(node=make_node(fetching_paused="the disk is full")))
    assert number(page, "mirrord_nodes", liveness="away") == 1
    assert number(page, "mirrord_pledge_bytes") == 1_000_000_000_000
    assert number(page, "mirrord_used_bytes") == 400_000_000_000
    assert number(page, "mirrord_peers_pledge_bytes", liveness="alive") == 6_000_000_000_000
    assert number(page, "mirrord_fetching_paused") == 1
    assert number(page, "mirrord_fetch_bytes_total") == 5
    assert number(page, "mirrord_upload_bytes_total") == 7
    assert number(page, "mirrord_claims_yielded_total") == 2
    assert number(page, "mirrord_holdings_released_total") == 3
    assert number(page, "mirrord_records_rejected_total", reason="stale") == 11
    assert number(page, "mirrord_records_rejected_total", reason="wrong_author") == 0
    assert number(page, "mirrord_own_shards", collection=OWN, role=ShardRole.HELD.value) == 2
    assert number(page, "mirrord_scrape_failed") == 0
    assert number(page, "process_resident_memory_bytes") > 0
    assert number(page, "mirrord_scrape_duration_seconds") > 0


def test_shards_below_target_have_series_of_their_own_the_worst_first_and_not_too_many() -> None:
    shards = [make_shard(i, replicas=i % 2) for i in range(2 * SHARD_SERIES_MAX + 10)]
    page = page_of(make_statistics([make_collection([*shards, make_shard(999, replicas=0, withdrawn_reason="x")])]))
    told = {dict(labels)["shard"]: value for (name, labels), value in page.items() if name == "mirrord_shard_replicas"}
    assert len(told) == SHARD_SERIES_MAX
    assert set(told.values()) == {0}
    assert "999" not in told
    assert number(page, "mirrord_shard_series_omitted", collection=OWN) == SHARD_SERIES_MAX + 10


def test_a_holding_is_told_by_its_copies_ours_included_also_where_ours_counts_no_more() -> None:
    shards = [make_shard(i, replicas=i, role=ShardRole.HELD) for i in (1, 2, 9)]
    shards.append(make_shard(3, replicas=1, role=ShardRole.CHECKING, verified_at=1))

    def told(**changes: object) -> list[float]:
        page = page_of(make_statistics([make_collection(shards, **changes)]))  # type: ignore[arg-type]
        classes = ("1", "2", "3", "4", "5+")
        return [number(page, "mirrord_own_held_shards", collection=OWN, replicas=each) for each in classes]

    assert told() == [1, 1, 0, 0, 1], "what cannot be read now is no holding"
    assert told(leaving_by=AT + 60) == told(is_admitted=False) == [0, 1, 1, 0, 1]


def test_a_collection_without_a_manifest_claims_no_replicas() -> None:
    page = page_of(make_statistics([make_collection([], manifest_version=0)]))
    assert number(page, "mirrord_collection_manifest_version", collection=OWN) == 0
    assert not {"mirrord_min_replicas", "mirrord_coverage_ratio", "mirrord_shards"} & names(page)


def test_a_hostile_name_stays_one_label_of_bounded_length() -> None:
    name = 'a"} 1\nevil{x="\\\x00\x1b[31m' + "\N{SNOWMAN}" * 1000
    page = page_of(make_statistics([make_collection([], name)]))
    (labels,) = (dict(labels) for metric, labels in page if metric == "mirrord_collection_info")
    assert labels["id"] == to_text(collection_id(1))
    assert labels["name"].startswith('a"} 1')
    assert labels["name"].isprintable() and len(labels["name"]) <= 128
    assert not any(metric.startswith("evil") for metric, _ in page)


def test_two_collections_with_one_short_id_are_told_apart() -> None:
    twins = [CollectionId(bytes(31) + b"\1"), CollectionId(bytes(31) + b"\2")]
    page = page_of(make_statistics([make_collection([], collection=twin) for twin in twins]))
    told = {dict(labels)["collection"] for name, labels in page if name == "mirrord_collection_bytes"}
    assert told == {to_text(twin) for twin in twins}


def test_names_and_units_follow_the_rules() -> None:
    page = page_of(make_statistics())
    for name in names(page):
        assert name.startswith(("mirrord_", "process_")), name
    ratios = [value for (name, _), value in page.items() if name.endswith("_ratio")]
    assert ratios and all(0 <= ratio <= 1 for ratio in ratios)


def test_a_failure_page_shows_no_value_of_the_network() -> None:
    text = write_page(FailureCollector(About("0.1.0", 3))).decode()
    assert "mirrord_scrape_failed 1.0" in text
    assert "mirrord_scrape_errors_total 3.0" in text
    assert "mirrord_shards" not in text and "mirrord_nodes" not in text


def test_a_sick_collection_of_3000_shards_has_at_most_600_series_and_a_page_of_100_kb() -> None:
    shards = [make_shard(index, replicas=index % 3, band=tuple(Band)[index * 5 // 3_000]) for index in range(3_000)]
    said = tuple((f"operator {node}", f"10.0.{node}.0/24", "NL", 64_500 + node) for node in range(4))
    copies = Pairs(np.arange(3_000, dtype=np.int32) % 4, np.arange(3_000, dtype=np.int32))
    placed = Placed(copies, np.ones(4, dtype=np.bool_), said)
    answers = OutsideAnswers(np.zeros(3_000, dtype=np.int16), np.full(3_000, AT))
    outside = dict.fromkeys(OutsideSource, answers)
    text = text_of(make_statistics([make_collection(shards, placed=placed, outside_answers=outside)]))
    series = [line for line in text.splitlines() if "collection=" in line]
    assert all(f'domain="{domain}"' in text for domain in DOMAINS)
    assert 500 < len(series) <= 600
    assert len(text) < 100_000
