"""Which of its addresses a node hands on: what others have reached it at, and nothing that a stranger says."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, SendMessage
from mirrord.core.gossip.reach import Finding, OwnAddress, Reach
from mirrord.core.gossip.scopes import Scope, scope_of
from mirrord.core.gossip.sessions import Session
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.timing import WAN
from mirrord.core.wire.messages import Probe, ProbeResult
from tests.unit.core.making import NOW, node_id

HOME = Address("192.168.1.9", 7700)
SEEN = "9.9.9.9"
PUBLIC = Address(SEEN, 7700)
SOON = limits.PROBE_PERIODS_MIN * WAN.gossip_period_seconds
LATE = limits.PROBE_PERIODS_MAX * WAN.gossip_period_seconds


@dataclass
class Asker:
    """A node's reach, with sessions that a test opens."""

    now: Instant = NOW
    reach: Reach = field(default_factory=lambda: Reach(WAN))
    sessions: list[Session] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def meet(self, place: int, seen_at: str = SEEN, dialled: bool = True) -> Session:
        """Open a session with a peer in a neighbourhood, which sees us come from somewhere."""
        number = next(self.numbers)
        there = Address(f"5.{place}.0.{number}", 7700)
        session = Session(SessionId(number), node_id(number), there if dialled else None, there, 0.0, True)
        session.seen_at = seen_at
        self.sessions.append(session)
        return session

    def look(self, after: float = 0.0) -> list[tuple[SessionId, int]]:
        """Let time pass; return who is asked to probe which port."""
        self.now = self.now.later(after)
        out: list[Effect] = []
        self.reach.look(self.sessions, self.now, 0.0, out)
        return [(e.session, e.message.port) for e in out if isinstance(e, SendMessage) and isinstance(e.message, Probe)]

    def answer(self, session: SessionId, reached: bool, port: int = 7700) -> None:
        peer = next(s for s in self.sessions if s.session == session)
        self.reach.answered(peer, ProbeResult(port, reached), self.now)

    def probe(self, reached: bool, after: float = SOON) -> SessionId:
        """Wait, and have the one who is asked answer."""
        ((session, _),) = self.look(after)
        self.answer(session, reached)
        return session

    def findings(self) -> dict[Address, Finding]:
        return {own.address: own.finding for own in self.reach.own_addresses}


def behind_a_router() -> Asker:
    asker = Asker()
    asker.reach.listening((HOME,), by_operator=False)
    return asker


def test_a_public_address_that_peers_see_is_handed_on_once_one_of_them_got_through() -> None:
    asker = behind_a_router()
    asker.meet(1), asker.meet(2)
    assert asker.reach.announced == (HOME,)
    asker.probe(reached=True)
    assert asker.reach.announced == (HOME, PUBLIC)
    assert asker.reach.found_by_peers == (PUBLIC,)
    assert asker.reach.own_addresses[1] == OwnAddress(PUBLIC, Finding.REACHED, 1, announced=True)


@pytest.mark.parametrize(
    "witnesses",
    [
        [(1, SEEN, True)],
        [(1, SEEN, True), (1, SEEN, True)],
        [(1, SEEN, True), (2, "9.9.9.8", True)],
        [(1, SEEN, True), (2, SEEN, False), (3, SEEN, False)],
        [(1, "10.0.0.7", True), (2, "10.0.0.7", True)],
        [(1, "", True), (2, "", True)],
    ],
    ids=["one", "one hoster", "no two agree", "who called us", "not public", "nothing"],
)
def test_too_few_witnesses_name_no_address(witnesses: list[tuple[int, str, bool]]) -> None:
    asker = behind_a_router()
    for witness in witnesses:
        asker.meet(*witness)
    assert not asker.look()
    assert asker.findings() == {HOME: Finding.LOCAL}


def test_both_ip_versions_are_learned_each_with_its_port() -> None:
    asker = Asker()
    asker.reach.listening((HOME, Address("fd00::9", 7710)), by_operator=False)
    for place in (1, 2):
        asker.meet(place), asker.meet(place, "2620:fe::9")
    assert sorted(port for _, port in asker.look()) == [7700, 7710]
    assert Address("2620:fe::9", 7710) in asker.findings()


