"""``mirrord top`` and ``mirrord coverage``, on real terminals against a real control server."""

import json
import os
import re
import signal
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mirrord.cli.text import display_width
from mirrord.core.statistics import Happening, ShardRole, Statistics
from tests.builders import AT, make_collection, make_node, make_shard, make_statistics
from tests.command_line import mirrord
from tests.control_server import ScriptedDaemon, ask, control_server
from tests.terminal_session import ENTER_SCREEN, HIDE_CURSOR, LEAVE_SCREEN, SHOW_CURSOR, TerminalSession, on_terminal

HOSTILE = "evil \x1b]0;owned\x07\x1b[2J\n\u202e" + "本" * 30
OFTEN = ("top", "--interval", "0.2s")
LOCAL_MODES = 3


def two_collections() -> Statistics:
    whole = make_collection([make_shard(i) for i in range(6)], "maps", 2)
    books = [make_shard(i, replicas=i % 6, name=f"book-{i:03}", stale=i % 2) for i in range(300)]
    books[3] = replace(books[3], role=ShardRole.FETCHING, percent=40)
    return make_statistics([make_collection(books, "books", 1), whole])


def happened() -> tuple[Happening, ...]:
    return (Happening(AT - 60, "joined books"), Happening(AT - 3, "claimed book-003: 3 of 4 replicas"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A node's folder, in which a daemon answers."""
    with control_server(tmp_path / "control.sock", ScriptedDaemon([two_collections()], happened=happened())):
        yield tmp_path


def assert_restored(session: TerminalSession) -> None:
    """The terminal is as it was: its modes, its screen, its cursor."""
    assert session.modes() == session.modes_before
    assert session.shown.count(LEAVE_SCREEN) == session.shown.count(ENTER_SCREEN) > 0
    assert session.shown.rindex(LEAVE_SCREEN) > session.shown.rindex(ENTER_SCREEN)
    assert session.shown.rindex(SHOW_CURSOR) > session.shown.rindex(HIDE_CURSOR)


def test_a_frame_fits_the_window_and_q_leaves_everything_as_it_was(folder: Path) -> None:
    with on_terminal(*OFTEN, folder=folder) as session:
        lines = session.wait_for("q quit", "claimed book-003", size=(80, 24))
        assert all(display_width(line) <= 80 for line in lines)
        text = "\n".join(lines)
        assert "Lost here: 50 shards have no replica that we know of" in text
        assert re.search(r"book-000 +0 of 3", text)
        assert "verified no audits yet" in text
        assert not session.modes()[LOCAL_MODES] & termios.ECHO
        session.type("q")
        assert session.ended() == 0
        assert_restored(session)


def test_keys_show_the_other_collections_in_turn(folder: Path) -> None:
    with on_terminal(*OFTEN, folder=folder) as session:
        session.wait_for("book-000", "Tab next of 2 collections")
        for key, shown in (("\t", "Safe: "), ("n", "Lost here: "), ("\x1b[D", "Safe: "), ("p", "Lost here: ")):
            session.type(f"x\x1b[15~{key}")  # what means nothing is passed over
            drawn = len(session.frames)
            session.wait_until(
                lambda drawn=drawn, shown=shown: any(shown in "".join(f) for f in session.frames[drawn + 1 :]), shown
            )
        session.type("q")
        assert session.ended() == 0


def test_it_begins_with_the_collection_that_is_named(folder: Path) -> None:
    with on_terminal(*OFTEN, "--collection", "maps", folder=folder) as session:
        lines = session.wait_for("q quit")
        assert "Safe: every shard has its 3 replicas" in "\n".join(lines)


def test_it_grows_and_shrinks_with_the_window(folder: Path) -> None:
    def blocks(lines: list[str]) -> int:
        return max(sum(c in "▁▂▃▄▅▆▇█·" for c in line) for line in lines)

    with on_terminal(*OFTEN, folder=folder) as session:
        small = session.wait_for("q quit", size=(80, 24))
        session.resize(140, 40)
        session.wait_until(lambda: any(len(f) == 40 and blocks(f) > 110 for f in session.frames), "more columns")
        large = session.wait_for("q quit", size=(140, 40))
        assert any("worst shards" in line and "what happened last" in line for line in large), "side by side"
        assert blocks(large) > blocks(small) + 50
        session.resize(50, 12)
        tiny = session.wait_for("q quit", size=(50, 12))
        assert all(display_width(line) <= 50 for line in tiny)
        session.type("q")
        assert session.ended() == 0
        assert_restored(session)


def test_it_says_that_the_daemon_is_gone_and_sees_it_come_back(tmp_path: Path) -> None:
    socket = tmp_path / "control.sock"
    with control_server(socket, ScriptedDaemon([two_collections()])):
        session = TerminalSession((*OFTEN, "--folder", str(tmp_path)), (80, 24), {})
        session.wait_for("book-000", "every 0.2 s")
    try:
        lines = session.wait_for("daemon unreachable since", "trying again")
        assert "book-000" in "\n".join(lines), "what was known is still shown"
        with control_server(socket, ScriptedDaemon([make_statistics([make_collection([make_shard(0)], "fresh")])])):
            drawn = len(session.frames)
            session.wait_until(
                lambda: any("fresh" in "".join(f) and "unreachable" not in "".join(f) for f in session.frames[drawn:]),
                "the new daemon is seen",
            )
        session.wait_until(lambda: "unreachable" in "".join(session.frames[-2]), "and lost again")
        session.type("q")
        assert session.ended() == 0
        assert_restored(session)
    finally:
        session.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_and_the_terminal_is_restored(folder: Path, number: signal.Signals, code: int) -> None:
    with on_terminal(*OFTEN, folder=folder) as session:
        session.wait_for("q quit")
        session.process.send_signal(number)
        assert session.ended() == code
        assert_restored(session)
        assert "Traceback" not in session.shown


def test_ctrl_c_ends_it_like_any_command(folder: Path) -> None:
    with on_terminal(*OFTEN, folder=folder) as session:
        session.wait_for("q quit")
        session.type("\x03")
        assert session.ended() == 130
        assert_restored(session)


def test_ctrl_z_gives_the_terminal_back_until_it_is_wanted_again(folder: Path) -> None:
    with on_terminal(*OFTEN, folder=folder) as session:
        session.wait_for("q quit")
        session.type("\x1a")
        _, status = os.waitpid(session.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert session.modes()[LOCAL_MODES] & termios.ECHO, "a shell can be typed to"
        session.wait_until(lambda: session.shown.count(LEAVE_SCREEN) == 1, "its screen is gone")
        session.process.send_signal(signal.SIGCONT)
        session.wait_until(lambda: session.shown.count(ENTER_SCREEN) == 2, "it draws again")
        session.type("q")
        assert session.ended() == 0
        assert_restored(session)


def test_strangers_words_cannot_steer_the_terminal(tmp_path: Path) -> None:
    shards = [make_shard(i, replicas=i % 4, name=HOSTILE) for i in range(30)]
    node = make_node(fetching_paused=HOSTILE)
    statistics = make_statistics([make_collection(shards, HOSTILE)], node=node)
    daemon = ScriptedDaemon([statistics], happened=(Happening(AT, HOSTILE),))
    with control_server(tmp_path / "control.sock", daemon), on_terminal(*OFTEN, folder=tmp_path) as session:
        session.wait_for("q quit", "fetching is paused")
        for harm in ("\x1b]0", "\x07", "\x1b[2J", "\u202e"):
            assert harm not in session.shown
        assert all(display_width(line) <= 80 for frame in session.frames[:-1] for line in frame)


def test_a_terminal_that_knows_only_ascii_is_sent_nothing_else(folder: Path) -> None:
    environment = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LANG": "C"}
    with on_terminal(*OFTEN, folder=folder, environment=environment) as session:
        text = "\n".join(session.wait_for("q quit"))
        assert session.shown.isascii() and "\\u" not in session.shown
        assert "x Lost here" in text and re.search(r"[1-9.]{50,}", text), "shares of a column in tenths"


def test_no_color_is_respected(folder: Path) -> None:
    with on_terminal(*OFTEN, folder=folder, environment={"NO_COLOR": "1"}) as session:
        session.wait_for("q quit")
        assert not re.search(r"\x1b\[[0-9;]*(3|4|9|10)[0-9]", session.shown), "neither text nor ground has a colour"


@pytest.mark.parametrize("flags", [("--once",), ()])
def test_into_a_pipe_goes_one_plain_frame(folder: Path, flags: tuple[str, ...]) -> None:
    ended = mirrord("top", *flags, folder=folder)
    assert ended.code == 3, "some shard is below its target"
    assert "\x1b" not in ended.out
    assert "Lost here" in ended.out and "what happened last" in ended.out and "q quit" not in ended.out
    assert ("one frame" in ended.err) == (not flags)


def test_the_width_in_a_pipe_can_be_told_and_colour_be_forced(folder: Path) -> None:
    ended = mirrord("top", "--once", folder=folder, environment={"COLUMNS": "60", "FORCE_COLOR": "1", "TERM": "xterm"})
    assert "\x1b[" in ended.out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", ended.out).splitlines()
    assert max(display_width(line) for line in lines) == 60


def test_once_on_a_terminal_prints_and_ends(folder: Path) -> None:
    with on_terminal("top", "--once", folder=folder) as session:
        assert session.ended() == 3
        session.wait_until(lambda: "what happened last" in session.shown, "a frame")
        assert ENTER_SCREEN not in session.shown


def test_without_a_daemon_it_does_not_begin(tmp_path: Path) -> None:
    with on_terminal(*OFTEN, folder=tmp_path) as session:
        assert session.ended() == 4
        session.wait_until(lambda: "hint: start it" in session.shown, "a hint")
        assert ENTER_SCREEN not in session.shown


@pytest.mark.parametrize(("flags", "words"), [(("--interval", "0.01s"), "0.2s to 1h"), (("--interval", "2"), "a unit")])
def test_an_interval_that_makes_no_sense_is_refused(folder: Path, flags: tuple[str, str], words: str) -> None:
    ended = mirrord("top", *flags, folder=folder)
    assert ended.code == 2
    assert words in ended.err


# --- mirrord coverage -------------------------------------------------------------------------------


def test_coverage_prints_every_collection_or_the_one_that_is_named(folder: Path) -> None:
    both, one = mirrord("coverage", folder=folder), mirrord("coverage", "maps", folder=folder)
    assert both.code == 3 and one.code == 0
    assert "books  version 1" in both.out and "Safe: every shard" in both.out
    assert "books" not in one.out and "worst shards" not in one.out
    assert all(len(line) <= 100 and line == line.rstrip() for line in both.out.splitlines())
    assert "\x1b" not in both.out


def test_coverage_as_json_is_what_the_daemon_says(folder: Path) -> None:
    ended = mirrord("coverage", "books", "--json", folder=folder)
    status, answer = ask(folder / "control.sock", "GET", "/v1/coverage?collection=books")
    assert (status, ended.code) == (200, 3)
    assert json.loads(ended.out) == answer
    (books,) = answer["collections"]
    assert sum(map(sum, books["heat_map"]["cells"])) == books["shards"] == 300
    assert [shard["replicas"] for shard in books["worst"]] == [0] * 20
    assert books["here"]["under_way"][0]["name"] == "book-003"


def test_coverage_refuses_what_is_not_there(folder: Path) -> None:
    assert mirrord("coverage", "songs", folder=folder).code == 2
    status, answer = ask(folder / "control.sock", "GET", "/v1/coverage?columns=0")
    assert (status, answer["error"]["code"]) == (400, "usage")


def test_events_are_told(folder: Path) -> None:
    status, answer = ask(folder / "control.sock", "GET", "/v1/events")
    assert status == 200
    assert answer["events"] == [{"at": each.at, "text": each.text} for each in happened()]
