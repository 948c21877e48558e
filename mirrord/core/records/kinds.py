"""The kinds of record, as frozen values.

Each is parsed once, at the edge, by :mod:`mirrord.core.records.codec`; nothing else in the
program sees protobuf.  Times here are unix seconds, because they are signed.
"""

from dataclasses import dataclass
from enum import IntEnum

from mirrord.core.records.ids import Address, CollectionId, NodeId, Sha256, ShardIndex
from mirrord.core.records.shardset import NO_SHARDS, ShardSet


class Kind(IntEnum):
    """What an envelope carries; the number is signed."""

    MANIFEST_HEAD = 1
    ANNOUNCEMENT = 2
    ADMISSION = 3
    EQUIVOCATION = 4


class Quality(IntEnum):
    """Whether a shard's files are as their makers published them."""

    UNSPECIFIED = 0
    ORIGINAL = 1
    REENCODED = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """ "I am about to fetch this shard": pending, then fetching.  A lease until ``expires_at``."""

    shard: ShardIndex
    claimed_at: int
    expires_at: int
    fetching: bool = False
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """The announced intent to give a holding up."""

    shard: ShardIndex
    announced_at: int


@dataclass(frozen=True, slots=True)
class CollectionState:
    """One node's part in one collection.

    ``declined`` are shards that it will not fetch (its operator refused them, or a fetch failed), so that
    nobody waits for it.  A ``parting`` node takes nothing more, and what it still holds is to be replaced.
    """

    collection: CollectionId
    manifest_version: int = 0
    holdings: ShardSet = NO_SHARDS
    claims: tuple[Claim, ...] = ()
    releases: tuple[Release, ...] = ()
    parting: bool = False
    declined: ShardSet = NO_SHARDS

    @property
    def bitmap_bytes(self) -> int:
        """The length of its bitmaps, inflated."""
        return self.holdings.size_bytes + self.declined.size_bytes


@dataclass(frozen=True, slots=True)
class Announcement:
    """A node's whole public state; replaced as a whole, newest sequence wins.

    Bytes are bytes, rates bytes a second (0: not known).  ``operator``, ``country`` and ``asn``
    are what the node says of itself and prove nothing.
    """

    sequence: int
    issued_at: int
    expires_at: int
    coordination: tuple[Address, ...] = ()
    bittorrent: tuple[Address, ...] = ()
    pledge_bytes: int = 0
    free_bytes: int = 0
    down_bytes_per_second: int = 0
    up_bytes_per_second: int = 0
    operator: str = ""
    country: str = ""
    asn: int = 0
    agent: str = ""
    collections: tuple[CollectionState, ...] = ()

    def part_in(self, collection: CollectionId) -> CollectionState | None:
        """Return this node's part in ``collection``, or None where it has none."""
        for state in self.collections:
            if state.collection == collection:
                return state
        return None


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """The signed pointer to one version of a collection's list of shards."""

    collection: CollectionId
    version: int
    issued_at: int
    body_sha256: Sha256
    body_bytes: int


class Grant(IntEnum):
    """What an admission says of its subject."""

    NONE = 0
    MEMBER = 1
    VOUCHER = 2
    CURATOR = 3
    REVOKED = 4


class Policy(IntEnum):
    """Whose copies count in a collection: everybody's, or theirs whom a voucher or a curator named, or a curator."""

    UNSPECIFIED = 0
    OPEN = 1
    VOUCHED = 2
    LISTED = 3


@dataclass(frozen=True, slots=True)
class Admission:
    """The word of a curator or a voucher (``author``) on who may be counted in a collection.

    ``subject`` is a node or a curator's key; where it is the collection itself, ``policy`` is the collection's,
    ``grant`` is NONE, and the record does not expire.  ``quota`` is for how many nodes a VOUCHER may vouch.
    """

    collection: CollectionId
    author: NodeId
    subject: NodeId
    sequence: int
    issued_at: int
    expires_at: int
    grant: Grant
    quota: int = 0
    policy: Policy = Policy.UNSPECIFIED

    @property
    def is_policy(self) -> bool:
        """Whether this sets the collection's policy, and not one subject's part in it."""
        return bytes(self.subject) == self.collection


@dataclass(frozen=True, slots=True)
class Equivocation:
    """The proof that ``node`` signed two announcements with one sequence.

    It names the collections that either of them is about, and holds until both would have expired: by then
    whoever ran one key on two machines by mistake has had time to mend it.
    """

    node: NodeId
    sequence: int
    issued_at: int
    expires_at: int
    collections: frozenset[CollectionId]


@dataclass(frozen=True, slots=True)
class Shard:
    """The unit of placement: one torrent, held whole or not at all.

    ``bytes`` counts the files, padding left out; ``demand_ppb`` is the part of all demand that the
    shard's items carry, in parts of 10^9.  ``withdrawn_reason`` is empty while the shard stands.
    """

    index: ShardIndex
    name: str
    info_hash_v2: bytes
    info_hash_v1: bytes
    torrent_sha256: Sha256
    torrent_bytes: int
    bytes: int
    files: int
    items: int
    popularity_min: int
    popularity_max: int
    demand_ppb: int
    rights: str
    quality: Quality = Quality.UNSPECIFIED
    codec: str = ""
    phase: int = 0
    target_weight_ppm: int = 1_000_000
    withdrawn_reason: str = ""

    @property
    def withdrawn(self) -> bool:
        """Whether the curator has taken this shard back."""
        return bool(self.withdrawn_reason)


@dataclass(frozen=True, slots=True)
class ManifestBody:
    """The list of shards, most popular first within a phase; ``shards[i].index == i``."""

    name: str
    description: str
    target_min_replicas: int
    target_max_replicas: int
    shards: tuple[Shard, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A head and the body that it names, checked against each other."""

    head: ManifestHead
    body: ManifestBody
