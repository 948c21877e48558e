"""The records of every joined collection: newest wins, nothing dead comes back.

Rules, in the order in which a stranger's record meets them:

- its signature holds and it parses;
- it is about a collection that we joined, or replaces a record that we have;
- it is neither from the future nor expired;
- its sequence is higher than every one that we ever saw for its key, also after the record itself
  expired and was dropped;
- the same sequence with other bytes is equivocation: its author stops counting.

A record is *offered* until a dead band before it expires, and *accepted* until it expires, so two
nodes with skewed clocks do not hand a dying record to and fro.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.codec import decode_announcement, decode_manifest_head
from mirrord.core.records.ids import CollectionId, NodeId
from mirrord.core.records.kinds import Announcement, Kind, ManifestHead
from mirrord.core.records.signing import VerifiedEnvelope, verify


class RecordKey(NamedTuple):
    """What a record is about: a node's announcement or a collection's manifest head.

    ``subject`` is the node id or the collection id, 32 bytes.
    """

    kind: Kind
    subject: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A record that was accepted: its place, its order, its bytes and what they say."""

    key: RecordKey
    sequence: int
    envelope: bytes
    content: Announcement | ManifestHead

    def is_about(self, collection: CollectionId) -> bool:
        """Whether this record belongs to ``collection``."""
        match self.content:
            case Announcement():
                return self.content.part_in(collection) is not None
            case ManifestHead():
                return self.content.collection == collection
            case _:
                assert_never(self.content)


def open_record(envelope: bytes) -> Record:
    """Check and parse an envelope, whatever it is about; raise :class:`RecordError`."""
    return _parsed(verify(envelope))


def _parsed(signed: VerifiedEnvelope) -> Record:
    match signed.kind:
        case Kind.ANNOUNCEMENT:
            announcement = decode_announcement(signed.body)
            key = RecordKey(signed.kind, signed.author)
            return Record(key, announcement.sequence, signed.envelope, announcement)
        case Kind.MANIFEST_HEAD:
            head = decode_manifest_head(signed.body)
            if head.collection != signed.author:
                raise RecordError(RejectReason.WRONG_AUTHOR, "a manifest that its collection's key did not sign")
            return Record(RecordKey(signed.kind, head.collection), head.version, signed.envelope, head)
        case _:
            assert_never(signed.kind)


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
        self.equivocators: set[NodeId] = set()

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
        record = open_record(envelope)
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
        if not any(record.is_about(collection) for collection in self._joined) and held is None:
            raise RecordError(RejectReason.FOREIGN_COLLECTION, "about no collection that we joined")
        if record.content.issued_at > now.unix_seconds + limits.FUTURE_SKEW_SECONDS:
            raise RecordError(RejectReason.FROM_FUTURE, f"issued at {record.content.issued_at}")
        if isinstance(record.content, Announcement) and record.content.expires_at <= now.unix_seconds:
            raise RecordError(RejectReason.EXPIRED, f"expired at {record.content.expires_at}")
        highest = self.highest(record.key)
        if record.sequence == highest and held is not None and held.envelope != record.envelope:
            self.equivocators.add(NodeId(record.key.subject))
            raise RecordError(RejectReason.EQUIVOCATION, f"two records with sequence {highest}")
        if record.sequence <= highest:
            raise RecordError(RejectReason.STALE, f"sequence {record.sequence}, {highest} is known")

    def _find_room(self, record: Record) -> None:
        is_new = record.key not in self._records and isinstance(record.content, Announcement)  # heads are few
        if is_new and len(self._records) >= limits.RECORDS_PER_COLLECTION_MAX:
            raise RecordError(RejectReason.TABLE_FULL, f"{len(self._records)} records are held")

    def expire(self, now: Instant) -> Expired:
        """Retire what is about to expire and drop what has."""
        retired: list[Record] = []
        dropped: list[Record] = []
        for record in self._records.values():
            if not isinstance(record.content, Announcement):
                continue
            left_seconds = record.content.expires_at - now.unix_seconds
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
        self.equivocators.discard(NodeId(record.key.subject))
        self._remember(record.key, sequence)

    def get(self, key: RecordKey) -> Record | None:
        """Return the newest record of ``key``."""
        return self._records.get(key)

    def offered(self, collection: CollectionId) -> Iterator[Record]:
        """Iterate over the records about ``collection`` that we hand on."""
        for record in self._records.values():
            if record.key not in self._retired and record.is_about(collection):
                yield record

    def announcements(self, collection: CollectionId) -> Iterator[tuple[NodeId, Announcement]]:
        """Iterate over the nodes that take part in ``collection``, equivocators left out."""
        for record in self._records.values():
            content = record.content
            if isinstance(content, Announcement) and content.part_in(collection) is not None:
                node = NodeId(record.key.subject)
                if node not in self.equivocators:
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
