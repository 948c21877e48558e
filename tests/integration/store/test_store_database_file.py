"""A database that is torn, foreign or newer: a clear error, and not one byte of it changed."""

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio
from store_effects import batch

from mirrord.core.errors import ConfigError, MirrordError, StorageError
from mirrord.core.stored import Stored
from mirrord.store.migrations import SCHEMA_VERSION
from mirrord.store.store import DATABASE_NAME, open_store

SECONDS = 20
PROGRAM = Path(__file__).parent / "programs" / "persist_forever.py"


def load(folder: Path) -> Stored:
    async def main() -> Stored:
        with trio.fail_after(SECONDS):
            async with open_store(folder) as store:
                return store.stored

    return trio.run(main)


def fill(folder: Path, batches: int = 5) -> Stored:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_store(folder) as store:
                for number in range(batches):
                    await store.persist(batch(number))

    trio.run(main)
    return load(folder)


def hashes(folder: Path) -> dict[str, str]:
    """Return a hash of every file that holds data; SQLite's index of the log (-shm) holds none."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith("-shm")
    }


def refuse(folder: Path, fault: type[MirrordError], message: str) -> None:
    """Check that the folder is refused, with that message and a hint, and nothing in it changed."""
    before = hashes(folder)
    for _ in range(2):  # the refusal itself leaves nothing behind that would change the next one
        with pytest.raises(fault, match=message) as caught:
            load(folder)
        assert type(caught.value) is fault
        assert str(folder) in caught.value.message
        assert caught.value.hint
    assert hashes(folder) == before


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def kill_in_the_middle(folder: Path) -> None:
    """Leave a database behind whose newest transactions are in its log alone."""
    with subprocess.Popen([sys.executable, PROGRAM, folder], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert (folder / f"{DATABASE_NAME}-wal").stat().st_size > 0


@pytest.mark.parametrize("length", [0, 1, 15, 16, 50, 99, 100, 2048, 4096, 5000, 8192])
def test_a_truncated_database_is_refused(tmp_path: Path, length: int) -> None:
    fill(tmp_path)
    path = tmp_path / DATABASE_NAME
    assert path.stat().st_size > length
    os.truncate(path, length)
    refuse(tmp_path, StorageError, "cut off|damaged")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(os.urandom(20_000)),
        lambda path: path.write_bytes(b"\0" * 20_000),
        lambda path: path.write_text("dear diary"),
        lambda path: path.write_bytes(os.urandom(4096) + path.read_bytes()[4096:]),
    ],
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    fill(tmp_path)
    damage(tmp_path / DATABASE_NAME)
    refuse(tmp_path, ConfigError, "not a SQLite database")


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, batches=30)
    path = tmp_path / DATABASE_NAME
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'records'").fetchall()
    start = (root - 1) * 4096
    data[start : start + 64] = os.urandom(64)
    path.write_bytes(data)
    refuse(tmp_path, StorageError, "damaged")


def test_a_schema_that_is_no_text_any_more_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / DATABASE_NAME
    data = path.read_bytes()
    assert b"CREATE TABLE records" in data
    path.write_bytes(data.replace(b"CREATE TABLE records", b"CREATE TABLE\xe8\x8fecords"))
    refuse(tmp_path, StorageError, "damaged")


def test_every_flipped_bit_of_the_header_is_refused_or_harmless(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = fill(whole)
    data = (whole / DATABASE_NAME).read_bytes()
    refused = 0
    for position in range(100):
        folder = tmp_path / str(position)
        folder.mkdir()
        path = folder / DATABASE_NAME
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        before = hashes(folder)
        try:
            stored = load(folder)
        except (ConfigError, StorageError) as error:
            assert str(path) in error.message
            assert hashes(folder) == before, f"byte {position} was refused, but the file was changed"
            refused += 1
        else:
            assert stored == expected, f"a flip in byte {position} changed what was loaded"
    assert refused >= 30


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    edit(
        tmp_path / DATABASE_NAME,
        "PRAGMA application_id = 7",
        "CREATE TABLE theirs (x)",
        "INSERT INTO theirs VALUES (1)",
    )
    refuse(tmp_path, ConfigError, "belongs to another program")


def test_a_database_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    edit(tmp_path / DATABASE_NAME, "CREATE TABLE theirs (x)", "PRAGMA user_version = 1")
    refuse(tmp_path, ConfigError, "belongs to another program")


def test_another_programs_log_is_not_replayed(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE theirs (x)")
        shutil.copy(path, tmp_path / "copy")
        shutil.copy(f"{path}-wal", tmp_path / "copy-wal")
    (tmp_path / "copy").rename(path)
    (tmp_path / "copy-wal").rename(f"{path}-wal")
    assert Path(f"{path}-wal").stat().st_size > 0
    refuse(tmp_path, ConfigError, "belongs to another program")


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    edit(tmp_path / DATABASE_NAME, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    refuse(tmp_path, ConfigError, f"newer mirrord .its format is {SCHEMA_VERSION + 1}")


def test_a_newer_database_whose_version_is_in_the_log_alone_is_refused(tmp_path: Path) -> None:
    kill_in_the_middle(tmp_path)
    path = tmp_path / DATABASE_NAME
    copies = tmp_path / "copies"
    copies.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        for name in (path.name, f"{path.name}-wal"):
            shutil.copy(tmp_path / name, copies / name)
    user_version = slice(60, 64)
    assert int.from_bytes((copies / path.name).read_bytes()[user_version], "big") <= SCHEMA_VERSION
    refuse(copies, ConfigError, "newer mirrord")


def test_a_negative_version_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    edit(tmp_path / DATABASE_NAME, "PRAGMA user_version = -1")
    refuse(tmp_path, ConfigError, "newer mirrord")


def test_damage_behind_a_log_is_refused_and_the_log_kept(tmp_path: Path) -> None:
    fill(tmp_path, batches=30)
    kill_in_the_middle(tmp_path)
    path = tmp_path / DATABASE_NAME
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    refuse(tmp_path, StorageError, "damaged")


def test_a_missing_database_with_its_log_left_behind_is_refused(tmp_path: Path) -> None:
    kill_in_the_middle(tmp_path)
    (tmp_path / DATABASE_NAME).unlink()
    refuse(tmp_path, ConfigError, "is missing, but its log")


def test_moving_everything_away_starts_afresh(tmp_path: Path) -> None:
    fill(tmp_path)
    os.truncate(tmp_path / DATABASE_NAME, 5000)
    refuse(tmp_path, StorageError, "damaged")
    (tmp_path / "aside").mkdir()
    for path in list(tmp_path.glob(f"{DATABASE_NAME}*")):
        path.rename(tmp_path / "aside" / path.name)
    assert load(tmp_path) == Stored()


def test_a_half_made_database_of_a_killed_start_is_made_again(tmp_path: Path) -> None:
    for suffix in (".new", ".new-wal", ".new-journal"):
        (tmp_path / (DATABASE_NAME + suffix)).write_bytes(os.urandom(5000))
    assert load(tmp_path) == Stored()
    assert [path.name for path in tmp_path.glob(f"{DATABASE_NAME}*")] == [DATABASE_NAME]


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).mkdir()
    refuse(tmp_path, ConfigError, "is not a file")


def test_a_missing_folder_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load(tmp_path / "nowhere")
    assert "mirrord init" in caught.value.hint


def test_file_knows_whose_it_is(tmp_path: Path) -> None:
    fill(tmp_path)
    header = (tmp_path / DATABASE_NAME).read_bytes()[:100]
    assert header[68:72] == b"mirr"
    assert int.from_bytes(header[60:64], "big") == SCHEMA_VERSION
