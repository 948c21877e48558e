"""Whom a node dials: people it knows, in many places, and nobody whom only a stranger wants called."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Dial, Effect
from mirrord.core.events import AddressSource, SessionOpened
from mirrord.core.gossip.dialling import ANCHORS_KEPT, SESSIONS_WANTED, Dialling
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.core.timing import WAN
from tests.unit.core.making import NOW, node_id

HEARSAY = AddressSource.ANNOUNCEMENT
OWN = node_id(0)
LONG_AGO = int(NOW.unix_seconds) - 86_400
ROTATES = 5


def public(place: int, number: int = 1) -> Address:
    return Address(f"5.{place}.0.{number}", 7700)


@dataclass
class Caller:
    """A node's dialling with its sessions; whom it dials answers, unless a test says otherwise."""

    now: Instant = NOW
    sessions: Sessions = field(default_factory=lambda: Sessions(OWN))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    dialling: Dialling = field(init=False)

    def __post_init__(self) -> None:
        self.dialling = Dialling(OWN, self.sessions, WAN, Counter())

    def dial(self, rounds: int = 1, dice: float = 0.0) -> list[Address]:
        out: list[Effect] = []
        self.dialling.dial(rounds, self.now, dice, out)
        return [effect.address for effect in out if isinstance(effect, Dial)]

    def opened(self, peer: NodeId, dialled: Address | None, remote: Address | None = None) -> Session:
        """Open a session and greet."""
        session = SessionId(next(self.numbers))
        there = remote or dialled
        new, _ = self.sessions.opened(SessionOpened(session, peer, dialled, there), self.now)
        if dialled is not None:
            self.dialling.book.answered(dialled, peer)
            self.dialling.book.welcomed(dialled, self.now)
        new.greeted = True
        return new

    def know(self, place: int, first_seen_at: int = LONG_AGO) -> Address:
        """Remember somebody from an earlier run."""
        address = public(place)
        self.dialling.book.learn(address, AddressSource.REMEMBERED, node_id(place), first_seen_at)
        return address


def test_a_run_begins_with_the_anchors() -> None:
    caller = Caller()
    for place in range(1, 40):
        caller.know(place, LONG_AGO + place)
        caller.dialling.learn((public(100 + place),), HEARSAY, node_id(100 + place))
    assert caller.dial()[:ANCHORS_KEPT] == [public(1), public(2)]


def test_later_one_dial_in_four_goes_to_the_anchor_and_one_to_anybody() -> None:
    caller = Caller()
    for place in range(1, 4):
        caller.know(place, LONG_AGO + place)
    for place in range(100, 250):
        caller.dialling.learn((public(place),), HEARSAY, node_id(place))
    dialled: list[Address] = []
    for turn in range(40):
        (address,) = caller.dial(ROTATES, turn / 40)[:1]
        dialled.append(address)
        caller.dialling.book.answered(address, node_id(1))  # and hangs up
    proved = [address for address in dialled if address in {public(1), public(2), public(3)}]
    assert dialled[4::4] == [public(1)] * 9
    assert 0.7 <= len(proved) / len(dialled) <= 0.8


def test_who_has_what_we_lack_is_dialled_first_and_also_where_we_have_all_sessions() -> None:
    caller = Caller()
    for place in range(1, SESSIONS_WANTED + 1):
        caller.opened(node_id(place), caller.know(place))
    for place in range(100, 250):
        caller.dialling.learn((public(place),), HEARSAY, node_id(place))
    caller.dialling.sought = frozenset({node_id(177)})
    assert caller.dial() == [public(177)]
    caller.opened(node_id(177), public(177))
    assert not caller.dial(), "it is there now"


def test_one_neighbourhood_gets_one_session() -> None:
    caller = Caller()
    caller.dialling.learn(tuple(public(1, number) for number in range(50)), HEARSAY)
    (address,) = caller.dial()
    assert not caller.dial(), "nor while the first dial is under way"
    caller.opened(node_id(1), address)
    assert not caller.dial()
    caller.dialling.learn((public(2),), HEARSAY)
    assert caller.dial() == [public(2)]


def test_neighbours_that_are_not_public_are_all_welcome() -> None:
    caller = Caller()
    caller.dialling.listening((Address("10.0.0.1", 7700),))
    caller.dialling.learn(tuple(Address(f"10.0.0.{n}", 7700) for n in range(2, 12)), HEARSAY)
    assert len(caller.dial()) == limits.DIALS_MAX


def test_a_network_at_one_hoster_stays_one_through_a_visitor_at_a_time() -> None:
    caller = Caller()
    caller.dialling.learn(tuple(public(1, number) for number in range(2, 9)), HEARSAY)
    (first,) = caller.dial()
    caller.opened(node_id(1), first)
    seen = {first}
    for turn in range(12):
        (address,) = caller.dial(ROTATES, turn / 12)
        seen.add(address)
        visitor = caller.opened(node_id(10 + turn), address)
        leaving = caller.dialling.surplus(visitor)
        assert (leaving is None) == (turn == 0)
        if leaving is not None:
            assert leaving.dialled != first
            caller.sessions.closed(leaving.session)
        assert len(caller.sessions.dialled()) == 2
    assert len(seen) >= 5


def test_a_visitor_is_only_asked_in_where_there_is_nobody_elsewhere() -> None:
    caller = Caller()
    caller.dialling.learn((public(1, 1), public(1, 2), public(2)), HEARSAY)
    caller.opened(node_id(1), public(1, 1))
    assert caller.dial(ROTATES) == [public(2)]
    assert not caller.dial()


