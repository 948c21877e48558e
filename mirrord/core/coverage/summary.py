"""Coverage: how many replicas each shard has, summed up by band, by rank and by what people would miss."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.coverage.table import BANDS, ShardFacts, ShardTable
from mirrord.core.coverage.types import (
    COUNTED_KINDS,
    REPLICAS_SHOWN,
    BandCoverage,
    Coverage,
    Covered,
    KindCoverage,
    RankCoverage,
    ReplicaKind,
)

RANKS: Final = 20
"""Ranges of popularity rank: each a twentieth of the shards."""

_LEVELS: Final = (1, 2, 3)
_Replicas = Mapping[ReplicaKind, NDArray[np.int32]]
_Flags = NDArray[np.bool_]


def summarize(table: ShardTable) -> Coverage:
    """Sum up a collection; withdrawn shards are left out."""
    facts, standing, claimed = table.facts, table.facts.standing, table.claimed
    lacking = np.where(standing, table.targets - claimed, 0)
    return Coverage(
        shards=int(np.count_nonzero(standing)),
        bands=tuple(_band(number, table) for number in range(len(BANDS))),
        ranks=tuple(_ranks(table)),
        by_kind={kind: _kind(facts, table.replicas[kind], table.targets) for kind in COUNTED_KINDS},
        backlog_bytes=int((np.maximum(lacking, 0) * facts.bytes).sum()),
        surplus_bytes=int((np.maximum(-lacking, 0) * facts.bytes).sum()),
    )


def _at_least(replicas: NDArray[np.int32], targets: NDArray[np.int64]) -> list[_Flags]:
    """Return which shards have at least one, two, three and their target of replicas."""
    return [*(replicas >= level for level in _LEVELS), replicas >= targets]


def _by_replicas(replicas: NDArray[np.int32]) -> tuple[int, ...]:
    counted = np.bincount(np.minimum(replicas, REPLICAS_SHOWN), minlength=REPLICAS_SHOWN + 1)
    return tuple(counted.tolist())


def _band(number: int, table: ShardTable) -> BandCoverage:
    facts = table.facts
    members = np.flatnonzero(facts.standing & (facts.band == number))
    sizes, targets, claimed = facts.bytes[members], table.targets[members], table.claimed[members]
    one, two, three, target = (int(sizes[enough].sum()) for enough in _at_least(claimed, targets))
    return BandCoverage(
        band=BANDS[number],
        shards=len(members),
        bytes=int(sizes.sum()),
        demand_ppb=int(facts.demand_ppb[members].sum()),
        by_kind={kind: _by_replicas(table.replicas[kind][members]) for kind in ReplicaKind},
        target_met_by_kind={
            kind: int(np.count_nonzero(table.replicas[kind][members] >= targets)) for kind in COUNTED_KINDS
        },
        min_replicas=int(claimed.min()) if len(members) else 0,
        covered_bytes=(one, two, three, target),
    )


def _ranks(table: ShardTable) -> list[RankCoverage]:
    """Cut the ranking into ranges of nearly equal length; with fewer shards than ranges, some are left out."""
    ranked = table.facts.ranked
    ends = np.linspace(0, len(ranked), RANKS + 1).round().astype(int).tolist()
    found = []
    for place, (begin, end) in enumerate(pairwise(ends)):
        members = ranked[begin:end]
        if len(members):
            claimed = table.claimed[members]
            found.append(
                RankCoverage(
                    rank=place * 100 // RANKS,
                    shards=len(members),
                    by_replicas=_by_replicas(claimed),
                    min_replicas=int(claimed.min()),
                    below_target=int(np.count_nonzero(claimed < table.targets[members])),
                )
            )
    return found


def _kind(facts: ShardFacts, replicas: NDArray[np.int32], targets: NDArray[np.int64]) -> KindCoverage:
    standing = facts.standing
    counts = replicas[standing]
    below = standing & (replicas < targets)
    enough = [flags[standing] for flags in _at_least(replicas, targets)]
    return KindCoverage(
        min_replicas=int(counts.min()) if len(counts) else 0,
        max_replicas=int(counts.max(initial=0)),
        below_target=int(np.count_nonzero(below)),
        bytes_below_target=int(facts.bytes[below].sum()),
        demand_covered=_covered(facts.demand_ppb[standing], enough),
        items_covered=_covered(facts.items[standing], enough),
        bytes_covered=_covered(facts.bytes[standing], enough),
    )


def _covered(weights: NDArray[np.int64], enough: list[_Flags]) -> Covered:
    """Return the part of the weights where there is enough, by level; without any weight, every shard alike."""
    if not weights.any():
        weights = np.ones(len(weights), dtype=np.int64)
    total = int(weights.sum())
    one, two, three, target = (int(weights[flags].sum()) / total if total else 0.0 for flags in enough)
    return one, two, three, target
