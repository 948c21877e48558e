"""What the daemon tells systemd, received on real datagram sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mirrord.service import ServiceSupervisor

RECEIVE_MAX_BYTES = 4096
WATCHDOG = {"WATCHDOG_USEC": "30000000"}


@pytest.fixture(params=["path", "abstract"])
def notify_socket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Listen as systemd does; yield the socket, and its name as NOTIFY_SOCKET has it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@mirrord-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind("\0" + name[1:] if name.startswith("@") else name)
        yield listener, name


def test_each_state_arrives_as_one_datagram(notify_socket: tuple[socket.socket, str]) -> None:
    listener, name = notify_socket
    supervisor = ServiceSupervisor.from_environment({"NOTIFY_SOCKET": name} | WATCHDOG)

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


def test_many_signs_of_life_are_one_datagram(notify_socket: tuple[socket.socket, str]) -> None:
    """The loop calls for each event, and systemd's queue may hold ten datagrams."""
    listener, name = notify_socket
    supervisor = ServiceSupervisor.from_environment({"NOTIFY_SOCKET": name} | WATCHDOG)
    for _ in range(1_000):
        supervisor.alive()
    supervisor.status("done")
    assert listener.recv(RECEIVE_MAX_BYTES) == b"WATCHDOG=1"
    assert listener.recv(RECEIVE_MAX_BYTES) == b"STATUS=done"


def test_signs_of_life_go_on_within_the_watchdog_s_time(notify_socket: tuple[socket.socket, str]) -> None:
    listener, name = notify_socket
    supervisor = ServiceSupervisor.from_environment({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"})
    listener.setblocking(False)
    signs = 0
    while signs < 3:
        supervisor.alive()
        try:
            signs += listener.recv(RECEIVE_MAX_BYTES) == b"WATCHDOG=1"
        except BlockingIOError:
            continue


def test_without_a_watchdog_there_are_no_signs_of_life(notify_socket: tuple[socket.socket, str]) -> None:
    listener, name = notify_socket
    supervisor = ServiceSupervisor.from_environment({"NOTIFY_SOCKET": name})
    supervisor.alive()
    supervisor.status("quiet")
    assert listener.recv(RECEIVE_MAX_BYTES) == b"STATUS=quiet"


def test_outside_systemd_nobody_is_told() -> None:
    supervisor = ServiceSupervisor.from_environment({})
    assert supervisor.watchdog_seconds is None
    with structlog.testing.capture_logs() as logged:
        supervisor.ready("well")
        supervisor.alive()
    assert logged == []


def test_a_supervisor_that_does_not_listen_is_logged_and_no_more(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        ServiceSupervisor(str(tmp_path / "notify")).ready("well")
    assert [(line["log_level"], line["what"]) for line in logged] == [("warning", "READY=1")]


def test_a_supervisor_that_takes_nothing_holds_us_up_for_a_moment_only(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, structlog.testing.capture_logs() as logged:
        listener.bind(str(tmp_path / "notify"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as flood:
            with pytest.raises(BlockingIOError):
                while True:
                    flood.sendto(b"STATUS=flood", str(tmp_path / "notify"))
            ServiceSupervisor(str(tmp_path / "notify")).status("stuck")
    assert [line["detail"] for line in logged] == ["timed out"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        (WATCHDOG, 30.0),
        (WATCHDOG | {"WATCHDOG_PID": str(os.getpid())}, 30.0),
        (WATCHDOG | {"WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_or_none(environment: dict[str, str], seconds: float | None) -> None:
    assert ServiceSupervisor.from_environment(environment).watchdog_seconds == seconds
