"""The answer to ``GET /v1/plan``: every decision in numbers and in words, and what another pledge would change.

Pure and slow (a second for 3,000 shards among 10,000 nodes), so that it runs in a thread.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from mirrord.control.shapes import Plan, PlannedShardShape, ShardNames, WhatIfShape
from mirrord.control.snapshot import Chosen, names_of
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Decision, Verdict, explain
from mirrord.core.planning import Reasons
from mirrord.core.records.ids import CollectionId, ShardIndex, to_text
from mirrord.core.statistics import CollectionStatistics, ShardRole, ShardStatus, Statistics
from mirrord.times import format_moment

LEAVING: Final = "leaving"
NOT_LOOKED: Final = "not_looked"
NOT_ADMITTED: Final = "not_admitted"
"""Verdicts on a shard of whose collection nothing has been decided."""

_NOT_YET: Final = (Verdict.OUTRANKED, Verdict.BUSY, Verdict.BETTER_CLAIMS)

Why = Mapping[CollectionId, Reasons]


def plan_answer(statistics: Statistics, chosen: Chosen, reasons: Why, pledge_bytes: int | None = None) -> Plan:
    """Return the plan for the shards chosen; ``reasons`` are those with ``pledge_bytes``, where that is given."""
    outlooks = _look_ahead(reasons) if pledge_bytes is not None else {}
    shards = []
    for collection, some in chosen:
        why = reasons.get(collection.collection)
        claims = frozenset(outlooks.get(collection.collection, Outlook()).claims)
        shards += [_planned(collection, shard, _decide(why, shard.index, claims)) for shard in some]
    return Plan(
        at=statistics.at,
        collections=names_of(chosen),
        shards=tuple(shards),
        what_if=None if pledge_bytes is None else _what_if(statistics, reasons, outlooks, pledge_bytes),
    )


def _look_ahead(reasons: Why) -> dict[CollectionId, Outlook]:
    """Look ahead in one collection after the other: the pledge is for all of them together."""
    room, excess = _room(reasons)
    found: dict[CollectionId, Outlook] = {}
    for collection, why in sorted(reasons.items()):
        found[collection] = seen = why.look_ahead(room, excess)
        room, excess = room - seen.claims_bytes, max(0, excess - seen.releases_bytes)
    if excess == 0:  # what had to stay in an earlier collection may stay for good
        found = {collection: replace(seen, kept=(), pinned=()) for collection, seen in found.items()}
    return found


def _room(reasons: Why) -> tuple[int, int]:
    """Return the bytes that are free and those that are too many; every collection knows the same."""
    return next(((why.own.room_bytes, why.own.excess_bytes) for why in reasons.values()), (0, 0))


def _what_if(
    statistics: Statistics, reasons: Why, outlooks: Mapping[CollectionId, Outlook], pledge_bytes: int
) -> WhatIfShape:
    def names(part: str) -> ShardNames:
        return tuple((to_text(c), int(index)) for c, seen in outlooks.items() for index in getattr(seen, part))

    unused = pledge_bytes - statistics.node.used_bytes
    room, excess = _room(reasons) if reasons else (max(0, unused), max(0, -unused))
    return WhatIfShape(
        pledge_bytes=pledge_bytes,
        used_bytes=statistics.node.used_bytes,
        room_bytes=room,
        excess_bytes=excess,
        claims=names("claims"),
        releases=names("releases"),
        kept=names("kept"),
        pinned=names("pinned"),
    )


def _decide(why: Reasons | None, index: ShardIndex, claims: frozenset[ShardIndex]) -> Decision | None:
    if why is None or index >= len(why.shards):
        return None
    decision = why.decide(why.shards[index])
    would_claim = index in claims and decision.verdict in _NOT_YET
    return replace(decision, verdict=Verdict.CLAIM) if would_claim else decision


def _planned(collection: CollectionStatistics, shard: ShardStatus, decision: Decision | None) -> PlannedShardShape:
    verdict, reason = _undecided(collection, shard) if decision is None else (decision.verdict, explain(decision))
    return PlannedShardShape(
        collection=to_text(collection.collection),
        index=shard.index,
        name=shard.name,
        bytes=shard.bytes,
        band=shard.band.value,
        role=shard.role.value,
        percent=shard.percent,
        replicas=shard.replicas,
        target=decision.target if decision is not None else shard.target,
        claims=decision.claims if decision is not None else shard.claims,
        withdrawn_reason=shard.withdrawn_reason,
        reason=reason,
        verdict=str(verdict),
        counted_replicas=round(decision.replicas, 3) if decision is not None else None,
        rank=decision.rank if decision is not None else 0,
        candidates=decision.candidates if decision is not None else 0,
        window=decision.window if decision is not None else 0,
        better_claims=decision.better if decision is not None else 0,
    )


def _undecided(collection: CollectionStatistics, shard: ShardStatus) -> tuple[str, str]:
    """Return the verdict and the sentence where the planner does not look, or has not looked yet."""
    if collection.parting:
        until = format_moment(collection.parting_until)
        return LEAVING, f"being left: nothing of the collection counts here any more; others are told until {until}"
    if collection.leaving_by:
        until = format_moment(collection.leaving_by)
        if shard.role in (ShardRole.HELD, ShardRole.CHECKING):
            without = f"{shard.replicas} of {shard.target} copies without this one"
            return LEAVING, f"being left: {without}, seeded until {until} at most"
        return LEAVING, f"being left: nothing more is fetched, and all is over by {until}"
    if not collection.is_admitted:
        return NOT_ADMITTED, "standing by: this node does not count in the collection; ask its curator to admit it"
    return NOT_LOOKED, "waiting: the first look at the network is to come"
