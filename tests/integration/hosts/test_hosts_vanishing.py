"""A peer that vanishes without a word: no power, no line, another address."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.command_line import ROOT, clean_environment
from tests.integration.hosts.hosted_nodes import public_hosts
from tests.integration.hosts.hosts import Host, Hosts


@contextmanager
def impatient_node(host: Host, *words: str) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [*host.inside, sys.executable, "-m", "tests.integration.hosts.programs.impatient_node", *words],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_session_ends_soon_after_its_peer_has_vanished(network: Hosts) -> None:
    internet = network.wire(delay_seconds=0.01)
    here, there = public_hosts(network, internet, 2)
    with impatient_node(there, "1") as listener:
        assert heard(listener) == "ready"
        with impatient_node(here, "2", f"{there.addresses['net'][0]}:7700") as dialler:
            assert heard(dialler) == heard(listener) == "open"
            internet.part(here.devices["net"])
            tell(dialler)
            tell(listener)
            for process in (dialler, listener):
                assert "timed out" in heard(process)
