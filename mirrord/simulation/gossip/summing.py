"""Adds up what a network did: bytes a second in its steady state, and how long the followed records took."""

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from mirrord.core.errors import RejectReason
from mirrord.core.timing import HOUR
from mirrord.simulation.gossip.digest import digest_cost, record_bytes
from mirrord.simulation.gossip.network import Network
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.gossip.tracers import Tracer, Tracers, periods
from mirrord.simulation.gossip.wire import Sort
from mirrord.simulation.gossip.wishes import GossipWishes

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Steady:
    """Bytes a second of an honest node, in and out together, and what they were spent on."""

    by_sort: dict[str, float]
    reachable: float
    unreachable: float
    exchanges: int
    spoken: int
    opened_per_second: float


def steady_state(network: Network, seconds: float) -> Steady:
    """Return what a network's meter has counted in so many seconds."""
    honest = network.population.honest
    reachable = int((honest & network.population.reachable).sum())
    count = int(honest.sum())
    bill = network.meter.bill()
    return Steady(
        by_sort={s.value: (bill.reachable[s] + bill.unreachable[s]) / count / seconds for s in Sort},
        reachable=sum(bill.reachable.values()) / max(1, reachable) / seconds,
        unreachable=sum(bill.unreachable.values()) / max(1, count - reachable) / seconds,
        exchanges=network.meter.exchanges,
        spoken=network.meter.spoken,
        opened_per_second=network.links.counts["opened"] / seconds,
    )


def sum_up(wishes: GossipWishes, network: Network, tracers: Tracers, steady: Steady) -> GossipResult:
    """Return the result of a run, but for what only a comparison tells."""
    hostility, honest = network.hostility, network.population.honest
    ordinary, urgent = tracers.ordinary, tracers.urgent
    digest = digest_cost(network.population, wishes.seed)
    record = record_bytes(network.population, network.editions)
    return GossipResult(
        nodes=wishes.nodes,
        seed=wishes.seed,
        reachable=wishes.reachable,
        offline=wishes.offline,
        hostile=wishes.hostile,
        online_nodes=int(network.population.online.sum()),
        honest_nodes=int(honest.sum()),
        periods=wishes.periods,
        tracers=len(ordinary),
        periods_to_half=_over(statistics.fmean, ordinary, _half),
        periods_to_999=_over(statistics.fmean, ordinary, _nearly_all),
        periods_to_999_worst=_over(max, ordinary, _nearly_all),
        urgent_tracers=len(urgent),
        urgent_periods_median=_over(statistics.median, urgent, _half),
        urgent_periods_to_999=_over(max, urgent, _nearly_all),
        urgent_bytes_per_node=network.urgent_bytes / max(1, len(urgent)) / int(honest.sum()),
        bytes_per_second_per_node=sum(steady.by_sort.values()),
        bytes_per_second_by_sort=steady.by_sort,
        bytes_per_second_reachable=steady.reachable,
        bytes_per_second_unreachable=steady.unreachable,
        payload_bytes_per_second=2 * record * int(honest.sum()) / HOUR,
        record_bytes=record,
        digest_differences=digest.differences,
        digest_bytes=digest.bytes_one_way,
        digest_bytes_equal=digest.bytes_equal,
        sessions_per_node=network.links.average(np.flatnonzero(honest).tolist()),
        sessions_opened_per_second=steady.opened_per_second,
        exchanges=steady.exchanges,
        exchanges_spoken=steady.spoken,
        mismatches=network.mismatches,
        hostile_messages={role.name.lower(): count for role, count in sorted(hostility.messages.items())},
        rejected=_by_name(hostility.rejected),
        caught=_by_name(hostility.caught),
        equivocators_proven=len(hostility.proven),
        records_accepted_from_hostile=hostility.accepted,
        forged_accepted=hostility.forged_accepted,
        table_growth_max=hostility.growth_max,
        slowdown=None,
        calm=None,
        wall_seconds=0.0,
    )


def _half(tracer: Tracer) -> float | None:
    return tracer.half_seconds


def _nearly_all(tracer: Tracer) -> float | None:
    return tracer.nearly_all_seconds


def _over(
    mean: Callable[[list[float]], float], tracers: list[Tracer], seconds_of: Callable[[Tracer], float | None]
) -> float | None:
    """Return a mean in periods; None where there is nothing, or one of them never came."""
    known = [seconds for tracer in tracers if (seconds := seconds_of(tracer)) is not None]
    return round(periods(mean(known)), _DIGITS) if known and len(known) == len(tracers) else None


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Return one time by another, where both are known."""
    return None if ours is None or theirs is None else round(ours / theirs, _DIGITS)


def _by_name(counts: Counter[RejectReason]) -> dict[str, int]:
    return {reason.value: counts[reason] for reason in sorted(counts)}