def test_the_oldest_session_is_traded_but_never_an_anchor() -> None:
    caller = Caller()
    for place in (1, 2, 3):
        caller.know(place, LONG_AGO + place)
    opened = [caller.opened(node_id(place), public(place)) for place in range(1, SESSIONS_WANTED + 1)]
    for place in range(4, 60):
        caller.dialling.learn((public(place),), HEARSAY)
    gone: list[Session] = []
    for place in range(30, 50):
        caller.now = caller.now.later(60)
        newest = caller.opened(node_id(place), public(place))
        surplus = caller.dialling.surplus(newest)
        assert surplus is not None
        caller.sessions.closed(surplus.session)
        gone.append(surplus)
    assert gone[: SESSIONS_WANTED - ANCHORS_KEPT] == opened[ANCHORS_KEPT:]
    assert [session for session in opened if session not in gone] == opened[:ANCHORS_KEPT]
    assert len(caller.sessions.dialled()) == SESSIONS_WANTED


# --- where hearsay may lead ----------------------------------------------------------------------

LOOPBACK, HOME, ULA = Address("127.0.0.1", 7700), Address("192.168.1.9", 7700), Address("fd00::9", 7700)
INTERNET = Address("9.9.9.9", 7700)


@pytest.mark.parametrize(
    ("announced", "dialled"),
    [
        ((), {INTERNET}),
        ((Address("9.8.8.8", 7700),), {INTERNET}),
        ((Address("10.0.0.1", 7700),), {INTERNET, HOME, ULA}),
        ((Address("127.0.0.1", 7705),), {INTERNET, LOOPBACK}),
        ((Address("fe80::1", 7700),), {INTERNET}),
    ],
    ids=["nowhere", "the internet", "a home", "loopback", "one link"],
)
def test_strangers_send_us_only_where_we_stand_ourselves(announced: tuple[Address, ...], dialled: set[Address]) -> None:
    caller = Caller()
    caller.dialling.learn((LOOPBACK, HOME, ULA, INTERNET), HEARSAY)
    caller.dialling.listening(announced)
    assert set(caller.dial()) == dialled
    assert {a for a in (LOOPBACK, HOME, ULA, INTERNET) if caller.dialling.may_aim_at(a)} == dialled


def test_the_operator_may_send_us_anywhere_and_the_local_network_into_itself() -> None:
    caller = Caller()
    mail, name = Address("9.9.9.8", 25), Address("mirror.example.org", 80)
    link = Address("fe80::2", 7700)
    caller.dialling.learn((LOOPBACK, mail, name), AddressSource.BOOTSTRAP)
    caller.dialling.learn((link,), AddressSource.LOCAL_NETWORK)
    assert set(caller.dial()) == {LOOPBACK, mail, name, link}
    assert not caller.dialling.may_aim_at(mail)
    assert not caller.dialling.may_aim_at(link)


def test_what_was_proved_in_another_network_is_not_dialled_in_this_one() -> None:
    caller = Caller()
    caller.dialling.book.learn(HOME, AddressSource.REMEMBERED, node_id(1), LONG_AGO)
    assert not caller.dial()


# --- who is met ----------------------------------------------------------------------------------


def test_who_has_a_session_with_us_is_not_dialled_wherever_it_is_proved() -> None:
    caller = Caller()
    caller.know(1)
    caller.dialling.learn((public(2),), HEARSAY, node_id(2))
    caller.dialling.learn((public(3),), HEARSAY, OWN)
    caller.opened(node_id(1), None, Address("9.9.9.9", 40_000))
    caller.opened(node_id(2), None, Address("5.2.0.1", 40_001))
    assert not caller.dial()


def test_nobody_hides_an_address_by_announcing_it_as_his_own() -> None:
    caller = Caller()
    caller.dialling.learn((public(1),), HEARSAY, node_id(666))
    caller.opened(node_id(666), None, Address("9.9.9.9", 40_000))
    assert caller.dial() == [public(1)]


def test_a_node_is_not_dialled_at_two_addresses_at_once() -> None:
    caller = Caller()
    caller.dialling.learn((public(1), public(2), public(3)), HEARSAY, node_id(7))
    assert len(caller.dial()) == 1


# --- dead addresses ------------------------------------------------------------------------------


def fail(caller: Caller, address: Address) -> list[Address]:
    """Let a dial fail; return what is dialled in its place."""
    out: list[Effect] = []
    caller.dialling.book.failed(address, caller.now)
    caller.dialling.dial_again(caller.now, out)
    return [effect.address for effect in out if isinstance(effect, Dial)]


def test_a_dial_that_fails_is_followed_by_others_at_once_but_only_so_many() -> None:
    caller = Caller()
    for place in range(100):
        caller.dialling.learn((public(place),), HEARSAY)
    waiting = caller.dial()
    seen = set(waiting)
    while waiting:
        followed = fail(caller, waiting.pop())
        assert not seen & set(followed)
        waiting += followed
        seen |= set(followed)
    assert len(seen) == limits.DIALS_MAX + limits.REDIALS_BURST
    caller.now = caller.now.later(WAN.gossip_period_seconds)
    assert fail(caller, public(0))


def test_nobody_is_dialled_in_the_place_of_a_failed_dial_where_there_are_sessions_enough() -> None:
    caller = Caller()
    for place in range(1, SESSIONS_WANTED + 1):
        caller.opened(node_id(place), public(place))
    caller.dialling.learn((public(50), public(51)), HEARSAY)
    (visited,) = caller.dial(ROTATES)
    assert not fail(caller, visited)
