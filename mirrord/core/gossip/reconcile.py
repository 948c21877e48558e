"""Push-pull anti-entropy: two nodes end up with the newest of what either has.

::

    A                                B
    Summary (root)      ------->     equal: nothing more to say
                        <-------     Buckets (digest a bucket)
    Listing (the buckets that differ: id, sequence)
                        ------->
                        <-------     Records that A lacks, RecordRequest for what B lacks
    Records             ------->

Each answer is a function of the message and the records at that moment, so nothing can get stuck:
a message that is lost, late or repeated, or an answer that was cut at ``ANSWER_MAX_BYTES``, costs one
more period.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from mirrord.core import limits
from mirrord.core.errors import RemoteProtocolError
from mirrord.core.gossip.fingerprints import Index, Indexed, bucket_of
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import Record, RecordKey
from mirrord.core.wire.messages import Buckets, Listing, RecordRequest, Records, Summary


class Shelf(Protocol):
    """Where records lie by key: a node's record set, or a row of the simulator."""

    def get(self, key: RecordKey) -> Record | None:
        """Return the newest record of ``key``."""


def summarise(collection: CollectionId, ours: Index) -> Summary:
    """Open a round."""
    return Summary(collection, ours.root, len(ours))


def answer_summary(theirs: Summary, ours: Index) -> Buckets | None:
    """Say where we might differ, or nothing where we do not."""
    if (theirs.root, theirs.records) == (ours.root, len(ours)):
        return None
    bits = ours.bits()
    return Buckets(theirs.collection, bits, ours.digests(bits))


def answer_buckets(theirs: Buckets, ours: Index, start: int) -> Listing | None:
    """List the buckets that differ, from bucket ``start`` around, as many as fit one message.

    ``start`` changes from round to round, so that the buckets which did not fit come first some time.
    """
    count = 1 << theirs.bits
    mine = ours.digests(theirs.bits)
    differing = [b for b in ((start + i) % count for i in range(count)) if mine[b] != theirs.digests[b]]
    if not differing:
        return None
    held = ours.in_buckets(theirs.bits, frozenset(differing))
    sizes: dict[int, int] = {}
    for identity in held:
        bucket = bucket_of(identity, theirs.bits)
        sizes[bucket] = sizes.get(bucket, 0) + 1
    chosen: set[int] = set()
    total = 0
    for bucket in differing:
        total += sizes.get(bucket, 0)
        if chosen and total > limits.LISTING_MAX_ENTRIES:
            break
        chosen.add(bucket)
    entries = ours.in_buckets(theirs.bits, frozenset(chosen))
    listed = tuple((identity, entries[identity].sequence) for identity in sorted(entries))
    return Listing(theirs.collection, theirs.bits, tuple(sorted(chosen)), listed[: limits.LISTING_MAX_ENTRIES])


def compare_listing(theirs: Listing, ours: Index) -> tuple[tuple[RecordKey, ...], RecordRequest | None]:
    """Return the keys of our records that they lack, and the request for what we lack.

    First come those by which others are judged, of these the oldest, and then the newest of the others.

    Raises :class:`RemoteProtocolError` where an entry lies outside the buckets that are listed.
    """
    listed_buckets = frozenset(theirs.buckets)
    if any(bucket_of(identity, theirs.bits) not in listed_buckets for identity, _ in theirs.entries):
        raise RemoteProtocolError("an entry outside the buckets that are listed")
    mine = ours.in_buckets(theirs.bits, listed_buckets)
    listed = dict(theirs.entries)
    to_send = [e for identity, e in mine.items() if listed.get(identity, 0) < e.sequence]
    to_send.sort(key=_place)
    wanted = tuple(
        identity for identity, sequence in theirs.entries if identity not in mine or mine[identity].sequence < sequence
    )
    request = RecordRequest(theirs.collection, wanted) if wanted else None
    return tuple(entry.key for entry in to_send), request


def requested_keys(request: RecordRequest, ours: Index) -> tuple[RecordKey, ...]:
    """Return the keys of the requested records that we have, those first by which others are judged."""
    found = [entry for identity in dict.fromkeys(request.ids) if (entry := ours.get(identity)) is not None]
    return tuple(entry.key for entry in sorted(found, key=_place))


def _place(entry: Indexed) -> tuple[int, int, RecordKey]:
    """Return a record's place in an answer.  Who may vouch was mostly told so before they vouched."""
    precedence = entry.key.precedence
    return precedence, entry.sequence if entry.key.kind is Kind.ADMISSION else -entry.sequence, entry.key


def batches(collection: CollectionId, keys: Iterable[RecordKey], records: Shelf) -> Iterator[Records]:
    """Pack records into messages within the limits of one batch, and of all that one message may ask for.

    What does not fit waits for the next round: a new node must not choke on 100 MB, nor we on its queue.
    """
    batch: list[bytes] = []
    size = total = 0
    for key in keys:
        record = records.get(key)
        if record is None:
            continue
        total += len(record.envelope)
        if total > limits.ANSWER_MAX_BYTES:
            break
        full = len(batch) == limits.BATCH_MAX_RECORDS or size + len(record.envelope) > limits.BATCH_MAX_BYTES
        if batch and full:
            yield Records(collection, tuple(batch))
            batch, size = [], 0
        batch.append(record.envelope)
        size += len(record.envelope)
    if batch:
        yield Records(collection, tuple(batch))
