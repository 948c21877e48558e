"""The records of every joined collection: newest wins, nothing dead comes back.

Rules, in the order in which a stranger's record meets them:

- its signature holds and it parses;
- it is about a collection that we joined, or replaces a record that we have;
- it is neither from the future nor expired;
- its sequence is higher than every one that we ever saw for its key, also after the record itself
  expired and was dropped;
- the same sequence with other bytes is equivocation.  Two announcements of one node make a proof,
  which is a record too; while it is held, the node does not count.

A record is *offered* until a dead band before it expires, and *accepted* until it expires, so two
nodes with skewed clocks do not hand a dying record to and fro.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.equivocation import prove
from mirrord.core.records.ids import CollectionId, NodeId
from mirrord.core.records.kinds import Announcement, Equivocation, Kind, ManifestHead
from mirrord.core.records.record import Record, RecordKey, open_record


class ContradictionError(RecordError):
    """A node contradicts what it signed before; ``proof`` is the envelope that shows it to everybody."""

    def __init__(self, detail: str, proof: bytes) -> None:
        super().__init__(RejectReason.EQUIVOCATION, detail)
        self.proof = proof


@dataclass(frozen=True, slots=True)
class Expired:
    """What ``expire`` did: records no longer offered, and records dropped with their last sequence."""

    retired: tuple[Record, ...]
    dropped: tuple[Record, ...]


class RecordSet:
    """The newest record of every key, for the collections that this node joined."""

    def __init__(self, dead_band_seconds: float) -> None:
        self._dead_band_seconds = dead_band_seconds
        self._records: dict[RecordKey, Record] = {}
        self._dropped: dict[RecordKey, int] = {}
        self._retired: set[RecordKey] = set()
        self._envelopes: set[bytes] = set()
        self._joined: set[CollectionId] = set()

    def join(self, collection: CollectionId) -> None:
        """Accept records about ``collection`` from now on."""
        self._joined.add(collection)

    def part(self, collection: CollectionId) -> tuple[Record, ...]:
        """Stop accepting records about ``collection``; return those that nothing else keeps.

        They are not dead: whoever joins again takes back the very same records, though no older ones.
        """
        self._joined.discard(collection)
        orphans = tuple(r for r in self._records.values() if not any(r.is_about(c) for c in self._joined))
        for record in orphans:
            self._drop(record, record.sequence - 1)
        return orphans

    def restore(self, key: RecordKey, sequence: int, envelope: bytes) -> Record | None:
        """Take back what an earlier run accepted; an empty envelope is only a sequence to remember."""
        self._remember(key, sequence)
        if not envelope:
            return None
        record = open_record(envelope)
        self._put(record)
        return record

    def _remember(self, key: RecordKey, sequence: int) -> None:
        self._dropped[key] = sequence
        if len(self._dropped) > limits.SEQUENCES_REMEMBERED_MAX:
            del self._dropped[next(iter(self._dropped))]

    def highest(self, key: RecordKey) -> int:
        """Return the highest sequence that we remember of a key, 0 for none."""
        held = self._records.get(key)
        return held.sequence if held is not None else self._dropped.get(key, 0)

    def is_known(self, envelope: bytes) -> bool:
        """Whether this very envelope is held: the cheap answer to most of what is pushed."""
        return envelope in self._envelopes

    def admit(self, envelope: bytes, now: Instant, is_ours: bool = False) -> tuple[Record, Record | None]:
        """Judge an envelope; return the record and the one it replaced.

        There is always room for what this node says itself (``is_ours``), however many strangers
        came first.  Raises :class:`RecordError` where it changes nothing.
        """
        return self.take(open_record(envelope), now, is_ours)

    def take(self, record: Record, now: Instant, is_ours: bool = False) -> tuple[Record, Record | None]:
        """Judge a record that was opened already, as :meth:`admit` does."""
        self._judge(record, now)
        if not is_ours:
            self._find_room(record)
        older = self._records.get(record.key)
        self._put(record)
        return record, older

    def _put(self, record: Record) -> None:
        older = self._records.get(record.key)
        if older is not None:
            self._envelopes.discard(older.envelope)
        self._records[record.key] = record
        self._envelopes.add(record.envelope)
        self._dropped.pop(record.key, None)
        self._retired.discard(record.key)

    def _judge(self, record: Record, now: Instant) -> None:
        held = self._records.get(record.key)
        if held is None and not any(record.is_about(collection) for collection in self._joined):
            raise RecordError(RejectReason.FOREIGN_COLLECTION, "about no collection that we joined")
        if record.content.issued_at > now.unix_seconds + limits.FUTURE_SKEW_SECONDS:
            raise RecordError(RejectReason.FROM_FUTURE, f"issued at {record.content.issued_at}")
        if record.expires_at is not None and record.expires_at <= now.unix_seconds:
            raise RecordError(RejectReason.EXPIRED, f"expired at {record.expires_at}")
        highest = self.highest(record.key)
        if record.sequence == highest and held is not None and held.envelope != record.envelope:
            self._contradicts(held, record)
        if record.sequence <= highest:
            raise RecordError(RejectReason.STALE, f"sequence {record.sequence}, {highest} is known")

    @staticmethod
    def _contradicts(held: Record, record: Record) -> None:
        """Raise what says so; of two proofs against one node the one that is held is as good as any."""
        if record.key.kind is Kind.EQUIVOCATION:
            return
        detail = f"two records with sequence {record.sequence}"
        if record.key.kind is Kind.ANNOUNCEMENT:
            raise ContradictionError(detail, prove(held.envelope, record.envelope))
        raise RecordError(RejectReason.EQUIVOCATION, detail)

    def _find_room(self, record: Record) -> None:
        is_new = record.key not in self._records and not isinstance(record.content, ManifestHead)  # heads are few
        if is_new and len(self._records) >= limits.RECORDS_PER_COLLECTION_MAX:
            raise RecordError(RejectReason.TABLE_FULL, f"{len(self._records)} records are held")

    def expire(self, now: Instant) -> Expired:
        """Retire what is about to expire and drop what has."""
        retired: list[Record] = []
        dropped: list[Record] = []
        for record in self._records.values():
            expires_at = record.expires_at
            if expires_at is None:
                continue
            left_seconds = expires_at - now.unix_seconds
            if left_seconds <= 0:
                dropped.append(record)
            elif left_seconds <= self._dead_band_seconds and record.key not in self._retired:
                retired.append(record)
        for record in dropped:
            self._drop(record, record.sequence)
        self._retired.update(record.key for record in retired)
        return Expired(tuple(retired), tuple(dropped))

    def _drop(self, record: Record, sequence: int) -> None:
        del self._records[record.key]
        self._envelopes.discard(record.envelope)
        self._retired.discard(record.key)
        self._remember(record.key, sequence)

    def get(self, key: RecordKey) -> Record | None:
        """Return the newest record of ``key``."""
        return self._records.get(key)

    def offered(self, collection: CollectionId) -> Iterator[Record]:
        """Iterate over the records about ``collection`` that we hand on."""
        for record in self._records.values():
            if record.key not in self._retired and record.is_about(collection):
                yield record

    def is_equivocator(self, node: NodeId) -> bool:
        """Whether we hold the proof that a node contradicted itself."""
        return RecordKey(Kind.EQUIVOCATION, node) in self._records

    def equivocators(self) -> list[NodeId]:
        """Return the nodes that contradicted themselves, by id."""
        return sorted(r.content.node for r in self._records.values() if isinstance(r.content, Equivocation))

    def announcements(self, collection: CollectionId) -> Iterator[tuple[NodeId, Announcement]]:
        """Iterate over the nodes that take part in ``collection``, equivocators left out."""
        for record in self._records.values():
            content = record.content
            if isinstance(content, Announcement) and content.part_in(collection) is not None:
                node = NodeId(record.key.subject)
                if not self.is_equivocator(node):
                    yield node, content

    def head(self, collection: CollectionId) -> ManifestHead | None:
        """Return the newest manifest head of ``collection``."""
        record = self._records.get(RecordKey(Kind.MANIFEST_HEAD, collection))
        return record.content if record is not None and isinstance(record.content, ManifestHead) else None

    def nodes(self) -> Iterable[tuple[NodeId, Announcement]]:
        """Iterate over every known node, whatever it takes part in."""
        for record in self._records.values():
            if isinstance(record.content, Announcement):
                yield NodeId(record.key.subject), record.content
