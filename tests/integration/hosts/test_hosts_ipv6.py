"""Hosts that have IPv6 only, and one that has both."""

from pathlib import Path

from mirrord.core.records.ids import Address
from tests.integration.daemon.agreement import join_all, start_all, wait_until_alike, wait_until_one, wait_until_safe
from tests.integration.daemon.running_nodes import Nodes
from tests.integration.daemon.small_collection import build, open_shop
from tests.integration.hosts.hosted_nodes import MIB, PORT, make_nodes
from tests.integration.hosts.hosts import Hosts


def test_ipv6_alone_is_enough_and_who_has_both_speaks_with_everybody(
    network: Hosts, nodes: Nodes, tmp_path: Path
) -> None:
    internet = network.wire(delay_seconds=0.01)
    hosts = {name: network.make(name, net=internet) for name in ("six-1", "six-2", "both", "four")}
    hosts["six-1"].address("net", "2001:db8::1/64")
    hosts["six-2"].address("net", "2001:db8::2/64")
    hosts["both"].address("net", "2001:db8::3/64", "198.51.100.3/24")
    hosts["four"].address("net", "198.51.100.4/24")
    six, six_too, both, four = everybody = make_nodes(nodes, tmp_path, list(hosts.values()))
    collection = build(tmp_path, shards=2, shard_bytes=MIB // 4, target=4)

    start_all([six, six_too])
    open_shop(six, collection)
    join_all([six_too], collection.invitation(six))
    six_too.wait_for_role("held", 0, 1)  # a pair with IPv6 and nothing else

    start_all([both, four])
    join_all([both], collection.invitation(six))
    four.do("collection", "join", collection.invitation_to(Address("198.51.100.3", PORT)))
    wait_until_safe(everybody, len(collection.shards))
    wait_until_one(everybody)
    wait_until_alike(everybody)
