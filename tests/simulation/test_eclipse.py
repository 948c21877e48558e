"""An attacker with thousands of addresses at three hosters, who announces them all, first and without end.

The real book and the real dialling of one victim, among 120 honest nodes that stand in as many neighbourhoods,
of which 40 answer.  Every address of the attacker answers, at once, and knows how to behave.  Beside these he
may announce others' addresses, in as many neighbourhoods as he likes, where nobody answers.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Dial, Effect
from mirrord.core.events import AddressSource, SessionOpened
from mirrord.core.gossip.dialling import SESSIONS_WANTED, Dialling
from mirrord.core.gossip.scopes import Neighbourhood, neighbourhood_of
from mirrord.core.gossip.sessions import Sessions
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.core.timing import WAN

HOSTERS = 3
ROUNDS = 480  # eight hours of gossip periods
START = Instant(1_000.0, 1_790_000_000.0)
OWN = NodeId(bytes(32))


def nodes_named(kind: bytes, number: int) -> NodeId:
    return NodeId(kind + number.to_bytes(31, "big"))


HONEST = {Address(f"60.{place}.0.1", 7700): nodes_named(b"h", place) for place in range(120)}
ANSWERING = dict(list(HONEST.items())[:40])
ATTACKER = {
    Address(f"5.{number % HOSTERS}.{number // 250}.{number % 250 + 1}", 7700): nodes_named(b"a", number)
    for number in range(6_000)
}
NOWHERE = tuple(Address(f"{80 + number % 100}.{number // 100}.0.9", 7700) for number in range(6_000))


@dataclass
class Victim:
    """One node's dialling, in a network where addresses answer or do not."""

    seed: int
    now: Instant = START
    shares: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.restart()

    def restart(self) -> None:
        """Begin a run with an empty book and no session."""
        self.sessions = Sessions(OWN)
        self.dialling = Dialling(OWN, self.sessions, WAN, Counter())
        self.rounds = 0
        self.opened = 0

    def hear(self, addresses: Iterable[Address], nodes: dict[Address, NodeId]) -> None:
        for address in addresses:
            self.dialling.learn((address,), AddressSource.ANNOUNCEMENT, nodes.get(address))

    def remember(self, addresses: Iterable[Address], nodes: dict[Address, NodeId], first_seen_at: int) -> None:
        for address in addresses:
            self.dialling.book.learn(address, AddressSource.REMEMBERED, nodes[address], first_seen_at)

    def round(self) -> None:
        """Let a gossip period pass; now and then a session breaks."""
        self.rounds += 1
        self.now = self.now.later(WAN.gossip_period_seconds)
        for session in self.sessions.dialled():
            if self.random.random() < 0.002:
                self.sessions.closed(session.session)
        out: list[Effect] = []
        self.dialling.dial(self.rounds, self.now, self.random.random(), out)
        while out:
            effect = out.pop(0)
            assert isinstance(effect, Dial)
            self._dial(effect.address, out)
        self.shares.append(self.attackers() / max(1, len(self.sessions.dialled())))
        assert len(self.sessions.dialled()) <= SESSIONS_WANTED + 1
        assert len(self.dialling.book) <= limits.ADDRESS_BOOK_MAX

    def _dial(self, address: Address, out: list[Effect]) -> None:
        node = ANSWERING.get(address) or ATTACKER.get(address)
        if node is None:
            self.dialling.book.failed(address, self.now)
            self.dialling.dial_again(self.now, out)
            return
        self.opened += 1
        event = SessionOpened(SessionId(self.opened), node, address, address)
        session, twin = self.sessions.opened(event, self.now)
        assert twin is None
        self.dialling.book.answered(address, node)
        self.dialling.book.welcomed(address, self.now)
        session.greeted = True
        if (surplus := self.dialling.surplus(session)) is not None:
            self.sessions.closed(surplus.session)

    def attackers(self) -> int:
        """How many of the sessions that the victim opened lead to the attacker."""
        return sum(session.peer.startswith(b"a") for session in self.sessions.dialled())

    def places(self) -> set[Neighbourhood | None]:
        """In how many neighbourhoods its sessions end."""
        return {neighbourhood_of(session.dialled.host) for session in self.sessions.dialled() if session.dialled}


@pytest.mark.parametrize("seed", range(2))
def test_whoever_announces_thousands_of_addresses_has_one_session_for_each_hoster_at_most(seed: int) -> None:
    victim = Victim(seed)
    victim.hear(ATTACKER, ATTACKER)
    victim.hear(HONEST, HONEST)
    for number in range(ROUNDS):
        victim.round()
        assert victim.attackers() <= HOSTERS + 1, "one for each hoster, and at most one visitor"
        if number % 20 == 0:  # an honest announcement comes again every hour
            victim.hear(victim.random.sample(list(ATTACKER), 500), ATTACKER)
            victim.hear(HONEST, HONEST)
    settled = victim.shares[30:]
    assert sum(settled) / len(settled) < 0.25, "98 % of all that was announced is the attacker's"
    assert len(victim.places()) >= SESSIONS_WANTED - 1
    in_book = [address for address in ATTACKER if victim.dialling.book.get(address) is not None]
    assert len(in_book) == HOSTERS * limits.ADDRESSES_PER_NEIGHBOURHOOD_MAX


def test_who_owns_the_book_before_a_restart_meets_the_anchors_after_it() -> None:
    long_ago = int(START.unix_seconds)
    for seed in range(5):
        victim = Victim(seed)
        victim.remember(list(ANSWERING)[:6], HONEST, long_ago - 86_400)
        victim.remember(list(ATTACKER)[:2_000], ATTACKER, long_ago - 3_600)
        victim.hear(NOWHERE, {})
        victim.round()
        honest = [session for session in victim.sessions.dialled() if session.peer.startswith(b"h")]
        assert len(honest) >= 2, "the first two dials went to those that were there before"


def test_a_book_full_of_lies_costs_a_node_no_peer_that_it_has() -> None:
    victim = Victim(7)
    known = list(ANSWERING)[: SESSIONS_WANTED - HOSTERS]
    victim.remember(known, HONEST, int(START.unix_seconds) - 86_400)
    victim.hear(ATTACKER, ATTACKER)
    victim.hear(NOWHERE, {})
    for _ in range(200):
        victim.round()
        assert victim.attackers() <= HOSTERS
    assert len(victim.dialling.book) == limits.ADDRESS_BOOK_MAX
    assert len(victim.sessions.dialled()) - victim.attackers() >= len(known) - 1, "one may just have broken"
    assert all(victim.dialling.book.get(address) is not None for address in known)


def test_a_node_that_was_told_only_lies_finds_the_others_once_it_hears_of_them() -> None:
    victim = Victim(7)
    victim.hear(ATTACKER, ATTACKER)
    for _ in range(30):
        victim.round()
    assert victim.shares[-1] == 1.0
    victim.hear(HONEST, HONEST)
    for _ in range(100):
        victim.round()
    assert victim.attackers() <= HOSTERS + 1
    assert len(victim.places()) >= SESSIONS_WANTED - 1
