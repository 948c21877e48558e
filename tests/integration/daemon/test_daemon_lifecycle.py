"""Starting, stopping, reloading: what an operator and a supervisor do to a daemon."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running_nodes import STOP_SECONDS, Nodes, RunningNode
from small_collection import build, open_shop

from mirrord.core.records.ids import to_text
from mirrord.store.store import DATABASE_NAME
from tests.command_line import ROOT, clean_environment

MIB = 1 << 20
FREEZING_DAEMON = Path(__file__).with_name("programs") / "freezing_daemon.py"


def test_a_stop_in_the_middle_of_fetching_is_clean_and_fetches_nothing_twice(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=2, shard_bytes=4 * MIB, target=2)
    origin = nodes.make("origin", 20 * MIB, upload_limit="2MB").start()
    open_shop(origin, collection)
    node = nodes.make("node", 20 * MIB).start()
    node.do("collection", "join", collection.invitation(origin))
    for percent in (20, 60):
        node.wait_until(lambda percent=percent: any(s.percent >= percent for s in node.shards()), f"{percent} %")
        assert node.stop() < STOP_SECONDS
        node.start()
    node.wait_until(lambda: node.held == collection.indexes, "it holds everything")
    assert collection.bad_files(node, collection.indexes) == []
    in_flight = 2 * 2 * 4 * collection.torrent(0).piece_bytes  # stops, fetches, pieces; libtorrent may not count them
    assert abs(origin.settled_upload_bytes() - collection.bytes) <= in_flight
    assert "will be read again" not in node.log_text()


def test_a_second_daemon_on_a_folder_is_refused_and_told_who_is_there(nodes: Nodes) -> None:
    node = nodes.make("node", MIB).start()
    ended = node.run_to_the_end()
    assert ended.code == 78
    error, hint = ended.err.splitlines()
    assert error == f"error: the folder {node.folder} is in use by process {node.pid}"
    assert hint.startswith("hint: ")
    assert node.answers()
    node.stop()


@contextmanager
def unwritable_memory(node: RunningNode) -> Iterator[None]:
    """Keep the daemon from writing, so that its loop waits and a stop has to wait for the loop."""
    connection = sqlite3.connect(node.folder / DATABASE_NAME, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        node.signal(signal.SIGHUP)  # a pledge that is read again is announced again, which must be kept first
        node.wait_for_log("cannot write the node's memory")
        yield
    finally:
        connection.close()


def test_a_stop_that_cannot_write_ends_in_time_all_the_same(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=1)
    node = nodes.make("node", MIB).start()
    node.do("collection", "join", collection.invitation())
    with unwritable_memory(node):
        assert node.answers()
        assert node.stop() < STOP_SECONDS
    node.start()
    assert [each.id for each in node.status().collections] == [to_text(collection.id)]


def test_a_second_sigterm_does_not_wait(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=1)
    node = nodes.make("node", MIB).start()
    node.do("collection", "join", collection.invitation())
    with unwritable_memory(node):
        node.signal(signal.SIGTERM)
        node.wait_for_log('"stopping"')
        began = time.monotonic()
        node.signal(signal.SIGTERM)
        assert node.wait_for_end() == 1
        assert time.monotonic() - began < 1


def test_sighup_takes_the_pledge_and_survives_a_bad_file(nodes: Nodes) -> None:
    node = nodes.make("node", 5 * MIB).start()
    node.configure(pledge=7 * MIB)
    node.signal(signal.SIGHUP)
    node.wait_until(lambda: node.status().node.pledge_bytes == 7 * MIB, "the new pledge")
    good = node.config.read_text()
    node.config.write_text(good + "pledg = 1\n")
    node.signal(signal.SIGHUP)
    node.wait_for_log("configuration not reloaded")
    assert "did you mean 'pledge'?" in node.log_text()
    assert node.status().node.pledge_bytes == 7 * MIB
    node.config.write_text(good)
    node.configure(pledge=6 * MIB)
    node.signal(signal.SIGHUP)
    node.wait_until(lambda: node.status().node.pledge_bytes == 6 * MIB, "the next pledge")
    node.stop()


def test_a_killed_daemon_starts_again_over_what_it_left(nodes: Nodes) -> None:
    node = nodes.make("node", MIB).start()
    node.kill()
    assert (node.folder / "control.sock").exists()
    assert node.command("status").code == 4
    node.start()
    assert node.command("status").code == 0
    node.stop()
    assert not (node.folder / "control.sock").exists()


def test_a_stop_during_the_start_is_a_stop(nodes: Nodes) -> None:
    node = nodes.make("node", MIB)
    for milliseconds in range(100, 700, 100):
        node.launch()
        time.sleep(milliseconds / 1000)  # the point of this test is the moment, not an event
        node.signal(signal.SIGTERM)
        assert node.wait_for_end() in (0, -signal.SIGTERM)  # the latter before Python heeds signals
    node.start().stop()


def test_an_unreachable_bootstrap_is_tried_again_until_it_is_there(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=1, shard_bytes=MIB, target=2)
    origin = nodes.make("origin", 20 * MIB)
    node = nodes.make("node", 20 * MIB, bootstrap=["name.invalid:7700"]).start()
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: node.status().counters.dials_failed >= 3, "it has tried")
    assert node.command("status").code == 0
    assert "waiting for its manifest" in node.do("status")
    origin.start()
    open_shop(origin, collection)
    node.wait_until(lambda: node.held == collection.indexes, "it found the origin")


@contextmanager
def listening_supervisor(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(10)
        yield supervisor


def heard(supervisor: socket.socket) -> list[str]:
    return supervisor.recv(4096).decode().splitlines()


def test_a_supervisor_hears_that_it_is_ready_alive_and_stopping(nodes: Nodes, tmp_path: Path) -> None:
    node = nodes.make("node", MIB)
    with listening_supervisor(tmp_path / "notify") as supervisor:
        node.environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        node.launch()
        words = heard(supervisor)
        while words == ["WATCHDOG=1"]:  # the loop turns before others may come
            words = heard(supervisor)
        assert words == ["READY=1", f"STATUS=listening on 127.0.0.1:{node.port}"]
        assert node.answers()
        began = time.monotonic()
        assert [heard(supervisor) for _ in range(4)] == [["WATCHDOG=1"]] * 4
        assert time.monotonic() - began < 4  # each within the second that it has
        node.signal(signal.SIGTERM)
        while (words := heard(supervisor)) == ["WATCHDOG=1"]:
            pass
        assert words[0] == "STOPPING=1"
        assert node.wait_for_end() == 0


def test_a_frozen_loop_does_not_feed_the_watchdog(nodes: Nodes, tmp_path: Path) -> None:
    node = nodes.make("node", MIB)
    with listening_supervisor(tmp_path / "notify") as supervisor:
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "500000"}
        with node.log.open("wb") as log:
            node.process = subprocess.Popen(
                [sys.executable, str(FREEZING_DAEMON), str(node.folder)],
                cwd=ROOT,
                env=clean_environment(**environment),
                stdout=log,
                stderr=log,
            )
        while "READY=1" not in heard(supervisor):
            pass
        assert heard(supervisor) == ["WATCHDOG=1"]
        node.signal(signal.SIGUSR1)
        supervisor.settimeout(1.5)  # three times what the watchdog allows
        with pytest.raises(TimeoutError):
            for _ in range(3):  # one or two may have been under way
                heard(supervisor)
        node.signal(signal.SIGKILL)  # as systemd does then
        assert node.wait_for_end() == -signal.SIGKILL
