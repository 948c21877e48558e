"""The simulated network: rounds, refreshes and pushes of everybody, in virtual time.

What two honest nodes make of a round is, where no bound of a message can bite, the newer edition of every
record on both sides.  A random part of the rounds, and each in which a bound could bite, is spoken message
by message by the real code (:mod:`mirrord.simulation.gossip.exchange`), and must come to the same.
"""

import heapq
from random import Random
from typing import Final

import numpy as np

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.gossip.fingerprints import bits_for
from mirrord.core.gossip.urgency import is_urgent
from mirrord.core.timing import HOUR, WAN
from mirrord.core.wire.messages import Records
from mirrord.simulation.gossip.columns import Columns
from mirrord.simulation.gossip.editions import COLLECTION, START_UNIX, Editions
from mirrord.simulation.gossip.exchange import speak
from mirrord.simulation.gossip.hostility import Hostility
from mirrord.simulation.gossip.links import Link, Links
from mirrord.simulation.gossip.meter import Ends, Meter, Occasion
from mirrord.simulation.gossip.population import Population
from mirrord.simulation.gossip.wire import SUMMARY_BYTES, Sort, session_bytes, wire_bytes
from mirrord.simulation.gossip.wishes import GossipWishes

PERIOD: Final = WAN.gossip_period_seconds
HOP_SECONDS: Final = 1.0
"""From one node's hearing of an urgent record to the next one's: the line, the queue, and the signature."""

_AGAIN_PERIODS: Final = 0.25
"""After how much of a period another session is tried where the habits say so."""

_SPOKEN_A_PERIOD: Final = 250
"""Exchanges spoken in each period, unless the wishes say how many: 6 ms each with 10,000 records."""


