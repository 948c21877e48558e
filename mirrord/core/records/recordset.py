"""The records of every joined collection: newest wins, nothing dead comes back.

Rules, in the order in which a stranger's record meets them:

- its signature holds and it parses;
- it is about a collection that we joined, or replaces a record that we have;
- it is neither from the future nor expired;
- its author counts in one of the joined collections that it is about, or, of an admission, may say it
  (:mod:`mirrord.core.records.admissions`);
- its sequence is higher than every one that we ever saw for its key, also after the record itself
  expired and was dropped;
- the same sequence with other bytes is equivocation.  Two announcements of one node make a proof,
  which is a record too; while it is held, the node does not count.

A record is *offered* until a dead band before it expires, and *accepted* until it expires, so two
nodes with skewed clocks do not hand a dying record to and fro.  In a collection in which its author
does not count it is neither offered nor counted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.admissions import Admissions
from mirrord.core.records.changes import Changes
from mirrord.core.records.equivocation import prove
from mirrord.core.records.ids import CollectionId, NodeId, to_short_text
from mirrord.core.records.kinds import Admission, Announcement, Equivocation, Kind, ManifestHead
from mirrord.core.records.record import Record, RecordKey, open_record


class ContradictionError(RecordError):
    """A node contradicts what it signed before; ``proof`` is the envelope that shows it to everybody."""

    def __init__(self, detail: str, proof: bytes) -> None:
        super().__init__(RejectReason.EQUIVOCATION, detail)
        self.proof = proof


class TableFullError(RecordError):
    """There is no room for a record; ``limit`` is the name of the bound that it would pass."""

    def __init__(self, limit: str, detail: str) -> None:
        super().__init__(RejectReason.TABLE_FULL, detail)
        self.limit = limit


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
        self._kept_bytes = 0
        self._admissions: dict[CollectionId, Admissions] = {}
        self._equivocators: set[NodeId] = set()
        self.changes = Changes()

    def join(self, collection: CollectionId) -> None:
        """Accept records about ``collection`` from now on."""
        if collection in self._admissions:
            return
        known = self._admissions[collection] = Admissions(collection)
        for record in self._records.values():
            if isinstance(record.content, Admission) and record.content.collection == collection:
                known.put(record.content)
        self.changes.of_everybody()

    def part(self, collection: CollectionId) -> tuple[Record, ...]:
        """Stop accepting records about ``collection``; return those that nothing else keeps.

        They are not dead: whoever joins again takes back the very same records, though no older ones.
        """
        self._admissions.pop(collection, None)
        orphans = tuple(r for r in self._records.values() if not any(r.is_about(c) for c in self._admissions))
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
        self.judge(record, now, is_ours)
        older = self._records.get(record.key)
        self._put(record)
        return record, older

    def _put(self, record: Record) -> None:
        older = self._records.get(record.key)
        if older is not None:
            self._envelopes.discard(older.envelope)
            self._kept_bytes -= older.kept_bytes
        self._kept_bytes += record.kept_bytes
        self._records[record.key] = record
        self._envelopes.add(record.envelope)
        self._dropped.pop(record.key, None)
        self._retired.discard(record.key)
        if isinstance(record.content, Admission) and record.content.collection in self._admissions:
            self._admissions[record.content.collection].put(record.content)
        if isinstance(record.content, Equivocation):
            self._equivocators.add(record.content.node)
        self._note(record)

    def _note(self, record: Record) -> None:
        """Note whose copies may count otherwise, now that a record has come or gone."""
        match record.content:
            case Announcement():
                self.changes.of(NodeId(record.key.subject))
            case Equivocation(node=node):
                self.changes.of(node)
            case Admission():
                self.changes.of_everybody()
            case ManifestHead():
                pass

    def judge(self, record: Record, now: Instant, is_ours: bool = False) -> None:
        """Raise the :class:`RecordError` that :meth:`take` would raise now, and change nothing."""
        held = self._records.get(record.key)
        about = [known for collection, known in self._admissions.items() if record.is_about(collection)]
        if held is None and not about:
            raise RecordError(RejectReason.FOREIGN_COLLECTION, "about no collection that we joined")
        if record.content.issued_at > now.unix_seconds + limits.FUTURE_SKEW_SECONDS:
            raise RecordError(RejectReason.FROM_FUTURE, f"issued at {record.content.issued_at}")
        if record.expires_at is not None and record.expires_at <= now.unix_seconds:
            raise RecordError(RejectReason.EXPIRED, f"expired at {record.expires_at}")
        self._judge_author(record, about)
        highest = self.highest(record.key)
        if record.sequence == highest and held is not None and held.envelope != record.envelope:
            self._contradicts(held, record)
        if record.sequence <= highest:
            raise RecordError(RejectReason.STALE, f"sequence {record.sequence}, {highest} is known")
        if not is_ours:
            self._find_room(record)

    @staticmethod
    def _judge_author(record: Record, about: list[Admissions]) -> None:
        """Raise where no collection that a record is about takes it from its author."""
        content = record.content
        if isinstance(content, Admission):
            objection = about[0].objection_to(content) if about else ""
        elif about and not any(_counts(record, known) for known in about):
            objection = f"{to_short_text(record.key.subject)} does not count there"
        else:
            objection = ""  # it counts, or its last word is that it has left
        if objection:
            raise RecordError(RejectReason.NOT_ADMITTED, objection)

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
        """Raise where a table is full.  Admissions have their own, so that strangers cannot keep a curator out."""
        content = record.content
        if isinstance(content, ManifestHead):
            return  # heads are few
        self._find_bytes(record)
        if record.key in self._records:
            return
        if isinstance(content, Admission):
            known = self._admissions[content.collection]
            held = 0 if content.is_policy else len(known)
            if not known.has_room_for(content):
                raise TableFullError("VOUCHES_MAX", f"{to_short_text(content.author)} has vouched for so many already")
        else:
            held = len(self._records) - sum(len(known) for known in self._admissions.values())
        if held >= limits.RECORDS_PER_COLLECTION_MAX:
            raise TableFullError("RECORDS_PER_COLLECTION_MAX", f"{held} records are held")

    def _find_bytes(self, record: Record) -> None:
        """Raise where what strangers say would take more memory than it did, and that is all that there is for it."""
        if isinstance(record.content, Admission):
            return  # they are short, and have a number of their own
        older = self._records.get(record.key)
        grown_bytes = record.kept_bytes - (older.kept_bytes if older is not None else 0)
        if grown_bytes > 0 and self._kept_bytes + grown_bytes > limits.RECORDS_MAX_BYTES:
            raise TableFullError("RECORDS_MAX_BYTES", f"{self._kept_bytes} bytes of records are held")

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

    def drop_uncounted(self) -> tuple[Record, ...]:
        """Drop the announcements of nodes that count nowhere any more, and what proves of them; return these.

        They are not dead, as in :meth:`part`.  Words of somebody who may not say them now are kept, because only
        their authors could bring them back.
        """
        uncounted = tuple(
            record
            for record in self._records.values()
            if isinstance(record.content, Announcement | Equivocation)
            and not any(self.offers(record, collection) for collection in self._admissions)
        )
        for record in uncounted:
            self._drop(record, record.sequence - 1)
        return uncounted

    def _drop(self, record: Record, sequence: int) -> None:
        if isinstance(record.content, Admission) and record.content.collection in self._admissions:
            self._admissions[record.content.collection].drop(record.content)
        del self._records[record.key]
        self._kept_bytes -= record.kept_bytes
        self._envelopes.discard(record.envelope)
        self._retired.discard(record.key)
        if isinstance(record.content, Equivocation):
            self._equivocators.discard(record.content.node)
        self._remember(record.key, sequence)
        self._note(record)

    def get(self, key: RecordKey) -> Record | None:
        """Return the newest record of ``key``."""
        return self._records.get(key)

    def offered(self, collection: CollectionId) -> Iterator[Record]:
        """Iterate over the records about ``collection`` that we hand on."""
        for record in self._records.values():
            if record.key not in self._retired and self.offers(record, collection):
                yield record

    def offers(self, record: Record, collection: CollectionId) -> bool:
        """Whether a record belongs to a joined collection, and its author may speak there now."""
        known = self._admissions.get(collection)
        return known is not None and record.is_about(collection) and _counts(record, known)

    def counts(self, node: NodeId, collection: CollectionId) -> bool:
        """Whether a node's copies count in a collection; not, in one that was not joined."""
        known = self._admissions.get(collection)
        return known is not None and known.counts(node)

    def admissions(self, collection: CollectionId) -> Admissions:
        """Return who counts in a joined collection."""
        return self._admissions[collection]

    def is_equivocator(self, node: NodeId) -> bool:
        """Whether we hold the proof that a node contradicted itself."""
        return node in self._equivocators

    @property
    def equivocators(self) -> frozenset[NodeId]:
        """The nodes that contradicted themselves."""
        return frozenset(self._equivocators)

    def announcement(self, node: NodeId) -> Announcement | None:
        """Return what a node announced last."""
        record = self._records.get(RecordKey(Kind.ANNOUNCEMENT, node))
        return record.content if record is not None and isinstance(record.content, Announcement) else None

    def announcements(self, collection: CollectionId) -> Iterator[tuple[NodeId, Announcement]]:
        """Iterate over the nodes that count in ``collection``, equivocators left out."""
        for record in self._records.values():
            content = record.content
            if isinstance(content, Announcement) and content.part_in(collection) is not None:
                node = NodeId(record.key.subject)
                if self.counts(node, collection) and not self.is_equivocator(node):
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


def _counts(record: Record, known: Admissions) -> bool:
    """Whether the author of a record that is about a collection may speak there now."""
    content = record.content
    match content:
        case Announcement() | Equivocation():
            return known.counts(NodeId(record.key.subject))
        case Admission():
            return known.heeds(content)
        case ManifestHead():
            return True
        case _:
            assert_never(content)
