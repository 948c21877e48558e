"""A network of hosts far apart, over lines that lose packets."""

from pathlib import Path

from tests.integration.daemon.agreement import join_all, start_all, wait_until_alike, wait_until_one, wait_until_safe
from tests.integration.daemon.running_nodes import Nodes
from tests.integration.daemon.small_collection import build, open_shop
from tests.integration.hosts.hosted_nodes import MIB, make_nodes, public_hosts
from tests.integration.hosts.hosts import Hosts


def test_hosts_with_delay_and_loss_converge_and_a_collection_reaches_its_targets(
    network: Hosts, nodes: Nodes, tmp_path: Path
) -> None:
    internet = network.wire(delay_seconds=0.04, loss=0.02)
    collection = build(tmp_path, shards=4, shard_bytes=MIB // 4, target=3)
    everybody = make_nodes(nodes, tmp_path, public_hosts(network, internet, 6))
    start_all(everybody)
    origin, *others = everybody
    open_shop(origin, collection)
    join_all(others, collection.invitation(origin))
    wait_until_safe(everybody, len(collection.shards))
    wait_until_one(everybody)
    wait_until_alike(everybody)
    for node in others:
        assert collection.bad_files(node, node.held) == []
    assert internet.carried.lost > 0
