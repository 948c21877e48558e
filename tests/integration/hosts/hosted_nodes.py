"""Nodes on hosts of their own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.core.records.ids import Address
from tests.command_line import mirrord
from tests.integration.daemon.running_nodes import Nodes, RunningNode
from tests.integration.hosts.hosts import Host, Hosts
from tests.integration.hosts.wire import Wire

MIB: Final = 1 << 20
PORT: Final = 7700
"""Where every node listens that keeps the defaults, which a host of its own lets it."""


@dataclass(slots=True)
class HostedNode(RunningNode):
    """A node with the addresses and ports that ``mirrord init`` gives it, on a host."""

    ip: str = ""

    def init(self, pledge: int | str, **settings: object) -> "HostedNode":
        made = mirrord("init", str(self.folder), "--pledge", str(pledge))
        assert made.code == 0, made.err
        alone = {"dht": False, "local_discovery": False}  # peers are found as the test says
        self.configure(timing="demo", data_folder=str(self.data_folder), metrics_listen="", **{**alone, **settings})
        return self

    @property
    def address(self) -> Address:
        return Address(self.ip, PORT)


def public_hosts(network: Hosts, internet: Wire, count: int) -> list[Host]:
    """Return hosts that everybody on the internet can reach."""
    made = []
    for number in range(1, count + 1):
        host = network.make(f"public-{number}", net=internet)
        host.address("net", f"198.51.100.{number}/24")
        made.append(host)
    return made


def make_nodes(nodes: Nodes, root: Path, hosts: Sequence[Host], **settings: object) -> list[RunningNode]:
    """Return a node on each host that does not run yet; it is known by the first address of the host's first wire."""

    def make(host: Host) -> RunningNode:
        address = next(iter(host.addresses.values()))[0]
        return HostedNode(root / host.name, within=host.inside, ip=address).init(10 * MIB, **settings)

    with ThreadPoolExecutor() as workers:
        return [nodes.add(node) for node in workers.map(make, hosts)]
