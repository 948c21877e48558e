"""Metrics of the joined collections: how many copies there are, and of what.

``kind="claimed"`` says that a replica is counted because its holder says so; proved ones get a kind
of their own beside it, so that no dashboard ever mistakes the one for the other.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from mirrord.core import limits
from mirrord.core.records.ids import CollectionId, to_short_text, to_text
from mirrord.core.statistics import CollectionStatistics, Coverage, ShardRole, ShardStatus

KIND: Final = "claimed"
SHARD_SERIES_MAX: Final = 200
"""Shards with a series of their own: more would make a page of a large, sick collection unreadable."""

_PPB: Final = 1_000_000_000


def collection_families(collections: Sequence[CollectionStatistics]) -> Iterator[Metric]:
    """Yield every family that is about collections, with a sample for each of ``collections``."""
    labels = _labels(collections)
    named = [(labels[collection.collection], collection) for collection in collections]
    # Before its manifest has come, nothing is known of a collection; "no replicas" would be a lie.
    known = [(label, collection) for label, collection in named if collection.manifest_version]
    yield from _plain_families(named)
    yield from _band_families(known)
    yield from _coverage_families([(label, collection.coverage) for label, collection in known])
    yield from _shard_families(known)


def _labels(collections: Sequence[CollectionStatistics]) -> Mapping[CollectionId, str]:
    """Return short ids; a stranger can make a key whose short id is that of another, so whole ones then."""
    often = Counter(to_short_text(collection.collection) for collection in collections)
    return {
        collection.collection: short if often[short] == 1 else to_text(collection.collection)
        for collection in collections
        for short in [to_short_text(collection.collection)]
    }


def _shown(name: str) -> str:
    """Return a curator's text as a label that is short and has no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[: limits.NAME_MAX_BYTES])


def _gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _plain_families(named: Sequence[tuple[str, CollectionStatistics]]) -> Iterator[Metric]:
    def of_each(name: str, text: str, numbers: Iterable[float]) -> Metric:
        labels = ((label,) for label, _ in named)
        return _gauge(name, text, ("collection",), zip(labels, numbers, strict=True))

    every = [collection for _, collection in named]
    yield _gauge(
        "mirrord_collection_info",
        "A joined collection; always 1.",
        ("collection", "id", "name"),
        (((label, to_text(each.collection), _shown(each.name)), 1) for label, each in named),
    )
    yield of_each(
        "mirrord_collection_manifest_version",
        "The newest version of the manifest that has arrived; 0 before the first.",
        (each.manifest_version for each in every),
    )
    yield of_each("mirrord_collection_bytes", "All shards that stand, together.", (each.bytes for each in every))
    yield of_each("mirrord_collection_held_bytes", "What this node holds.", (each.held_bytes for each in every))
    yield of_each(
        "mirrord_collection_holders", "Nodes that hold or fetch shards of it.", (each.holders for each in every)
    )
    yield of_each(
        "mirrord_collection_records", "Announcements that this node keeps for it.", (each.records for each in every)
    )
    yield of_each(
        "mirrord_collection_admitted",
        "1 where this node counts; 0 where a curator, or a voucher, would have to name it first.",
        (each.is_admitted for each in every),
    )
    yield of_each(
        "mirrord_claims_open",
        "Claims of all nodes that count now.",
        (sum(shard.claims for shard in each.shards) for each in every),
    )
    yield _gauge(
        "mirrord_own_shards",
        "Shards by what they are to this node.",
        ("collection", "role"),
        (((label, role.value), number) for label, each in named for role, number in _roles(each).items()),
    )


def _roles(collection: CollectionStatistics) -> Mapping[ShardRole, int]:
    often = Counter(shard.role for shard in collection.shards)
    return {role: often[role] for role in ShardRole}


