"""The planner: which shards this node claims, yields and begins to fetch, from one view.

The enemy is the herd: from an hour-old view every rule that looks only at counts sends everybody
after the same shard.  Two mechanisms cure it, and both are needed:

- the *rank window*: only the first ``d x (1 + age / T_w)`` nodes by rendezvous key may claim a
  shard that lacks d copies; the window grows while nobody delivers;
- *claim, settle, yield*: a claim is published, and until a quarter is fetched it is withdrawn
  where enough better claims (smaller keys) stand.

A pure function of (view, own state, ages, now).  It checks its own plan before it returns it.
"""

import math
from collections.abc import Mapping
from typing import Final

from mirrord.core.placement.decisions import Decision, Plan, Verdict
from mirrord.core.placement.deficits import Need, eligible_for, with_margin
from mirrord.core.placement.keys import rank_key
from mirrord.core.placement.targets import R_MIN
from mirrord.core.placement.view import OwnClaim, OwnState, View
from mirrord.core.records.ids import NodeId, ShardIndex
from mirrord.core.records.kinds import Shard
from mirrord.core.timing import TimingProfile

FETCHES_MAX: Final = 2
"""Fetches at a time: two swarms fill a home uplink, more only spread it."""

CLAIMS_AHEAD_MAX: Final = 2
"""Pending claims beyond the fetches, so that settling overlaps fetching."""

CLAIMS_PER_TICK_MAX: Final = 2
"""The storm guard's last line: whatever the view says, a node claims no faster."""

_YIELD_BELOW_PERCENT: Final = 25
_EMERGENCY_SETTLE_SECONDS: Final = 600.0
_RESERVE_PARTS: Final = 10
"""A tenth of the pledge stays free of shards that have R_min copies already."""


