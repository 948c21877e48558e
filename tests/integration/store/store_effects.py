"""Effects to store, made up but of the right shape and size."""

from mirrord.core.effects import PersistEffect, PersistRecord, PersistSequence, PersistShard, ShardState
from mirrord.core.records.ids import CollectionId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey

COLLECTION = CollectionId(b"C" * 32)
RECORDS_A_BATCH = 5


def key_of(number: int) -> RecordKey:
    return RecordKey(Kind.ANNOUNCEMENT, number.to_bytes(32, "big"))


def announcement(number: int, sequence: int = 1, size_bytes: int = 1000) -> PersistRecord:
    return PersistRecord(key_of(number), sequence, sequence.to_bytes(8, "big").rjust(size_bytes, b"\xa5"))


def shard(index: int) -> ShardKey:
    return ShardKey(COLLECTION, ShardIndex(index))


def batch(number: int) -> list[PersistEffect]:
    """Return the effects of step ``number``: all of them leave a mark that only this step leaves."""
    return [
        *(announcement(number * RECORDS_A_BATCH + i, sequence=number + 1) for i in range(RECORDS_A_BATCH)),
        announcement(10**9, sequence=number + 1, size_bytes=20_000),
        PersistSequence(number + 1),
        PersistShard(shard(number), ShardState.HELD, number + 1),
    ]
