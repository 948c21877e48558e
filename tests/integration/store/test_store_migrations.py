"""Steps are taken once, in order, whole or not at all."""

from pathlib import Path

import pytest
import trio

from mirrord.core.effects import PersistCollection, ShardState
from mirrord.core.errors import ConfigError, StorageError
from mirrord.core.records.ids import Address, CollectionId, NodeId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.stored import Stored, StoredCollection, StoredPeer, StoredRecord, StoredShard
from mirrord.store.database import Database, Row, Transaction, open_database
from mirrord.store.migrations import MIGRATIONS, SCHEMA_VERSION, Migration, migrate
from mirrord.store.store import DATABASE_NAME, open_store

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


# --- from the tables that were released first -----------------------------------------------------

ONE, TWO = b"C" * 32, b"D" * 32
OF_VERSION_1 = (
    "INSERT INTO own_sequence VALUES (1, 17)",
    f"INSERT INTO records VALUES (1, x'{ONE.hex()}', 1, x'02')",
    f"INSERT INTO collections VALUES (x'{ONE.hex()}', 0)",
    f"INSERT INTO collections VALUES (x'{TWO.hex()}', 1800000000)",
    f"INSERT INTO bootstrap_addresses VALUES (x'{ONE.hex()}', 0, 'node.example', 7700)",
    f"INSERT INTO shards VALUES (x'{ONE.hex()}', 4, 'held', 1790000000)",
    f"INSERT INTO peers VALUES ('203.0.113.9', 7700, x'{b'P'.hex() * 32}', 1790000001)",
)
REMEMBERED = Stored(
    sequence=17,
    records=(StoredRecord(RecordKey(Kind.MANIFEST_HEAD, ONE), 1, b"\x02"),),
    collections=(
        StoredCollection(CollectionId(ONE), (Address("node.example", 7700),), 0, 0, False),
        StoredCollection(CollectionId(TWO), (), 1_800_000_000, 0, False),
    ),
    shards=(StoredShard(ShardKey(CollectionId(ONE), ShardIndex(4)), ShardState.HELD, 1_790_000_000),),
    peers=(StoredPeer(Address("203.0.113.9", 7700), NodeId(b"P" * 32), 1_790_000_001, 1_790_000_001),),
)


async def _insert(transaction: Transaction) -> None:
    for statement in OF_VERSION_1:
        await transaction.execute(statement)


def test_a_database_of_version_1_is_taken_over_with_all_that_is_in_it(tmp_path: Path) -> None:
    """Nobody of those who were joined then was leaving gracefully; from now on they can, and it is remembered.

    Of a peer of then, the last time is the first that we know of.
    """

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / DATABASE_NAME, 1) as database:
                await migrate(database, MIGRATIONS[:1])
                await database.run(_insert)
            async with open_store(tmp_path) as store:
                assert store.stored == REMEMBERED
                leaving = PersistCollection(CollectionId(ONE), (), 0, 1_900_000_000, True)
                await store.persist([leaving])
            async with open_store(tmp_path) as store:
                assert store.stored.collections == (
                    StoredCollection(CollectionId(ONE), (), 0, 1_900_000_000, True),
                    REMEMBERED.collections[1],
                )
            async with open_database(tmp_path / DATABASE_NAME, SCHEMA_VERSION) as database:
                assert await read(database, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
            with pytest.raises(ConfigError):  # the program of then does not touch it any more
                async with open_database(tmp_path / DATABASE_NAME, 1):
                    pass

    trio.run(main)
