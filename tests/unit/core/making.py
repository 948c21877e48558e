"""Records, envelopes and nodes for the core's tests: every key comes from a small number."""

import hashlib
from dataclasses import replace

from mirrord.core.clock import Instant
from mirrord.core.records.codec import encode_admission, encode_announcement, encode_manifest_head
from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256
from mirrord.core.records.kinds import Admission, Announcement, CollectionState, Grant, Kind, ManifestHead, Policy
from mirrord.core.records.record import RecordKey
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.signing import SigningKey, sign

UNIX = 1_800_000_000
NOW = Instant(1_000.0, float(UNIX))
DAY = 86_400


def signing_key(number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(b"test key %d" % number).digest())


def node_id(number: int) -> NodeId:
    return signing_key(number).public


CURATOR = signing_key(1_000_001)
OTHER_CURATOR = signing_key(1_000_002)
COLLECTION = CollectionId(bytes(CURATOR.public))
OTHER_COLLECTION = CollectionId(bytes(OTHER_CURATOR.public))


def make_announcement(
    sequence: int = 1,
    issued_at: int = UNIX,
    lifetime: int = 15 * DAY,
    collections: tuple[CollectionId, ...] = (COLLECTION,),
    **changes: object,
) -> Announcement:
    announcement = Announcement(
        sequence=sequence,
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
        coordination=(Address("192.0.2.7", 7700),),
        pledge_bytes=10**12,
        free_bytes=10**11,
        agent="mirrord test",
        collections=tuple(CollectionState(collection) for collection in sorted(collections)),
    )
    return replace(announcement, **changes)  # type: ignore[arg-type]


def announced(author: int, announcement: Announcement) -> bytes:
    """Return the envelope of an announcement signed by key number ``author``."""
    return sign(Kind.ANNOUNCEMENT, encode_announcement(announcement), signing_key(author))


def make_head(version: int = 1, collection: CollectionId = COLLECTION, **changes: object) -> ManifestHead:
    head = ManifestHead(collection, version, UNIX, Sha256(hashlib.sha256(b"body %d" % version).digest()), 1_000)
    return replace(head, **changes)  # type: ignore[arg-type]


def signed_head(head: ManifestHead, key: SigningKey = CURATOR) -> bytes:
    return sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), key)


def make_admission(author: SigningKey, subject: NodeId, grant: Grant = Grant.MEMBER, **changes: object) -> Admission:
    """Return a word about a subject: a year long, from now, in COLLECTION."""
    admission = Admission(
        collection=COLLECTION,
        author=author.public,
        subject=subject,
        sequence=UNIX,
        issued_at=UNIX,
        expires_at=UNIX + 365 * DAY,
        grant=grant,
        quota=3 if grant is Grant.VOUCHER else 0,
    )
    return replace(admission, **changes)  # type: ignore[arg-type]


def admitted(author: SigningKey, subject: NodeId, grant: Grant = Grant.MEMBER, **changes: object) -> bytes:
    """Return the envelope of an admission that ``author`` signed."""
    return sign(Kind.ADMISSION, encode_admission(make_admission(author, subject, grant, **changes)), author)


def policy_of(policy: Policy, sequence: int = UNIX, curator: SigningKey = CURATOR) -> bytes:
    """Return the envelope of a collection's policy."""
    collection = CollectionId(bytes(curator.public))
    said = make_admission(curator, curator.public, Grant.NONE, collection=collection, sequence=sequence, policy=policy)
    return sign(Kind.ADMISSION, encode_admission(said), curator)


def key_of(author: int) -> RecordKey:
    return RecordKey(Kind.ANNOUNCEMENT, node_id(author))


def joined_set(*collections: CollectionId, dead_band_seconds: float = 1_200) -> RecordSet:
    """Return an empty set that takes records about ``collections``, or about COLLECTION."""
    records = RecordSet(dead_band_seconds)
    for collection in collections or (COLLECTION,):
        records.join(collection)
    return records
