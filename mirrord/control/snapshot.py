"""From a statistics snapshot to the shapes that are sent.  Pure, so that it may run in a thread."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mirrord.control.shapes import (
    BandShape,
    Collections,
    CollectionShape,
    CountersShape,
    CoverageShape,
    NodeShape,
    OwnAddressShape,
    Peers,
    PeerShape,
    Shards,
    ShardShape,
    SharesShape,
    Status,
    TransferShape,
)
from mirrord.core.coverage.judging import Judgement, judge
from mirrord.core.events import AddressSource
from mirrord.core.records.ids import Address, to_text
from mirrord.core.records.invitation import Invitation, format_invitation
from mirrord.core.statistics import (
    CollectionStatistics,
    Counters,
    Coverage,
    NodeStatistics,
    OwnAddress,
    PeerStatistics,
    ReplicaKind,
    ShardRole,
    ShardStatus,
    Statistics,
    Transfer,
)

Chosen = Sequence[tuple[CollectionStatistics, Sequence[ShardStatus]]]
"""Collections, each with those of its shards that an answer is about."""

PPB: Final = 1_000_000_000

AUDITING: Final = False
"""Whether copies are audited: a later version does.  Until then nothing is verified, and nobody should think so."""


def status_from_statistics(statistics: Statistics, engine: Transfer, version: str) -> Status:
    """Return the answer to ``GET /v1/status``; ``version`` is the daemon's."""
    return Status(
        at=statistics.at,
        version=version,
        degraded=is_degraded(statistics.collections),
        node=_node(statistics.node),
        transfer=TransferShape(
            uploaded_bytes=engine.uploaded_bytes,
            downloaded_bytes=engine.downloaded_bytes,
            upload_bytes_per_second=engine.upload_bytes_per_second,
            download_bytes_per_second=engine.download_bytes_per_second,
            dht_nodes=engine.dht_nodes,
        ),
        counters=_counters(statistics.counters),
        auditing=AUDITING,
        collections=tuple(_collection(each, statistics.node.coordination) for each in statistics.collections),
    )


def collections_from_statistics(statistics: Statistics, chosen: Sequence[CollectionStatistics]) -> Collections:
    """Return the answer to ``GET /v1/collections`` for the collections chosen."""
    bootstrap = statistics.node.coordination
    return Collections(at=statistics.at, collections=tuple(_collection(each, bootstrap) for each in chosen))


def peers_from_statistics(statistics: Statistics) -> Peers:
    """Return the answer to ``GET /v1/peers``."""
    return Peers(at=statistics.at, peers=tuple(_peer(peer) for peer in statistics.peers))


def shards_from_statistics(statistics: Statistics, chosen: Chosen) -> Shards:
    """Return the answer to ``GET /v1/shards`` for the shards chosen."""
    return Shards(
        at=statistics.at,
        degraded=is_degraded(collection for collection, _ in chosen),
        collections=names_of(chosen),
        shards=tuple(shard_shape(identity, shard) for identity, shard in flat(chosen)),
    )


def is_degraded(collections: Iterable[CollectionStatistics]) -> bool:
    """Return whether any shard is below its target."""
    return any(collection.coverage.below_target for collection in collections)


def judged(collection: CollectionStatistics) -> Judgement:
    """Return how safe a collection is, in a word and in a sentence."""
    return judge(collection.shards, is_known=bool(collection.manifest_version))


def invitation_to(collection: CollectionStatistics, bootstrap: tuple[Address, ...]) -> str:
    """Return the one line by which others join: the key, whom to ask first, and the name for people."""
    name = "".join(filter(str.isprintable, collection.name))
    return format_invitation(Invitation(collection.collection, bootstrap, name))


def names_of(chosen: Chosen) -> dict[str, str]:
    """Return the names of the collections chosen, by id."""
    return {to_text(collection.collection): collection.name for collection, _ in chosen}


def flat(chosen: Chosen) -> Iterator[tuple[str, ShardStatus]]:
    """Yield the shards chosen, each with the id of its collection."""
    for collection, shards in chosen:
        identity = to_text(collection.collection)
        for shard in shards:
            yield identity, shard


def _addresses(addresses: tuple[Address, ...]) -> tuple[str, ...]:
    return tuple(str(address) for address in addresses)


def _node(node: NodeStatistics) -> NodeShape:
    return NodeShape(
        id=to_text(node.node),
        sequence=node.sequence,
        pledge_bytes=node.pledge_bytes,
        used_bytes=node.used_bytes,
        disk_free_bytes=node.disk_free_bytes,
        fetching_paused=node.fetching_paused,
        stopping=node.stopping,
        coordination=_addresses(node.coordination),
        bittorrent=_addresses(node.bittorrent),
        sessions=node.sessions,
        nodes_alive=node.nodes_alive,
        nodes_away=node.nodes_away,
        nodes_gone=node.nodes_gone,
        clock_offset_seconds=node.clock_offset_seconds,
        clock_wrong=node.clock_wrong,
        equivocators=node.equivocators,
        key_elsewhere=node.key_elsewhere,
        own_addresses=tuple(_own_address(own) for own in node.own_addresses),
        known_addresses=node.known_addresses,
        proved_addresses=node.proved_addresses,
    )


