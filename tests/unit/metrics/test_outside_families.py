"""Outside seeders on /metrics: series of their own, and only of sources that are asked."""

from collections.abc import Mapping

import numpy as np

from mirrord.core.outside.types import UNKNOWN, OutsideAnswers
from mirrord.core.statistics import CollectionStatistics, Counters, OutsideSource, Transfer
from mirrord.metrics.exposition import About, Snapshot, SnapshotCollector, write_page
from tests.builders import AT, NETWORK, make_collection, make_shard, make_statistics

SHARDS = [make_shard(0, replicas=0), make_shard(1), make_shard(2, replicas=0), make_shard(3), make_shard(4)]


def told(*seeders: int) -> OutsideAnswers:
    return OutsideAnswers(np.array(seeders, dtype=np.int16), AT - np.arange(len(seeders), dtype=np.float64))


def page(collection: CollectionStatistics, counters: Counters) -> dict[str, float]:
    snapshot = Snapshot(make_statistics([collection], counters=counters), NETWORK, Transfer())
    lines = write_page(SnapshotCollector(snapshot, About("0.1.0"), 0.0)).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def of(samples: Mapping[str, float], name: str) -> dict[str, float]:
    """Return the samples of a family by what follows the collection in their labels."""
    found = {sample: value for sample, value in samples.items() if sample.startswith(f"{name}{{")}
    return {sample.partition('",')[2].rstrip("}") or sample.partition("{")[2][:-1]: v for sample, v in found.items()}


def test_each_source_has_its_classes_and_what_nobody_told_is_unknown() -> None:
    answers = {OutsideSource.TRACKER: told(0, 1, 2, 3, 9), OutsideSource.DHT: told(UNKNOWN, UNKNOWN, 1, 0, UNKNOWN)}
    counters = Counters(outside_lookups={OutsideSource.DHT: 7}, outside_failures={OutsideSource.DHT: 2})
    samples = page(make_collection(SHARDS, outside_answers=answers), counters)
    assert of(samples, "mirrord_outside_shards") == {
        **{
            f'seeders="{each}",source="tracker"': n
            for each, n in {"0": 1, "1": 1, "2": 1, "3+": 2, "unknown": 0}.items()
        },
        **{f'seeders="{each}",source="dht"': n for each, n in {"0": 1, "1": 1, "2": 0, "3+": 0, "unknown": 3}.items()},
    }
    assert of(samples, "mirrord_outside_only_shards") == {'source="tracker"': 1, 'source="dht"': 1}
    oldest = of(samples, "mirrord_outside_oldest_answer_timestamp_seconds")
    assert oldest == {'source="tracker"': AT - 4, 'source="dht"': AT - 3}
    assert of(samples, "mirrord_outside_lookups_total") == {'source="dht"': 7}
    assert of(samples, "mirrord_outside_failures_total") == {'source="dht"': 2}


def test_replicas_and_coverage_are_the_same_whatever_is_said() -> None:
    answers = {OutsideSource.TRACKER: told(9, 9, 9, 9, 9)}
    without = page(make_collection(SHARDS), Counters())
    with_them = page(make_collection(SHARDS, outside_answers=answers), Counters())
    ours = {
        name for name in with_them if not name.startswith(("mirrord_outside_", "process_", "mirrord_scrape_duration"))
    }
    assert {name: with_them[name] for name in ours} == {name: without[name] for name in ours}
    assert not [name for name in without if name.startswith("mirrord_outside_")], "nobody was asked"
    assert [name for name in with_them if name.startswith("mirrord_outside_")]


def test_an_answer_that_nobody_gave_has_no_time() -> None:
    answers = {OutsideSource.DHT: told(*[UNKNOWN] * 5)}
    samples = page(make_collection(SHARDS, outside_answers=answers), Counters())
    assert of(samples, "mirrord_outside_oldest_answer_timestamp_seconds") == {}
