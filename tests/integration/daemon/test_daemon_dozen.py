"""A dozen daemons on one machine: the largest network that the test suite has time for."""

from pathlib import Path

from running_nodes import Nodes
from small_collection import build, open_shop

from tests.integration.daemon.agreement import (
    join_all,
    start_all,
    wait_until_alike,
    wait_until_one,
    wait_until_safe,
)

MIB = 1 << 20
DOZEN = 12


def test_a_dozen_daemons_agree_on_every_record_and_every_copy(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=6, shard_bytes=MIB // 8, files_each=1, target=4)
    everybody = [nodes.make(f"node-{number}", MIB) for number in range(DOZEN)]
    start_all(everybody)
    origin, *others = everybody
    open_shop(origin, collection)
    join_all(others, collection.invitation(origin))
    wait_until_safe(everybody, len(collection.shards))
    wait_until_one(everybody)
    wait_until_alike(everybody)
