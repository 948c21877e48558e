"""From rows to :class:`~mirrord.core.stored.Stored`, once, at the start.

A row that does not parse is an error that names its table: the file was edited or the disk
flipped a bit, and guessing could make the node promise what it does not have.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mirrord.core.effects import Measured, ShardState
from mirrord.core.errors import StorageError
from mirrord.core.limits import SHARDS_MAX
from mirrord.core.records.ids import KEY_BYTES, Address, CollectionId, NodeId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.stored import Stored, StoredCollection, StoredPeer, StoredRecord, StoredShard
from mirrord.store.database import Row, Transaction, Value
from mirrord.store.database_file import MOVE_AWAY_HINT

_UNSIGNED_64 = 2**64
T = TypeVar("T")


async def load_stored(path: Path, transaction: Transaction) -> Stored:
    """Read everything; raises :class:`StorageError` naming ``path`` and the table of a bad row."""

    async def load(table: str, columns: str, order: str, parse: Callable[[Row], T]) -> tuple[T, ...]:
        rows = await transaction.fetch_all(f"SELECT {columns} FROM {table} ORDER BY {order}")
        parsed = []
        for number, row in enumerate(rows, start=1):
            try:
                parsed.append(parse(row))
            except ValueError as error:
                place = f"row {number} of table {table} in {path}"
                raise StorageError(f"{place} cannot be right: {error}", MOVE_AWAY_HINT) from None
        return tuple(parsed)

    sequences = await load("own_sequence", "sequence", "only_row", _sequence)
    bootstrap = await load("bootstrap_addresses", "collection, host, port", "collection, position", _bootstrap)

    measured = dict(
        await load(
            "measured", "collection, observed_seconds, nodes_lost, repair_seconds, repairs", "collection", _measured
        )
    )

    def collection(row: Row) -> StoredCollection:
        key = CollectionId(_key(row[0]))
        known = tuple(address for owner, address in bootstrap if owner == key)
        seen = measured.get(key, Measured())
        return StoredCollection(key, known, _natural(row[1]), _natural(row[2]), bool(_natural(row[3])), seen)

    return Stored(
        sequence=sequences[0] if sequences else 0,
        records=await load("records", "kind, subject, sequence, envelope", "kind, subject", _record),
        collections=await load(
            "collections", "collection, parting_until, leaving_by, delete_on_leave", "collection", collection
        ),
        shards=await load("shards", "collection, shard_index, state, verified_at", "collection, shard_index", _shard),
        peers=await load("peers", "host, port, peer, seen_at, first_seen_at", "host, port", _peer),
    )


def sequence_to_row(sequence: int) -> int:
    """Fold an unsigned 64-bit number, which a stranger may have chosen, into SQLite's signed one."""
    return sequence - _UNSIGNED_64 if sequence >= _UNSIGNED_64 // 2 else sequence


def _sequence(row: Row) -> int:
    return _whole(row[0]) % _UNSIGNED_64


def _record(row: Row) -> StoredRecord:
    kind, subject, sequence, envelope = row
    if not isinstance(envelope, bytes):
        raise ValueError("the envelope is not bytes")
    return StoredRecord(RecordKey(Kind(_whole(kind)), _subject(subject)), _whole(sequence) % _UNSIGNED_64, envelope)


def _shard(row: Row) -> StoredShard:
    collection, number, state, verified_at = row
    index = _natural(number)
    if index >= SHARDS_MAX:
        raise ValueError(f"there is no shard {index}")
    shard = ShardKey(CollectionId(_key(collection)), ShardIndex(index))
    return StoredShard(shard, ShardState(_text(state)), _natural(verified_at))


def _peer(row: Row) -> StoredPeer:
    host, port, peer, seen_at, first_seen_at = row
    return StoredPeer(_address(host, port), NodeId(_key(peer)), _natural(seen_at), _natural(first_seen_at))


def _measured(row: Row) -> tuple[bytes, Measured]:
    collection, *sums = row
    return _key(collection), Measured(*map(_natural, sums))


def _bootstrap(row: Row) -> tuple[bytes, Address]:
    collection, host, port = row
    return _key(collection), _address(host, port)


def _address(host: Value, number: Value) -> Address:
    port = _natural(number)
    if not 0 < port < 65_536:
        raise ValueError(f"there is no port {port}")
    return Address(_text(host), port)


def _key(value: Value) -> bytes:
    if not isinstance(value, bytes) or len(value) != KEY_BYTES:
        raise ValueError(f"a key is not {KEY_BYTES} bytes")
    return value


def _subject(value: Value) -> bytes:
    """An admission is about an author, a collection and a subject; any other record about one key."""
    if not isinstance(value, bytes) or len(value) not in (KEY_BYTES, 3 * KEY_BYTES):
        raise ValueError("what a record is about is neither one key nor three")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not text")
    return value


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _natural(value: Value) -> int:
    number = _whole(value)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number
