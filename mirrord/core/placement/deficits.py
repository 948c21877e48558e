"""What each shard lacks: replicas, valid claims, the deficit, and since when it is what it is.

::

    r(s) = sum of presence over the nodes that hold s
    f(s) = sum over valid claims of the chance that the claim ends in a copy
    D(s) = R_s - r(s) - f(s);  act where D >= 0.5;  demand d(s) = ceil(D - 0.5)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mirrord.core import limits
from mirrord.core.placement.view import NodeView, View
from mirrord.core.records.ids import NodeId, ShardIndex
from mirrord.core.records.kinds import Claim
from mirrord.core.timing import TimingProfile

COMPLETION_PRIOR: Final = 0.8
"""How likely a claim ends in a copy before its owner has a history; in 0.3 to 0.95 after that."""

_ACT_AT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Need:
    """One shard as the network stands: ``lacking`` is how many nodes should still claim it."""

    replicas: float
    claimants: tuple[NodeId, ...]
    deficit: float
    lacking: int

    @property
    def copies_missing(self) -> float:
        """``R_s - r``: what is missing before claims are counted."""
        return self.deficit + COMPLETION_PRIOR * len(self.claimants)


def needs(view: View) -> tuple[Need, ...]:
    """Return every shard's need, by index, our own holdings and claims included."""
    replicas = [0.0] * len(view.shards)
    claimants: list[list[NodeId]] = [[] for _ in view.shards]
    for node in view.nodes:
        if node.presence > 0:
            for index in node.holdings:
                if index < len(replicas):
                    replicas[index] += node.presence
        for claim in node.claims:
            if claim.shard < len(claimants):
                claimants[claim.shard].append(node.node)
    return tuple(
        _need(target, held, tuple(claiming))
        for target, held, claiming in zip(view.targets, replicas, claimants, strict=True)
    )


def _need(target: int, replicas: float, claimants: tuple[NodeId, ...]) -> Need:
    deficit = target - replicas - COMPLETION_PRIOR * len(claimants)
    lacking = math.ceil(deficit - _ACT_AT) if deficit >= _ACT_AT else 0
    return Need(replicas, claimants, deficit, max(0, lacking))


def valid_claims(claims: Sequence[Claim], silent: float, now_unix: float, timing: TimingProfile) -> tuple[Claim, ...]:
    """Return the claims of one node that count: neither expired nor of an owner who fell silent.

    A lease that ends later than any that could be made now is a lie, and counts for nothing.
    """
    if silent > timing.claim_silence_seconds:
        return ()
    latest = now_unix + timing.lease_max_seconds + limits.FUTURE_SKEW_SECONDS
    return tuple(claim for claim in claims if now_unix < claim.expires_at <= latest)


class DeficitAges:
    """Since when each shard has lacked what it lacks, by this node's own clock."""

    def __init__(self) -> None:
        self._since: dict[ShardIndex, tuple[int, float]] = {}

    def update(self, found: Sequence[Need], now_monotonic: float) -> Mapping[ShardIndex, float]:
        """Take the needs of this tick and return the second of the last change of each positive one."""
        self._since = {
            ShardIndex(index): self._kept(ShardIndex(index), need.lacking, now_monotonic)
            for index, need in enumerate(found)
            if need.lacking > 0
        }
        return {index: since for index, (_, since) in self._since.items()}

    def _kept(self, index: ShardIndex, lacking: int, now_monotonic: float) -> tuple[int, float]:
        known = self._since.get(index)
        return known if known is not None and known[0] == lacking else (lacking, now_monotonic)


def eligible_for(node: NodeView, shard: ShardIndex, shard_bytes: int) -> bool:
    """Whether a node belongs to E(s): it could fetch the shard and has not begun to."""
    return (
        node.eligible
        and node.free_bytes >= with_margin(shard_bytes)
        and shard not in node.holdings
        and all(claim.shard != shard for claim in node.claims)
    )


def with_margin(shard_bytes: int) -> int:
    """Return a shard's bytes and two percent for what comes with it: padding, metadata, blocks."""
    return shard_bytes + shard_bytes // 50
