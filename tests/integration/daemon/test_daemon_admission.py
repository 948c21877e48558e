"""A listed collection on real daemons, through the curator's and the operators' own commands."""

from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop

from mirrord.control.shapes import CollectionShape, Members
from mirrord.core.records.ids import to_text

MIB = 1 << 20


@pytest.fixture
def collection(tmp_path: Path) -> SmallCollection:
    return build(tmp_path, shards=2, shard_bytes=MIB, target=3)


def joined(node: RunningNode) -> CollectionShape:
    (collection,) = node.status().collections
    return collection


def members(node: RunningNode) -> dict[str, str]:
    answer = node.client.get("members", Members, collection="small")
    return {member.id: member.role for member in answer.members}


def test_a_curator_closes_a_collection_lists_a_node_and_revokes_it(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    closed = origin.do("collection", "admit", str(collection.out), to_text(origin.id), "--policy", "listed")
    assert "small" in closed and "listed 1 node" in closed

    volunteer = nodes.make("volunteer", 10 * MIB).start()
    volunteer.do("collection", "join", collection.invitation(origin))
    volunteer.wait_until(lambda: not joined(volunteer).is_admitted, "it has heard that the collection is listed")
    volunteer.wait_until(lambda: joined(volunteer).manifest_version == 1, "it reads")
    volunteer.wait_for_log("this node does not count in the collection")
    assert to_text(volunteer.id) in volunteer.command("status").out
    assert not volunteer.with_role("held") | volunteer.with_role("fetching")
    assert joined(origin).coverage.max_replicas == 1

    origin.do("collection", "admit", str(collection.out), to_text(volunteer.id), "--for", "30d")
    volunteer.wait_for_role("held", 0, 1)
    origin.wait_until(lambda: joined(origin).coverage.min_replicas == 2, "its copies count")
    assert members(volunteer) == {to_text(origin.id): "member", to_text(volunteer.id): "member"}

    volunteer.stop()
    volunteer.start()
    assert joined(volunteer).is_admitted, "a restart keeps it"

    origin.do("collection", "revoke", str(collection.out), to_text(volunteer.id))
    volunteer.wait_until(lambda: not joined(volunteer).is_admitted, "it has heard that it is revoked")
    origin.wait_until(lambda: joined(origin).coverage.max_replicas == 1, "its copies count no more")
    assert volunteer.held == {0, 1}, "they stay, and are seeded"
    assert collection.bad_files(volunteer, collection.indexes) == []


def test_a_voucher_lets_a_friend_in_with_its_nodes_own_key(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    voucher, friend = (nodes.make(name, 10 * MIB).start() for name in ("voucher", "friend"))
    for node in (voucher, friend):
        node.do("collection", "join", collection.invitation(origin))
    refused = voucher.command("collection", "vouch", "small", to_text(friend.id))
    assert refused.code == 2 and "neither a curator nor a voucher" in refused.err

    line = ("--voucher", "--quota", "1", "--policy", "vouched")
    origin.do("collection", "admit", str(collection.out), to_text(origin.id), to_text(voucher.id), *line)
    friend.wait_until(lambda: not joined(friend).is_admitted, "nobody vouches for it yet")
    voucher.wait_until(lambda: members(voucher).get(to_text(voucher.id)) == "voucher", "it may vouch")
    voucher.do("collection", "vouch", "small", to_text(friend.id))
    friend.wait_for_role("held", 0, 1)
    origin.wait_until(lambda: joined(origin).coverage.min_replicas == 3, "the friend's copies count")
    more = voucher.command("collection", "vouch", "small", "a" * 51 + "a")
    assert more.code == 2 and "may vouch for one node, and does so for 1 already" in more.err
    assert "1 of 1" in voucher.do("collection", "members", "small")

    voucher.do("collection", "vouch", "small", to_text(friend.id), "--take-back")
    friend.wait_until(lambda: not joined(friend).is_admitted, "it counts no more")
