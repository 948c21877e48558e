"""Two daemons that dial each other back and tell their operators what they found."""

from pathlib import Path

from running_nodes import Nodes, RunningNode, free_port
from small_collection import build, open_shop

from tests.command_line import mirrord

MIB = 1 << 20


def findings(node: RunningNode) -> dict[str, str]:
    return {own.address: own.finding for own in node.status().node.own_addresses}


def test_peers_dial_back_and_the_operator_is_told_what_they_found(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=1, shard_bytes=MIB, target=2)
    origin = nodes.make("origin", 20 * MIB)
    origin.configure(announce_addresses=[str(origin.address)])
    open_shop(origin.start(), collection)

    closed = f"127.0.0.1:{free_port()}"
    node = nodes.make("node", 20 * MIB, announce_addresses=[closed]).start()
    node.do("collection", "join", collection.invitation(origin))
    origin.wait_until(lambda: findings(origin) == {str(origin.address): "reached"}, "the other gets through")
    node.wait_until(lambda: findings(node) == {closed: "not_reached"}, "nobody gets through")

    assert f"reachable yes (1 peer): {origin.address}" in mirrord("status", "--folder", str(origin.folder)).out
    assert f"reachable no: {closed}" in mirrord("status", "--folder", str(node.folder)).out
    node.wait_until(lambda: node.held == collection.indexes, "it holds everything all the same")
    assert origin.status().counters.sessions_opened == node.status().counters.sessions_opened == 1
