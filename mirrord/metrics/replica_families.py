"""Metrics of replicas: how many copies there are of what, and how much that covers.

``kind="claimed"`` says that a replica is counted because its holder says so.  What audits prove, what silent nodes
hold and what is disputed have kinds of their own beside it, so that no dashboard ever mistakes the one for the other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import Metric

from mirrord.core.coverage.types import COUNTED_KINDS, KindCoverage, ReplicaKind
from mirrord.core.statistics import BandCoverage, CollectionStatistics
from mirrord.metrics.families import Named, gauge

SHARD_SERIES_MAX: Final = 170
"""Shards with a series of their own: as many as leave a collection, all in all, below 600 series."""

LEVELS: Final = ("1", "2", "3", "target")
_NO_AUDITS: Final = "Nothing is verified or disputed before there are audits."
_PPB: Final = 1_000_000_000


def replica_families(known: Sequence[Named], every_shard: bool) -> Iterator[Metric]:
    """Yield the families of the collections whose manifest is here."""
    yield from _band_families(known)
    yield from _rank_families(known)
    yield from _coverage_families(known)
    yield from _shard_families(known, every_shard)


def _classes(by_replicas: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield each class of replica counts and how many are in it; the last class is open."""
    last = len(by_replicas) - 1
    for replicas, shards in enumerate(by_replicas):
        yield f"{replicas}+" if replicas == last else str(replicas), shards


def _band_families(known: Sequence[Named]) -> Iterator[Metric]:
    bands = [(label, band) for label, collection in known for band in collection.coverage.bands]

    def of_each(name: str, text: str, number: Callable[[BandCoverage], float]) -> Metric:
        samples = (((label, band.band.value), number(band)) for label, band in bands)
        return gauge(name, text, ("collection", "band"), samples)

    yield gauge(
        "mirrord_shards",
        f"Shards by popularity band, kind and number of replicas; the last class is open. {_NO_AUDITS}",
        ("collection", "band", "replicas", "kind"),
        (
            ((label, band.band.value, replicas, kind.value), shards)
            for label, band in bands
            for kind, by_replicas in band.by_kind.items()
            for replicas, shards in _classes(by_replicas)
        ),
    )
    yield gauge(
        "mirrord_shards_target_met",
        "Shards by popularity band that have their target of replicas.",
        ("collection", "band", "kind"),
        (
            ((label, band.band.value, kind.value), shards)
            for label, band in bands
            for kind, shards in band.target_met_by_kind.items()
        ),
    )
    yield of_each("mirrord_band_bytes", "The shards of a popularity band, together.", lambda band: band.bytes)
    yield of_each(
        "mirrord_band_demand_ratio",
        "The part of all demand that the shards of a popularity band carry.",
        lambda band: band.demand_ppb / _PPB,
    )
    yield of_each(
        "mirrord_band_min_replicas",
        "Claimed replicas of the rarest shard of a band; 0 in a band without shards.",
        lambda band: band.min_replicas,
    )
    yield gauge(
        "mirrord_band_covered_bytes",
        "The bytes of a band's shards that have at least so many claimed replicas.",
        ("collection", "band", "replicas"),
        (
            ((label, band.band.value, level), covered)
            for label, band in bands
            for level, covered in zip(LEVELS, band.covered_bytes, strict=True)
        ),
    )


def _rank_families(known: Sequence[Named]) -> Iterator[Metric]:
    ranks = [(label, f"{rank.rank:02}", rank) for label, each in known for rank in each.coverage.ranks]
    yield gauge(
        "mirrord_rank_shards",
        "Shards by popularity rank and claimed replicas; a rank is a twentieth of all shards, 00 the most popular.",
        ("collection", "rank", "replicas"),
        (
            ((label, text, replicas), shards)
            for label, text, rank in ranks
            for replicas, shards in _classes(rank.by_replicas)
        ),
    )
    yield gauge(
        "mirrord_rank_min_replicas",
        "Claimed replicas of the rarest shard of a rank.",
        ("collection", "rank"),
        (((label, text), rank.min_replicas) for label, text, rank in ranks),
    )
    yield gauge(
        "mirrord_rank_shards_below_target",
        "Shards of a rank with fewer claimed replicas than their target.",
        ("collection", "rank"),
        (((label, text), rank.below_target) for label, text, rank in ranks),
    )


def _coverage_families(known: Sequence[Named]) -> Iterator[Metric]:
    kinds = [(label, kind, each.coverage.by_kind[kind]) for label, each in known for kind in COUNTED_KINDS]

    def of_each(name: str, text: str, number: Callable[[KindCoverage], float]) -> Metric:
        samples = (((label, kind.value), number(covered)) for label, kind, covered in kinds)
        return gauge(name, text, ("collection", "kind"), samples)

    yield gauge(
        "mirrord_coverage_ratio",
        f"The part of all demand, items or bytes whose shards have at least so many replicas. {_NO_AUDITS}",
        ("collection", "weight", "replicas", "kind"),
        (
            ((label, weight, level, kind.value), share)
            for label, kind, covered in kinds
            for weight, shares in _weights(covered)
            for level, share in zip(LEVELS, shares, strict=True)
        ),
    )
    yield of_each("mirrord_min_replicas", "Replicas of the rarest shard.", lambda each: each.min_replicas)
    yield of_each("mirrord_max_replicas", "Replicas of the commonest shard.", lambda each: each.max_replicas)
    yield of_each(
        "mirrord_shards_below_target",
        "Shards that have fewer replicas than their target.",
        lambda each: each.below_target,
    )
    yield of_each(
        "mirrord_below_target_bytes",
        "The bytes of the shards that have fewer replicas than their target.",
        lambda each: each.bytes_below_target,
    )
    yield gauge(
        "mirrord_repair_backlog_bytes",
        "What must be fetched until every shard has its target of claimed replicas.",
        ("collection",),
        (((label,), each.coverage.backlog_bytes) for label, each in known),
    )
    yield gauge(
        "mirrord_surplus_bytes",
        "Claimed replicas beyond the targets.",
        ("collection",),
        (((label,), each.coverage.surplus_bytes) for label, each in known),
    )


def _weights(covered: KindCoverage) -> Iterable[tuple[str, Sequence[float]]]:
    return (
        ("demand", covered.demand_covered),
        ("items", covered.items_covered),
        ("bytes", covered.bytes_covered),
    )


def _shard_families(known: Sequence[Named], every_shard: bool) -> Iterator[Metric]:
    told = [(label, each, _told(each, every_shard)) for label, each in known]
    yield gauge(
        "mirrord_shard_replicas",
        "Claimed replicas of every shard that stands."
        if every_shard
        else f"Claimed replicas of the shards below their target, the {SHARD_SERIES_MAX} worst of a collection.",
        ("collection", "shard", "kind"),
        (
            ((label, str(index), ReplicaKind.CLAIMED.value), replicas)
            for label, each, (indexes, _) in told
            for index, replicas in zip(indexes.tolist(), each.shards.claimed[indexes].tolist(), strict=True)
        ),
    )
    yield gauge(
        "mirrord_shard_series_omitted",
        "Shards below their target that have no series of their own.",
        ("collection",),
        (((label,), omitted) for label, _, (_, omitted) in told),
    )


def _told(collection: CollectionStatistics, every_shard: bool) -> tuple[NDArray[np.int64], int]:
    """Return the indexes of the shards with a series, and how many below their target are left out."""
    if every_shard:
        return np.flatnonzero(collection.shards.facts.standing), 0
    worst = collection.shards.below_target()
    return worst[:SHARD_SERIES_MAX], max(0, len(worst) - SHARD_SERIES_MAX)
