"""How long nodes last and how long repairs take, as this node has seen it in one collection.

A node is *lost* when its copies stop counting because it fell silent; one that leaves is not.  The mean lifetime is
``(prior + observed) / (1 + lost)``: as if one node had been lost in ``prior`` seconds before anything was seen.  That
is 180 days for the ``wan`` profile and in proportion for the others: a guess, which a few observed losses outweigh.
The mean repair is likewise ``(prior + measured) / (1 + repairs)``, with the time after which a claim that stands still
is void for a prior: what a network that works takes at most.

A shard that never had its target yet is being born, not repaired: the time that takes says nothing of repairs.  But
what is fetched for it counts in ``repair_bytes_per_second``, by which the time until everything is whole is estimated.
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

_LOOKS_APART_MAX: Final = 3
"""Ticks between two looks beyond which nobody was looking: a machine that slept saw no lifetimes."""


class Lifetimes:
    """The measurements of one collection; :meth:`look` takes the next one, once a tick."""

    def __init__(self, timing: TimingProfile, measured: Measured) -> None:
        self._timing = timing
        self._observed_seconds = float(measured.observed_seconds)
        self._nodes_lost = measured.nodes_lost
        self._repair_seconds = float(measured.repair_seconds)
        self._repairs = measured.repairs
        self._looked_at: float | None = None
        self._silenced = 0
        self._claimed = np.zeros(0, dtype=np.int32)
        self._since = np.zeros(0)
        self._was_whole = np.zeros(0, dtype=np.bool_)
        self._recent_bytes = self._recent_seconds = 0.0

    def look(self, tally: Tally, facts: ShardFacts, targets: NDArray[np.int64], now: Instant) -> None:
        """Compare this moment with the last look; a jump of the clock, or sleep, is not counted."""
        claimed, seconds = tally.claimed(len(targets)), 0.0
        if self._looked_at is not None:
            seconds = now.monotonic_seconds - self._looked_at
            if seconds > _LOOKS_APART_MAX * self._timing.tick_seconds:
                seconds = 0.0
            self._observed_seconds += seconds * tally.other_holders
            self._nodes_lost += tally.silenced - self._silenced
        self._looked_at, self._silenced = now.monotonic_seconds, tally.silenced
        self._grow(len(targets))
        self._look_at_repairs(claimed, facts, targets, now.monotonic_seconds)
        self._look_at_rate(claimed, facts, targets, seconds)
        self._claimed = claimed

    def _grow(self, shards: int) -> None:
        known = len(self._since)
        if shards > known:
            self._claimed = np.concatenate([self._claimed, np.zeros(shards - known, dtype=np.int32)])
            self._since = np.concatenate([self._since, np.full(shards - known, np.nan)])
            self._was_whole = np.concatenate([self._was_whole, np.zeros(shards - known, dtype=np.bool_)])

    def _look_at_repairs(
        self, claimed: NDArray[np.int32], facts: ShardFacts, targets: NDArray[np.int64], now: float
    ) -> None:
        below = facts.standing & (claimed < targets)
        is_open = ~np.isnan(self._since)
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
            repair_seconds=(timing.claim_stall_seconds + self._repair_seconds) / (1 + self._repairs),
            repairs=self._repairs,
            repair_bytes_per_second=rate,
        )
