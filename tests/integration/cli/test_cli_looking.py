"""The commands that look, as processes against a real control server."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from mirrord.cli.text import display_width
from mirrord.core.records.ids import to_text
from mirrord.core.statistics import Liveness, ShardRole
from tests.builders import collection_id, make_collection, make_node, make_peer, make_shard, make_statistics, node_id
from tests.command_line import COMMAND, ROOT, clean_environment, mirrord, mirrord_on_terminal
from tests.control_server import ScriptedDaemon, ask, control_server

ESCAPE = re.compile(r"\x1b\[\d*m")
HOSTILE = "evil \x1b]0;owned\x07\x1b[2J\n\u202e" + "本" * 30
LONG = "a reason that goes on and on, so that no terminal could show it on one line without breaking it"


def serve(path: Path, *snapshots: object) -> ScriptedDaemon:
    return ScriptedDaemon(list(snapshots))  # type: ignore[arg-type]


def whole() -> object:
    return make_statistics([make_collection([make_shard(i) for i in range(6)])])


def hostile() -> object:
    shards = [
        make_shard(i, replicas=i % 7, name=HOSTILE, reason=LONG + HOSTILE, withdrawn_reason=HOSTILE if i == 3 else "")
        for i in range(40)
    ]
    peers = [make_peer(2, operator=HOSTILE, agent=HOSTILE), make_peer(3, liveness=Liveness.GONE, addresses=())]
    node = make_node(fetching_paused="disk full: " + HOSTILE)
    return make_statistics([make_collection(shards, HOSTILE)], peers, node)


@pytest.mark.parametrize("target", ["status", "peers", "shards", "plan"])
def test_json_is_what_the_daemon_says(tmp_path: Path, target: str) -> None:
    with control_server(tmp_path / "control.sock"):
        ended = mirrord(target, "--json", folder=tmp_path)
        assert json.loads(ended.out) == ask(tmp_path / "control.sock", "GET", f"/v1/{target}")[1]
    assert ended.err == ""


def test_status_tells_the_node_the_collection_and_the_bands(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        ended = mirrord("status", folder=tmp_path)
    assert ended.out.splitlines() == [
        f"node {to_text(node_id(1))[:8]}  mirrord 0.1.0  192.0.2.1:7700, [2001:db8::1]:7700",
        "  disk      400 GB used of 1 TB pledged (40.0 %), 2.5 TB free",
        "  peers     3 alive, 1 away, 0 gone; 2 sessions",
        "  transfer  up 1.25 MB/s (5 GB), down 12.5 MB/s (400 GB) since the start",
        "",
        f"collection open-books  {to_text(collection_id(1))[:8]}  version 1  10 shards, 1 TB",
        "  here      2 shards, 200 GB",
        "  network   4 holders",
        "  copies    2 to 6 of each shard; 1 shard (100 GB) below target",
        "  demand    1+ 100 %  2+ 100 %  3+ 99.9 %  target 99.9 %",
        "",
        "  band    shards   bytes  demand  0  1  2  3  4  5+  at target",
        "  head         1  100 GB  50.0 %  -  -  -  1  -   -          1",
        "  upper        1  100 GB  25.0 %  -  -  -  -  1   -          1",
        "  middle       1  100 GB  12.5 %  -  -  -  -  -   1          1",
        "  tail         1  100 GB   6.2 %  -  -  -  -  -   1          1",
        "  zero         6  600 GB   6.1 %  -  -  1  2  1   2          5",
    ]
    assert (ended.code, ended.err) == (3, "")


def test_the_exit_code_says_whether_the_coverage_is_whole(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock", serve(tmp_path, whole())):
        assert [mirrord(line, folder=tmp_path).code for line in ("status", "shards", "peers", "plan")] == [0] * 4
    with control_server(tmp_path / "control.sock"):
        assert [mirrord(line, folder=tmp_path).code for line in ("status", "shards", "peers", "plan")] == [3, 3, 0, 0]


def test_nothing_joined_and_nothing_known_is_said(tmp_path: Path) -> None:
    empty = make_statistics([], [])
    waiting = make_statistics([make_collection([], "", manifest_version=0)])
    with control_server(tmp_path / "control.sock", serve(tmp_path, empty)):
        assert "mirrord collection join" in mirrord("status", folder=tmp_path).out
        for line in (["peers"], ["shards"], ["plan"], ["collection", "list"]):
            ended = mirrord(*line, folder=tmp_path)
            assert (ended.code, ended.out) == (0, "")
            assert ended.err.count("\n") == 1
    with control_server(tmp_path / "control.sock", serve(tmp_path, waiting)):
        assert "waiting for its manifest" in mirrord("status", folder=tmp_path).out


def test_shards_can_be_narrowed_to_those_in_need(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        lines = mirrord("shards", "--below-target", folder=tmp_path).out.splitlines()
        assert [line.split()[0] for line in lines[2:]] == ["9"]
        assert "2/3" in lines[2]
        shards = json.loads(mirrord("shards", "--below-target", "--json", folder=tmp_path).out)["shards"]
        assert [shard["index"] for shard in shards] == [9]


def test_plan_says_why_for_all_or_for_one(tmp_path: Path) -> None:
    claimed = make_shard(1, role=ShardRole.CLAIMED, reason="claimed: rank 1 of 9, waiting for the others to yield")
    statistics = make_statistics([make_collection([make_shard(0), claimed])])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics)):
        assert claimed.reason in mirrord("plan", folder=tmp_path).out
        one = mirrord("plan", "shard-00001", folder=tmp_path).out
        assert claimed.reason in one and "shard-00000" not in one
        assert mirrord("plan", "7", folder=tmp_path).code == 2
        assert mirrord("plan", "--collection", "none", folder=tmp_path).code == 2


@pytest.mark.parametrize("line", [["status"], ["peers"], ["shards"], ["plan"], ["collection", "list"]], ids=" ".join)
def test_nothing_that_strangers_wrote_steers_a_terminal_or_breaks_a_line_of_80(tmp_path: Path, line: list[str]) -> None:
    with control_server(tmp_path / "control.sock", serve(tmp_path, hostile())):
        shown = mirrord_on_terminal(*line, folder=tmp_path)
    bare = ESCAPE.sub("", shown)
    assert "\x1b[" in shown, "a terminal gets colours"
    assert not [c for c in bare if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
    assert "\u202e" not in bare
    if line != ["status"]:
        assert [text for text in bare.splitlines()[1:] if display_width(text) > 80] == []


def test_colour_is_for_terminals_that_want_it(tmp_path: Path) -> None:
    with control_server(tmp_path / "control.sock"):
        assert "\x1b[" not in mirrord("status", folder=tmp_path).out
        assert "\x1b[" in mirrord_on_terminal("status", folder=tmp_path)
        assert "\x1b[" not in mirrord_on_terminal("status", folder=tmp_path, environment={"NO_COLOR": "1"})
        assert "\x1b[" not in mirrord_on_terminal("status", folder=tmp_path, environment={"TERM": "dumb"})


def test_an_output_that_cannot_hold_a_name_gets_it_escaped(tmp_path: Path) -> None:
    statistics = make_statistics([make_collection([make_shard(0)], "Bücher")])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics)):
        ended = mirrord("status", folder=tmp_path, environment={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0 and r"collection B\xfccher" in ended.out


def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path: Path) -> None:
    statistics = make_statistics([make_collection([make_shard(i) for i in range(3000)])])
    with control_server(tmp_path / "control.sock", serve(tmp_path, statistics)):
        process = subprocess.Popen(
            [*COMMAND, "shards", "--folder", str(tmp_path)],
            cwd=ROOT,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        with process.stderr as complaints:
            assert complaints.read() == b""
        process.wait(timeout=30)
