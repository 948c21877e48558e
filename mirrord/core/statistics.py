"""What a node knows, as one immutable snapshot for people and for Prometheus.

``Node.statistics(now)`` makes it; the control interface and the metrics read it in other tasks and
threads.  Nothing here is ever an input to a decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mirrord.core.errors import RejectReason
from mirrord.core.events import AddressSource
from mirrord.core.gossip.liveness import Liveness as Liveness
from mirrord.core.gossip.reach import Finding as Finding
from mirrord.core.gossip.reach import OwnAddress as OwnAddress
from mirrord.core.placement.bands import Band
from mirrord.core.records.ids import Address, CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import Policy


class ShardRole(StrEnum):
    """What a shard is to this node."""

    NONE = "none"
    CLAIMED = "claimed"
    FETCHING = "fetching"
    CHECKING = "checking"
    HELD = "held"
    RELEASING = "releasing"


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard as this node sees the network.

    ``replicas`` counts the copies on nodes that are present, our own included; ``claims`` the valid
    claims, our own included; ``percent`` is our own fetch.
    """

    index: ShardIndex
    name: str
    bytes: int
    band: Band
    demand_ppb: int
    rights: str
    replicas: int
    target: int
    claims: int
    withdrawn_reason: str
    role: ShardRole
    percent: int
    verified_at: int


@dataclass(frozen=True, slots=True)
class BandCoverage:
    """The shards of one band by replica count: ``by_replicas[k]`` have k copies, the last k or more."""

    band: Band
    shards: int
    bytes: int
    demand_ppb: int
    by_replicas: tuple[int, ...]
    target_met: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How safe a collection is, withdrawn shards left out.

    The three shares are indexed by k = 1, 2, 3 (``[0]`` is k = 1) and end with the target itself:
    the part of all demand, items or bytes whose shards have at least that many replicas, 0 to 1.
    """

    shards: int
    bands: tuple[BandCoverage, ...]
    min_replicas: int
    max_replicas: int
    below_target: int
    bytes_below_target: int
    demand_covered: tuple[float, float, float, float]
    items_covered: tuple[float, float, float, float]
    bytes_covered: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """One joined collection.  ``manifest_version`` is 0 until its manifest has arrived.

    ``leaving_by`` is the unix second until which a graceful leave seeds at most, ``parting_until`` (where
    ``parting``: all is given up) the one until which that is told to others; else they are 0.  While a
    collection is being left, its copies here count no more.  Nor do they while ``is_admitted`` is false: by the
    collection's ``policy`` a curator, or a voucher, would have to name this node first.
    """

    collection: CollectionId
    name: str
    manifest_version: int
    parting: bool
    bytes: int
    held_bytes: int
    holders: int
    records: int
    shards: tuple[ShardStatus, ...]
    coverage: Coverage
    leaving_by: int = 0
    parting_until: int = 0
    policy: Policy = Policy.OPEN
    is_admitted: bool = True


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """Another node.  ``silent_seconds`` is the age of its announcement by our clock."""

    node: NodeId
    liveness: Liveness
    silent_seconds: float
    connected: bool
    addresses: tuple[Address, ...]
    pledge_bytes: int
    free_bytes: int
    holdings: int
    claims: int
    operator: str
    agent: str


@dataclass(frozen=True, slots=True)
class Counters:
    """What has happened since the start of the process; only ever grows.

    ``limits_reached`` counts the limits of the core that bit, by their names in ``limits.py``;
    ``addresses_found`` the addresses of peers that were new, by who told us.
    """

    claims_made: int = 0
    claims_won: int = 0
    claims_yielded: int = 0
    holdings_released: int = 0
    fetches_finished: int = 0
    fetches_failed: int = 0
    holdings_failed: int = 0
    announcements_published: int = 0
    records_accepted: int = 0
    records_rejected: Mapping[RejectReason, int] | None = None
    gossip_rounds: int = 0
    sessions_opened: int = 0
    sessions_ended_at_fault: int = 0
    dials_failed: int = 0
    blobs_fetched: int = 0
    limits_reached: Mapping[str, int] = field(default_factory=dict)
    addresses_found: Mapping[AddressSource, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Payload that the engine moved since the start of the process, and its rates now (bytes a second).

    ``dht_nodes`` is how many nodes of the DHT it knows, 0 where the DHT is off or does not work.
    """

    uploaded_bytes: int = 0
    downloaded_bytes: int = 0
    upload_bytes_per_second: int = 0
    download_bytes_per_second: int = 0
    dht_nodes: int = 0


@dataclass(frozen=True, slots=True)
class NetworkStatistics:
    """The connections to peers: counts since the start of the process, and states of this moment.

    ``handshakes_failed`` (by reason) and ``limits_reached`` (by the limit's name in lower case) have
    every key, those that never happened at 0; connections both accepted and dialled count.
    ``received_bytes`` and ``sent_bytes`` are TCP payload, so they include TLS.  ``accept_failures``
    counts how often the machine was out of descriptors or memory, ``protocol_breaches`` the sessions
    that ended because of what the peer sent.  ``sessions_slowed`` wait at this moment because their
    peers are over their budget; ``budgets_tracked`` is how many budgets are remembered.
    """

    sessions_open: int = 0
    sessions_accepted: int = 0
    sessions_slowed: int = 0
    sessions_opened_total: int = 0
    handshakes_pending: int = 0
    handshakes_failed: Mapping[str, int] = field(default_factory=dict)
    protocol_breaches: int = 0
    dials_begun: int = 0
    dials_pending: int = 0
    accept_failures: int = 0
    queued_bytes: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    budgets_tracked: int = 0
    limits_reached: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeStatistics:
    """This node itself.  ``used_bytes`` is holdings and fetches together, never above the pledge.

    ``clock_offset_seconds`` is by how much our clock is ahead of the median peer's, None where too few peers are
    known to tell; while it is ``clock_wrong``, nothing is claimed or announced.  ``equivocators`` are the nodes
    that are proved to have contradicted themselves; ``key_elsewhere``: another machine announces with our key.

    ``coordination`` and ``bittorrent`` are where we listen or where our operator says, and the former where peers
    found us, too: these are worth an invitation.  ``own_addresses`` says what peers found at each.
    ``known_addresses`` is how many the book has, ``proved_addresses`` at how many of these a node spoke with us.
    """

    node: NodeId
    sequence: int
    pledge_bytes: int
    used_bytes: int
    disk_free_bytes: int
    fetching_paused: str
    stopping: bool
    coordination: tuple[Address, ...]
    bittorrent: tuple[Address, ...]
    sessions: int
    nodes_alive: int
    nodes_away: int
    nodes_gone: int
    clock_offset_seconds: float | None = None
    clock_wrong: bool = False
    equivocators: int = 0
    key_elsewhere: bool = False
    own_addresses: tuple[OwnAddress, ...] = ()
    known_addresses: int = 0
    proved_addresses: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything, at one moment (unix seconds)."""

    at: float
    node: NodeStatistics
    peers: tuple[PeerStatistics, ...]
    collections: tuple[CollectionStatistics, ...]
    counters: Counters
