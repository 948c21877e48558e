"""One round between two nodes, spoken message by message with the real anti-entropy."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mirrord.core.gossip import reconcile
from mirrord.core.wire.messages import Buckets, Listing, Message, RecordRequest, Records, Summary
from mirrord.simulation.gossip.columns import ColumnIndex, Columns, RowRecords
from mirrord.simulation.gossip.editions import COLLECTION
from mirrord.simulation.gossip.wire import Sort, wire_bytes

_SORTS = {
    Summary: Sort.DIGESTS,
    Buckets: Sort.DIGESTS,
    Listing: Sort.LISTINGS,
    RecordRequest: Sort.LISTINGS,
    Records: Sort.RECORDS,
}


@dataclass(slots=True)
class Spoken:
    """The bytes that each of the two sent, by what they were spent on."""

    by_opener: Counter[Sort] = field(default_factory=Counter)
    by_answerer: Counter[Sort] = field(default_factory=Counter)

    def total(self) -> Counter[Sort]:
        """Return both directions together."""
        return self.by_opener + self.by_answerer


class End:
    """One of the two: its row of the matrix, and what it sent."""

    def __init__(self, columns: Columns, row: NDArray[np.uint8], sent: Counter[Sort]) -> None:
        self._editions = columns.editions
        self._row = row
        self._sent = sent
        self.index = ColumnIndex(columns, row)
        self.records = RowRecords(columns, row)

    def says(self, message: Message) -> None:
        """Count what this end sends."""
        self._sent[_SORTS[type(message)]] += wire_bytes(message)

    def takes(self, batches: Iterator[Records], sender: "End") -> None:
        """Take the records that the other one sends, where they are newer."""
        for batch in batches:
            sender.says(batch)
            for envelope in batch.envelopes:
                node, edition = self._editions.whose(envelope)
                self._row[node] = max(self._row[node], edition)


def speak(columns: Columns, opener: NDArray[np.uint8], answerer: NDArray[np.uint8], start: int) -> Spoken:
    """Let one node open a round with another; both rows change as the messages say.

    ``start`` is the bucket with which the opener begins to list.
    """
    spoken = Spoken()
    ours = End(columns, opener, spoken.by_opener)
    theirs = End(columns, answerer, spoken.by_answerer)
    summary = reconcile.summarise(COLLECTION, ours.index)
    ours.says(summary)
    buckets = reconcile.answer_summary(summary, theirs.index)
    if buckets is None:
        return spoken
    theirs.says(buckets)
    listing = reconcile.answer_buckets(buckets, ours.index, start)
    if listing is None:
        return spoken
    ours.says(listing)
    keys, request = reconcile.compare_listing(listing, theirs.index)
    if request is not None:
        theirs.says(request)
    ours.takes(reconcile.batches(COLLECTION, keys, theirs.records), theirs)
    if request is not None:
        wanted = reconcile.requested_keys(request, ours.index)
        theirs.takes(reconcile.batches(COLLECTION, wanted, ours.records), ours)
    return spoken
