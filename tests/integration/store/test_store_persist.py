"""What is persisted is what the next start loads."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import trio
from store_effects import COLLECTION, announcement, batch, key_of, shard

from mirrord.core.effects import (
    ForgetCollection,
    ForgetRecord,
    ForgetShard,
    Measured,
    PersistCollection,
    PersistEffect,
    PersistMeasured,
    PersistPeer,
    PersistRecord,
    PersistSequence,
    PersistShard,
    ShardState,
)
from mirrord.core.errors import StorageError
from mirrord.core.limits import ADDRESS_BOOK_MAX
from mirrord.core.records.ids import Address, CollectionId, NodeId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.stored import Stored, StoredCollection, StoredPeer, StoredRecord, StoredShard
from mirrord.store.store import DATABASE_NAME, open_store

SECONDS = 20
OTHER = CollectionId(b"D" * 32)
THIRD = CollectionId(b"E" * 32)
HEAD = PersistRecord(RecordKey(Kind.MANIFEST_HEAD, COLLECTION), 3, b"head")
OTHER_HEAD = PersistRecord(RecordKey(Kind.MANIFEST_HEAD, OTHER), 4, b"other head")


def persist(folder: Path, *batches: Sequence[PersistEffect]) -> Stored:
    """Persist each batch as one transaction, and return what the next start loads."""

    async def main() -> Stored:
        with trio.fail_after(SECONDS):
            async with open_store(folder) as store:
                for effects in batches:
                    await store.persist(effects)
            async with open_store(folder) as store:
                return store.stored

    return trio.run(main)


def test_a_new_node_remembers_nothing(tmp_path: Path) -> None:
    assert persist(tmp_path, []) == Stored()


def test_everything_comes_back_in_a_fixed_order(tmp_path: Path) -> None:
    bootstrap = (Address("198.51.100.7", 7700), Address("2001:db8::1", 1), Address("node.example", 65_535))
    stored = persist(
        tmp_path,
        [
            announcement(2, sequence=9),
            HEAD,
            announcement(1, sequence=8),
            PersistSequence(17),
            PersistCollection(OTHER, (), 1_800_000_000),
            PersistCollection(THIRD, (), 0, 1_900_000_000, delete_on_leave=True),
            PersistCollection(COLLECTION, bootstrap, 0),
            PersistMeasured(COLLECTION, Measured(86_400 * 365 * 10_000, 3, 7_200, 2)),
            PersistShard(shard(5), ShardState.CHECKING, 0),
            PersistShard(shard(4), ShardState.HELD, 1_790_000_000),
            PersistPeer(Address("203.0.113.9", 7700), NodeId(b"P" * 32), 1_790_000_001, 1_780_000_001),
        ],
    )
    assert stored == Stored(
        sequence=17,
        records=(
            StoredRecord(HEAD.key, 3, b"head"),
            StoredRecord(key_of(1), 8, announcement(1, sequence=8).envelope),
            StoredRecord(key_of(2), 9, announcement(2, sequence=9).envelope),
        ),
        collections=(
            StoredCollection(COLLECTION, bootstrap, 0, measured=Measured(86_400 * 365 * 10_000, 3, 7_200, 2)),
            StoredCollection(OTHER, (), 1_800_000_000),
            StoredCollection(THIRD, (), 0, 1_900_000_000, True),
        ),
        shards=(
            StoredShard(shard(4), ShardState.HELD, 1_790_000_000),
            StoredShard(shard(5), ShardState.CHECKING, 0),
        ),
        peers=(StoredPeer(Address("203.0.113.9", 7700), NodeId(b"P" * 32), 1_790_000_001, 1_780_000_001),),
    )


def test_the_newest_of_each_replaces_what_was_there(tmp_path: Path) -> None:
    address = Address("203.0.113.9", 7700)
    stored = persist(
        tmp_path,
        [
            announcement(1, sequence=1),
            PersistSequence(1),
            PersistCollection(COLLECTION, (address, Address("203.0.113.10", 1)), 0, 98, True),
            PersistMeasured(COLLECTION, Measured(1, 1, 1, 1)),
            PersistShard(shard(1), ShardState.FETCHING, 0),
            PersistPeer(address, NodeId(b"P" * 32), 5, 5),
        ],
        [
            announcement(1, sequence=2),
            PersistSequence(2),
            PersistMeasured(COLLECTION, Measured(2, 2, 2, 2)),
            PersistCollection(COLLECTION, (Address("203.0.113.11", 2),), 99),
            PersistShard(shard(1), ShardState.HELD, 7),
            PersistPeer(address, NodeId(b"Q" * 32), 6, 6),
        ],
    )
    assert stored == Stored(
        sequence=2,
        records=(StoredRecord(key_of(1), 2, announcement(1, sequence=2).envelope),),
        collections=(StoredCollection(COLLECTION, (Address("203.0.113.11", 2),), 99, measured=Measured(2, 2, 2, 2)),),
        shards=(StoredShard(shard(1), ShardState.HELD, 7),),
        peers=(StoredPeer(address, NodeId(b"Q" * 32), 6, 6),),
    )


def test_effects_of_one_batch_happen_in_their_order(tmp_path: Path) -> None:
    stored = persist(
        tmp_path,
        [
            PersistShard(shard(1), ShardState.FETCHING, 0),
            ForgetShard(shard(1)),
            ForgetShard(shard(2)),
            PersistShard(shard(2), ShardState.FETCHING, 0),
            announcement(1, sequence=1),
            ForgetRecord(key_of(1), 1),
            announcement(1, sequence=2),
        ],
    )
    assert stored.shards == (StoredShard(shard(2), ShardState.FETCHING, 0),)
    assert [(record.sequence, bool(record.envelope)) for record in stored.records] == [(2, True)]


def test_a_forgotten_record_leaves_its_sequence(tmp_path: Path) -> None:
    stored = persist(tmp_path, [announcement(1, sequence=41)], [ForgetRecord(key_of(1), 42)])
    assert stored.records == (StoredRecord(key_of(1), 42, b""),)


def test_a_sequence_of_64_bits_is_kept(tmp_path: Path) -> None:
    """A stranger may sign any sequence up to 2**64 - 1; SQLite's integers end at 2**63 - 1."""
    sequences = (0, 2**63 - 1, 2**63, 2**64 - 1)
    stored = persist(
        tmp_path,
        [PersistRecord(key_of(n), sequence, b"x") for n, sequence in enumerate(sequences)],
        [PersistSequence(2**64 - 1)],
    )
    assert tuple(record.sequence for record in stored.records) == sequences
    assert stored.sequence == 2**64 - 1


