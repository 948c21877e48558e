"""From a statistics snapshot to everything about coverage.  Pure, so that it may run in a thread."""

from collections.abc import Sequence
from typing import Final

from mirrord.control.coverage_shapes import (
    BandCoverageShape,
    CollectionCoverageShape,
    CoverageAnswer,
    DomainShape,
    Events,
    HappeningShape,
    HeatMapShape,
    HereShape,
    KindShape,
    MeasuresShape,
    OutsideShape,
    RankShape,
)
from mirrord.control.shapes import ShardShape
from mirrord.control.snapshot import AUDITING, PPB, is_degraded, judged, shard_shape, shares_shape
from mirrord.core.coverage.heatmap import heat_map
from mirrord.core.coverage.types import COUNTED_KINDS
from mirrord.core.records.ids import to_text
from mirrord.core.statistics import (
    BandCoverage,
    CollectionStatistics,
    Coverage,
    Durability,
    Happening,
    ReplicaKind,
    ShardRole,
    Statistics,
)

COLUMNS: Final = 60
"""Of the heat map, where nobody says how many."""

COLUMNS_MAX: Final = 1_000
"""More than that no screen can show."""

LISTED_MAX: Final = 20
"""Shards that are listed one by one: the worst, and those under way."""

_UNDER_WAY: Final = (ShardRole.CLAIMED, ShardRole.FETCHING, ShardRole.CHECKING, ShardRole.RELEASING)


def coverage_answer(statistics: Statistics, chosen: Sequence[CollectionStatistics], columns: int) -> CoverageAnswer:
    """Return the answer to ``GET /v1/coverage`` for the collections chosen; ``columns`` are those of heat maps."""
    return CoverageAnswer(
        at=statistics.at,
        degraded=is_degraded(chosen),
        auditing=AUDITING,
        collections=tuple(_collection(each, columns) for each in chosen),
    )


def events_answer(at: float, happenings: Sequence[Happening]) -> Events:
    """Return the answer to ``GET /v1/events`` at unix second ``at``."""
    return Events(at=at, events=tuple(HappeningShape(at=each.at, text=each.text) for each in happenings))


def _collection(collection: CollectionStatistics, columns: int) -> CollectionCoverageShape:
    coverage, durability, found = collection.coverage, collection.durability, judged(collection)
    return CollectionCoverageShape(
        id=to_text(collection.collection),
        name=collection.name,
        manifest_version=collection.manifest_version,
        safety=found.safety.value,
        judgement=found.text,
        shards=coverage.shards,
        bytes=collection.bytes,
        holders=collection.holders,
        records=collection.records,
        fingerprint=collection.fingerprint,
        backlog_bytes=coverage.backlog_bytes,
        surplus_bytes=coverage.surplus_bytes,
        repair_eta_seconds=durability.repair_eta_seconds,
        expected_shard_losses=durability.expected_shard_losses,
        kinds={kind.value: _kind(collection, kind) for kind in COUNTED_KINDS},
        stale_copies=_copies(collection, ReplicaKind.STALE),
        disputed_copies=_copies(collection, ReplicaKind.DISPUTED),
        bands=tuple(_band(band) for band in coverage.bands),
        ranks=_ranks(coverage),
        domains=_domains(durability),
        measures=_measures(durability),
        heat_map=_heat_map(collection, columns),
        outside=_outside(collection),
        worst=_worst(collection),
        here=_here(collection),
    )


def _copies(collection: CollectionStatistics, kind: ReplicaKind) -> int:
    table = collection.shards
    return int(table.replicas[kind][table.facts.standing].sum())


def _kind(collection: CollectionStatistics, kind: ReplicaKind) -> KindShape:
    said = collection.coverage.by_kind[kind]
    return KindShape(
        copies=_copies(collection, kind),
        min_replicas=said.min_replicas,
        max_replicas=said.max_replicas,
        below_target=said.below_target,
        bytes_below_target=said.bytes_below_target,
        demand_covered=shares_shape(said.demand_covered),
        items_covered=shares_shape(said.items_covered),
        bytes_covered=shares_shape(said.bytes_covered),
    )


def _band(band: BandCoverage) -> BandCoverageShape:
    return BandCoverageShape(
        band=band.band.value,
        shards=band.shards,
        bytes=band.bytes,
        demand_share=band.demand_ppb / PPB,
        by_replicas={kind.value: shards for kind, shards in band.by_kind.items()},
        target_met={kind.value: shards for kind, shards in band.target_met_by_kind.items()},
        min_replicas=band.min_replicas,
        covered_bytes=band.covered_bytes,
    )


def _ranks(coverage: Coverage) -> tuple[RankShape, ...]:
    return tuple(
        RankShape(
            rank=each.rank,
            shards=each.shards,
            by_replicas=each.by_replicas,
            min_replicas=each.min_replicas,
            below_target=each.below_target,
        )
        for each in coverage.ranks
    )


def _domains(durability: Durability) -> tuple[DomainShape, ...]:
    return tuple(
        DomainShape(
            kind=each.kind,
            name=each.name,
            nodes=each.nodes,
            share=each.share,
            lost_shards=each.lost_shards,
            lost_bytes=each.lost_bytes,
            below_target_shards=each.below_target_shards,
        )
        for each in durability.domains
    )


def _measures(durability: Durability) -> MeasuresShape:
    measures = durability.measures
    return MeasuresShape(
        detection_seconds=measures.detection_seconds,
        node_lifetime_seconds=measures.node_lifetime_seconds,
        nodes_lost=measures.nodes_lost,
        observed_seconds=measures.observed_seconds,
        repair_seconds=measures.repair_seconds,
        repairs=measures.repairs,
        repair_bytes_per_second=measures.repair_bytes_per_second,
    )


def _heat_map(collection: CollectionStatistics, columns: int) -> HeatMapShape:
    heat = heat_map(collection.shards, columns)
    return HeatMapShape(ends=heat.ends, cells=heat.cells, lacking=heat.lacking, targets=heat.targets)


def _outside(collection: CollectionStatistics) -> dict[str, OutsideShape]:
    return {
        source.value: OutsideShape(
            by_seeders=told.by_seeders,
            unknown=told.unknown,
            only_outside=told.only_outside,
            oldest_answer_at=told.oldest_answer_at,
        )
        for source, told in collection.outside.items()
    }


def _worst(collection: CollectionStatistics) -> tuple[ShardShape, ...]:
    below = collection.shards.below_target()[:LISTED_MAX]
    identity = to_text(collection.collection)
    return tuple(shard_shape(identity, collection.shards[int(index)]) for index in below)


def _here(collection: CollectionStatistics) -> HereShape:
    table = collection.shards
    on_the_way = [index for index, own in table.own.items() if own.role in _UNDER_WAY]
    on_the_way.sort(key=lambda index: (-table.own[index].percent, index))
    identity = to_text(collection.collection)
    return HereShape(
        shards=len(table.held()),
        bytes=collection.held_bytes,
        only_here=collection.only_here,
        under_way=tuple(shard_shape(identity, table[index]) for index in on_the_way[:LISTED_MAX]),
        under_way_total=len(on_the_way),
    )
