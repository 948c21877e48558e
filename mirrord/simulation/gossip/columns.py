"""A node's records as anti-entropy sees them, read from its row of the matrix of editions."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mirrord.core.gossip.fingerprints import bits_for, bucket_of
from mirrord.core.records.ids import RecordId
from mirrord.core.records.record import Record, RecordKey
from mirrord.simulation.gossip.editions import Edition, Editions
from mirrord.simulation.gossip.population import Population


class Columns:
    """What all rows share: the ids of the records in order, and where each bucket begins."""

    def __init__(self, population: Population, editions: Editions) -> None:
        self.editions = editions
        self.ids = np.array(population.record_ids, dtype=object)
        self.number = np.arange(len(population))
        self.column = {identity: number for number, identity in enumerate(population.record_ids)}
        self.node = {key: number for number, key in enumerate(population.record_keys)}
        self.buckets = lru_cache(maxsize=None)(self._buckets)

    def _buckets(self, bits: int) -> NDArray[np.int64]:
        """Return the bucket of every column."""
        return np.array([bucket_of(identity, bits) for identity in self.ids], dtype=np.int64)


class ColumnIndex:
    """The :class:`mirrord.core.gossip.fingerprints.Index` of one row; later changes of the row show in it.

    Only ``root`` and the length are of the moment at which it was made.
    """

    def __init__(self, columns: Columns, row: NDArray[np.uint8]) -> None:
        self._columns = columns
        self._row = row
        self.root = int(np.bitwise_xor.reduce(self._fingerprints()))
        self._count = int(np.count_nonzero(row))

    def _fingerprints(self) -> NDArray[np.uint64]:
        prints: NDArray[np.uint64] = self._columns.editions.fingerprints[self._row, self._columns.number]
        return prints

    def __len__(self) -> int:
        return self._count

    def bits(self) -> int:
        """See :class:`mirrord.core.gossip.fingerprints.Index`."""
        return bits_for(self._count)

    def digests(self, bits: int) -> tuple[int, ...]:
        """See :class:`mirrord.core.gossip.fingerprints.Index`."""
        buckets = self._columns.buckets(bits)
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))  # ids ascend, so a bucket is a run of columns
        digests = np.zeros(1 << bits, np.uint64)
        digests[buckets[starts]] = np.bitwise_xor.reduceat(self._fingerprints(), starts)
        return tuple(digests.tolist())

    def in_buckets(self, bits: int, buckets: frozenset[int]) -> dict[RecordId, Edition]:
        """See :class:`mirrord.core.gossip.fingerprints.Index`."""
        chosen = np.zeros(1 << bits, np.bool_)
        chosen[list(buckets)] = True
        columns = np.flatnonzero(chosen[self._columns.buckets(bits)] & (self._row > 0))
        entries = self._columns.editions.entries[self._row[columns], columns]
        return dict(zip(self._columns.ids[columns].tolist(), entries.tolist(), strict=True))

    def get(self, identity: RecordId) -> Edition | None:
        """See :class:`mirrord.core.gossip.fingerprints.Index`."""
        column = self._columns.column.get(identity)
        if column is None or not self._row[column]:
            return None
        entry: Edition = self._columns.editions.entries[self._row[column], column]
        return entry


class RowRecords:
    """The records of one row by key, as :func:`mirrord.core.gossip.reconcile.batches` wants them."""

    def __init__(self, columns: Columns, row: NDArray[np.uint8]) -> None:
        self._columns = columns
        self._row = row

    def get(self, key: RecordKey) -> Record | None:
        """Return the edition that this node has."""
        node = self._columns.node[key]
        edition = int(self._row[node])
        return self._columns.editions.record(node, edition) if edition else None

    def __iter__(self) -> Iterator[Record]:
        for node in np.flatnonzero(self._row).tolist():
            yield self._columns.editions.record(node, int(self._row[node]))
