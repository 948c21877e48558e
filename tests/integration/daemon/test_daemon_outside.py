"""A plain BitTorrent client seeds what daemons hold: they count it and nothing else, and tell nobody of themselves."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop

from mirrord.core.outside.types import PACES
from mirrord.core.timing import DEMO
from tests.loopback_dht import loopback_dht
from tests.plain_seeder import plain_seeder
from tests.small_tracker import small_tracker

MIB = 1 << 20
PACE = PACES[DEMO.name]


def files_of(node: RunningNode, collection: SmallCollection, *indexes: int) -> list[tuple[bytes, Path]]:
    """Return the .torrents of shards, and where a node has the files."""
    return [
        (collection.torrent_path(i).read_bytes(), node.shard_folder(collection.id, collection.shards[i].name))
        for i in indexes
    ]


def outside(node: RunningNode) -> dict[str, dict[str, float]]:
    """Return how many shards have how many outside seeders, by source."""
    found: dict[str, dict[str, float]] = {}
    for name, value in node.metrics().items():
        if name.startswith("mirrord_outside_shards{"):
            labels = dict(part.split("=") for part in name.partition("{")[2].rstrip("}").split(","))
            found.setdefault(labels["source"].strip('"'), {})[labels["seeders"].strip('"')] = value
    return found


def classes(**shards: float) -> dict[str, float]:
    named = {"none": "0", "one": "1", "two": "2", "more": "3+", "unknown": "unknown"}
    return {label: shards.get(name, 0.0) for name, label in named.items()}


def ours(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return everything that says how safe a collection is."""
    told = ("mirrord_shards{", "mirrord_coverage_ratio", "mirrord_shards_below_target", "mirrord_min_replicas")
    return {name: value for name, value in metrics.items() if name.startswith(told)}


def test_daemons_count_the_outside_seeders_and_nobody_else(nodes: Nodes, tmp_path: Path) -> None:
    """One client on another machine seeds shard 0, one on the daemons' own machine shard 1; both announce both ways.

    The tracker tells of both.  In the DHT the second has the address of a node, and is taken for its copy.
    """
    collection = build(tmp_path, shards=3, target=3)
    with loopback_dht() as routers, small_tracker() as tracker:
        dht = [str(router) for router in routers[:2]]
        asking = nodes.make("asking", 20 * MIB, dht=True, dht_bootstrap=dht, outside_trackers=[tracker.udp])
        other = nodes.make("other", 20 * MIB, dht=True, dht_bootstrap=dht, count_outside_seeders=False)
        asking.start()
        other.start()
        open_shop(asking, collection)
        other.do("collection", "join", collection.invitation(asking))
        other.wait_until(lambda: other.held == collection.indexes, "both hold everything")
        nobody = {"tracker": classes(none=3), "dht": classes(none=3)}
        asking.wait_until(lambda: outside(asking) == nobody, "it has asked about everything, and its peer is nobody")
        before, announces = ours(asking.metrics()), len(tracker.announces)
        assert announces == 0, "not one of two daemons announced one of three shards"
        with (
            plain_seeder(
                tmp_path / "far",
                files_of(other, collection, 0),
                trackers=[tracker.udp],
                dht=routers[2:],
                host="127.0.0.2",
            ),
            plain_seeder(
                tmp_path / "near",
                files_of(other, collection, 1),
                trackers=[tracker.http],
                dht=routers[2:],
                host="127.0.0.1",
            ),
        ):
            told = {"tracker": classes(none=1, one=2), "dht": classes(none=2, one=1)}
            asking.wait_until(lambda: outside(asking) == told, "it counts them")
        assert ours(asking.metrics()) == before, "no replica, no coverage is different"
        assert outside(other) == {}
        assert_is_polite(asking, [at for at, _ in tracker.scrapes])
        assert set(tracker.announces) <= {one for i in (0, 1) for one in hashes_of(collection, i)}


def hashes_of(collection: SmallCollection, index: int) -> tuple[bytes, bytes]:
    shard = collection.shards[index]
    return shard.info_hash_v1, shard.info_hash_v2[:20]


def assert_is_polite(node: RunningNode, scrapes: list[float]) -> None:
    """The tracker got a packet a gap at most, and what the node counts is what it got."""
    assert len(scrapes) > 2
    assert min(after - before for before, after in pairwise(scrapes)) > 0.8 * PACE.scrape_gap_seconds
    metrics = node.metrics()
    assert metrics['mirrord_outside_lookups_total{source="tracker"}'] >= len(scrapes)
    assert metrics['mirrord_outside_failures_total{source="tracker"}'] == 0
    oldest = [value for name, value in metrics.items() if name.startswith("mirrord_outside_oldest_answer")]
    assert len(oldest) == 2
    assert all(0 <= metrics["mirrord_snapshot_timestamp_seconds"] - at < PACE.forget_seconds for at in oldest)


def test_a_tracker_that_is_gone_is_asked_ever_less_and_a_secret_in_its_address_is_not_logged(
    nodes: Nodes, tmp_path: Path
) -> None:
    collection = build(tmp_path, shards=1, target=2)
    with small_tracker() as tracker:
        tracker.status, tracker.reply = 503, b"s3cret"
        node = nodes.make("node", 20 * MIB, outside_trackers=[f"{tracker.http}?passkey=s3cret"]).start()
        open_shop(node, collection)
        failures = 'mirrord_outside_failures_total{source="tracker"}'
        node.wait_until(lambda: node.metrics().get(failures, 0) >= 2, "it failed twice")
        assert outside(node) == {"tracker": classes(unknown=1)}
        node.wait_for_log("status 503")
        tracker.status, tracker.reply = 200, None
        node.wait_until(lambda: outside(node) == {"tracker": classes(none=1)}, "it is asked again")
        assert "s3cret" not in node.log_text()
