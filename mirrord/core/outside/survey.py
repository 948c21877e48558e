"""The survey of outside seeders: what to ask next, what was answered.

Pure state: time is an argument, questions are effects, answers come as events.  Nothing is kept over a restart.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import LookUpSwarm, ScrapeTracker, SwarmHashes
from mirrord.core.events import SwarmLookedUp, TrackerScraped
from mirrord.core.outside.schedule import Schedule
from mirrord.core.outside.types import OutsideAnswers, OutsideSettings, OutsideSource, Pace, Swarms, swarm_hashes
from mirrord.core.records.ids import CollectionId

See = Callable[[], Sequence[Swarms]]
"""Says which shards may be asked about now; called only when somebody may be asked."""

_SWARMS_OF_A_SCRAPE: Final = limits.OUTSIDE_SCRAPE_HASHES_MAX // 2
"""Each has two hashes at most."""


class Lookups:
    """The questions to the DHT: one hash of one shard at a time."""

    def __init__(self, pace: Pace) -> None:
        self.schedule = Schedule(pace.lookup_gap_seconds, pace.lookup_again_seconds, pace.backoff_max_seconds)
        self._seconds = pace.lookup_gap_seconds
        self._current: LookUpSwarm | None = None
        self._hashes_left: tuple[bytes, ...] = ()
        self._hosts: set[str] = set()

    def ask(self, now: Instant, see: See) -> Iterator[LookUpSwarm]:
        """Yield the next question, where one is due."""
        if self.schedule.has_waited_enough(now):
            self._fail(now)
        if self._current is not None or not self.schedule.is_ready(now):
            return
        if not self._hashes_left:
            for key, shard in self.schedule.choose(see(), 1, now):
                self._hashes_left, self._hosts = swarm_hashes(shard), set()
                self.schedule.ask((key,), now)
        if self._hashes_left:
            (key,) = self.schedule.asking
            self._current = LookUpSwarm(key, self._hashes_left[0], self._seconds)
            self._hashes_left = self._hashes_left[1:]
            self.schedule.ask((key,), now)
            yield self._current

    def take(self, event: SwarmLookedUp, ours: Callable[[Collection[str]], Collection[str]], now: Instant) -> None:
        """Take an answer; an old one is no matter.  ``ours`` picks the hosts of mirrord nodes out of some.

        Counted are hosts, as one client may be listed with several ports, and of IPv4 and IPv6 the more, as one
        machine may have both.
        """
        asked = self._current
        if asked is None or (asked.shard, asked.info_hash) != (event.shard, event.info_hash):
            return
        if event.members is None:
            self._fail(now)
            return
        self._current = None
        self._hosts |= {member.host for member in event.members}
        if not self._hashes_left:
            outside = self._hosts.difference(ours(self._hosts)) if self._hosts else self._hosts
            of_ipv6 = sum(":" in host for host in outside)
            self.schedule.answer(event.shard, max(of_ipv6, len(outside) - of_ipv6), now)
            self.schedule.succeed(now)

    def _fail(self, now: Instant) -> None:
        self._current, self._hashes_left = None, ()
        self.schedule.fail(now)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to look again."""
        if self._hashes_left and self._current is None:
            return self.schedule.ready_at
        return self.schedule.next_deadline


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
        """Take an answer.  A late one to a question that was given up says nothing of the open one, and is no harm."""
        if not self.schedule.asking:
            return
        if event.seeders is None:
            self.schedule.fail(now)
            return
        for shard, seeders in event.seeders:
            self.schedule.answer(shard, seeders, now)
        self.schedule.succeed(now)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to look again."""
        return self.schedule.next_deadline


class Survey:
    """Counts outside seeders, as far as the operator lets us ask.

    ``asked`` and ``failed`` count the questions, and those that nobody answered, by source.
    """

    def __init__(self, settings: OutsideSettings, pace: Pace) -> None:
        self._settings = settings
        self._forget_seconds = pace.forget_seconds
        self._lookups = Lookups(pace) if settings.dht else None
        self._scrapes = {tracker: Scrapes(tracker, pace) for tracker in settings.trackers}
        self.asked = Counter({source: 0 for source in settings.sources})
        self.failed = Counter({source: 0 for source in settings.sources})

    def ask(self, now: Instant, see: See) -> Iterator[LookUpSwarm | ScrapeTracker]:
        """Yield the questions that are due."""
        for lookup in self._lookups.ask(now, see) if self._lookups is not None else ():
            self.asked[OutsideSource.DHT] += 1
            yield lookup
        for scrapes in self._scrapes.values():
            for scrape in scrapes.ask(now, see):
                self.asked[OutsideSource.TRACKER] += 1
                yield scrape

    def looked_up(self, event: SwarmLookedUp, ours: Callable[[Collection[str]], Collection[str]], now: Instant) -> None:
        """Take what the DHT answered; ``ours`` picks the hosts of mirrord nodes out of some."""
        if self._lookups is not None:
            self.failed[OutsideSource.DHT] += event.members is None
            self._lookups.take(event, ours, now)

    def scraped(self, event: TrackerScraped, now: Instant) -> None:
        """Take what a tracker answered."""
        if event.tracker in self._scrapes:
            self.failed[OutsideSource.TRACKER] += event.seeders is None
            self._scrapes[event.tracker].take(event, now)

    def part(self, collection: CollectionId) -> None:
        """Forget a collection."""
        for schedule in self._schedules():
            schedule.part(collection)

    def answers(self, collection: CollectionId, shards: int, now: Instant) -> Mapping[OutsideSource, OutsideAnswers]:
        """Return what each source that is asked told of a manifest's shards.

        Of several trackers counts who knows most: seeders tell many of them.
        """
        found: dict[OutsideSource, OutsideAnswers] = {}
        for tracker in self._scrapes.values():
            told = tracker.schedule.answers(collection, shards, self._forget_seconds, now)
            before = found.get(OutsideSource.TRACKER)
            found[OutsideSource.TRACKER] = told if before is None else _most(before, told)
        if self._lookups is not None:
            dht = self._lookups.schedule
            found[OutsideSource.DHT] = dht.answers(collection, shards, self._forget_seconds, now)
        return found

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which something may be due."""
        parts = [*self._scrapes.values(), *([self._lookups] if self._lookups is not None else [])]
        return min((part.next_deadline for part in parts), default=np.inf)

    def _schedules(self) -> list[Schedule]:
        lookups = [self._lookups.schedule] if self._lookups is not None else []
        return [*lookups, *(scrapes.schedule for scrapes in self._scrapes.values())]


def _most(one: OutsideAnswers, other: OutsideAnswers) -> OutsideAnswers:
    more = other.seeders > one.seeders
    return OutsideAnswers(
        seeders=np.where(more, other.seeders, one.seeders),
        answered_at=np.where(more, other.answered_at, one.answered_at),
    )
