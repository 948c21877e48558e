"""The fingerprint of one collection's records, kept up to date record by record.

A record's fingerprint is a hash of its id and sequence; a set's is the XOR of its members', so that
adding, replacing and dropping one record costs the same however many there are.  Whoever forges a
collision only delays anti-entropy between two nodes until the next honest change.
"""

import hashlib
from typing import Final, NamedTuple

from mirrord.core import limits
from mirrord.core.records.recordset import Record, RecordKey
from mirrord.core.wire.messages import RecordId

_ID_BYTES: Final = 8


class Entry(NamedTuple):
    """One record in the index."""

    key: RecordKey
    sequence: int
    fingerprint: int


def record_id(key: RecordKey) -> RecordId:
    """Return the eight bytes that name a record on the wire."""
    return hashlib.blake2b(bytes([key.kind]) + key.subject, digest_size=_ID_BYTES).digest()


def fingerprint(identity: RecordId, sequence: int) -> int:
    """Return 64 bits that depend on a record's id and sequence."""
    return int.from_bytes(hashlib.blake2b(identity + sequence.to_bytes(8, "big"), digest_size=8).digest(), "big")


class Fingerprints:
    """The records of one collection by id, and the XOR of their fingerprints."""

    def __init__(self) -> None:
        self._entries: dict[RecordId, Entry] = {}
        self.root = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, record: Record) -> None:
        """Add a record, or replace the one with the same key."""
        self.drop(record.key)
        identity = record_id(record.key)
        entry = Entry(record.key, record.sequence, fingerprint(identity, record.sequence))
        self._entries[identity] = entry
        self.root ^= entry.fingerprint

    def drop(self, key: RecordKey) -> None:
        """Take a record out; one that is not there is no matter."""
        entry = self._entries.pop(record_id(key), None)
        if entry is not None:
            self.root ^= entry.fingerprint

    def get(self, identity: RecordId) -> Entry | None:
        """Return the entry of an id."""
        return self._entries.get(identity)

    def bits(self) -> int:
        """Return how many bits of an id choose its bucket, for about ten records a bucket."""
        buckets = max(1, len(self._entries) // limits.BUCKET_TARGET_RECORDS)
        return min(limits.BUCKET_BITS_MAX, (buckets - 1).bit_length())

    def digests(self, bits: int) -> tuple[int, ...]:
        """Return the XOR of the fingerprints of each of the ``2 ** bits`` buckets."""
        digests = [0] * (1 << bits)
        for identity, entry in self._entries.items():
            digests[bucket_of(identity, bits)] ^= entry.fingerprint
        return tuple(digests)

    def in_buckets(self, bits: int, buckets: frozenset[int]) -> dict[RecordId, Entry]:
        """Return the entries of some buckets."""
        return {i: entry for i, entry in self._entries.items() if bucket_of(i, bits) in buckets}


def bucket_of(identity: RecordId, bits: int) -> int:
    """Return the bucket of an id: its first bits."""
    return int.from_bytes(identity[:2], "big") >> (16 - bits)
