"""Asks about outside seeders, for the core, which decides whom and how often: the DHT, and trackers."""

from collections.abc import Awaitable, Callable

import trio

from mirrord.core.effects import LookUpSwarm, OutsideEffect, ScrapeTracker
from mirrord.core.errors import EngineError
from mirrord.core.events import Event, SwarmLookedUp, TrackerScraped
from mirrord.core.outside.bounds import SWARM_MEMBERS_MAX
from mirrord.core.records.ids import Address
from mirrord.torrents.alerts import DhtAnswered
from mirrord.torrents.dht import Dht
from mirrord.torrents.scraping import scrape


class Outside:
    """Carries out the questions about outside seeders; no swarm is joined, and nobody is told of us."""

    def __init__(self, dht: Dht, emit: Callable[[Event], Awaitable[None]]) -> None:
        self._dht = dht
        self._emit = emit
        self._members: dict[bytes, set[Address]] = {}

    async def carry_out(self, effect: OutsideEffect) -> None:
        """Ask, and tell what was answered."""
        match effect:
            case LookUpSwarm():
                await self._emit(SwarmLookedUp(effect.shard, effect.info_hash, await self._look_up(effect)))
            case ScrapeTracker():
                shards = tuple(swarm.shard for swarm in effect.swarms)
                try:
                    event = TrackerScraped(effect.tracker, shards, await scrape(effect))
                except EngineError as error:
                    event = TrackerScraped(effect.tracker, shards, None, error.message)
                await self._emit(event)

    def take_in(self, answer: DhtAnswered) -> bool:
        """Take an answer of the DHT that belongs to a question of ours; return whether it does."""
        members = self._members.get(answer.info_hash)
        if members is None:
            return False
        members.update(answer.addresses[: SWARM_MEMBERS_MAX - len(members)])
        return True

    async def _look_up(self, effect: LookUpSwarm) -> tuple[Address, ...] | None:
        """Return whom the DHT tells of; libtorrent does not say when a lookup is over, so it is given its time."""
        if not self._dht.nodes:
            return None
        members = self._members.setdefault(effect.info_hash, set())
        try:
            self._dht.look_up(effect.info_hash)
            await trio.sleep(effect.seconds)
        finally:
            self._members.pop(effect.info_hash, None)
        return tuple(sorted(members))
