"""Coverage: how many replicas each shard has, summed up by band and by what people would miss."""

from collections.abc import Sequence
from typing import Final

from mirrord.core.placement.bands import Band
from mirrord.core.records.kinds import Shard
from mirrord.core.statistics import BandCoverage, Coverage

REPLICAS_SHOWN: Final = 5
"""``by_replicas`` counts 0 to 5 copies; the last place holds 5 or more."""

_LEVELS: Final = (1, 2, 3)


def coverage(
    shards: Sequence[Shard], bands: Sequence[Band], replicas: Sequence[int], targets: Sequence[int]
) -> Coverage:
    """Sum up a collection.  The four sequences are by shard index; withdrawn shards are left out."""
    standing = [shard for shard in shards if not shard.withdrawn]
    counts = [replicas[shard.index] for shard in standing]
    below = [shard for shard in standing if replicas[shard.index] < targets[shard.index]]
    return Coverage(
        shards=len(standing),
        bands=tuple(_band(band, standing, bands, replicas, targets) for band in Band),
        min_replicas=min(counts, default=0),
        max_replicas=max(counts, default=0),
        below_target=len(below),
        bytes_below_target=sum(shard.bytes for shard in below),
        demand_covered=_covered(standing, [shard.demand_ppb for shard in standing], replicas, targets),
        items_covered=_covered(standing, [shard.items for shard in standing], replicas, targets),
        bytes_covered=_covered(standing, [shard.bytes for shard in standing], replicas, targets),
    )


def _band(
    band: Band, standing: Sequence[Shard], bands: Sequence[Band], replicas: Sequence[int], targets: Sequence[int]
) -> BandCoverage:
    members = [shard for shard in standing if bands[shard.index] is band]
    by_replicas = [0] * (REPLICAS_SHOWN + 1)
    for shard in members:
        by_replicas[min(replicas[shard.index], REPLICAS_SHOWN)] += 1
    return BandCoverage(
        band=band,
        shards=len(members),
        bytes=sum(shard.bytes for shard in members),
        demand_ppb=sum(shard.demand_ppb for shard in members),
        by_replicas=tuple(by_replicas),
        target_met=sum(replicas[shard.index] >= targets[shard.index] for shard in members),
    )


def _covered(
    standing: Sequence[Shard], weights: Sequence[int], replicas: Sequence[int], targets: Sequence[int]
) -> tuple[float, float, float, float]:
    total = sum(weights)
    if not total:
        weights, total = [1] * len(standing), len(standing)  # nothing has been asked for yet: every shard alike
    if not total:
        return (0.0, 0.0, 0.0, 0.0)
    one, two, three = (
        sum(w for shard, w in zip(standing, weights, strict=True) if replicas[shard.index] >= level) / total
        for level in _LEVELS
    )
    met = sum(w for s, w in zip(standing, weights, strict=True) if replicas[s.index] >= targets[s.index]) / total
    return (one, two, three, met)
