"""What a node knows, as one immutable snapshot for people and for Prometheus.

``Node.statistics(now)`` makes it; the control interface and the metrics read it in other tasks and
threads.  Nothing here is ever an input to a decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mirrord.core.coverage.census import Totals as Totals
from mirrord.core.coverage.domains import Placed, domain_risks
from mirrord.core.coverage.durability import expected_losses
from mirrord.core.coverage.summary import summarize
from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.types import BandCoverage as BandCoverage
from mirrord.core.coverage.types import Coverage as Coverage
from mirrord.core.coverage.types import Covered as Covered
from mirrord.core.coverage.types import DomainRisk as DomainRisk
from mirrord.core.coverage.types import Durability as Durability
from mirrord.core.coverage.types import KindCoverage as KindCoverage
from mirrord.core.coverage.types import Measures as Measures
from mirrord.core.coverage.types import RankCoverage as RankCoverage
from mirrord.core.coverage.types import ReplicaKind as ReplicaKind
from mirrord.core.coverage.types import ShardRole as ShardRole
from mirrord.core.coverage.types import ShardStatus as ShardStatus
from mirrord.core.errors import RejectReason
from mirrord.core.events import AddressSource
from mirrord.core.gossip.liveness import Liveness as Liveness
from mirrord.core.gossip.reach import Finding as Finding
from mirrord.core.gossip.reach import OwnAddress as OwnAddress
from mirrord.core.outside.types import OutsideAnswers as OutsideAnswers
from mirrord.core.outside.types import OutsideCoverage as OutsideCoverage
from mirrord.core.outside.types import OutsideSource as OutsideSource
from mirrord.core.records.ids import Address, CollectionId, NodeId
from mirrord.core.records.kinds import Policy


@dataclass(frozen=True)
class CollectionStatistics:
    """One joined collection.  ``manifest_version`` is 0 until its manifest has arrived.

    ``leaving_by`` is the unix second until which a graceful leave seeds at most, ``parting_until`` (where
    ``parting``: all is given up) the one until which that is told to others; else they are 0.  While a
    collection is being left, its copies here count no more.  Nor do they while ``is_admitted`` is false: by the
    collection's ``policy`` a curator, or a voucher, would have to name this node first.

    ``fingerprint`` is the same number wherever the same records of the collection are held.  ``coverage`` and
    ``durability`` are worked out by whoever reads them first, so that taking a snapshot costs the loop next to nothing.
    """

    collection: CollectionId
    name: str
    manifest_version: int
    parting: bool
    held_bytes: int
    holders: int
    records: int
    shards: ShardTable
    measures: Measures
    placed: Placed | None = None
    fingerprint: int = 0
    leaving_by: int = 0
    parting_until: int = 0
    policy: Policy = Policy.OPEN
    is_admitted: bool = True
    outside_answers: Mapping[OutsideSource, OutsideAnswers] = field(default_factory=dict)

    @property
    def counts_here(self) -> bool:
        """Whether this node's own copies are among the claimed ones: not where it is leaving, or is not admitted."""
        return self.is_admitted and not self.parting and not self.leaving_by

    @property
    def only_here(self) -> int:
        """How many holdings of this node are the only claimed copies; 0 where its copies do not count."""
        held, table = self.shards.held(), self.shards
        only = table.facts.standing[held] & (table.claimed[held] == 1)
        return int(np.count_nonzero(only)) if self.counts_here else 0

    @property
    def bytes(self) -> int:
        """All shards that stand, together."""
        return self.shards.facts.standing_bytes

    @cached_property
    def coverage(self) -> Coverage:
        """How safe it is."""
        return summarize(self.shards)

    @cached_property
    def outside(self) -> Mapping[OutsideSource, OutsideCoverage]:
        """The outside seeders, by each source that is asked: nobody verified any, and they are in no other number."""
        table = self.shards
        return {
            source: answers.cover(table.facts.standing, table.claimed)
            for source, answers in self.outside_answers.items()
        }

    @cached_property
    def durability(self) -> Durability:
        """What may come of it."""
        measures, table, backlog = self.measures, self.shards, self.coverage.backlog_bytes
        standing = table.facts.standing
        rate = measures.repair_bytes_per_second
        return Durability(
            measures=measures,
            repair_eta_seconds=0.0 if not backlog else backlog / rate if rate else None,
            expected_shard_losses=expected_losses(
                table.claimed[standing],
                table.targets[standing],
                measures.node_lifetime_seconds,
                measures.detection_seconds + measures.repair_seconds,  # nobody repairs what still counts
            ),
            domains=domain_risks(table, self.placed) if self.placed is not None else (),
        )


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

    ``gossip_rounds`` are those that this node began, ``gossip_rounds_answered`` those of its peers, of which
    ``gossip_rounds_agreed`` showed that both knew the same.
    ``limits_reached`` counts the limits of the core that bit, by their names in ``limits.py``;
    ``addresses_found`` the addresses of peers that were new, by who told us.  ``outside_lookups`` are questions about
    outside seeders, ``outside_failures`` those that nobody answered, by source that is asked.
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
    gossip_rounds_answered: int = 0
    gossip_rounds_agreed: int = 0
    sessions_opened: int = 0
    sessions_ended_at_fault: int = 0
    dials_failed: int = 0
    blobs_fetched: int = 0
    limits_reached: Mapping[str, int] = field(default_factory=dict)
    addresses_found: Mapping[AddressSource, int] = field(default_factory=dict)
    outside_lookups: Mapping[OutsideSource, int] = field(default_factory=dict)
    outside_failures: Mapping[OutsideSource, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Payload that the engine moved since the start of the process, and its rates now (bytes a second).

    Of what came, ``failed_bytes`` did not hash right and ``redundant_bytes`` were here already.
    ``dht_nodes`` is how many nodes of the DHT it knows, 0 where the DHT is off or does not work.
    """

    uploaded_bytes: int = 0
    downloaded_bytes: int = 0
    failed_bytes: int = 0
    redundant_bytes: int = 0
    upload_bytes_per_second: int = 0
    download_bytes_per_second: int = 0
    dht_nodes: int = 0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened on this node, in words for people, made harmless and short; ``at`` is unix seconds."""

    at: float
    text: str


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

    ``given_up_bytes`` had been fetched of shards whose fetch was given up, since the start of the process.

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
    gossip_period_seconds: float = 0.0
    given_up_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything, at one moment (unix seconds).

    ``peers`` are made when somebody looks at them; ``by_liveness`` sums them up without.
    """

    at: float
    node: NodeStatistics
    peers: Sequence[PeerStatistics]
    by_liveness: Mapping[Liveness, Totals]
    collections: tuple[CollectionStatistics, ...]
    counters: Counters
