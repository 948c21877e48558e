"""Hosts on one Ethernet find each other by the collection's key alone, over IPv4 or IPv6."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT
from tests.integration.daemon.agreement import join_all, start_all
from tests.integration.daemon.running_nodes import Nodes
from tests.integration.daemon.small_collection import build, open_shop
from tests.integration.hosts.hosted_nodes import MIB, PORT, make_nodes
from tests.integration.hosts.hosts import Host, HostError, Hosts


def connect(one: Host, other: Host, *addresses: str) -> None:
    """Join two hosts by a cable between two Ethernet cards; a wire of :mod:`wire` carries no multicast."""
    peer = ("peer", "name", "cable", "netns", str(other.keeper.pid))
    try:
        one.do("ip", "link", "add", "cable", "type", "veth", *peer)
    except HostError as error:
        pytest.skip(f"no Ethernet between namespaces: {error}")
    for host, address in zip((one, other), addresses, strict=True):
        quick = ["nodad"] if ":" in address else []
        host.do("ip", "address", "add", address, "dev", "cable", *quick)
        host.do("ip", "link", "set", "cable", "up")
        host.addresses["cable"] = (address.partition("/")[0],)
        host.do("ip", "-6" if quick else "-4", "route", "replace", "default", "dev", "cable")


def test_an_interface_with_many_addresses_is_searched_once_for_each_ip(network: Hosts) -> None:
    one, other = network.make("one"), network.make("other")
    connect(one, other, "fd00::1/64", "fd00::2/64")
    for more in ("fd00::11/64", "2001:db8::11/64", "192.168.1.1/24", "192.168.1.11/24"):
        one.do("ip", "address", "add", more, "dev", "cable")
    ask = "from mirrord.discovery.places import places_for; print(*(p.host for p in places_for(('0.0.0.0', '::'))))"
    done = subprocess.run(
        [*one.inside, sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ipv4, ipv6 = sorted(done.stdout.split(), key=lambda host: ":" in host)
    assert (ipv4, ":" in ipv6) == ("192.168.1.1", True)


@pytest.mark.parametrize("addresses", [("192.168.1.1/24", "192.168.1.2/24"), ("fd00::1/64", "fd00::2/64")])
def test_hosts_that_were_told_no_address_find_each_other(
    network: Hosts, nodes: Nodes, tmp_path: Path, addresses: tuple[str, str]
) -> None:
    hosts = [network.make(name) for name in ("desk", "shelf")]
    connect(*hosts, *addresses)
    origin, node = everybody = make_nodes(nodes, tmp_path, hosts, local_discovery=True)
    collection = build(tmp_path, shards=1, shard_bytes=MIB // 4, target=2)
    start_all(everybody)
    assert node.status().node.coordination == (str(node.address),)
    assert node.address.port == PORT
    open_shop(origin, collection)
    join_all([node], collection.invitation())
    node.wait_for_role("held", 0)
    assert sum(one.status().counters.addresses_found["local_network"] for one in everybody) >= 1
    assert sum(one.status().counters.addresses_found["bootstrap"] for one in everybody) == 0
