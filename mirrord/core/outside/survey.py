"""The survey of outside seeders: what to ask next, what was answered.

Pure state: time is an argument, questions are effects, answers come as events.  Nothing is kept over a restart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

from mirrord.core.clock import Instant
from mirrord.core.effects import LookUpSwarm, ScrapeTracker, SwarmHashes
from mirrord.core.events import SwarmLookedUp, TrackerScraped
from mirrord.core.outside.bounds import SCRAPE_HASHES_MAX
from mirrord.core.outside.schedule import Schedule
from mirrord.core.outside.types import OutsideAnswers, OutsideSettings, OutsideSource, Pace, Swarms, swarm_hashes
from mirrord.core.records.ids import CollectionId, ShardKey

See = Callable[[], Sequence[Swarms]]
"""Says which shards may be asked about now; called only when somebody may be asked."""

Ours = Callable[[CollectionId, AbstractSet[str]], AbstractSet[str]]
"""Picks the hosts of a collection's mirrord nodes, this one included, out of some."""

_SWARMS_OF_A_SCRAPE: Final = SCRAPE_HASHES_MAX // 2
"""Each has two hashes at most."""


class Lookups:
    """The questions to the DHT: one hash of one shard at a time."""

    def __init__(self, pace: Pace) -> None:
        self.schedule = Schedule(pace.lookup_gap_seconds, pace.lookup_again_seconds, pace.backoff_max_seconds)
        self._seconds = pace.lookup_gap_seconds
        self._open: LookUpSwarm | None = None
        self._left: tuple[tuple[ShardKey, bytes], ...] = ()
        self._hosts: set[str] = set()

    def ask(self, now: Instant, see: See) -> Iterator[LookUpSwarm]:
        """Yield the next question, where one is due."""
        if self.schedule.has_waited_enough(now):
            self._fail(now)
        if self._open is not None or not self.schedule.is_ready(now):
            return
        if not self._left:
            self._hosts = set()
            for key, shard in self.schedule.choose(see(), 1, now):
                self._left = tuple((key, swarm_hash) for swarm_hash in swarm_hashes(shard))
        if self._left:
            (key, swarm_hash), *left = self._left
            self._open, self._left = LookUpSwarm(key, swarm_hash, self._seconds), tuple(left)
            self.schedule.ask((key,), now)
            yield self._open

    def take(self, event: SwarmLookedUp, ours: Ours, now: Instant) -> None:
        """Take an answer; one to a question that was given up is no matter.

        Counted are hosts, as one client may be listed with several ports, and of IPv4 and IPv6 the more, as one
        machine may have both.
        """
        asked = self._open
        if asked is None or (asked.shard, asked.info_hash) != (event.shard, event.info_hash):
            return
        if event.members is None:
            self._fail(now)
            return
        self._open = None
        self._hosts |= {member.host for member in event.members}
        if not self._left:
            outside = self._hosts - ours(event.shard.collection, self._hosts) if self._hosts else self._hosts
            of_ipv6 = sum(":" in host for host in outside)
            self.schedule.answer(event.shard, max(of_ipv6, len(outside) - of_ipv6), now)
            self.schedule.succeed(now)

    def _fail(self, now: Instant) -> None:
        self._open, self._left = None, ()
        self.schedule.fail(now)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to look again."""
        return self.schedule.ready_at if self._open is None else self.schedule.next_deadline


class Scrapes:
    """The questions to one tracker: some tens of shards at a time."""

    def __init__(self, tracker: str, pace: Pace) -> None:
        self.schedule = Schedule(pace.scrape_gap_seconds, pace.scrape_again_seconds, pace.backoff_max_seconds)
        self._tracker = tracker

    def ask(self, now: Instant, see: See) -> Iterator[ScrapeTracker]:
        """Yield the next question, where one is due."""
        if self.schedule.has_waited_enough(now):
            self.schedule.fail(now)
        if self.schedule.asking or not self.schedule.is_ready(now):
            return
        chosen = self.schedule.choose(see(), _SWARMS_OF_A_SCRAPE, now)
        if chosen:
            self.schedule.ask([key for key, _ in chosen], now)
            yield ScrapeTracker(self._tracker, tuple(SwarmHashes(key, swarm_hashes(shard)) for key, shard in chosen))

    def take(self, event: TrackerScraped, now: Instant) -> None:
        """Take an answer; one to a question that was given up is no matter."""
        if not event.shards or event.shards != self.schedule.asking:
            return
        if event.seeders is None:
            self.schedule.fail(now)
            return
        for shard, seeders in zip(event.shards, event.seeders, strict=True):
            self.schedule.answer(shard, seeders, now)
        self.schedule.succeed(now)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to look again."""
        return self.schedule.next_deadline