def test_a_public_address_of_the_machine_itself_needs_a_probe_but_no_witnesses() -> None:
    asker = Asker()
    asker.reach.listening((PUBLIC,), by_operator=False)
    assert asker.reach.announced == ()
    asker.meet(1, dialled=False)
    asker.probe(reached=True)
    assert asker.reach.announced == (PUBLIC,)
    assert asker.reach.found_by_peers == ()


def test_what_the_operator_says_is_announced_whatever_peers_find() -> None:
    asker = Asker()
    asker.reach.listening((PUBLIC,), by_operator=True)
    assert asker.reach.announced == (PUBLIC,)
    asker.meet(1), asker.meet(2), asker.meet(3, "9.9.9.1"), asker.meet(4, "9.9.9.1")
    asker.probe(reached=False)
    asker.probe(reached=False)
    assert asker.reach.own_addresses == (OwnAddress(PUBLIC, Finding.NOT_REACHED, 0, announced=True),)


def test_two_peers_must_fail_before_an_address_is_taken_back() -> None:
    asker = behind_a_router()
    for place in range(1, 6):
        asker.meet(place)
    asker.probe(reached=True)
    first = asker.probe(reached=False)
    assert PUBLIC in asker.reach.announced
    asker.probe(reached=True)
    asker.probe(reached=False, after=LATE)
    assert PUBLIC in asker.reach.announced, "a success in between counts"
    second = asker.probe(reached=False)
    assert first != second
    assert asker.reach.announced == (HOME,)
    assert asker.findings()[PUBLIC] is Finding.NOT_REACHED
    asker.probe(reached=True)
    assert PUBLIC in asker.reach.announced, "and it comes back"


def test_one_peer_that_says_no_twice_is_one_peer() -> None:
    asker = behind_a_router()
    asker.meet(1), asker.meet(2)
    asker.probe(reached=True)
    liar = asker.meet(3)
    asker.sessions = [liar]
    for _ in range(5):
        asker.probe(reached=False, after=LATE)
    assert PUBLIC in asker.reach.announced


def test_peers_are_asked_in_turn_and_those_that_we_dialled_first() -> None:
    asker = behind_a_router()
    caller = asker.meet(9, dialled=False)
    first, second = asker.meet(1), asker.meet(2)
    assert [asker.probe(reached=False) for _ in range(3)] == [first.session, second.session, caller.session]


def test_only_who_sees_us_at_that_address_is_asked() -> None:
    asker = Asker()
    asker.reach.listening((PUBLIC,), by_operator=True)
    asker.meet(1, "9.9.9.1"), asker.meet(2, "192.168.1.9"), asker.meet(3, "")
    assert not asker.look()


def test_questions_come_seldom_once_it_is_clear() -> None:
    asker = behind_a_router()
    for place in range(1, 30):
        asker.meet(place)
    asker.probe(reached=True)
    assert not asker.look(SOON - 1)
    asker.probe(reached=True, after=1)
    assert not asker.look(LATE - 1)
    asker.probe(reached=True, after=1)

    deaf = behind_a_router()
    for place in range(1, 30):
        deaf.meet(place)
    waits = []
    for _ in range(8):
        deaf.probe(reached=False, after=0)
        waited = next(n for n in range(1, limits.PROBE_PERIODS_MAX + 1) if deaf_is_asked(deaf, n))
        waits.append(waited)
        deaf.now = deaf.now.later(waited * WAN.gossip_period_seconds)
    assert waits == [15, 15, 30, 60, 120, 240, 240, 240]


def deaf_is_asked(asker: Asker, periods: int) -> bool:
    """Whether a question is due after so many gossip periods; asks none."""
    own = next(own for own in asker.reach._candidates.values() if own.is_public)
    return own.next_probe_at <= asker.now.later(periods * WAN.gossip_period_seconds).monotonic_seconds