def _band_families(named: Sequence[tuple[str, CollectionStatistics]]) -> Iterator[Metric]:
    bands = [(label, band) for label, collection in named for band in collection.coverage.bands]
    yield _gauge(
        "mirrord_shards",
        "Shards by popularity band and number of replicas; the last class is open.",
        ("collection", "band", "replicas", "kind"),
        (
            ((label, band.band.value, _replica_class(replicas, band.by_replicas), KIND), shards)
            for label, band in bands
            for replicas, shards in enumerate(band.by_replicas)
        ),
    )
    yield _gauge(
        "mirrord_shards_target_met",
        "Shards by popularity band that have their target of replicas.",
        ("collection", "band", "kind"),
        (((label, band.band.value, KIND), band.target_met) for label, band in bands),
    )
    yield _gauge(
        "mirrord_band_bytes",
        "The shards of a popularity band, together.",
        ("collection", "band"),
        (((label, band.band.value), band.bytes) for label, band in bands),
    )
    yield _gauge(
        "mirrord_band_demand_ratio",
        "The part of all demand that the shards of a popularity band carry.",
        ("collection", "band"),
        (((label, band.band.value), band.demand_ppb / _PPB) for label, band in bands),
    )


def _replica_class(replicas: int, by_replicas: tuple[int, ...]) -> str:
    return str(replicas) if replicas < len(by_replicas) - 1 else f"{replicas}+"


def _coverage_families(named: Sequence[tuple[str, Coverage]]) -> Iterator[Metric]:
    def of_each(name: str, text: str, numbers: Iterable[float]) -> Metric:
        labels = ((label, KIND) for label, _ in named)
        return _gauge(name, text, ("collection", "kind"), zip(labels, numbers, strict=True))

    every = [coverage for _, coverage in named]
    yield _gauge(
        "mirrord_coverage_ratio",
        "The part of all demand, items or bytes whose shards have at least so many replicas.",
        ("collection", "weight", "replicas", "kind"),
        (
            ((label, weight, replicas, KIND), share)
            for label, coverage in named
            for weight, shares in (
                ("demand", coverage.demand_covered),
                ("items", coverage.items_covered),
                ("bytes", coverage.bytes_covered),
            )
            for replicas, share in zip(("1", "2", "3", "target"), shares, strict=True)
        ),
    )
    yield of_each("mirrord_min_replicas", "Replicas of the rarest shard.", (each.min_replicas for each in every))
    yield of_each("mirrord_max_replicas", "Replicas of the commonest shard.", (each.max_replicas for each in every))
    yield of_each(
        "mirrord_shards_below_target",
        "Shards that have fewer replicas than their target.",
        (each.below_target for each in every),
    )
    yield of_each(
        "mirrord_below_target_bytes",
        "The bytes of the shards that have fewer replicas than their target.",
        (each.bytes_below_target for each in every),
    )


def _shard_families(named: Sequence[tuple[str, CollectionStatistics]]) -> Iterator[Metric]:
    below = [(label, _below_target(collection)) for label, collection in named]
    worst = [(label, heapq.nsmallest(SHARD_SERIES_MAX, shards, key=_badness)) for label, shards in below]
    yield _gauge(
        "mirrord_shard_replicas",
        f"Replicas of the shards below their target, the {SHARD_SERIES_MAX} worst of a collection.",
        ("collection", "shard", "kind"),
        (((label, str(shard.index), KIND), shard.replicas) for label, shards in worst for shard in shards),
    )
    yield _gauge(
        "mirrord_shard_series_omitted",
        "Shards below their target that have no series of their own.",
        ("collection",),
        (((label,), max(0, len(shards) - SHARD_SERIES_MAX)) for label, shards in below),
    )


def _below_target(collection: CollectionStatistics) -> list[ShardStatus]:
    return [shard for shard in collection.shards if shard.replicas < shard.target and not shard.withdrawn_reason]


def _badness(shard: ShardStatus) -> tuple[int, int, int]:
    return shard.replicas, shard.replicas - shard.target, shard.index
