"""Whom to ask about which shard and when, so that nobody is asked too often: one such schedule for each place asked.

A place is the DHT, or one tracker.  It gets one question at a time, with a gap between two; after a failure the gap
doubles.  A shard that was answered is left alone for a good while.  Shards below their target come first, but every
fourth question is about whatever has waited longest, so that everyone's turn comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.outside.bounds import ANSWER_SECONDS, SEEDERS_MAX
from mirrord.core.outside.types import UNKNOWN, OutsideAnswers, Swarms
from mirrord.core.records.ids import CollectionId, ShardIndex, ShardKey
from mirrord.core.records.kinds import Shard

_ORDINARY_TURN: Final = 4
"""One question in so many is not for the shards below target alone."""

_GAPS_DOUBLED_MAX: Final = 32
"""More doublings than any backoff has; keeps the power small."""


@dataclass(slots=True)
class _Columns:
    """Of each shard: when it may be asked about again and when it was answered (monotonic), and the answer."""

    due_at: NDArray[np.float64]
    answered_at: NDArray[np.float64]
    seeders: NDArray[np.int16]

    @classmethod
    def of(cls, shards: int) -> "_Columns":
        never = np.full(shards, -np.inf)
        return cls(never, never.copy(), np.full(shards, UNKNOWN, dtype=np.int16))

    def grow(self, shards: int) -> None:
        """Make room for the shards of a newer manifest."""
        lacking = shards - len(self.due_at)
        if lacking > 0:
            more = self.of(lacking)
            self.due_at = np.concatenate([self.due_at, more.due_at])
            self.answered_at = np.concatenate([self.answered_at, more.answered_at])
            self.seeders = np.concatenate([self.seeders, more.seeders])


class Schedule:
    """The questions to one place.

    ``asking`` are the shards of the one that is open; ``asked`` counts questions, ``failed`` those without an answer.
    """

    def __init__(self, gap_seconds: float, again_seconds: float, backoff_max_seconds: float) -> None:
        self._gap = gap_seconds
        self._again = again_seconds
        self._backoff_max = max(backoff_max_seconds, gap_seconds)
        self._columns: dict[CollectionId, _Columns] = {}
        self._ready_at: float | None = None
        self._failures = 0
        self._turn = 0
        self._give_up_at = 0.0
        self.asking: tuple[ShardKey, ...] = ()
        self.asked = 0
        self.failed = 0

    @property
    def ready_at(self) -> float:
        """Monotonic seconds at which the next question may be asked, if none is open."""
        return self._ready_at if self._ready_at is not None else -np.inf

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to look again."""
        return self._give_up_at if self.asking else self.ready_at

    def is_ready(self, now: Instant) -> bool:
        """Whether a question may be asked now.

        The first one waits for a gap, too: a daemon that starts over and over asks no more than one that runs.
        """
        if self._ready_at is None:
            self._ready_at = now.monotonic_seconds + self._gap
        return now.monotonic_seconds >= self._ready_at

    def has_waited_enough(self, now: Instant) -> bool:
        """Whether the open question will never be answered."""
        return bool(self.asking) and now.monotonic_seconds >= self._give_up_at

    def choose(self, swarms: Sequence[Swarms], count: int, now: Instant) -> list[tuple[ShardKey, Shard]]:
        """Return up to ``count`` shards to ask about now, by what is most urgent; then :meth:`ask`."""
        self._ready_at = now.monotonic_seconds + self._gap  # also where there is nothing to ask
        if not swarms:
            return []
        due_at = np.concatenate([self._of(each).due_at for each in swarms])
        due = np.concatenate([each.standing for each in swarms]) & (due_at <= now.monotonic_seconds)
        below = np.concatenate([each.below for each in swarms])
        self._turn += 1
        groups = (due & below, due & ~below) if self._turn % _ORDINARY_TURN else (due,)
        chosen: list[int] = []
        for group in groups:
            chosen += _longest_due(np.flatnonzero(group), due_at, count - len(chosen))
        begins = np.cumsum([0, *(len(each.shards) for each in swarms)])
        found = []
        for place in chosen:
            which = int(np.searchsorted(begins, place, side="right")) - 1
            index = place - int(begins[which])
            found.append((ShardKey(swarms[which].collection, ShardIndex(index)), swarms[which].shards[index]))
        return found

    def ask(self, shards: Sequence[ShardKey], now: Instant) -> None:
        """A question about these goes out now, or the next part of the one that is open."""
        self.asking = tuple(shards)
        self.asked += 1
        self._ready_at = now.monotonic_seconds + self._gap
        self._give_up_at = self._ready_at + ANSWER_SECONDS

    def answer(self, shard: ShardKey, seeders: int, now: Instant) -> None:
        """Note what was said of one shard of the open question."""
        columns = self._columns.get(shard.collection)
        if columns is not None and shard in self.asking:
            columns.seeders[shard.index] = min(max(seeders, 0), SEEDERS_MAX)
            columns.answered_at[shard.index] = now.monotonic_seconds

    def succeed(self, now: Instant) -> None:
        """The open question is answered: leave its shards alone for a good while."""
        self._close(now.monotonic_seconds + self._again)
        self._failures = 0

    def fail(self, now: Instant) -> None:
        """Nobody answered: wait longer before the next question, and let others go before these shards."""
        self._close(now.monotonic_seconds)
        self._failures += 1
        self.failed += 1
        pause = self._gap * 2.0 ** min(self._failures, _GAPS_DOUBLED_MAX)
        self._ready_at = now.monotonic_seconds + min(pause, self._backoff_max)

    def _close(self, due_at: float) -> None:
        for shard in self.asking:
            columns = self._columns.get(shard.collection)
            if columns is not None:
                columns.due_at[shard.index] = due_at
        self.asking = ()

    def part(self, collection: CollectionId) -> None:
        """Forget a collection."""
        self._columns.pop(collection, None)

    def answers(self, collection: CollectionId, shards: int, forget_seconds: float, now: Instant) -> OutsideAnswers:
        """Return what is known of a manifest's shards and not too old, in columns that nobody else writes to."""
        columns = self._columns.get(collection)
        known = _Columns.of(shards) if columns is None else columns
        known.grow(shards)
        answered_at = known.answered_at[:shards]
        is_fresh = answered_at > now.monotonic_seconds - forget_seconds
        return OutsideAnswers(
            seeders=np.where(is_fresh, known.seeders[:shards], np.int16(UNKNOWN)),
            answered_at=now.unix_seconds - now.monotonic_seconds + answered_at,
        )

    def _of(self, swarms: Swarms) -> _Columns:
        columns = self._columns.setdefault(swarms.collection, _Columns.of(0))
        columns.grow(len(swarms.shards))
        return columns


def _longest_due(group: NDArray[np.int64], due_at: NDArray[np.float64], count: int) -> list[int]:
    """Return up to ``count`` members of a group, those first that have been due longest."""
    if len(group) > count:
        group = group[np.argpartition(due_at[group], count - 1)[:count]] if count > 0 else group[:0]
    return [int(place) for place in group[np.argsort(due_at[group], kind="stable")]]
