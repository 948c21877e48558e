"""Everything that a node can ask of its shells.  Imperative; the daemon carries them out.

The ``Persist...`` and ``StoreBlob`` effects of one event are one transaction, and it is complete
before any other effect of that event starts: persist before you promise.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256, ShardKey
from mirrord.core.records.record import RecordKey
from mirrord.core.wire.messages import GoodbyeCode, Message


class ShardState(StrEnum):
    """How far a shard has come on this node; what the database says of it after a restart."""

    FETCHING = "fetching"
    CHECKING = "checking"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of a collection's nodes and repairs, in sums over all runs; see :mod:`coverage.lifetimes`."""

    observed_seconds: int = 0
    nodes_lost: int = 0
    repair_seconds: int = 0
    repairs: int = 0


NOTHING_MEASURED: Final = Measured()


@dataclass(frozen=True, slots=True)
class PersistRecord:
    """Store an envelope under its key, in place of an older one."""

    key: RecordKey
    sequence: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class PersistSequence:
    """Store the highest sequence that this node ever signed."""

    sequence: int


@dataclass(frozen=True, slots=True)
class ForgetRecord:
    """Drop an expired envelope, but remember its sequence."""

    key: RecordKey
    sequence: int


@dataclass(frozen=True, slots=True)
class PersistCollection:
    """Store that a collection is joined, where it was asked for, and whether and how it is being left."""

    collection: CollectionId
    bootstrap: tuple[Address, ...]
    parting_until: int
    leaving_by: int = 0
    delete_on_leave: bool = False


@dataclass(frozen=True, slots=True)
class ForgetCollection:
    """Drop a collection and all its records."""

    collection: CollectionId


@dataclass(frozen=True, slots=True)
class PersistShard:
    """Store how far a shard has come.  ``verified_at`` is unix seconds, 0 before the first time."""

    shard: ShardKey
    state: ShardState
    verified_at: int


@dataclass(frozen=True, slots=True)
class ForgetShard:
    """Drop a shard from the database."""

    shard: ShardKey


@dataclass(frozen=True, slots=True)
class PersistMeasured:
    """Remember what was measured of a collection's nodes and repairs, in place of what was."""

    collection: CollectionId
    measured: Measured


@dataclass(frozen=True, slots=True)
class PersistPeer:
    """Remember an address where a node spoke with us, with the key that it proved.

    ``seen_at`` is the unix second at which it did last, ``first_seen_at`` that of the first time.
    """

    address: Address
    peer: NodeId
    seen_at: int
    first_seen_at: int


@dataclass(frozen=True, slots=True)
class StoreBlob:
    """Store a blob whose SHA-256 has been checked."""

    sha256: Sha256
    data: bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a session to an address; answer with SessionOpened or DialFailed."""

    address: Address


@dataclass(frozen=True, slots=True)
class ProbeAddress:
    """Dial an address only to see whether ``node`` answers there, and hang up; answer with AddressProbed.

    ``session`` is that of the node, which asked for it.
    """

    session: SessionId
    address: Address
    node: NodeId


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Queue a message for a session that is open."""

    session: SessionId
    message: Message


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Say goodbye, flush, close."""

    session: SessionId
    code: GoodbyeCode
    reason: str


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """Read one chunk for a peer; answer with BlobServed."""

    session: SessionId
    sha256: Sha256
    offset: int


@dataclass(frozen=True, slots=True)
class FetchShard:
    """Add a shard's torrent and download what is missing on disk.

    The engine re-reads what it finds before it trusts it, re-reads the whole shard when the last
    piece is there, and answers with HoldingVerified.  ``name`` is the shard's folder.
    """

    shard: ShardKey
    name: str
    torrent_sha256: Sha256
    members: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class SeedShard:
    """Add a shard that was verified before, without reading it again."""

    shard: ShardKey
    name: str
    torrent_sha256: Sha256


@dataclass(frozen=True, slots=True)
class LinkShard:
    """Make the shard's folder lead to ``place``, before the engine hears of the shard; FetchFailed where one cannot."""

    shard: ShardKey
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class CheckShard:
    """Read a shard that is on disk, fetch nothing; HoldingVerified or HoldingFailed."""

    shard: ShardKey
    name: str
    torrent_sha256: Sha256


