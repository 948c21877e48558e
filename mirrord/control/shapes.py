"""The JSON of the control interface, version 1: what is answered.  What is asked is in :mod:`wishes`.

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


class OwnAddressShape(Shape, frozen=True, kw_only=True):
    """One of this node's own addresses.

    ``finding`` is what peers found that dialled back: "reached" (by so many of them), "not_reached" or "not_probed";
    or "local", of one that is not public.  ``announced``: others are told of it.
    """

    address: str
    finding: str
    reached_by: int
    announced: bool


class NodeShape(Shape, frozen=True, kw_only=True):
    """This node itself.  ``fetching_paused`` says why, and is empty while nothing is paused.

    ``clock_offset_seconds``: by how much its clock is ahead of the median peer's, null with too few peers to tell.
    """

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
    clock_offset_seconds: float | None = None
    clock_wrong: bool = False
    equivocators: int = 0
    key_elsewhere: bool = False
    own_addresses: tuple[OwnAddressShape, ...] = ()
    known_addresses: int = 0
    proved_addresses: int = 0


class TransferShape(Shape, frozen=True, kw_only=True):
    """Payload that the engine moved since the start of the process, and moves now; how many DHT nodes it knows."""

    uploaded_bytes: int
    downloaded_bytes: int
    upload_bytes_per_second: int
    download_bytes_per_second: int
    dht_nodes: int = 0


class CountersShape(Shape, frozen=True, kw_only=True):
    """What has happened since the start of the process; ``records_rejected`` by reason.

    ``addresses_found`` are addresses of peers that were new, by who told us.
    """

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
    holdings_released: int = 0
    addresses_found: dict[str, int] = {}


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
    """How safe a collection is, withdrawn shards left out.

    ``backlog_bytes`` must be fetched until every shard has its target, ``surplus_bytes`` are held beyond the targets.
    """

    shards: int
    min_replicas: int
    max_replicas: int
    below_target: int
    bytes_below_target: int
    demand_covered: SharesShape
    items_covered: SharesShape
    bytes_covered: SharesShape
    bands: tuple[BandShape, ...]
    backlog_bytes: int = 0
    surplus_bytes: int = 0


class CollectionShape(Shape, frozen=True, kw_only=True):
    """A joined collection.  ``manifest_version`` is 0 and ``name`` may be empty until its manifest has arrived.

    ``leaving_by`` is when a graceful leave seeds at most, 0 where there is none; ``parting`` means that all has
    been given up, and is told to others until ``parting_until``.  ``policy`` is open, vouched or listed; while
    ``is_admitted`` is false, this node does not count here.  ``safety`` is lost, danger, below, waiting (for the
    manifest) or safe, ``judgement`` the sentence to it.  ``stale_copies`` lie on nodes that fell silent and count no
    more.  ``repair_eta_seconds`` is 0 where nothing is missing, null where nobody can tell; losses are those of a year.
    """

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
    leaving_by: int = 0
    parting_until: int = 0
    policy: str = "open"
    is_admitted: bool = True
    safety: str = ""
    judgement: str = ""
    stale_copies: int = 0
    repair_eta_seconds: float | None = None
    expected_shard_losses: float | None = None


class Status(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/status``.  ``degraded``: some shard is below its target; ``auditing``: copies are audited."""

    version: str
    degraded: bool
    node: NodeShape
    transfer: TransferShape
    counters: CountersShape
    collections: tuple[CollectionShape, ...]
    auditing: bool = False


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


class MemberShape(Shape, frozen=True, kw_only=True):
    """A node, or a curator's key, about which a curator or a voucher has a word in.

    ``role`` is curator, voucher, member, vouched or revoked, or none where no word counts any more.  ``by`` said so,
    and it holds until ``expires_at``.  A voucher has used ``vouches_used`` of its ``quota``.
    """

    id: str
    role: str
    counts: bool
    by: str = ""
    expires_at: int = 0
    quota: int = 0
    vouches_used: int = 0


