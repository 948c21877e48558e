"""Hosts for tests: network namespaces of the test's own, with wires between them.

A host is a process that keeps a namespace (programs/keep_host.py).  Nothing of it has a name that
could be left behind: it ends with its :class:`Hosts`, or, where the test is killed, by itself.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_interface
from pathlib import Path
from typing import Final

import pytest

from tests.integration.hosts.wire import Wire

KEEPER: Final = Path(__file__).with_name("programs") / "keep_host.py"
_DEVICES_MAX: Final = 4
_MTU_BYTES: Final = 1_400


class HostError(AssertionError):
    """A command inside a host failed; the message says which and why."""


@dataclass(slots=True, eq=False)
class Host:
    """One namespace.  ``devices`` are its ends of the wires, by the wire's name, which is the device's too."""

    name: str
    keeper: "subprocess.Popen[bytes]"
    line: socket.socket
    wires: Mapping[str, Wire]
    devices: Mapping[str, int]
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def inside(self) -> tuple[str, ...]:
        """Return what to write before a command that shall run on this host."""
        return ("nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--")

    def do(self, *command: str) -> None:
        """Run a command on this host that must work."""
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HostError(f"{self.name}: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")

    def address(self, wire: str, *interfaces: str) -> None:
        """Give the host these addresses ("198.51.100.1/24") on a wire, in place of what it has there.

        By its first wire it also reaches whoever is on no wire of its own.
        """
        wanted = [ip_interface(interface) for interface in interfaces]
        self.do("ip", "address", "flush", "dev", wire)
        for interface in wanted:
            # There is no neighbour to ask whether an IPv6 address is taken, and no time to wait for one.
            self.do("ip", "address", "add", str(interface), "dev", wire, *(["nodad"] if interface.version == 6 else []))
        self.do("ip", "link", "set", wire, "mtu", str(_MTU_BYTES), "up")
        self.wires[wire].route(self.devices[wire], [interface.ip.packed for interface in wanted])
        self.addresses[wire] = tuple(str(interface.ip) for interface in wanted)

        for family in {"-6" if interface.version == 6 else "-4" for interface in wanted}:
            if self.wires[wire] is next(iter(self.wires.values())):
                self.do("ip", family, "route", "replace", "default", "dev", wire)

    def close(self) -> None:
        """Let the namespace go."""
        self.line.close()
        self.keeper.wait()


class Hosts:
    """Makes hosts and wires, and takes them all away again."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []
        self._wires: list[Wire] = []

    def wire(self, delay_seconds: float = 0.0, loss: float = 0.0) -> Wire:
        """Return a new wire that nobody is plugged into."""
        wire = Wire(delay_seconds, loss)
        self._wires.append(wire)
        return wire

    def make(self, name: str, **wires: Wire) -> Host:
        """Return a new host, plugged into these wires, without an address; skip where that is not permitted."""
        keeper, line, devices = _start_keeper(list(wires))
        for device, wire in zip(devices, wires.values(), strict=True):
            wire.plug(device)
        host = Host(name, keeper, line, wires, dict(zip(wires, devices, strict=True)))
        self._hosts.append(host)
        host.do("ip", "link", "set", "lo", "up")
        return host

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
        for host in self._hosts:
            host.close()


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Make hosts while the block runs; whatever ends it, none is left."""
    made = Hosts()
    try:
        yield made
    finally:
        made.close()


def require_hosts() -> None:
    """Skip the test, with the reason, where hosts cannot be made."""
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}: hosts need util-linux and iproute2")
    keeper, line, devices = _start_keeper(["probe"])
    for device in devices:
        os.close(device)
    line.close()
    keeper.wait()


def _start_keeper(names: list[str]) -> "tuple[subprocess.Popen[bytes], socket.socket, list[int]]":
    ours, theirs = socket.socketpair()
    with theirs:
        keeper = subprocess.Popen(
            ["unshare", "--net", "--", sys.executable, "-S", str(KEEPER), *names],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the test, which then closes its hosts
        )
    said, devices, _, _ = socket.recv_fds(ours, 16, _DEVICES_MAX)
    if not said:
        _, error = keeper.communicate()
        ours.close()
        pytest.skip(f"network namespaces with TUN devices are not permitted here: {_last_line(error)}")
    assert keeper.stderr is not None
    keeper.stderr.close()
    return keeper, ours, devices


def _last_line(error: bytes) -> str:
    return (error.decode(errors="replace").strip() or "no reason given").splitlines()[-1]
