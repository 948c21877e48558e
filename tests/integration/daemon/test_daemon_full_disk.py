"""A full disk: fetching stops and says why, seeding goes on, the daemon lives, and all goes on when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_nodes import STOP_SECONDS, Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop
from small_disk import fill_up, small_disk

MIB = 1 << 20
DEGRADED = 3


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 24) as folder:
        yield folder


@pytest.fixture
def collection(tmp_path: Path) -> SmallCollection:
    return build(tmp_path, shards=3, shard_bytes=2 * MIB, target=3)


@pytest.fixture
def origin(disk: Path, nodes: Nodes, collection: SmallCollection) -> RunningNode:
    """A source that is slow enough for the disk to fill up meanwhile."""
    origin = nodes.make("origin", 50 * MIB, upload_limit="1200kB").start()
    open_shop(origin, collection)
    return origin


def assert_it_says_why(node: RunningNode, why: str) -> None:
    node.wait_until(lambda: node.status().node.fetching_paused, "fetching is paused")
    said = node.command("status")
    assert said.code == DEGRADED
    assert f"fetching is paused: {why}" in said.out
    assert node.metrics()["mirrord_fetching_paused"] == 1
    assert node.command("plan").code == 0


def assert_it_seeds(nodes: Nodes, node: RunningNode, known: RunningNode, collection: SmallCollection) -> None:
    """Somebody new, who has the collection's folder, gets from ``node`` alone what it holds; ``known`` tells of it."""
    held = node.held
    reader = nodes.make("reader", 50 * MIB).start()
    reader.do("collection", "join", str(collection.out))
    reader.do("collection", "join", collection.invitation(known))
    reader.wait_until(lambda: reader.held == held, f"it gets shards {sorted(held)}")
    assert collection.bad_files(reader, held) == []
    reader.stop()


def fetch_two_and_some_of_the_third(node: RunningNode, origin: RunningNode, collection: SmallCollection) -> None:
    node.start()
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: len(node.held) == 2, "it holds two shards")
    node.wait_until(lambda: any(s.role == "fetching" and 2 < s.percent < 70 for s in node.shards()), "and some")


def test_a_full_data_disk_stops_fetching_alone(
    disk: Path, nodes: Nodes, collection: SmallCollection, origin: RunningNode
) -> None:
    node = nodes.make("node", 50 * MIB, disk / "data")
    fetch_two_and_some_of_the_third(node, origin, collection)
    filler = fill_up(disk)
    assert_it_says_why(node, "disk full: ")
    origin.stop()
    assert_it_seeds(nodes, node, node, collection)
    assert node.status().node.fetching_paused
    filler.unlink()
    node.wait_until(lambda: not node.status().node.fetching_paused, "there is room again")
    origin.start()
    node.wait_until(lambda: node.held == collection.indexes, "everything is fetched")
    assert collection.bad_files(node, collection.indexes) == []


def test_a_full_disk_survives_kills_and_restarts(
    disk: Path, nodes: Nodes, collection: SmallCollection, origin: RunningNode
) -> None:
    node = nodes.make("node", 50 * MIB, disk / "data")
    fetch_two_and_some_of_the_third(node, origin, collection)
    filler = fill_up(disk)
    assert_it_says_why(node, "disk full: ")
    node.kill()
    node.start()
    assert_it_says_why(node, "disk full: ")
    assert node.stop() < STOP_SECONDS
    node.start()
    filler.unlink()
    node.wait_until(lambda: node.held == collection.indexes, "everything is fetched")
    assert collection.bad_files(node, collection.indexes) == []


def test_a_node_whose_own_disk_is_full_lives_and_goes_on_later(
    disk: Path, nodes: Nodes, tmp_path: Path, collection: SmallCollection, origin: RunningNode
) -> None:
    """It can keep nothing, so it announces nothing; others know it by what it said before."""
    witness = nodes.make("witness", 1000).start()
    witness.do("collection", "join", collection.invitation(origin))
    node = nodes.add(RunningNode(disk / "node", data=tmp_path / "data")).init(50 * MIB)
    fetch_two_and_some_of_the_third(node, origin, collection)
    filler = fill_up(disk)
    assert_it_says_why(node, "disk full: ")
    held = node.held
    witness.wait_until(lambda: witness.holdings_of(node.id, collection.id) == held, "the witness knows")
    origin.stop()
    assert_it_seeds(nodes, node, witness, collection)
    assert node.stop() < STOP_SECONDS
    node.start()
    assert_it_says_why(node, "disk full: ")
    assert node.held >= held  # the third, too, where its last byte had come and was not read back yet
    filler.unlink()
    origin.start()
    node.wait_until(lambda: node.held == collection.indexes, "everything is fetched")
    assert collection.bad_files(node, collection.indexes) == []
