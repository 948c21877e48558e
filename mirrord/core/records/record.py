"""A record that may be kept: what it is about, its place in the order, its bytes and what they say."""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple, assert_never

from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.codec import decode_admission, decode_announcement, decode_manifest_head
from mirrord.core.records.equivocation import decode_equivocation
from mirrord.core.records.ids import KEY_BYTES, CollectionId, NodeId, RecordId
from mirrord.core.records.kinds import Admission, Announcement, Equivocation, Kind, ManifestHead
from mirrord.core.records.signing import VerifiedEnvelope, verify

_ID_BYTES: Final = 8

Content = Announcement | ManifestHead | Admission | Equivocation


class RecordKey(NamedTuple):
    """What a record is about; of two with the same key the newer stays.

    ``subject`` is a collection id, for a manifest head; a node id, for an announcement and a proof of
    equivocation; and of an admission author, collection and subject in a row, 96 bytes.
    """

    kind: Kind
    subject: bytes

    @property
    def precedence(self) -> int:
        """Its place among records that travel together: those first by which others are judged, the least first.

        Who may admit is said by the collection's key, whom they admit by them, and then the admitted speak.
        """
        if self.kind is Kind.ADMISSION:
            author, collection = self.subject[:KEY_BYTES], self.subject[KEY_BYTES : 2 * KEY_BYTES]
            return 1 if author == collection else 2
        return 0 if self.kind is Kind.MANIFEST_HEAD else 3


@dataclass(frozen=True, slots=True)
class Record:
    """A record whose signature holds.  ``identity`` and ``fingerprint`` stand for it in anti-entropy."""

    key: RecordKey
    sequence: int
    envelope: bytes
    content: Content
    identity: RecordId
    fingerprint: int

    @property
    def kept_bytes(self) -> int:
        """About what it takes to keep: its envelope, and its bitmaps inflated, which may be far longer."""
        collections = self.content.collections if isinstance(self.content, Announcement) else ()
        return len(self.envelope) + sum(state.bitmap_bytes for state in collections)

    def is_about(self, collection: CollectionId) -> bool:
        """Whether this record belongs to ``collection``."""
        match self.content:
            case Announcement():
                return self.content.part_in(collection) is not None
            case ManifestHead() | Admission():
                return self.content.collection == collection
            case Equivocation():
                return collection in self.content.collections
            case _:
                assert_never(self.content)

    @property
    def expires_at(self) -> int | None:
        """The unix second from which this record says nothing any more; None for what only a newer one ends."""
        match self.content:
            case Announcement() | Equivocation():
                return self.content.expires_at
            case Admission():
                return None if self.content.is_policy else self.content.expires_at
            case ManifestHead():
                return None
            case _:
                assert_never(self.content)


def record_id(key: RecordKey) -> RecordId:
    """Return the eight bytes that name a record on the wire."""
    return hashlib.blake2b(b"%c%b" % key, digest_size=_ID_BYTES).digest()


def fingerprint(identity: RecordId, sequence: int) -> int:
    """Return 64 bits that depend on a record's id and sequence."""
    return int.from_bytes(hashlib.blake2b(identity + sequence.to_bytes(8, "big"), digest_size=8).digest(), "big")


def make_record(key: RecordKey, sequence: int, envelope: bytes, content: Content) -> Record:
    """Put a record together."""
    identity = record_id(key)
    return Record(key, sequence, envelope, content, identity, fingerprint(identity, sequence))


def open_record(envelope: bytes) -> Record:
    """Check and parse an envelope, whatever it is about; raise :class:`RecordError`."""
    signed = verify(envelope)
    content, key = _parsed(signed)
    sequence = content.version if isinstance(content, ManifestHead) else content.sequence
    return make_record(key, sequence, signed.envelope, content)


def _parsed(signed: VerifiedEnvelope) -> tuple[Content, RecordKey]:
    match signed.kind:
        case Kind.ANNOUNCEMENT:
            return decode_announcement(signed.body), RecordKey(signed.kind, signed.author)
        case Kind.MANIFEST_HEAD:
            head = decode_manifest_head(signed.body)
            if head.collection != signed.author:
                raise RecordError(RejectReason.WRONG_AUTHOR, "a manifest that its collection's key did not sign")
            return head, RecordKey(signed.kind, head.collection)
        case Kind.ADMISSION:
            admission = decode_admission(signed.body, NodeId(signed.author))
            if admission.is_policy and signed.author != admission.collection:
                raise RecordError(RejectReason.WRONG_AUTHOR, "a policy that its collection's key did not sign")
            return admission, RecordKey(signed.kind, signed.author + admission.collection + admission.subject)
        case Kind.EQUIVOCATION:
            return decode_equivocation(signed), RecordKey(signed.kind, signed.author)
        case _:
            assert_never(signed.kind)
