"""What the daemon tells systemd, received on real datagram sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrord.core.errors import ShellError
from mirrord.service import ServiceSupervisor

RECEIVE_MAX_BYTES = 4096


@pytest.fixture(params=["path", "abstract"])
def supervised(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, ServiceSupervisor]]:
    """Listen as systemd does; yield the socket, and who talks to it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@mirrord-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        yield listener, ServiceSupervisor.from_environment({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})


def test_each_state_arrives_as_one_datagram(supervised: tuple[socket.socket, ServiceSupervisor]) -> None:
    listener, supervisor = supervised

    def heard() -> list[str]:
        return listener.recv(RECEIVE_MAX_BYTES).decode().split("\n")

    supervisor.ready("holds 3 shards,\nfetches 1")
    assert heard() == ["READY=1", "STATUS=holds 3 shards, fetches 1"]
    supervisor.status("READY=0\nSTOPPING=1")
    assert heard() == ["STATUS=READY=0 STOPPING=1"]
    supervisor.alive()
    assert heard() == ["WATCHDOG=1"]
    supervisor.reloading()
    first, second = heard()
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdigit()
    supervisor.stopping("says goodbye")
    assert heard() == ["STOPPING=1", "STATUS=says goodbye"]


def test_outside_systemd_nobody_is_told() -> None:
    supervisor = ServiceSupervisor.from_environment({})
    assert supervisor == ServiceSupervisor(address=None, watchdog_seconds=None)
    supervisor.ready("well")
    supervisor.alive()


def test_a_supervisor_that_has_gone_is_an_error_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match="notify"):
        ServiceSupervisor(str(tmp_path / "notify")).alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_or_none(environment: dict[str, str], seconds: float | None) -> None:
    assert ServiceSupervisor.from_environment(environment).watchdog_seconds == seconds
