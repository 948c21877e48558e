"""The tables, as numbered steps that each database has taken in order.

A step is one transaction that also raises ``user_version``, so a killed daemon finds the database
before the step or after it.  A step that was released is never edited: add another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from mirrord.store.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; ``number`` is the ``user_version`` after it."""

    number: int
    statements: tuple[str, ...]


MIGRATIONS: Final = (
    Migration(
        1,
        (
            # An empty envelope: the record expired, and only its sequence is remembered.
            """CREATE TABLE records (
                kind INTEGER NOT NULL,
                subject BLOB NOT NULL,
                sequence INTEGER NOT NULL,  -- unsigned 64 bits, as two's complement
                envelope BLOB NOT NULL,
                PRIMARY KEY (kind, subject)
            ) STRICT""",
            # One row: the highest sequence that this node ever signed.
            """CREATE TABLE own_sequence (
                only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
                sequence INTEGER NOT NULL
            ) STRICT""",
            """CREATE TABLE collections (
                collection BLOB PRIMARY KEY,
                parting_until INTEGER NOT NULL  -- unix seconds, 0: not parting
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE bootstrap_addresses (
                collection BLOB NOT NULL REFERENCES collections (collection) ON DELETE CASCADE,
                position INTEGER NOT NULL,
                host TEXT NOT NULL,
                port INTEGER NOT NULL,
                PRIMARY KEY (collection, position)
            ) STRICT, WITHOUT ROWID""",
            # No reference to collections: a shard may still be in work when its collection is left.
            """CREATE TABLE shards (
                collection BLOB NOT NULL,
                shard_index INTEGER NOT NULL,
                state TEXT NOT NULL,
                verified_at INTEGER NOT NULL,  -- unix seconds, 0: never
                PRIMARY KEY (collection, shard_index)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE peers (
                host TEXT NOT NULL,
                port INTEGER NOT NULL,
                peer BLOB NOT NULL,
                seen_at INTEGER NOT NULL,  -- unix seconds
                PRIMARY KEY (host, port)
            ) STRICT""",
            "CREATE INDEX peers_by_seen_at ON peers (seen_at)",
        ),
    ),
    Migration(
        2,
        (
            # Unix seconds until which a graceful leave seeds at most, 0: nobody leaves.
            "ALTER TABLE collections ADD COLUMN leaving_by INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE collections ADD COLUMN delete_on_leave INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        3,
        (
            # Unix seconds; of a peer from before this step the first time that we know of.
            "ALTER TABLE peers ADD COLUMN first_seen_at INTEGER NOT NULL DEFAULT 0",
            "UPDATE peers SET first_seen_at = seen_at",
        ),
    ),
    Migration(
        4,
        (
            # What was seen of a collection's nodes and repairs, in sums; seconds are whole.
            """CREATE TABLE measured (
                collection BLOB PRIMARY KEY REFERENCES collections (collection) ON DELETE CASCADE,
                observed_seconds INTEGER NOT NULL,
                nodes_lost INTEGER NOT NULL,
                repair_seconds INTEGER NOT NULL,
                repairs INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
)

SCHEMA_VERSION: Final = MIGRATIONS[-1].number
"""The ``user_version`` of a database that this program has opened."""


async def migrate(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Take the steps that ``database`` has not taken yet."""
    for migration in migrations:
        await database.run(partial(_take, migration))


async def _take(migration: Migration, transaction: Transaction) -> None:
    [(version,)] = await transaction.fetch_all("PRAGMA user_version")
    assert isinstance(version, int)
    if version >= migration.number:
        return
    for statement in migration.statements:
        await transaction.execute(statement)
    await transaction.execute(f"PRAGMA user_version = {migration.number}")