class Network:
    """Everybody's records and sessions.  ``matrix[a, b]`` is the edition of b's announcement that a has."""

    def __init__(self, population: Population, editions: Editions, wishes: GossipWishes, hostility: Hostility) -> None:
        self.population = population
        self.editions = editions
        self.habits = wishes.habits
        self.hostility = hostility
        self.dice = Random(wishes.seed)
        self._sampling = Random(wishes.seed)  # a generator of its own: who is sampled changes nothing else
        self.links = Links(population, wishes.habits, self.dice)
        self.matrix = np.repeat(editions.newest[np.newaxis], len(population), axis=0)
        self.meter = Meter()
        self.now = 0.0
        self.urgent_bytes = 0
        self.mismatches = 0
        self._session_bytes = session_bytes(editions.record(0, 1).envelope)
        self._columns = Columns(population, editions)
        self._honest = population.honest.tolist()
        self._reachable = population.reachable.tolist()
        self._in_vain: list[list[int]] = [[] for _ in range(len(population))]
        self._rounds = [self.dice.randrange(1_000) for _ in range(len(population))]
        honest = int(population.honest.sum())
        self._spoken_share = wishes.exact if wishes.exact is not None else min(1.0, _SPOKEN_A_PERIOD / honest)
        self._safe_differences = _differences_that_fit(self._columns, len(population))
        online = np.flatnonzero(population.online).tolist()
        self._due = [(self.dice.random() * PERIOD, node) for node in online]
        heapq.heapify(self._due)
        self._refreshes = [(self.dice.random() * HOUR, node) for node in online if self._honest[node]]
        heapq.heapify(self._refreshes)

    # --- time ------------------------------------------------------------------------------------

    def run_until(self, until: float) -> list[tuple[float, int, int]]:
        """Let time pass; return the refreshes in it: when, who, and which edition."""
        published = []
        while min(self._due[0][0], self._refreshes[0][0]) < until:
            if self._refreshes[0][0] <= self._due[0][0]:
                self.now, node = self._refreshes[0]
                heapq.heapreplace(self._refreshes, (self.now + HOUR, node))
                published.append((self.now, node, self.publish(node)))
            else:
                self.now, node = self._due[0]
                heapq.heapreplace(self._due, (self.now + self._round(node), node))
        self.now = until
        return published

    def _round(self, node: int) -> float:
        """Do what a node does once a period; return after how long it does so again."""
        self._rounds[node] += 1
        self.links.drop_idle(node, self.now)
        dice = self.dice.random()
        link = self.links.choose(node, dice, self._in_vain[node])
        brought = link is not None and self._meet(node, link, Occasion.ROUND)
        self._dial(node)
        if brought or len(self._in_vain[node]) + 1 >= self.habits.tries or link is None:
            self._in_vain[node] = []
            return PERIOD * (0.8 + 0.4 * dice)
        self._in_vain[node].append(link.peer_of(node))
        return PERIOD * _AGAIN_PERIODS

    # --- sessions --------------------------------------------------------------------------------

    def _dial(self, node: int) -> None:
        refused = self.links.counts["refused"]
        for link in self.links.dial(node, self._rounds[node], self.now):
            self._meet(node, link, Occasion.GREETING)
        in_vain = self.links.counts["refused"] - refused
        if in_vain and self._honest[node]:
            self.meter.count(Sort.HANDSHAKES, self._session_bytes * in_vain, self._ends(node))

    def _meet(self, opener: int, link: Link, occasion: Occasion) -> bool:
        """Let two nodes speak; return whether that brought the opener records of others."""
        link.used_at = self.now
        peer = link.peer_of(opener)
        if occasion is Occasion.GREETING:
            self.meter.count(Sort.HANDSHAKES, self._session_bytes, self._ends(opener, peer))
        if self._honest[opener] and self._honest[peer]:
            return self._exchange(opener, peer, occasion)
        if self._honest[opener] or self._honest[peer]:
            hostile, victim = (peer, opener) if self._honest[opener] else (opener, peer)
            caught = self.hostility.attack(hostile, victim, self.matrix[victim], self._instant())
            if caught:
                self.links.close(link)
                if link.dialler == victim:
                    self.links.failed(victim, hostile, self.now)
        return False

    def _exchange(self, opener: int, peer: int, occasion: Occasion) -> bool:
        ours, theirs = self.matrix[opener], self.matrix[peer]
        ends = self._ends(opener, peer)
        times = self.habits.greeting_rounds if occasion is Occasion.GREETING else 1
        differences = int(np.count_nonzero(ours != theirs))
        if not differences:
            self.meter.count(Sort.DIGESTS, times * SUMMARY_BYTES, ends)
            return False
        brings = bool((theirs > ours).any())
        may_be_cut = differences > self._safe_differences
        if may_be_cut or self.meter.wants_spoken(occasion, ends) or self._sampling.random() < self._spoken_share:
            newest = np.maximum(ours, theirs)
            spoken = speak(self._columns, ours, theirs, self._rounds[opener]).total()
            self.meter.exchanged(occasion, ends, times, spoken)
            if not may_be_cut and not (np.array_equal(ours, newest) and np.array_equal(theirs, newest)):
                self.mismatches += 1
            return brings
        np.maximum(ours, theirs, out=ours)
        theirs[:] = ours
        self.meter.exchanged(occasion, ends, times, None)
        return brings

    def _ends(self, *nodes: int) -> Ends:
        honest = [node for node in nodes if self._honest[node]]
        reachable = sum(self._reachable[node] for node in honest)
        return Ends(reachable, len(honest) - reachable)

    def _instant(self) -> Instant:
        return Instant(self.now, START_UNIX + self.now)

    # --- publishing ------------------------------------------------------------------------------

    def publish(self, node: int) -> int:
        """Let a node refresh its announcement; return the edition."""
        edition = self.editions.publish(node, START_UNIX + int(self.now))
        self.matrix[node, node] = edition
        if self.habits.pushes_refresh:
            size = self._push_bytes(node, edition)
            for peer in self.links.peers(node):
                self.meter.count(Sort.PUSHES, size, self._ends(node, peer))
                if self._honest[peer]:
                    self.matrix[peer, node] = edition
        return edition

    def publish_urgent(self, node: int, claims: int) -> list[float]:
        """Let a node announce so many claims; return after how many seconds each honest node that was reached by push
        had heard of it, ascending."""
        older = int(self.editions.newest[node])
        edition = self.editions.publish(node, START_UNIX + int(self.now), claims)
        size = self._push_bytes(node, edition)
        news, before = self.editions.record(node, edition), self.editions.record(node, older)
        relays = is_urgent(news, before, self._instant(), WAN)
        self.matrix[node, node] = edition
        heard, told = [0.0], [(node, node)]
        for hop in range(1, len(self.population)):
            told = self._pass_on(told, node, edition, size)
            heard += [hop * HOP_SECONDS] * len(told)
            if not told or not relays:
                break
        return heard

    def _pass_on(self, told: list[tuple[int, int]], author: int, edition: int, size: int) -> list[tuple[int, int]]:
        """Let those who were told, each with whom they have it from, tell all others; return who heard it first now."""
        new = []
        for node, source in told:
            peers = [peer for peer in self.links.peers(node) if peer != source]
            if self.habits.relay_peers is not None and node != author:
                peers = self.dice.sample(peers, min(len(peers), self.habits.relay_peers))
            for peer in peers:
                self.urgent_bytes += size * sum(self._ends(node, peer))
                if self._honest[peer] and self.matrix[peer, author] < edition:
                    self.matrix[peer, author] = edition
                    new.append((peer, node))
        return new

    def _push_bytes(self, node: int, edition: int) -> int:
        return wire_bytes(Records(COLLECTION, (self.editions.record(node, edition).envelope,)))


def _differences_that_fit(columns: Columns, nodes: int) -> int:
    """Return how many records may differ with the listing of their buckets, and their bytes, surely within bounds."""
    sizes = np.sort(np.bincount(columns.buckets(bits_for(nodes))))[::-1]
    listed = int(np.searchsorted(np.cumsum(sizes), limits.LISTING_MAX_ENTRIES, side="right"))
    answered = limits.ANSWER_MAX_BYTES // (2 * len(columns.editions.record(0, 1).envelope))
    return min(answered, listed if listed < len(sizes) else nodes)
