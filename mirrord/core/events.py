"""Everything that can happen to a node.  Past tense; a shell puts one on the node's queue.

A thing that a shell was asked to do and could not comes back as an event too, never as an
exception into the core.
"""

from dataclasses import dataclass
from enum import StrEnum

from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256, ShardKey
from mirrord.core.records.kinds import Grant, ManifestBody
from mirrord.core.wire.messages import Message


class AddressSource(StrEnum):
    """Who told us an address; also the ``source`` label of the metric."""

    BOOTSTRAP = "bootstrap"
    REMEMBERED = "remembered"
    DHT = "dht"
    LOCAL_NETWORK = "local_network"
    ANNOUNCEMENT = "announcement"


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that ``Node.next_deadline`` named has come, or a shell wants a look around.

    ``dice`` is a fresh random number in [0, 1): chance is an argument here.
    """

    dice: float


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """TLS holds with ``peer``, whose key it proved.

    ``dialled`` is set where we dialled; ``remote`` is where its packets come from, None where that is not known.
    """

    session: SessionId
    peer: NodeId
    dialled: Address | None
    remote: Address | None = None


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A peer said something that parses."""

    session: SessionId
    message: Message


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session is gone, whoever ended it.  ``detail`` is for people."""

    session: SessionId
    detail: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """Nobody that speaks our protocol answered at ``address``."""

    address: Address
    detail: str


@dataclass(frozen=True, slots=True)
class AddressProbed:
    """ProbeAddress is done: whether the node of that session answered at the address."""

    session: SessionId
    address: Address
    reached: bool


@dataclass(frozen=True, slots=True)
class AddressesFound:
    """What SeekPeers found: anybody may have put these addresses there, and nobody there need be a node."""

    addresses: tuple[Address, ...]
    source: AddressSource


@dataclass(frozen=True, slots=True)
class CollectionJoined:
    """The operator joined a collection by name; ``bootstrap`` is where to ask first."""

    collection: CollectionId
    bootstrap: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class CollectionLeft:
    """The operator leaves a collection.

    Its holdings stop counting at once; until unix second ``leaving_by``, where that is given, they are
    seeded for those who take them over.
    """

    collection: CollectionId
    delete_files: bool
    leaving_by: int = 0


@dataclass(frozen=True, slots=True)
class ManifestImported:
    """The operator gave us a manifest head; its body and .torrents (``blobs``) are stored already."""

    envelope: bytes
    body: ManifestBody
    blobs: tuple[Sha256, ...]


@dataclass(frozen=True, slots=True)
class AdmissionsImported:
    """The operator gave us admissions that a curator or a voucher signed elsewhere."""

    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AdmissionRequested:
    """The operator has this node's own key say what ``subjects`` are in a collection.

    ``expires_at`` is unix seconds; ``quota`` is of a VOUCHER.
    """

    collection: CollectionId
    subjects: tuple[NodeId, ...]
    grant: Grant
    expires_at: int
    quota: int = 0


@dataclass(frozen=True, slots=True)
class BlobServed:
    """A chunk that a peer asked for has been read; ``data`` is None where we lack the blob."""

    session: SessionId
    sha256: Sha256
    offset: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class BlobLost:
    """A blob that we had turned out to be damaged or gone; peers have it too."""

    sha256: Sha256


@dataclass(frozen=True, slots=True)
class FetchProgressed:
    """The engine has ``bytes_done`` verified bytes of a shard (padding included)."""

    shard: ShardKey
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class HoldingVerified:
    """Every piece of the shard on disk has been re-read and is right."""

    shard: ShardKey


@dataclass(frozen=True, slots=True)
class HoldingFailed:
    """A re-read found ``bad_pieces`` wrong or missing; the engine fetches them again by itself."""

    shard: ShardKey
    bad_pieces: int


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """The engine cannot go on with a shard, for a reason other than a full disk."""

    shard: ShardKey
    detail: str


@dataclass(frozen=True, slots=True)
class ShardRemoved:
    """The engine let go of a shard, and its files are gone where that was asked."""

    shard: ShardKey


@dataclass(frozen=True, slots=True)
class AdoptionRequested:
    """The operator says that this shard's files are on disk already.

    ``place`` is the folder that has them, empty where that is the shard's own folder.
    """

    shard: ShardKey
    place: str = ""


@dataclass(frozen=True, slots=True)
class VerificationRequested:
    """The operator wants a holding read again."""

    shard: ShardKey


@dataclass(frozen=True, slots=True)
class DiskFilled:
    """A write failed for want of room (ENOSPC or EDQUOT)."""

    detail: str


@dataclass(frozen=True, slots=True)
class DiskMeasured:
    """How many bytes the data folder's file system still offers us."""

    free_bytes: int


@dataclass(frozen=True, slots=True)
class ListeningStarted:
    """The addresses under which others can reach us.

    ``by_operator``: the coordination addresses are what the operator told us to announce, else what we listen on.
    """

    coordination: tuple[Address, ...]
    bittorrent: tuple[Address, ...]
    by_operator: bool = False


@dataclass(frozen=True, slots=True)
class SwarmLookedUp:
    """LookUpSwarm is done: whom the DHT told, seeders or not; None where there was nobody to ask."""

    shard: ShardKey
    info_hash: bytes
    members: tuple[Address, ...] | None


@dataclass(frozen=True, slots=True)
class TrackerScraped:
    """ScrapeTracker is done: the seeders of each of ``shards``, as many as were asked about.

    ``seeders`` is None where the tracker gave no answer of use; ``detail`` then says why.
    """

    tracker: str
    shards: tuple[ShardKey, ...]
    seeders: tuple[int, ...] | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PledgeChanged:
    """The operator gives more bytes, or fewer."""

    pledge_bytes: int


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The operator stops the daemon: claim nothing more, say goodbye."""


Wish = (
    CollectionJoined | CollectionLeft | ManifestImported | AdmissionsImported | AdmissionRequested | AdoptionRequested
)
"""What the operator asks of the node about its collections."""

PeerNews = (
    SessionOpened | MessageReceived | SessionClosed | DialFailed | AddressProbed | AddressesFound | ListeningStarted
)
"""What the network tells: of peers, and of where they and we are to be found."""

ShardNews = (
    FetchProgressed
    | HoldingVerified
    | HoldingFailed
    | FetchFailed
    | ShardRemoved
    | VerificationRequested
    | DiskFilled
    | DiskMeasured
)
"""What becomes of this node's own shards."""

OutsideNews = SwarmLookedUp | TrackerScraped
"""What is said of outside seeders."""

Event = TimePassed | PeerNews | Wish | ShardNews | OutsideNews | BlobServed | BlobLost | PledgeChanged | StopRequested