def test_a_forgotten_collection_takes_its_own_and_nothing_else(tmp_path: Path) -> None:
    other_shard = ShardKey(OTHER, ShardIndex(1))
    address = Address("203.0.113.9", 7700)
    stored = persist(
        tmp_path,
        [
            *(PersistCollection(collection, (address,), 0) for collection in (COLLECTION, OTHER)),
            *(PersistShard(key, ShardState.HELD, 1) for key in (shard(1), shard(2), other_shard)),
            HEAD,
            OTHER_HEAD,
            announcement(1),
            PersistRecord(RecordKey(Kind.ANNOUNCEMENT, COLLECTION), 1, b"a node whose key is the collection's"),
        ],
        [PersistMeasured(COLLECTION, Measured(1, 1, 1, 1)), ForgetCollection(COLLECTION)],
    )
    assert stored.collections == (StoredCollection(OTHER, (address,), 0),)
    assert stored.shards == (StoredShard(other_shard, ShardState.HELD, 1),)
    assert [record.key for record in stored.records] == [
        OTHER_HEAD.key,
        key_of(1),
        RecordKey(Kind.ANNOUNCEMENT, COLLECTION),
    ]
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        assert connection.execute("SELECT DISTINCT collection FROM bootstrap_addresses").fetchall() == [(OTHER,)]
        assert connection.execute("SELECT count(*) FROM measured").fetchall() == [(0,)]


def test_the_address_book_keeps_the_newest(tmp_path: Path) -> None:
    peers = [
        PersistPeer(Address("203.0.113.9", 1 + n), NodeId(b"P" * 32), seen_at=n, first_seen_at=1)
        for n in range(ADDRESS_BOOK_MAX + 50)
    ]
    stored = persist(tmp_path, peers[::-1])
    assert len(stored.peers) == ADDRESS_BOOK_MAX
    assert min(peer.seen_at for peer in stored.peers) == 50


def test_a_cancelled_persist_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_store(tmp_path) as store:
                await store.persist(batch(0))
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await store.persist(batch(1))
                assert scope.cancelled_caught
            async with open_store(tmp_path) as store:
                assert store.stored.sequence == 1
                await store.persist(batch(1))

    trio.run(main)


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("records", "INSERT INTO records VALUES (9, zeroblob(32), 1, x'00')"),
        ("records", "INSERT INTO records VALUES (2, zeroblob(31), 1, x'00')"),
        ("collections", "INSERT INTO collections VALUES (zeroblob(33), 0, 0, 0)"),
        ("collections", "INSERT INTO collections VALUES (zeroblob(32), -1, 0, 0)"),
        ("collections", "INSERT INTO collections VALUES (zeroblob(32), 0, -1, 0)"),
        ("shards", "INSERT INTO shards VALUES (zeroblob(32), 1, 'lost', 0)"),
        ("shards", "INSERT INTO shards VALUES (zeroblob(32), -1, 'held', 0)"),
        ("shards", "INSERT INTO shards VALUES (zeroblob(32), 100000, 'held', 0)"),
        ("peers", "INSERT INTO peers VALUES ('host', 65536, zeroblob(32), 0, 0)"),
        ("peers", "INSERT INTO peers VALUES ('', 1, zeroblob(32), 0, 0)"),
        ("bootstrap_addresses", "INSERT INTO bootstrap_addresses VALUES (zeroblob(31), 0, 'host', 1)"),
    ],
)
def test_a_row_that_makes_no_sense_is_an_error_that_names_its_table(tmp_path: Path, table: str, statement: str) -> None:
    persist(tmp_path, batch(0))
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(StorageError, match=f"row [0-9]+ of table {table} ") as caught:
        persist(tmp_path)
    assert "move it" in caught.value.hint
