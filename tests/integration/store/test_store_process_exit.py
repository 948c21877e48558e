"""A process that leaves an open database, in whatever way, ends: no thread keeps it alive."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "leave.py"
SECONDS = 20


def leave(way: str, path: Path) -> "subprocess.CompletedProcess[str]":
    """Run the program; a process that does not end raises TimeoutExpired, which fails the test."""
    return subprocess.run([sys.executable, PROGRAM, way, path], capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.parametrize(
    ("way", "code", "stderr"),
    [
        ("normally", 0, ""),
        ("with an exception", 1, "RuntimeError: on purpose"),
        ("cancelled", 0, ""),
        ("cancelled inside a transaction", 0, ""),
        ("by control-C", 1, "KeyboardInterrupt"),
        ("with a wrong statement", 1, "no such column: nonsense"),
        ("by sys.exit", 7, ""),
    ],
)
def test_a_process_ends_after_leaving(tmp_path: Path, way: str, code: int, stderr: str) -> None:
    ended = leave(way, tmp_path / "db")
    if way == "by control-C":
        assert ended.returncode in (1, 130, -2)  # Python's own way of dying of it
    else:
        assert ended.returncode == code
    assert stderr in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert "ResourceWarning" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db"], "the database was not closed"
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        assert connection.execute("SELECT * FROM sqlite_schema WHERE name = 'never'").fetchall() == []


def test_a_process_ends_after_a_refused_database(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("dear diary")
    ended = leave("normally", tmp_path / "db")
    assert ended.returncode == 1
    assert "is not a SQLite database" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_process_ends_when_a_step_cannot_be_taken(tmp_path: Path) -> None:
    assert leave("normally", tmp_path / "db").returncode == 0
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 0")  # so the first step finds its tables there already
    ended = leave("normally", tmp_path / "db")
    assert ended.returncode == 1
    assert "already exists" in ended.stderr
    assert "Traceback" not in ended.stderr