@dataclass(frozen=True, slots=True)
class AddSwarmMembers:
    """Tell the engine who else has this shard, or parts of it."""

    shard: ShardKey
    members: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class RemoveShard:
    """Let go of a shard, whether it was asked for in this run or not; answer with ShardRemoved.

    A link in place of its folder goes in any case: the next fetch must not write where it leads.
    """

    shard: ShardKey
    name: str
    torrent_sha256: Sha256
    delete_files: bool


@dataclass(frozen=True, slots=True)
class PauseFetching:
    """Stop downloading everything, go on seeding (the disk is full)."""


@dataclass(frozen=True, slots=True)
class ResumeFetching:
    """Go on downloading."""


@dataclass(frozen=True, slots=True)
class SeekPeers:
    """Look for nodes of a collection under today's rendezvous; answer with AddressesFound, as often as any are found.

    With ``announce`` be found under it, too: others are told that this node is at ``port`` (TCP).
    """

    rendezvous: bytes
    port: int
    announce: bool


@dataclass(frozen=True, slots=True)
class LookUpSwarm:
    """Ask the DHT for ``seconds`` who is in the swarm of a shard, without joining it; answer with SwarmLookedUp.

    ``info_hash`` has 20 bytes: the v1 hash, or the beginning of the v2 hash.
    """

    shard: ShardKey
    info_hash: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class SwarmHashes:
    """A shard and the hashes, of 20 bytes each, under which a tracker may know its swarm."""

    shard: ShardKey
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ScrapeTracker:
    """Ask a tracker how many seeders it knows, and tell it nothing; answer with TrackerScraped."""

    tracker: str
    swarms: tuple[SwarmHashes, ...]


@dataclass(frozen=True, slots=True)
class Warn:
    """Tell the operator's log; ``offset_seconds``, where it is about the clock, is by how much that is ahead."""

    message: str
    offset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ReportStanding:
    """Tell the operator that this node counts in a collection from now on, or no longer."""

    collection: CollectionId
    node: NodeId
    is_admitted: bool


class ShardTurn(StrEnum):
    """What has become of a shard on this node, where people may want to know."""

    CLAIMED = "claimed"
    YIELDED = "yielded"
    FETCHED = "fetched"
    MENDED = "mended"
    CHECKED = "checked"
    STALLED = "stalled"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ReportShard:
    """Tell the operator what has become of a shard here.

    Of a claim and of a release, ``replicas`` are claimed in the network before it, of ``target``; a fetch took so
    many ``seconds``, None where an earlier run began it.
    """

    shard: ShardKey
    turn: ShardTurn
    replicas: int = 0
    target: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ReportCoverage:
    """Tell the operator that a collection is safer than before, or (``is_worse``) less safe; ``text`` says how it is.

    ``is_urgent``: somebody should look at it.
    """

    collection: CollectionId
    text: str
    is_worse: bool
    is_urgent: bool


PersistEffect = (
    PersistRecord
    | PersistSequence
    | ForgetRecord
    | PersistCollection
    | ForgetCollection
    | PersistShard
    | ForgetShard
    | PersistPeer
    | PersistMeasured
)

EngineEffect = FetchShard | SeedShard | CheckShard | AddSwarmMembers | RemoveShard | PauseFetching | ResumeFetching

NetworkEffect = Dial | ProbeAddress | SendMessage | CloseSession | ReadBlob

OutsideEffect = LookUpSwarm | ScrapeTracker

ToldEffect = Warn | ReportStanding | ReportShard | ReportCoverage
"""What the operator is told, and nobody has to do anything about."""

Effect = PersistEffect | StoreBlob | LinkShard | EngineEffect | NetworkEffect | OutsideEffect | SeekPeers | ToldEffect
