"""A network that is cut in two, goes on as two, and is one again."""

from pathlib import Path

from tests.command_line import mirrord
from tests.integration.daemon.agreement import join_all, start_all, wait_until_alike, wait_until_one, wait_until_safe
from tests.integration.daemon.running_nodes import Nodes, RunningNode
from tests.integration.daemon.small_collection import SmallCollection, build, open_shop, write_files
from tests.integration.hosts.hosted_nodes import MIB, make_nodes, public_hosts
from tests.integration.hosts.hosts import Hosts


def append_shard(collection: SmallCollection, root: Path) -> SmallCollection:
    """Publish a version with one more shard, and put its files beside the others."""
    write_files(root / "more", 1, MIB // 4, seed=2, prefix="new")
    published = mirrord("collection", "publish", str(collection.out), "--append", str(root / "more"), "--rights", "CC0")
    assert published.code == 0, published.err
    return collection.read_again()


def counts_only(node: RunningNode, others: list[RunningNode]) -> bool:
    """Whether a node takes exactly these for alive, itself left aside."""
    alive = {peer.id for peer in node.peers() if peer.liveness == "alive"}
    return alive == {other.status().node.id for other in others if other is not node}


def test_two_halves_go_on_and_are_one_again_after_the_partition(network: Hosts, nodes: Nodes, tmp_path: Path) -> None:
    internet = network.wire(delay_seconds=0.02)
    hosts = public_hosts(network, internet, 6)
    collection = build(tmp_path, shards=3, shard_bytes=MIB // 4, target=4)
    everybody = make_nodes(nodes, tmp_path, hosts)
    start_all(everybody)
    origin, *others = everybody
    open_shop(origin, collection)
    join_all(others, collection.invitation(origin))
    wait_until_safe(everybody, len(collection.shards))
    pids = [node.pid for node in everybody]

    here, there = everybody[:3], everybody[3:]
    internet.part(*(host.devices["net"] for host in hosts[:3]))
    for half in (here, there):
        for node in half:
            node.wait_until(lambda node=node, half=half: counts_only(node, half), "it counts on its own half alone")
    # Four copies of which a half of three cannot have more than three, so each holds everything.
    for node in others:
        node.wait_for_role("held", *collection.indexes)
    grown = append_shard(collection, tmp_path)
    origin.do("collection", "join", str(grown.out), "--adopt", str(tmp_path / "more"))
    for node in here:
        node.wait_for_role("held", *grown.indexes)
    assert all(node.status().collections[0].manifest_version == 1 for node in there)

    internet.heal()
    wait_until_safe(everybody, len(grown.shards))
    wait_until_one(everybody)
    wait_until_alike(everybody)
    for node in everybody:
        assert counts_only(node, everybody)
    for node in others:
        assert collection.bad_files(node, collection.indexes) == []
    assert pids == [node.pid for node in everybody]
    assert all(node.alive for node in everybody)
