"""What a node remembers across restarts, as the store hands it to the core at the start."""

from dataclasses import dataclass

from mirrord.core.effects import NOTHING_MEASURED, Measured, ShardState
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardKey
from mirrord.core.records.record import RecordKey


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """An envelope that was accepted once, or (``envelope`` empty) the sequence of one that expired."""

    key: RecordKey
    sequence: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A joined collection.

    ``parting_until`` is unix seconds while leaving it is announced, ``leaving_by`` while it is seeded until
    others have the copies; else they are 0.  ``measured`` is what earlier runs saw of its nodes and repairs.
    """

    collection: CollectionId
    bootstrap: tuple[Address, ...]
    parting_until: int
    leaving_by: int = 0
    delete_on_leave: bool = False
    measured: Measured = NOTHING_MEASURED


@dataclass(frozen=True, slots=True)
class StoredShard:
    """How far a shard had come; ``verified_at`` is unix seconds, 0 before the first time."""

    shard: ShardKey
    state: ShardState
    verified_at: int


@dataclass(frozen=True, slots=True)
class StoredPeer:
    """An address where a node spoke with us, the key that it proved, and when it did last and first (unix seconds)."""

    address: Address
    peer: NodeId
    seen_at: int
    first_seen_at: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything; the default is a node that has never run."""

    sequence: int = 0
    records: tuple[StoredRecord, ...] = ()
    collections: tuple[StoredCollection, ...] = ()
    shards: tuple[StoredShard, ...] = ()
    peers: tuple[StoredPeer, ...] = ()
    blobs: frozenset[Sha256] = frozenset()