class WordShape(Shape, frozen=True, kw_only=True):
    """One signed admission, as it is held; ``heeded``: its author may say it now.  A policy is about the collection."""

    author: str
    subject: str
    says: str
    sequence: int
    issued_at: int
    expires_at: int
    heeded: bool
    quota: int = 0


class Members(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/members``: who counts in a collection, and by whose word.  ``node`` is this node."""

    collection: str
    name: str
    node: str
    policy: str
    members: tuple[MemberShape, ...]
    words: tuple[WordShape, ...]


class ShardShape(Shape, frozen=True, kw_only=True):
    """One shard as this node sees the network; ``role`` and ``percent`` are this node's own part.

    ``replicas`` are claimed by their holders, of which audits have confirmed ``verified``; ``stale`` ones, on nodes
    that fell silent, and ``disputed`` ones, which audits did not find, do not count.
    """

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
    verified: int = 0
    stale: int = 0
    disputed: int = 0


class Shards(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/shards``.  ``collections`` maps the ids in ``shards`` to names."""

    degraded: bool
    collections: dict[str, str]
    shards: tuple[ShardShape, ...]


class PlannedShardShape(Shape, frozen=True, kw_only=True):
    """Why this node holds, claims, skips or waits: ``reason`` for people, the rest for machines.

    ``verdict`` is one of the planner's (core/placement/verdicts.py), or "leaving", "not_admitted" or
    "not_looked".
    ``counted_replicas`` is what the planner goes by: ``replicas`` less what is about to vanish or would vanish
    together; null where it has not looked.  ``rank`` (from 1) is this node's place among the ``candidates``
    that could fetch the shard, ``window`` how many of them are called now, ``better_claims`` how many claims
    come before ours; they are 0 where they play no part.
    """

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
    verdict: str = ""
    counted_replicas: float | None = None
    rank: int = 0
    candidates: int = 0
    window: int = 0
    better_claims: int = 0


ShardNames = tuple[tuple[str, int], ...]
"""Shards as (collection id, index)."""


class WhatIfShape(Shape, frozen=True, kw_only=True):
    """What would come of another pledge, while the network stands still.

    ``room_bytes`` is what it and the disk would both still allow, ``excess_bytes`` what is used beyond it.
    ``claims`` would be claimed one after the other, most urgent first; ``releases`` could be given up.  Where
    they would not free enough, ``kept`` are the holdings that have to stay, because the network has no other
    copies, and ``pinned`` those that the operator keeps.
    """

    pledge_bytes: int
    used_bytes: int
    room_bytes: int
    excess_bytes: int
    claims: ShardNames = ()
    releases: ShardNames = ()
    kept: ShardNames = ()
    pinned: ShardNames = ()


class Plan(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/plan``; with ``?pledge_bytes=``, as it would be at once with that pledge.

    ``what_if`` is then there, and about all collections, whichever were asked for.
    """

    collections: dict[str, str]
    shards: tuple[PlannedShardShape, ...]
    what_if: WhatIfShape | None = None


class Health(Shape, frozen=True, kw_only=True):
    """Answers ``GET /v1/health``: the loop takes requests."""

    schema: int = SCHEMA
    status: str


class Done(Shape, frozen=True, kw_only=True):
    """Answers a request that asks for a change.

    ``collection`` and ``shards`` say what it was about, where it was about one; ``shards`` holds
    (collection id, index) of the shards that are being read or were adopted.  ``leaving_by`` is when a graceful
    leave seeds at most.
    """

    schema: int = SCHEMA
    done: str
    collection: str = ""
    name: str = ""
    shards: ShardNames = ()
    leaving_by: int = 0


class ManyDone(Shape, frozen=True, kw_only=True):
    """What a command did that asked for several changes; made by the command itself."""

    schema: int = SCHEMA
    done: tuple[Done, ...]


class ErrorShape(Shape, frozen=True, kw_only=True):
    """What went wrong: a stable code for machines, a message and a hint for people."""

    code: str
    message: str
    hint: str = ""


class Failure(Shape, frozen=True, kw_only=True):
    """Any answer with a status of 400 or more."""

    schema: int = SCHEMA
    error: ErrorShape
