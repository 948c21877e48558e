"""`mirrord set-port`: what it asks of the daemon, and what it says."""

import json
from pathlib import Path

import pytest

from tests.command_line import mirrord
from tests.control_server import control_server


@pytest.mark.parametrize(
    ("line", "asked", "lines"),
    [
        (["7800"], ("port", 7800, 0), ["listening for peers on port 7800"]),
        (["--bittorrent", "7801"], ("port", 0, 7801), ["listening for swarm members on port 7801"]),
        (
            ["7800", "--bittorrent", "7801"],
            ("port", 7800, 7801),
            ["listening for peers on port 7800", "listening for swarm members on port 7801"],
        ),
    ],
)
def test_it_asks_for_the_ports_and_says_for_how_long(
    tmp_path: Path, line: list[str], asked: tuple[object, ...], lines: list[str]
) -> None:
    with control_server(tmp_path / "control.sock") as daemon:
        ended = mirrord("set-port", *line, folder=tmp_path)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines()[:-1] == lines
        assert "until the daemon is started again" in ended.out.splitlines()[-1]
        assert json.loads(mirrord("set-port", *line, "--json", folder=tmp_path).out)["done"] == "listening"
    assert daemon.asked == [asked, asked]


@pytest.mark.parametrize("line", [["0"], ["65536"], ["--bittorrent", "0"], ["7800.5"], ["http"]])
def test_what_is_no_port_is_refused_before_the_daemon_is_asked(tmp_path: Path, line: list[str]) -> None:
    with control_server(tmp_path / "control.sock") as daemon:
        ended = mirrord("set-port", *line, folder=tmp_path)
    assert ended.code == 2
    assert ended.err.startswith("error: ") and "hint: " in ended.err
    assert daemon.asked == []