def _own_address(own: OwnAddress) -> OwnAddressShape:
    return OwnAddressShape(
        address=str(own.address), finding=own.finding.value, reached_by=own.reached_by, announced=own.announced
    )


def _counters(counters: Counters) -> CountersShape:
    rejected = counters.records_rejected or {}
    return CountersShape(
        claims_made=counters.claims_made,
        claims_won=counters.claims_won,
        claims_yielded=counters.claims_yielded,
        fetches_finished=counters.fetches_finished,
        fetches_failed=counters.fetches_failed,
        holdings_failed=counters.holdings_failed,
        announcements_published=counters.announcements_published,
        records_accepted=counters.records_accepted,
        records_rejected={reason.value: rejected[reason] for reason in sorted(rejected)},
        gossip_rounds=counters.gossip_rounds,
        sessions_opened=counters.sessions_opened,
        sessions_ended_at_fault=counters.sessions_ended_at_fault,
        dials_failed=counters.dials_failed,
        blobs_fetched=counters.blobs_fetched,
        holdings_released=counters.holdings_released,
        addresses_found={source.value: counters.addresses_found.get(source, 0) for source in AddressSource},
    )


def _collection(collection: CollectionStatistics, bootstrap: tuple[Address, ...]) -> CollectionShape:
    table, durability, found = collection.shards, collection.durability, judged(collection)
    return CollectionShape(
        id=to_text(collection.collection),
        name=collection.name,
        manifest_version=collection.manifest_version,
        parting=collection.parting,
        bytes=collection.bytes,
        shards=collection.coverage.shards,
        held_shards=sum(own.is_holding for own in collection.shards.own.values()),
        held_bytes=collection.held_bytes,
        fetching_shards=sum(own.role is ShardRole.FETCHING for own in collection.shards.own.values()),
        holders=collection.holders,
        records=collection.records,
        invitation=invitation_to(collection, bootstrap),
        coverage=_coverage(collection.coverage),
        safety=found.safety.value,
        judgement=found.text,
        stale_copies=int(table.replicas[ReplicaKind.STALE][table.facts.standing].sum()),
        repair_eta_seconds=durability.repair_eta_seconds,
        expected_shard_losses=durability.expected_shard_losses,
        leaving_by=collection.leaving_by,
        parting_until=collection.parting_until,
        policy=collection.policy.name.lower(),
        is_admitted=collection.is_admitted,
    )


def _coverage(coverage: Coverage) -> CoverageShape:
    return CoverageShape(
        shards=coverage.shards,
        min_replicas=coverage.min_replicas,
        max_replicas=coverage.max_replicas,
        below_target=coverage.below_target,
        bytes_below_target=coverage.bytes_below_target,
        demand_covered=shares_shape(coverage.demand_covered),
        items_covered=shares_shape(coverage.items_covered),
        bytes_covered=shares_shape(coverage.bytes_covered),
        backlog_bytes=coverage.backlog_bytes,
        surplus_bytes=coverage.surplus_bytes,
        bands=tuple(
            BandShape(
                band=band.band.value,
                shards=band.shards,
                bytes=band.bytes,
                demand_share=band.demand_ppb / PPB,
                by_replicas=band.by_replicas,
                target_met=band.target_met,
            )
            for band in coverage.bands
        ),
    )


def shares_shape(covered: tuple[float, float, float, float]) -> SharesShape:
    """Return the parts that have one, two, three and their target of replicas."""
    one, two, three, target = covered
    return SharesShape(one=one, two=two, three=three, target=target)


def _peer(peer: PeerStatistics) -> PeerShape:
    return PeerShape(
        id=to_text(peer.node),
        liveness=peer.liveness.value,
        silent_seconds=round(peer.silent_seconds, 3),
        connected=peer.connected,
        addresses=_addresses(peer.addresses),
        pledge_bytes=peer.pledge_bytes,
        free_bytes=peer.free_bytes,
        holdings=peer.holdings,
        claims=peer.claims,
        operator=peer.operator,
        agent=peer.agent,
    )


def shard_shape(collection: str, shard: ShardStatus) -> ShardShape:
    """Return one shard of the collection with this id."""
    return ShardShape(
        collection=collection,
        index=shard.index,
        name=shard.name,
        bytes=shard.bytes,
        band=shard.band.value,
        demand_share=shard.demand_ppb / PPB,
        rights=shard.rights,
        replicas=shard.replicas,
        target=shard.target,
        claims=shard.claims,
        withdrawn_reason=shard.withdrawn_reason,
        role=shard.role.value,
        percent=shard.percent,
        verified_at=shard.verified_at,
        verified=shard.verified,
        stale=shard.stale,
        disputed=shard.disputed,
    )
