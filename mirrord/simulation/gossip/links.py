"""Who has a session with whom, and whom each node dials: modelled on ``core/gossip/dialling.py``.

A node keeps a number of sessions that it dialled itself and trades one for a new peer now and then, but never
its anchors.  It knows the address of everybody who is reachable, has spoken with some of them before, does not
know who of them is offline, and leaves an address that failed alone for longer each time.  Acceptors keep to the
limits of sessions.  Every node has a neighbourhood and a network of its own, so that the limits of those never
bite.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from mirrord.core import limits
from mirrord.core.gossip.addressbook import Wish
from mirrord.core.gossip.dialling import ANCHORS_KEPT
from mirrord.core.timing import WAN
from mirrord.simulation.gossip.population import Population, Role
from mirrord.simulation.gossip.wishes import Habits, Partner

_DOUBLINGS_MAX: Final = 6
_ACCEPTED_MAX: Final = limits.SESSIONS_MAX - limits.SESSIONS_DIALLED_RESERVE
_DRAWS_MAX: Final = 50
"""Addresses looked at for one dial; in a tiny network all may be connected or failing."""

_PROVED_BEFORE: Final = 40
"""Peers with whom a node has spoken before the start; it meets a dozen new ones an hour."""

_WISHES: Final = (Wish.ANCHOR, Wish.PROVED, Wish.ANYBODY, Wish.PROVED)


@dataclass(slots=True, eq=False)
class Link:
    """One session."""

    dialler: int
    acceptor: int
    used_at: float

    def peer_of(self, node: int) -> int:
        """Return who is at the other end."""
        return self.acceptor if node == self.dialler else self.dialler


class Links:
    """The sessions of everybody; ``counts`` are ``opened``, ``refused``, ``unanswered`` dials."""

    def __init__(self, population: Population, habits: Habits, dice: Random) -> None:
        self._population = population
        self._habits = habits
        self._dice = dice
        self._addresses = [int(node) for node in population.reachable.nonzero()[0]]
        self._links: list[dict[int, Link]] = [{} for _ in range(len(population))]
        known = min(_PROVED_BEFORE, len(self._addresses))
        self._proved: list[dict[int, None]] = [
            dict.fromkeys(dice.sample(self._addresses, known)) for _ in range(len(population))
        ]
        self._dials = [dice.randrange(len(_WISHES)) for _ in range(len(population))]
        self._failed: list[dict[int, tuple[int, float]]] = [{} for _ in range(len(population))]
        self.counts: Counter[str] = Counter()

    def of(self, node: int) -> list[Link]:
        """Return a node's sessions, oldest first."""
        return list(self._links[node].values())

    def peers(self, node: int) -> list[int]:
        """Return who has a session with a node, oldest first."""
        return list(self._links[node])

    def dialled(self, node: int) -> list[Link]:
        """Return the sessions that a node opened itself, oldest first."""
        return [link for link in self._links[node].values() if link.dialler == node]

    def choose(self, node: int, dice: float, in_vain: list[int]) -> Link | None:
        """Return with whom a node opens its round, if there is anybody beside those who were asked in vain just now."""
        links = self.of(node) if self._habits.partner is Partner.ANY else self.dialled(node)
        links = [link for link in links if link.peer_of(node) not in in_vain]
        if self._habits.partner is Partner.DIALLED_IN_TURN:
            return min(links, key=lambda link: link.used_at, default=None)
        return links[int(dice * len(links))] if links else None

    def drop_idle(self, node: int, now: float) -> None:
        """Close the sessions of a node in which nothing was said for long."""
        for link in self.of(node):
            if link.used_at < now - self._habits.idle_seconds:
                self.close(link)

    def dial(self, node: int, rounds: int, now: float) -> list[Link]:
        """Dial whom a node lacks, and now and then somebody new in any case; return the sessions that opened."""
        greedy = self._population.role[node] == Role.FLOODER
        most = limits.SESSIONS_MAX if greedy else self._habits.sessions_wanted
        wanted = most - len(self.dialled(node))
        if rounds % self._habits.rotate_rounds == 0:
            wanted = max(1, wanted)
        opened = []
        for _ in range(wanted if greedy else min(wanted, limits.DIALS_MAX)):
            address = self._choose(node, now)
            if address is None:
                break
            if self._answers(address):
                opened.append(self._open(node, address, now))
            else:
                self.failed(node, address, now)
        self._trade(node, most, opened)
        return [link for link in opened if self._links[node].get(link.acceptor) is link]

    def _trade(self, node: int, most: int, opened: list[Link]) -> None:
        """Close the oldest sessions beyond ``most`` that are neither new nor lead to an anchor."""
        dialled = self.dialled(node)
        peers = {link.acceptor for link in dialled}
        anchors = [peer for peer in self._proved[node] if peer in peers][:ANCHORS_KEPT]
        tradable = [link for link in dialled if link.acceptor not in anchors and link not in opened]
        for surplus in tradable[: max(0, len(dialled) - most)]:
            self.close(surplus)

    def _choose(self, node: int, now: float) -> int | None:
        """Pick an address that is due, as the turn says; where none fits, any."""
        wish = _WISHES[self._dials[node] % len(_WISHES)]
        self._dials[node] += 1
        proved = list(self._proved[node])
        if wish is not Wish.ANCHOR:
            proved = self._dice.sample(proved, len(proved))
        due = self._first_due(node, proved, now) if wish is not Wish.ANYBODY else None
        if due is not None:
            return due
        return self._first_due(node, (self._dice.choice(self._addresses) for _ in range(_DRAWS_MAX)), now)

    def _first_due(self, node: int, addresses: Iterable[int], now: float) -> int | None:
        """Return the first that may be dialled; a hostile node does not mind that one failed."""
        failed, patient = self._failed[node], self._population.role[node] == Role.HONEST
        for address in addresses:
            if address == node or address in self._links[node]:
                continue
            if not patient or address not in failed or failed[address][1] <= now:
                return address
        return None

    def _answers(self, address: int) -> bool:
        if not self._population.online[address]:
            self.counts["unanswered"] += 1
            return False
        links = self._links[address].values()
        accepted = sum(link.acceptor == address for link in links)
        if accepted >= _ACCEPTED_MAX or len(links) >= limits.SESSIONS_MAX:
            self.counts["refused"] += 1
            return False
        return True

    def _open(self, dialler: int, acceptor: int, now: float) -> Link:
        link = Link(dialler, acceptor, now)
        self._links[dialler][acceptor] = self._links[acceptor][dialler] = link
        self._failed[dialler].pop(acceptor, None)
        self._proved[dialler].setdefault(acceptor)
        self.counts["opened"] += 1
        return link

    def failed(self, node: int, address: int, now: float) -> None:
        """Leave an address alone, longer each time: nobody useful answered there."""
        failures = self._failed[node].get(address, (0, 0.0))[0]
        wait = WAN.dial_retry_seconds * 2 ** min(failures, _DOUBLINGS_MAX)
        self._failed[node][address] = failures + 1, now + wait

    def close(self, link: Link) -> None:
        """End a session."""
        del self._links[link.dialler][link.acceptor]
        del self._links[link.acceptor][link.dialler]

    def average(self, nodes: list[int]) -> float:
        """Return how many sessions these nodes have on average."""
        return sum(len(self._links[node]) for node in nodes) / len(nodes)
