"""The messages of a session, as frozen values.

A session opens with one ``Hello`` from each side.  After that every message stands by itself: who
receives one can answer it from its own records, so a session has no state that could get stuck.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mirrord.core.records.ids import CollectionId, RecordId, Sha256

PROTOCOL_VERSION: Final = 1


class GoodbyeCode(IntEnum):
    """Why a session ends."""

    UNSPECIFIED = 0
    STOPPING = 1
    VERSION = 2
    NOTHING_SHARED = 3
    PROTOCOL = 4
    BAD_RECORD = 5
    DUPLICATE = 6
    OVERLOADED = 7


@dataclass(frozen=True, slots=True)
class Hello:
    """Who I am: the versions I speak, my clock, and the collections that I joined, ascending.

    ``seen_at`` is the IP literal from which the receiver comes, as the sender sees it; empty: not known.
    """

    version_min: int
    version_max: int
    agent: str
    unix_seconds: int
    collections: tuple[CollectionId, ...]
    seen_at: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The fingerprint of all my records of a collection, and how many they are."""

    collection: CollectionId
    root: int
    records: int


@dataclass(frozen=True, slots=True)
class Buckets:
    """One 64-bit fingerprint for each of the ``2 ** bits`` buckets."""

    collection: CollectionId
    bits: int
    digests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The (record id, sequence) pairs, ascending, of the buckets that differ."""

    collection: CollectionId
    bits: int
    buckets: tuple[int, ...]
    entries: tuple[tuple[RecordId, int], ...]


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """Please send me these records."""

    collection: CollectionId
    ids: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """Envelopes, verbatim; not yet verified by whoever receives them."""

    collection: CollectionId
    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BlobRequest:
    """Please send me the chunk of this blob that starts at ``offset``."""

    sha256: Sha256
    offset: int


@dataclass(frozen=True, slots=True)
class BlobChunk:
    """A part of a blob."""

    sha256: Sha256
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BlobMissing:
    """I do not have that blob."""

    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Probe:
    """Please dial me at this port of the address that I come from, and say whether I am there."""

    port: int


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Whether the node that asked answered at that port."""

    port: int
    reached: bool


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The last message: why I close this session."""

    code: GoodbyeCode
    reason: str


Message = (
    Hello
    | Summary
    | Buckets
    | Listing
    | RecordRequest
    | Records
    | BlobRequest
    | BlobChunk
    | BlobMissing
    | Goodbye
    | Probe
    | ProbeResult
)
