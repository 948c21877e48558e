"""The command line as a whole: every command is there, and loads only what it needs."""

import subprocess
import sys

import pytest

from mirrord.cli.app import GROUPS, TOP
from mirrord.cli.main import main

LINES = [[command.name] for command in TOP] + [
    [group.name, command.name] for group in GROUPS for command in group.commands
]
HEAVY = (
    "pydantic",
    "rich",
    "trio",
    "h11",
    "libtorrent",
    "sqlite3",
    "prometheus_client",
    "structlog",
    "asyncio",
    "numpy",
)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_command_has_help_of_its_own(capsys: pytest.CaptureFixture[str], line: list[str]) -> None:
    assert main([*line, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: mirrord {' '.join(line)}")
    assert "Never run" not in out


def test_the_overview_names_every_command_with_a_line_that_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    for group, commands in (([], TOP), *(([group.name], group.commands) for group in GROUPS)):
        assert main([*group, "--help"]) == 0
        out = capsys.readouterr().out
        for command in commands:
            assert command.help in out


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("mirrord 0.")


def imported_by(*line: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mirrord", *line],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return {row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")}


@pytest.mark.parametrize("line", [("status",), ("peers",), ("shards",), ("plan",), ("collection", "list"), ("stop",)])
def test_a_command_that_asks_the_daemon_loads_nothing_heavy(line: tuple[str, ...]) -> None:
    """This is what keeps ``mirrord status`` under a quarter of a second; pydantic is typer's own."""
    modules = imported_by(*line, "--folder", "/nonexistent")
    assert "mirrord.cli.client" in modules
    assert not {name for name in modules if name.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("line", [("top", "--once"), ("coverage",)])
def test_a_command_that_draws_loads_rich_and_nothing_else_that_is_heavy(line: tuple[str, ...]) -> None:
    modules = imported_by(*line, "--folder", "/nonexistent")
    assert "mirrord.cli.frames.frame" in modules
    assert {name.partition(".")[0] for name in modules} & set(HEAVY) == {"rich"}


def test_help_loads_no_command() -> None:
    modules = {name for name in imported_by("--help") if name.startswith("mirrord.")}
    assert modules <= {
        "mirrord.cli",
        "mirrord.cli.main",
        "mirrord.cli.app",
        "mirrord.cli.quick",
        "mirrord.cli.text",
        "mirrord.core",
        "mirrord.core.errors",
        "mirrord.core.wording",
        "mirrord.__main__",
    }


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("mirrord st", {"status", "stop"}),
        ("mirrord status --fo", {"--folder"}),
        ("mirrord shard ", {"verify", "adopt"}),
    ],
)
def test_a_shell_is_offered_completions(words: str, offered: set[str]) -> None:
    environment = {
        "_MIRRORD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "mirrord"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert set(done.stdout.split()) == offered