class Planner:
    """One decision of one node; made anew for each tick."""

    def __init__(
        self,
        view: View,
        own: OwnState,
        found: tuple[Need, ...],
        since: Mapping[ShardIndex, float],
        now_monotonic: float,
        timing: TimingProfile,
    ) -> None:
        self._view = view
        self._own = own
        self._needs = found
        self._since = since
        self._now = now_monotonic
        self._timing = timing
        self._pledges = {node.node: node.pledge_bytes for node in view.nodes}
        self._pledges[view.own] = own.pledge_bytes
        self._claims = {claim.shard: claim for claim in own.claims}

    def plan(self) -> Plan:
        """Decide about every shard."""
        decisions = [self._decide(shard) for shard in self._view.shards]
        claims = self._choose(decisions)
        yields = tuple(d.shard for d in decisions if d.verdict is Verdict.YIELD)
        starts = self._choose_starts(frozenset(yields))
        plan = Plan(claims, yields, starts, tuple(decisions))
        self._check(plan)
        return plan

    def _decide(self, shard: Shard) -> Decision:
        """Judge one shard; CLAIM here means "would claim", before slots and room are shared out."""
        need, index = self._needs[shard.index], shard.index
        if shard.withdrawn:
            return self._say(index, Verdict.WITHDRAWN, detail=shard.withdrawn_reason)
        if index in self._own.holdings:
            return self._say(index, Verdict.KEEP)
        if index in self._own.busy:
            return self._say(index, Verdict.CHECK)
        claim = self._claims.get(index)
        if claim is not None:
            return self._decide_claimed(claim)
        refused = next((word for word in self._own.refused_rights if word.casefold() in shard.rights.casefold()), None)
        if refused is not None:
            return self._say(index, Verdict.REFUSED, detail=refused)
        if need.lacking == 0:
            return self._say(index, Verdict.ENOUGH)
        return self._decide_needy(shard, need)

    def _decide_claimed(self, claim: OwnClaim) -> Decision:
        index = claim.shard
        better = self._better_claims(index)
        if claim.percent < _YIELD_BELOW_PERCENT and better >= math.ceil(self._missing(index)):
            return self._say(index, Verdict.YIELD)
        if claim.fetching:
            return self._say(index, Verdict.FETCH, detail=f"{claim.percent} % done here")
        wait = max(0.0, claim.since + self._settle(index) - self._now)
        rank, candidates = self._rank(index)
        return self._say(index, Verdict.SETTLE, rank=rank, candidates=candidates, detail=_duration(wait))

    def _decide_needy(self, shard: Shard, need: Need) -> Decision:
        index = shard.index
        rank, candidates = self._rank(index)
        window = self._window(index, need)
        banned_for = self._own.banned.get(index, 0.0) - self._now
        if banned_for > 0:
            return self._say(index, Verdict.BANNED, detail=_duration(banned_for))
        if not self._own.may_claim:
            return self._say(index, Verdict.PAUSED)
        if with_margin(shard.bytes) > self._room_for(need):
            return self._say(index, Verdict.NO_ROOM, detail="your pledge or disk has no room for it")
        if self._better_claims(index) >= math.ceil(self._missing(index)):
            return self._say(index, Verdict.BETTER_CLAIMS)
        if rank > window:
            return self._say(index, Verdict.OUTRANKED, rank, candidates, window)
        return self._say(index, Verdict.CLAIM, rank, candidates, window)

    def _choose(self, decisions: list[Decision]) -> tuple[ShardIndex, ...]:
        """Give the free slots to the worst shards; turn the other CLAIMs into BUSY."""
        under_way = len(self._claims) + self._own.fetches_elsewhere + self._own.claims_elsewhere
        slots = min(FETCHES_MAX + CLAIMS_AHEAD_MAX - under_way, CLAIMS_PER_TICK_MAX)
        room = self._own.room_bytes
        chosen: list[ShardIndex] = []
        for decision in sorted((d for d in decisions if d.verdict is Verdict.CLAIM), key=self._order):
            size = with_margin(self._view.shards[decision.shard].bytes)
            if len(chosen) < slots and size <= room:
                chosen.append(decision.shard)
                room -= size
            else:
                decisions[decision.shard] = self._say(
                    decision.shard, Verdict.BUSY, rank=decision.rank, candidates=decision.candidates
                )
        return tuple(chosen)

    def _order(self, decision: Decision) -> tuple[int, float, int, int]:
        need = self._needs[decision.shard]
        return (_urgency(need.replicas), need.replicas + len(need.claimants), decision.rank, decision.shard)

    def _choose_starts(self, yields: frozenset[ShardIndex]) -> tuple[ShardIndex, ...]:
        """Begin the claims that have settled, oldest first, while there are slots."""
        fetching = sum(claim.fetching for claim in self._own.claims) + self._own.fetches_elsewhere
        settled = [
            claim
            for claim in self._own.claims
            if not claim.fetching
            and claim.shard not in yields
            and claim.since + self._settle(claim.shard) <= self._now
            and self._own.may_claim
        ]
        settled.sort(key=lambda claim: (claim.since, claim.shard))
        return tuple(claim.shard for claim in settled[: max(0, FETCHES_MAX - fetching)])

    # --- numbers -------------------------------------------------------------------------------

    def _missing(self, index: ShardIndex) -> float:
        return self._view.targets[index] - self._needs[index].replicas

    def _key(self, index: ShardIndex, node: NodeId) -> tuple[float, NodeId]:
        return rank_key(self._view.day_salt, index, node, self._pledges.get(node, 0)), node

    def _better_claims(self, index: ShardIndex) -> int:
        mine = self._key(index, self._view.own)
        others = (node for node in self._needs[index].claimants if node != self._view.own)
        return sum(self._key(index, node) < mine for node in others)

    def _rank(self, index: ShardIndex) -> tuple[int, int]:
        """Return our place among the nodes of E(s), from 1, and how many they are with us."""
        size = self._view.shards[index].bytes
        mine = self._key(index, self._view.own)
        others = [n.node for n in self._view.nodes if n.node != self._view.own and eligible_for(n, index, size)]
        return 1 + sum(self._key(index, node) < mine for node in others), 1 + len(others)

    def _window(self, index: ShardIndex, need: Need) -> float:
        quiet = 2 * self._timing.gossip_delay_seconds + self._timing.tick_seconds
        age = max(0.0, self._now - self._since.get(index, self._now) - quiet)
        return need.lacking * (1 + age / self._timing.window_growth_seconds)

    def _settle(self, index: ShardIndex) -> float:
        settle = self._timing.settle_seconds
        return min(settle, _EMERGENCY_SETTLE_SECONDS) if self._needs[index].replicas < 2 else settle

    def _room_for(self, need: Need) -> int:
        reserve = self._own.pledge_bytes // _RESERVE_PARTS if need.replicas >= R_MIN else 0
        return self._own.room_bytes - reserve

    def _say(
        self,
        index: ShardIndex,
        verdict: Verdict,
        rank: int = 0,
        candidates: int = 0,
        window: float = 0.0,
        detail: str = "",
    ) -> Decision:
        need = self._needs[index]
        return Decision(
            index,
            verdict,
            need.replicas,
            self._view.targets[index],
            len(need.claimants),
            rank,
            candidates,
            window,
            detail,
        )

    def _check(self, plan: Plan) -> None:
        """Our own invariants; one that breaks is a bug here, whatever the view said."""
        size = sum(with_margin(self._view.shards[index].bytes) for index in plan.claims)
        assert size <= max(0, self._own.room_bytes), "the plan exceeds the pledge"
        for index in plan.claims:
            shard = self._view.shards[index]
            assert not shard.withdrawn, "the plan claims a withdrawn shard"
            assert index not in self._own.holdings and index not in self._claims, "the plan claims what is ours"
            assert not any(word.casefold() in shard.rights.casefold() for word in self._own.refused_rights)
        assert not set(plan.starts) & set(plan.yields), "the plan starts what it yields"


def _urgency(replicas: float) -> int:
    """Classes of need: no copy left, one, two, fewer than R_min, surplus."""
    if replicas < 3:
        return int(replicas)
    return 3 if replicas < R_MIN else 4


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"
