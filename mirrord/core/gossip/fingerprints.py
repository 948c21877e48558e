"""The fingerprint of one collection's records, kept up to date record by record.

A record's fingerprint is a hash of its id and sequence; a set's is the XOR of its members', so that
adding, replacing and dropping one record costs the same however many there are, and so that the
digest of each bucket is always at hand.  Whoever forges a collision only delays anti-entropy between
two nodes until the next honest change.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Protocol

from mirrord.core import limits
from mirrord.core.records.ids import RecordId
from mirrord.core.records.record import Record, RecordKey


class Indexed(Protocol):
    """What anti-entropy wants to know of a record."""

    @property
    def key(self) -> RecordKey:
        """What it is about."""

    @property
    def sequence(self) -> int:
        """Its place in the order."""


class Index(Protocol):
    """The records of one collection as anti-entropy sees them; the simulator has one of columns."""

    root: int
    """The XOR of all fingerprints."""

    def __len__(self) -> int:
        """How many records there are."""

    def bits(self) -> int:
        """Return how many bits of an id choose its bucket, for about ten records a bucket."""

    def digests(self, bits: int) -> tuple[int, ...]:
        """Return the XOR of the fingerprints of each of the ``2 ** bits`` buckets."""

    def in_buckets(self, bits: int, buckets: frozenset[int]) -> Mapping[RecordId, Indexed]:
        """Return the records of some buckets."""

    def get(self, identity: RecordId) -> Indexed | None:
        """Return the record of an id."""


class Fingerprints:
    """The :class:`Index` of a node: its records by bucket, and each bucket's digest."""

    def __init__(self) -> None:
        self.root = 0
        self._bits = 0
        self._count = 0
        self._buckets: list[dict[RecordId, Record]] = [{}]
        self._digests: list[int] = [0]

    def __len__(self) -> int:
        """Return how many records there are."""
        return self._count

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the records, by bucket."""
        return chain.from_iterable(bucket.values() for bucket in self._buckets)

    def put(self, record: Record) -> None:
        """Add a record, or replace the one with the same key."""
        self._take_out(record.identity)
        self._put_in(record)
        self._resize()

    def drop(self, identity: RecordId) -> None:
        """Take a record out; one that is not there is no matter."""
        self._take_out(identity)
        self._resize()

    def _put_in(self, record: Record) -> None:
        bucket = bucket_of(record.identity, self._bits)
        self._buckets[bucket][record.identity] = record
        self._digests[bucket] ^= record.fingerprint
        self.root ^= record.fingerprint
        self._count += 1

    def _take_out(self, identity: RecordId) -> None:
        bucket = bucket_of(identity, self._bits)
        old = self._buckets[bucket].pop(identity, None)
        if old is not None:
            self._digests[bucket] ^= old.fingerprint
            self.root ^= old.fingerprint
            self._count -= 1

    def _resize(self) -> None:
        """Keep the buckets at about ten records; only far too many are made fewer, lest one record goes to and fro."""
        fitting = bits_for(self._count)
        if self._bits - 1 <= fitting <= self._bits:
            return
        records = list(self)
        self.root, self._count, self._bits = 0, 0, fitting
        self._buckets = [{} for _ in range(1 << fitting)]
        self._digests = [0] * (1 << fitting)
        for record in records:
            self._put_in(record)

    def get(self, identity: RecordId) -> Record | None:
        """Return the record of an id."""
        return self._buckets[bucket_of(identity, self._bits)].get(identity)

    def bits(self) -> int:
        """Return how many bits of an id choose its bucket, for about ten records a bucket."""
        return self._bits

    def digests(self, bits: int) -> tuple[int, ...]:
        """Return the XOR of the fingerprints of each of the ``2 ** bits`` buckets."""
        if bits == self._bits:
            return tuple(self._digests)
        digests = [0] * (1 << bits)
        if bits < self._bits:
            for bucket, digest in enumerate(self._digests):
                digests[bucket >> (self._bits - bits)] ^= digest
        else:
            for record in self:
                digests[bucket_of(record.identity, bits)] ^= record.fingerprint
        return tuple(digests)

    def in_buckets(self, bits: int, buckets: frozenset[int]) -> dict[RecordId, Record]:
        """Return the records of some buckets."""
        found: dict[RecordId, Record] = {}
        if bits <= self._bits:
            finer = self._bits - bits
            for bucket in buckets:
                for own in self._buckets[bucket << finer : (bucket + 1) << finer]:
                    found.update(own)
            return found
        coarser = bits - self._bits
        for number in {bucket >> coarser for bucket in buckets}:
            found.update((i, r) for i, r in self._buckets[number].items() if bucket_of(i, bits) in buckets)
        return found


def bits_for(records: int) -> int:
    """Return how many bits of an id choose its bucket, where there are so many records."""
    buckets = max(1, records // limits.BUCKET_TARGET_RECORDS)
    return min(limits.BUCKET_BITS_MAX, (buckets - 1).bit_length())


def bucket_of(identity: RecordId, bits: int) -> int:
    """Return the bucket of an id: its first bits."""
    return int.from_bytes(identity[:2], "big") >> (16 - bits)
