"""A home behind NAT: a router that hides a network of private addresses behind one public address."""

import shutil
from dataclasses import dataclass
from typing import Final

import pytest

from tests.integration.hosts.hosts import Host, HostError, Hosts
from tests.integration.hosts.wire import Wire

_NETWORK: Final = "192.168.1"
_RULES: Final = (
    ("-t", "nat", "-A", "POSTROUTING", "-o", "net", "-j", "MASQUERADE"),
    ("-A", "FORWARD", "-i", "net", "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"),
    ("-A", "FORWARD", "-i", "net", "-j", "DROP"),
)
"""What comes in from the internet is an answer, or is dropped without a word."""


@dataclass(frozen=True, slots=True)
class Home:
    """The wire in a house; its router answers at ``192.168.1.1``."""

    wire: Wire
    network: Hosts

    def host(self, name: str, number: int) -> Host:
        """Return a new host in the house."""
        host = self.network.make(name, home=self.wire)
        self.move(host, number)
        return host

    def move(self, host: Host, number: int) -> None:
        """Give a host in the house another address, as a DHCP server would."""
        host.address("home", f"{_NETWORK}.{number}/24")


def home_behind_nat(network: Hosts, internet: Wire, name: str, public: str) -> Home:
    """Return a home whose router has the address ``public`` on the internet; skip where NAT is not to be had."""
    if shutil.which("iptables") is None:
        pytest.skip("there is no iptables to make a NAT with")
    wire = network.wire()
    router = network.make(name, net=internet, home=wire)
    router.address("net", public)
    router.address("home", f"{_NETWORK}.1/24")
    wire.gateway = router.devices["home"]
    router.do("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for rule in _RULES:
        try:
            router.do("iptables", "-w", *rule)
        except HostError as error:
            pytest.skip(f"this kernel makes no NAT: {error}")
    return Home(wire, network)
