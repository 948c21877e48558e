"""Steps are taken once, in order, whole or not at all."""

from pathlib import Path

import pytest
import trio

from mirrord.core.errors import StorageError
from mirrord.store.database import Database, Row, open_database
from mirrord.store.migrations import MIGRATIONS, Migration, migrate

SECONDS = 20
FIRST = Migration(1, ("CREATE TABLE one (x INTEGER)", "INSERT INTO one VALUES (1)"))
SECOND = Migration(2, ("ALTER TABLE one ADD COLUMN y INTEGER DEFAULT 5", "INSERT INTO one VALUES (2, 6)"))
BROKEN = Migration(3, ("CREATE TABLE three (x)", "INSERT INTO one VALUES (3, 7)", "INSERT INTO nowhere VALUES (1)"))


async def read(database: Database, sql: str) -> list[Row]:
    return await database.run(lambda transaction: transaction.fetch_all(sql))


def test_numbers_go_up_by_one() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_only_the_missing_steps_are_taken(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 1) as database:
                await migrate(database, [FIRST])
                assert await read(database, "PRAGMA user_version") == [(1,)]
            async with open_database(tmp_path / "db", 2) as database:
                await migrate(database, [FIRST, SECOND])
                await migrate(database, [FIRST, SECOND])
                assert await read(database, "PRAGMA user_version") == [(2,)]
                assert await read(database, "SELECT x, y FROM one ORDER BY x") == [(1, 5), (2, 6)]

    trio.run(main)


def test_a_step_that_fails_leaves_nothing_and_can_be_taken_later(tmp_path: Path) -> None:
    mended = Migration(3, (*BROKEN.statements[:2], "CREATE TABLE nowhere (x)"))

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 3) as database:
                with pytest.raises(StorageError, match="nowhere"):
                    await migrate(database, [FIRST, SECOND, BROKEN])
                assert await read(database, "PRAGMA user_version") == [(2,)]
                assert await read(database, "SELECT x FROM one ORDER BY x") == [(1,), (2,)]
                await migrate(database, [FIRST, SECOND, mended])
                assert await read(database, "PRAGMA user_version") == [(3,)]

    trio.run(main)
