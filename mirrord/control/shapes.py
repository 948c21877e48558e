"""The JSON of the control interface, version 1: what is answered, what is asked.

Fields are only ever added, each with a default, so that a command line and a daemon of different
ages understand each other; a field that changes its meaning makes ``schema`` 2.  Identities are 52
characters of base32, sizes bytes, times unix seconds, shares 0 to 1, addresses ``host:port``.
"""

from typing import Final

import msgspec

SCHEMA: Final = 1


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class Answer(Shape, frozen=True, kw_only=True):
    """A whole answer.  ``at`` is when the snapshot was taken."""

    schema: int = SCHEMA
    at: float


class NodeShape(Shape, frozen=True, kw_only=True):
    """This node itself.  ``fetching_paused`` says why, and is empty while nothing is paused."""

    id: str
    sequence: int
    pledge_bytes: int
    used_bytes: int
    disk_free_bytes: int
    fetching_paused: str
    stopping: bool
    coordination: tuple[str, ...]
    bittorrent: tuple[str, ...]
    sessions: int
    nodes_alive: int
    nodes_away: int
    nodes_gone: int


class TransferShape(Shape, frozen=True, kw_only=True):
    """Payload that the engine moved since the start of the process, and moves now."""

    uploaded_bytes: int
    downloaded_bytes: int
    upload_bytes_per_second: int
    download_bytes_per_second: int


class CountersShape(Shape, frozen=True, kw_only=True):
    """What has happened since the start of the process; ``records_rejected`` by reason."""

    claims_made: int
    claims_won: int
    claims_yielded: int
    fetches_finished: int
    fetches_failed: int
    holdings_failed: int
    announcements_published: int
    records_accepted: int
    records_rejected: dict[str, int]
    gossip_rounds: int
    sessions_opened: int
    sessions_ended_at_fault: int
    dials_failed: int
    blobs_fetched: int


class SharesShape(Shape, frozen=True, kw_only=True):
    """The part of a whole whose shards have at least one, two, three and their target of replicas."""

    one: float
    two: float
    three: float
    target: float


class BandShape(Shape, frozen=True, kw_only=True):
    """The shards of one band: ``by_replicas[k]`` have k replicas, the last k or more."""

    band: str
    shards: int
    bytes: int
    demand_share: float
    by_replicas: tuple[int, ...]
    target_met: int


class CoverageShape(Shape, frozen=True, kw_only=True):
    """How safe a collection is, withdrawn shards left out."""

    shards: int
    min_replicas: int
    max_replicas: int
    below_target: int
    bytes_below_target: int
    demand_covered: SharesShape
    items_covered: SharesShape
    bytes_covered: SharesShape
    bands: tuple[BandShape, ...]


class CollectionShape(Shape, frozen=True, kw_only=True):
    """A joined collection.  ``manifest_version`` is 0 and ``name`` may be empty until its manifest has arrived."""

    id: str
    name: str
    manifest_version: int
    parting: bool
    bytes: int
    shards: int
    held_shards: int
    held_bytes: int
    fetching_shards: int
    holders: int
    records: int
    invitation: str
    coverage: CoverageShape


class Status(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/status``.  ``degraded``: some shard is below its target."""

    version: str
    degraded: bool
    node: NodeShape
    transfer: TransferShape
    counters: CountersShape
    collections: tuple[CollectionShape, ...]


class Collections(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/collections``."""

    collections: tuple[CollectionShape, ...]


class PeerShape(Shape, frozen=True, kw_only=True):
    """Another node; ``operator`` and ``agent`` are what it says of itself."""

    id: str
    liveness: str
    silent_seconds: float
    connected: bool
    addresses: tuple[str, ...]
    pledge_bytes: int
    free_bytes: int
    holdings: int
    claims: int
    operator: str
    agent: str


class Peers(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/peers``."""

    peers: tuple[PeerShape, ...]


class ShardShape(Shape, frozen=True, kw_only=True):
    """One shard as this node sees the network; ``role`` and ``percent`` are this node's own part."""

    collection: str
    index: int
    name: str
    bytes: int
    band: str
    demand_share: float
    rights: str
    replicas: int
    target: int
    claims: int
    withdrawn_reason: str
    role: str
    percent: int
    verified_at: int


class Shards(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/shards``.  ``collections`` maps the ids in ``shards`` to names."""

    degraded: bool
    collections: dict[str, str]
    shards: tuple[ShardShape, ...]


class PlannedShardShape(Shape, frozen=True, kw_only=True):
    """Why this node holds, claims, skips or waits."""

    collection: str
    index: int
    name: str
    bytes: int
    band: str
    role: str
    percent: int
    replicas: int
    target: int
    claims: int
    withdrawn_reason: str
    reason: str


class Plan(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/plan``."""

    collections: dict[str, str]
    shards: tuple[PlannedShardShape, ...]


class Health(Shape, frozen=True, kw_only=True):
    """Answers ``GET /v1/health``: the loop takes requests."""

    schema: int = SCHEMA
    status: str


class Done(Shape, frozen=True, kw_only=True):
    """Answers a request that asks for a change.

    ``collection`` and ``shards`` say what it was about, where it was about one; ``shards`` holds
    (collection id, index) of the shards that are being read or were adopted.
    """

    schema: int = SCHEMA
    done: str
    collection: str = ""
    name: str = ""
    shards: tuple[tuple[str, int], ...] = ()


class ErrorShape(Shape, frozen=True, kw_only=True):
    """What went wrong: a stable code for machines, a message and a hint for people."""

    code: str
    message: str
    hint: str = ""


class Failure(Shape, frozen=True, kw_only=True):
    """Any answer with a status of 400 or more."""

    schema: int = SCHEMA
    error: ErrorShape


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a POST; an unknown field is refused, as it would silently do less than was asked."""


class JoinWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/join``."""

    invitation: str


class ImportWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/import``: absolute folders, read by the daemon."""

    path: str
    adopt: str = ""


class LeaveWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/collections/leave``: a name, an id or the beginning of an id."""

    collection: str
    delete_files: bool = False


class VerifyWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/shards/verify``: all that is held, of one collection or of all, or the shards named."""

    collection: str = ""
    shards: tuple[int | str, ...] = ()


class AdoptWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/shards/adopt``: an absolute folder that has the shards' folders in it."""

    collection: str
    folder: str


class PledgeWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/pledge``."""

    pledge_bytes: int


class StopWish(Wish, frozen=True, kw_only=True):
    """``POST /v1/stop``."""
