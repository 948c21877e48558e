"""Nodes that only dial out: they miss nothing, their copies count, and they are found again."""

from pathlib import Path

from tests.integration.daemon.agreement import (
    connected,
    join_all,
    start_all,
    wait_until_alike,
    wait_until_one,
    wait_until_safe,
)
from tests.integration.daemon.running_nodes import Nodes, RunningNode
from tests.integration.daemon.small_collection import build, open_shop
from tests.integration.hosts.hosted_nodes import MIB, make_nodes, public_hosts
from tests.integration.hosts.hosts import Hosts
from tests.integration.hosts.nat import home_behind_nat


def test_a_natted_third_misses_nothing_and_its_copies_count(network: Hosts, nodes: Nodes, tmp_path: Path) -> None:
    internet = network.wire(delay_seconds=0.02)
    hosts = public_hosts(network, internet, 4)
    for number in (1, 2):
        home = home_behind_nat(network, internet, f"router-{number}", f"203.0.113.{number}/24")
        hosts.append(home.host(f"hidden-{number}", 2))
    everybody = make_nodes(nodes, tmp_path, hosts)
    collection = build(tmp_path, shards=3, shard_bytes=MIB // 4, target=len(everybody))
    start_all(everybody)
    origin, *others = everybody
    open_shop(origin, collection)
    join_all(others, collection.invitation(origin))
    for node in others:
        node.wait_for_role("held", *collection.indexes)
    wait_until_safe(everybody, len(collection.shards))
    wait_until_one(everybody)
    wait_until_alike(everybody)
    for node in others:
        assert collection.bad_files(node, collection.indexes) == []


def test_what_only_a_hidden_node_has_reaches_those_that_it_can_dial(
    network: Hosts, nodes: Nodes, tmp_path: Path
) -> None:
    internet = network.wire(delay_seconds=0.02)
    home = home_behind_nat(network, internet, "router", "203.0.113.1/24")
    hosts = [home.host("curator", 2), *public_hosts(network, internet, 2)]
    curator, public, other = make_nodes(nodes, tmp_path, hosts)
    collection = build(tmp_path, shards=2, shard_bytes=MIB // 4, target=3)
    curator.configure(bootstrap=[str(public.address)])
    start_all([curator, public, other])
    open_shop(curator, collection)
    join_all([public, other], collection.invitation(public))
    for node in (public, other):
        node.wait_for_role("held", *collection.indexes)


def test_a_node_that_comes_back_on_another_address_is_found_again(network: Hosts, nodes: Nodes, tmp_path: Path) -> None:
    """Both are behind one NAT; who stays has dialled who moves, and never hears that this session is dead."""
    internet = network.wire(delay_seconds=0.02)
    home = home_behind_nat(network, internet, "router", "203.0.113.1/24")
    hosts = [home.host("flat-1", 2), home.host("flat-2", 3), *public_hosts(network, internet, 1)]
    *flats, public = everybody = make_nodes(nodes, tmp_path, hosts)
    staying, moving = sorted(flats, key=lambda node: node.id)  # of two sessions the one of the smaller id stays
    collection = build(tmp_path, shards=1, shard_bytes=MIB // 4, target=3)
    start_all(everybody)
    open_shop(moving, collection)
    join_all([staying], collection.invitation(moving))
    staying.wait_until(lambda: connected(staying, moving), "it has dialled the one that will move")
    join_all([public, *flats], collection.invitation(public))
    wait_until_one(everybody)

    host = hosts[flats.index(moving)]
    host.do("ip", "link", "set", "home", "down")  # so that no last word gets out
    moving.kill()
    home.move(host, 7)
    internet.part(hosts[-1].devices["net"])  # so that nobody else carries the news from one flat to the other
    moving.start()
    for node in (staying, public):
        node.wait_until(lambda node=node: addresses_of(moving, node) == ("192.168.1.7:7700",), "its new address")
        internet.heal()


def addresses_of(node: RunningNode, known_to: RunningNode) -> tuple[str, ...]:
    peer = known_to.peer(node)
    return peer.addresses if peer is not None else ()