def test_who_does_not_answer_leaves_it_open_and_another_is_asked() -> None:
    asker = behind_a_router()
    asker.meet(1), asker.meet(2)
    ((silent, _),) = asker.look()
    assert not asker.look(limits.PROBE_ANSWER_SECONDS)
    asker.answer(silent, reached=True)
    assert PUBLIC not in asker.reach.announced, "too late"
    ((_, _),) = asker.look(SOON)


def test_results_that_nobody_asked_for_mean_nothing() -> None:
    asker = behind_a_router()
    first, second = asker.meet(1), asker.meet(2)
    ((asked, _),) = asker.look()
    other = second if asked == first.session else first
    asker.answer(other.session, reached=True)
    asker.answer(asked, reached=True, port=7701)
    assert asker.reach.announced == (HOME,)
    asker.reach.closed(asked)
    asker.answer(asked, reached=True)
    assert asker.reach.announced == (HOME,)


def test_an_address_that_changes_is_learned_anew_and_one_that_stays_keeps_its_finding() -> None:
    asker = behind_a_router()
    asker.meet(1), asker.meet(2)
    asker.probe(reached=True)
    asker.reach.listening((HOME,), by_operator=False)
    assert PUBLIC in asker.reach.announced
    asker.reach.listening((Address(HOME.host, 7799),), by_operator=False)
    assert Address(SEEN, 7799) in asker.findings(), "the new port"
    assert asker.reach.announced == (Address(HOME.host, 7799),), "which nobody has reached yet"

    asker.sessions.clear()
    asker.look()
    assert Address(SEEN, 7799) in asker.findings(), "no session says nothing"
    asker.meet(3, "9.9.1.1"), asker.meet(4, "9.9.1.1")
    asker.look()
    assert set(asker.findings()) == {Address(HOME.host, 7799), Address("9.9.1.1", 7799)}


def test_what_is_remembered_of_helpful_peers_is_bounded() -> None:
    asker = behind_a_router()
    for place in range(1, 60):
        asker.meet(place)
        if place > 1:
            asker.probe(reached=True, after=LATE)
    assert asker.reach.own_addresses[1].reached_by == limits.VERIFIERS_MAX


HOSTS = (SEEN, "9.9.9.8", "10.0.0.7", "2620:fe::9", "")
STEPS = st.one_of(
    st.tuples(st.just("meet"), st.integers(1, 4), st.sampled_from(HOSTS), st.booleans()),
    st.tuples(st.just("look"), st.floats(0, 2 * LATE)),
    st.tuples(st.just("answer"), st.integers(1, 12), st.booleans()),
    st.tuples(st.just("close"), st.integers(1, 12)),
)


@given(st.lists(STEPS, max_size=60))
def test_whatever_peers_say_only_what_one_was_asked_about_and_reached_is_handed_on(
    steps: list[tuple[Any, ...]],
) -> None:
    asker = behind_a_router()
    asked: dict[SessionId, Address] = {}
    reached: set[Address] = set()
    for step in steps:
        match step:
            case ("meet", place, seen_at, dialled):
                asker.meet(place, seen_at, dialled)
            case ("look", seconds):
                for session, port in asker.look(seconds):
                    seen_at = next(s.seen_at for s in asker.sessions if s.session == session)
                    assert seen_at in HOSTS and scope_of(seen_at) is Scope.GLOBAL
                    asked[session] = Address(seen_at, port)
            case ("answer", number, verdict) if any(s.session == number for s in asker.sessions):
                asker.answer(SessionId(number), verdict)
                if verdict and number in asked:
                    reached.add(asked[SessionId(number)])
            case ("close", number):
                asker.sessions = [s for s in asker.sessions if s.session != number]
                asker.reach.closed(SessionId(number))
        assert set(asker.reach.announced) <= {HOME} | reached
        assert HOME in asker.reach.announced
        assert len(asker.reach.own_addresses) <= 3, "its own, and one for each version of IP"
        assert len({question.address for question in asker.reach._questions.values()}) == len(asker.reach._questions)
