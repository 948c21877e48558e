"""The planner's answer, shard by shard, and in a sentence for people."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mirrord.core.records.ids import ShardIndex


class Verdict(StrEnum):
    """What this node does about a shard at this moment."""

    KEEP = "keep"
    FETCH = "fetch"
    CHECK = "check"
    SETTLE = "settle"
    YIELD = "yield"
    CLAIM = "claim"
    ENOUGH = "enough"
    OUTRANKED = "outranked"
    BETTER_CLAIMS = "better_claims"
    BUSY = "busy"
    NO_ROOM = "no_room"
    REFUSED = "refused"
    BANNED = "banned"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Decision:
    """One shard's verdict and the numbers behind it.

    ``replicas`` and ``claims`` are the network's, ``rank`` (from 1) and ``window`` this node's place
    among the ``candidates`` that could fetch it; they are 0 where rank played no part.
    """

    shard: ShardIndex
    verdict: Verdict
    replicas: float
    target: int
    claims: int
    rank: int = 0
    candidates: int = 0
    window: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and why each shard is as it is (by index)."""

    claims: tuple[ShardIndex, ...]
    yields: tuple[ShardIndex, ...]
    starts: tuple[ShardIndex, ...]
    decisions: tuple[Decision, ...]


_SENTENCES: Final = {
    Verdict.KEEP: "keeping: {copies}, one of them here",
    Verdict.FETCH: "fetching: {copies}, {detail}",
    Verdict.CHECK: "checking: reading it from disk before it counts",
    Verdict.SETTLE: "claimed: {copies}, {place}; {detail} left for better claims to show",
    Verdict.YIELD: "yielding: {copies} and {claims} claims, enough of them better than yours",
    Verdict.CLAIM: "claiming: {copies}, {place}",
    Verdict.ENOUGH: "nothing to do: {copies}, {claims} claims",
    Verdict.OUTRANKED: "waiting: {copies}, {place}; the first {window} may try now",
    Verdict.BETTER_CLAIMS: "waiting: {copies} and {claims} claims, enough of them better than yours would be",
    Verdict.BUSY: "waiting: {copies}, {place}; other fetches and claims come first",
    Verdict.NO_ROOM: "skipping: {copies}, but {detail}",
    Verdict.REFUSED: "skipping: your refusal of {detail}",
    Verdict.BANNED: "skipping: {copies}; a fetch failed here, next try in {detail}",
    Verdict.PAUSED: "waiting: {copies}; this node claims nothing now",
    Verdict.WITHDRAWN: "withdrawn by the curator: {detail}",
}


def explain(decision: Decision) -> str:
    """Say a decision in one sentence."""
    return _SENTENCES[decision.verdict].format(
        copies=f"{decision.replicas:.3g} of {decision.target} copies",
        place=f"your rank {decision.rank} of {decision.candidates}",
        claims=decision.claims,
        window=int(decision.window),
        detail=decision.detail,
    )
