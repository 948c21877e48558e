"""What the node remembers: read whole at the start, changed by the core's persist effects.

The effects of one event become one transaction; its blobs are written before that.  Which effects
those are, and what a record means, is the core's business; this file knows which rows they touch.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, assert_never

import trio

from mirrord.core.effects import (
    ForgetCollection,
    ForgetRecord,
    ForgetShard,
    PersistCollection,
    PersistEffect,
    PersistMeasured,
    PersistPeer,
    PersistRecord,
    PersistSequence,
    PersistShard,
)
from mirrord.core.limits import ADDRESS_BOOK_MAX
from mirrord.core.records.ids import Sha256
from mirrord.core.records.kinds import Kind
from mirrord.core.stored import Stored
from mirrord.store.blobs import Blobs, open_blobs
from mirrord.store.database import Database, Parameters, Transaction, open_database
from mirrord.store.loading import load_stored, sequence_to_row
from mirrord.store.migrations import SCHEMA_VERSION, migrate

DATABASE_NAME: Final = "mirrord.sqlite3"

_PUT_RECORD: Final = """
    INSERT INTO records (kind, subject, sequence, envelope) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, subject) DO UPDATE SET sequence = excluded.sequence, envelope = excluded.envelope"""
_DROP_RECORD: Final = "DELETE FROM records WHERE kind = ? AND subject = ?"
_PUT_SEQUENCE: Final = """
    INSERT INTO own_sequence (only_row, sequence) VALUES (1, ?)
    ON CONFLICT (only_row) DO UPDATE SET sequence = excluded.sequence"""
_PUT_COLLECTION: Final = """
    INSERT INTO collections (collection, parting_until, leaving_by, delete_on_leave) VALUES (?, ?, ?, ?)
    ON CONFLICT (collection) DO UPDATE SET parting_until = excluded.parting_until,
        leaving_by = excluded.leaving_by, delete_on_leave = excluded.delete_on_leave"""
_DROP_COLLECTION: Final = "DELETE FROM collections WHERE collection = ?"
_DROP_BOOTSTRAP: Final = "DELETE FROM bootstrap_addresses WHERE collection = ?"
_PUT_BOOTSTRAP: Final = "INSERT INTO bootstrap_addresses (collection, position, host, port) VALUES (?, ?, ?, ?)"
_PUT_SHARD: Final = """
    INSERT INTO shards (collection, shard_index, state, verified_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (collection, shard_index) DO UPDATE SET state = excluded.state, verified_at = excluded.verified_at"""
_DROP_SHARD: Final = "DELETE FROM shards WHERE collection = ? AND shard_index = ?"
_DROP_SHARDS: Final = "DELETE FROM shards WHERE collection = ?"
_PUT_PEER: Final = """
    INSERT INTO peers (host, port, peer, seen_at, first_seen_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (host, port) DO UPDATE SET peer = excluded.peer, seen_at = excluded.seen_at,
        first_seen_at = excluded.first_seen_at"""
_PUT_MEASURED: Final = """
    INSERT INTO measured (collection, observed_seconds, nodes_lost, repair_seconds, repairs) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (collection) DO UPDATE SET observed_seconds = excluded.observed_seconds,
        nodes_lost = excluded.nodes_lost, repair_seconds = excluded.repair_seconds, repairs = excluded.repairs"""
_DROP_OLD_PEERS: Final = """
    DELETE FROM peers WHERE rowid IN (SELECT rowid FROM peers ORDER BY seen_at DESC, rowid DESC LIMIT -1 OFFSET ?)"""


class _Change(NamedTuple):
    sql: str
    parameters: Parameters


class Store:
    """The node's memory; :func:`open_store` makes and closes it."""

    def __init__(self, database: Database, blobs: Blobs, stored: Stored) -> None:
        self._database = database
        self.blobs = blobs
        self.stored = stored
        """What was there at the start.  Set it to ``Stored()`` once the node has it: with 10,000
        nodes it keeps 10 MB of envelopes alive that gossip replaces within the hour."""

    async def persist(self, effects: Sequence[PersistEffect]) -> None:
        """Carry out ``effects``, in order, all or none; when this returns they are on disk.

        Raises :class:`StorageError`, for a full disk too; then nothing has changed, and a later
        call may work.
        """
        changes = [change for effect in effects for change in _changes(effect)]
        if not changes:
            await trio.lowlevel.checkpoint()
            return
        book_grew = any(isinstance(effect, PersistPeer) for effect in effects)
        await self._database.run(partial(_write, changes, book_grew))


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    """Open the node's memory in ``folder``, whose lock the caller holds, and close it at the end.

    Raises :class:`ConfigError` or :class:`StorageError` where the database is torn, foreign, newer
    than this program, or holds a row that makes no sense.
    """
    async with open_database(folder / DATABASE_NAME, SCHEMA_VERSION) as database:
        await migrate(database)
        stored = await database.run(partial(load_stored, database.path))
        blobs, held = await trio.to_thread.run_sync(_open_blobs, folder)
        yield Store(database, blobs, replace(stored, blobs=held))


def _open_blobs(folder: Path) -> tuple[Blobs, frozenset[Sha256]]:
    blobs = open_blobs(folder)
    return blobs, blobs.held()


async def _write(changes: Sequence[_Change], book_grew: bool, transaction: Transaction) -> None:
    # Neighbours with the same statement travel together: a thousand announcements are one call.
    for sql, group in groupby(changes, key=attrgetter("sql")):
        await transaction.executemany(sql, [change.parameters for change in group])
    if book_grew:
        await transaction.execute(_DROP_OLD_PEERS, (ADDRESS_BOOK_MAX,))


def _changes(effect: PersistEffect) -> Iterator[_Change]:
    match effect:
        case PersistRecord(key, sequence, envelope):
            yield _Change(_PUT_RECORD, (key.kind, key.subject, sequence_to_row(sequence), envelope))
        case ForgetRecord(key, sequence):
            yield _Change(_PUT_RECORD, (key.kind, key.subject, sequence_to_row(sequence), b""))
        case PersistSequence(sequence):
            yield _Change(_PUT_SEQUENCE, (sequence_to_row(sequence),))
        case PersistCollection(collection, bootstrap, parting_until, leaving_by, delete_on_leave):
            yield _Change(_PUT_COLLECTION, (collection, parting_until, leaving_by, int(delete_on_leave)))
            yield _Change(_DROP_BOOTSTRAP, (collection,))
            for position, address in enumerate(bootstrap):
                yield _Change(_PUT_BOOTSTRAP, (collection, position, address.host, address.port))
        case ForgetCollection(collection):
            # Announcements stay: they belong to nodes, which may share other collections with us,
            # and the rest expire by themselves.  The bootstrap addresses go with their collection.
            yield _Change(_DROP_RECORD, (Kind.MANIFEST_HEAD, collection))
            yield _Change(_DROP_SHARDS, (collection,))
            yield _Change(_DROP_COLLECTION, (collection,))
        case PersistShard(shard, state, verified_at):
            yield _Change(_PUT_SHARD, (shard.collection, shard.index, state, verified_at))
        case ForgetShard(shard):
            yield _Change(_DROP_SHARD, (shard.collection, shard.index))
        case PersistPeer(address, peer, seen_at, first_seen_at):
            yield _Change(_PUT_PEER, (address.host, address.port, peer, seen_at, first_seen_at))
        case PersistMeasured(collection, m):
            sums = (m.observed_seconds, m.nodes_lost, m.repair_seconds, m.repairs)
            yield _Change(_PUT_MEASURED, (collection, *sums))
        case _:
            assert_never(effect)
