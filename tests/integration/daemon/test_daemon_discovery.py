"""Daemons that were told no address find each other, by collection alone."""

from pathlib import Path

from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop

from tests.loopback_dht import loopback_dht

MIB = 1 << 20


def share_unintroduced(origin: RunningNode, node: RunningNode, collection: SmallCollection) -> None:
    """Let one hold a collection and the other join it by its key; wait until both hold it."""
    origin.start()
    node.start()
    open_shop(origin, collection)
    node.do("collection", "join", collection.invitation())
    node.wait_until(lambda: node.held == collection.indexes, "it found the origin and holds everything")
    assert collection.bad_files(node, collection.indexes) == []


def found(node: RunningNode) -> dict[str, int]:
    """Return who told a node new addresses, from its status."""
    return {source: count for source, count in node.status().counters.addresses_found.items() if count}


def test_two_that_know_only_the_dht_share_a_collection(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=2, target=2)
    with loopback_dht() as routers:
        origin, node = (
            nodes.make(name, 20 * MIB, dht=True, dht_bootstrap=[str(router)])
            for name, router in zip(("origin", "node"), routers, strict=False)
        )
        share_unintroduced(origin, node, collection)
        assert found(node)["dht"] >= 1
        assert "bootstrap" not in found(node)
        assert node.metrics()['mirrord_addresses_found_total{source="dht"}'] >= 1
        assert node.metrics()["mirrord_dht_nodes"] > 0
        assert "dht" in node.do("status")
        node.stop()
        assert (node.folder / "dht.state").exists()
        node.configure(dht_bootstrap=[])
        node.start()
        node.wait_until(lambda: node.status().transfer.dht_nodes > 0, "it is in the DHT again, without a router")


def test_two_in_one_local_network_share_a_collection(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=2, target=2)
    origin, node = (nodes.make(name, 20 * MIB, local_discovery=True) for name in ("origin", "node"))
    share_unintroduced(origin, node, collection)
    assert (found(origin) | found(node)).keys() >= {"local_network"}
    assert not {"bootstrap", "dht"} & (found(origin) | found(node)).keys()


def test_who_wants_neither_looks_nowhere(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=1, target=2)
    node = nodes.make("node", 20 * MIB).start()
    node.do("collection", "join", collection.invitation())
    assert node.metrics()["mirrord_dht_nodes"] == 0
    assert found(node) == {}
    assert not (node.folder / "dht.state").exists()