class Survey:
    """Counts outside seeders, as far as the operator lets us ask."""

    def __init__(self, settings: OutsideSettings, pace: Pace) -> None:
        self._forget_seconds = pace.forget_seconds
        self._lookups = Lookups(pace) if settings.dht else None
        self._scrapes = {tracker: Scrapes(tracker, pace) for tracker in settings.trackers}

    def ask(self, now: Instant, see: See) -> Iterator[LookUpSwarm | ScrapeTracker]:
        """Yield the questions that are due."""
        if self._lookups is not None:
            yield from self._lookups.ask(now, see)
        for scrapes in self._scrapes.values():
            yield from scrapes.ask(now, see)

    def looked_up(self, event: SwarmLookedUp, ours: Ours, now: Instant) -> None:
        """Take what the DHT answered."""
        if self._lookups is not None:
            self._lookups.take(event, ours, now)

    def scraped(self, event: TrackerScraped, now: Instant) -> None:
        """Take what a tracker answered."""
        if event.tracker in self._scrapes:
            self._scrapes[event.tracker].take(event, now)

    def part(self, collection: CollectionId) -> None:
        """Forget a collection."""
        for _, schedule in self._schedules():
            schedule.part(collection)

    def answers(self, collection: CollectionId, shards: int, now: Instant) -> Mapping[OutsideSource, OutsideAnswers]:
        """Return what each source that is asked told of a manifest's shards.

        Of several trackers counts who knows most: a seeder may tell many of them.
        """
        found: dict[OutsideSource, OutsideAnswers] = {}
        for source, schedule in self._schedules():
            told = schedule.answers(collection, shards, self._forget_seconds, now)
            found[source] = _most(found[source], told) if source in found else told
        return found

    @property
    def asked(self) -> Mapping[OutsideSource, int]:
        """Questions so far, by source that is asked."""
        return self._sums(lambda schedule: schedule.asked)

    @property
    def failed(self) -> Mapping[OutsideSource, int]:
        """How many of these nobody answered."""
        return self._sums(lambda schedule: schedule.failed)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which something may be due."""
        scrapes = min((scrapes.next_deadline for scrapes in self._scrapes.values()), default=float("inf"))
        return min(scrapes, self._lookups.next_deadline) if self._lookups is not None else scrapes

    def _schedules(self) -> Iterator[tuple[OutsideSource, Schedule]]:
        for scrapes in self._scrapes.values():
            yield OutsideSource.TRACKER, scrapes.schedule
        if self._lookups is not None:
            yield OutsideSource.DHT, self._lookups.schedule

    def _sums(self, number: Callable[[Schedule], int]) -> Mapping[OutsideSource, int]:
        sums: dict[OutsideSource, int] = {}
        for source, schedule in self._schedules():
            sums[source] = sums.get(source, 0) + number(schedule)
        return sums


def _most(one: OutsideAnswers, other: OutsideAnswers) -> OutsideAnswers:
    more = other.seeders > one.seeders
    return OutsideAnswers(
        seeders=np.where(more, other.seeders, one.seeders),
        answered_at=np.where(more, other.answered_at, one.answered_at),
    )
