"""How long nodes last and how long repairs take, as this node has seen it in one collection.

A node is *lost* when its copies stop counting because it fell silent; one that leaves is not.  The mean lifetime is
``(prior + observed) / (1 + lost)``: as if one node had been lost in ``prior`` seconds before anything was seen.  That
is 180 days for the ``wan`` profile and in proportion for the others: a guess, which a few observed losses outweigh.
The mean repair is likewise ``(prior + measured) / (1 + repairs)``, with the time after which a claim that stands still
is void for a prior: what a network that works takes at most.  A repair under way counts, too, once it has taken longer
than that mean, or a network that repairs nothing would look quick.

A shard that never had its target yet is being born, not repaired: the time that takes says nothing of repairs.  Nor
does the time until a target that was raised is met.  But what is fetched for both counts in
``repair_bytes_per_second``, by which the time until everything is whole is estimated.

After the start, sleep or a jump of the clock nobody knows who vanished and what was fetched meanwhile, and gossip tells
it within a delay: what changes in that time is neither a loss nor a repair.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.coverage.table import ShardFacts
from mirrord.core.coverage.tally import Tally
from mirrord.core.coverage.types import Measures
from mirrord.core.effects import Measured
from mirrord.core.timing import TimingProfile

_PRIOR_OF_SILENCE: Final = 180 / 14
"""180 days, in the 14 after which ``wan`` takes a silent node for gone."""

_RATE_TICKS: Final = 12
"""The repair rate forgets half of what it knew in so many ticks: an hour of ``wan``."""


class Lifetimes:
    """The measurements of one collection; :meth:`look` takes the next one, once a tick."""

    def __init__(self, timing: TimingProfile, measured: Measured) -> None:
        self._timing = timing
        self._observed_seconds = float(measured.observed_seconds)
        self._nodes_lost = measured.nodes_lost
        self._repair_seconds = float(measured.repair_seconds)
        self._repairs = measured.repairs
        self._looked_at: Instant | None = None
        self._learns_until = 0.0
        self._silenced = 0
        self._claimed = np.zeros(0, dtype=np.int32)
        self._targets = np.zeros(0, dtype=np.int64)
        self._since = np.zeros(0)
        self._was_whole = np.zeros(0, dtype=np.bool_)
        self._recent_bytes = self._recent_seconds = 0.0

    def look(self, tally: Tally, facts: ShardFacts, targets: NDArray[np.int64], now: Instant) -> None:
        """Compare this moment with the last look, where there was one lately."""
        claimed, seconds = tally.claimed(len(targets)), self._seconds_since_last_look(now)
        if seconds is None:
            self._since[:] = np.nan
        else:
            self._observed_seconds += seconds * tally.other_holders
            self._nodes_lost += tally.silenced - self._silenced
        if seconds is None or (len(targets) and not len(self._targets)):  # or the manifest has just come
            self._learns_until = now.monotonic_seconds + self._timing.gossip_delay_seconds
        self._looked_at, self._silenced = now, tally.silenced
        self._grow(claimed, targets)
        if seconds is None or now.monotonic_seconds < self._learns_until:
            self._was_whole = facts.standing & (claimed >= targets)
        else:
            self._look_at_repairs(claimed, facts, targets, now.monotonic_seconds)
            self._look_at_rate(claimed, facts, targets, seconds)
        self._claimed, self._targets = claimed, targets

    def _seconds_since_last_look(self, now: Instant) -> float | None:
        """Return how long it is ago, None where a node may have seemed to fall silent only because nobody looked.

        A clock that does not run while the machine sleeps does not show it; the other one does.
        """
        if self._looked_at is None:
            return None
        seconds, by_the_wall = (at - before for at, before in zip(now, self._looked_at, strict=True))
        return seconds if max(seconds, by_the_wall) <= self._timing.alive_seconds else None

    def _grow(self, claimed: NDArray[np.int32], targets: NDArray[np.int64]) -> None:
        """Make room for new shards, whose copies of before we heard of them nobody saw appear."""
        known = len(self._since)
        more = len(targets) - known
        if more > 0:
            self._claimed = np.concatenate([self._claimed, claimed[known:]])
            self._targets = np.concatenate([self._targets, targets[known:]])
            self._since = np.concatenate([self._since, np.full(more, np.nan)])
            self._was_whole = np.concatenate([self._was_whole, np.zeros(more, dtype=np.bool_)])

    def _look_at_repairs(
        self, claimed: NDArray[np.int32], facts: ShardFacts, targets: NDArray[np.int64], now: float
    ) -> None:
        below = facts.standing & (claimed < targets)
        is_open = ~np.isnan(self._since)
        self._was_whole &= is_open | (targets <= self._targets)
        ended = is_open & ~below & facts.standing
        self._repair_seconds += float((now - self._since[ended]).sum())
        self._repairs += int(np.count_nonzero(ended))
        self._since[is_open & ~below] = np.nan
        self._since[below & ~is_open & self._was_whole] = now
        self._was_whole |= ~below & facts.standing

    def _look_at_rate(
        self, claimed: NDArray[np.int32], facts: ShardFacts, targets: NDArray[np.int64], seconds: float
    ) -> None:
        if not seconds:
            return
        gained = np.minimum(claimed, targets) - np.minimum(self._claimed, targets)
        gained_bytes = float((np.maximum(gained, 0) * facts.bytes)[facts.standing].sum())
        was_missing = bool((facts.standing & (self._claimed < targets)).any())
        fades = 0.5 ** (seconds / (_RATE_TICKS * self._timing.tick_seconds))
        self._recent_bytes = self._recent_bytes * fades + gained_bytes
        self._recent_seconds = self._recent_seconds * fades + (seconds if was_missing else 0.0)

    def measured(self) -> Measured:
        """Return the sums that are to be remembered."""
        return Measured(int(self._observed_seconds), self._nodes_lost, int(self._repair_seconds), self._repairs)

    def measures(self) -> Measures:
        """Return the means of this moment."""
        timing = self._timing
        prior = _PRIOR_OF_SILENCE * timing.presence_zero_seconds
        rate = self._recent_bytes / self._recent_seconds if self._recent_bytes and self._recent_seconds else None
        return Measures(
            detection_seconds=timing.counted_until_seconds,
            node_lifetime_seconds=(prior + self._observed_seconds) / (1 + self._nodes_lost),
            nodes_lost=self._nodes_lost,
            observed_seconds=self._observed_seconds,
            repair_seconds=self._mean_repair(),
            repairs=self._repairs,
            repair_bytes_per_second=rate,
        )

    def _mean_repair(self) -> float:
        seconds, repairs = self._timing.claim_stall_seconds + self._repair_seconds, 1 + self._repairs
        if self._looked_at is None:
            return seconds / repairs
        ages = self._looked_at.monotonic_seconds - self._since[~np.isnan(self._since)]
        slow = ages[ages > seconds / repairs]
        return (seconds + float(slow.sum())) / (repairs + len(slow))
