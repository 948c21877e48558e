"""When rounds are opened and with whom, and to whom news is passed on at once."""

from itertools import pairwise

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.events import SessionOpened
from mirrord.core.gossip.rounds import Rounds
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.timing import WAN
from mirrord.core.wire import messages as m
from tests.unit.core.making import COLLECTION, NOW, announced, make_announcement, node_id
from tests.unit.core.scripted import ScriptedNode, only, pushed, sent

THERE = Address("192.0.2.9", 7700)
PERIOD = WAN.gossip_period_seconds


def sessions_of(count: int) -> list[Session]:
    table = Sessions(node_id(0))
    return [table.opened(SessionOpened(SessionId(n), node_id(n), None), NOW)[0] for n in range(1, count + 1)]


def rounds_of_a_period(rounds: Rounds, sessions: list[Session], dice: float = 0.5) -> list[SessionId]:
    """Return whom a node asks in one period in which nobody tells anything."""
    begin, asked = rounds.next_at, []
    while rounds.next_at < begin + PERIOD:
        now = NOW._replace(monotonic_seconds=rounds.next_at)
        rounds.begins_period(now, dice)
        chosen = rounds.choose(sessions, now, dice)
        asked += [chosen.session] if chosen is not None else []
    return asked


def test_a_round_that_brings_nothing_is_followed_by_others_each_with_another_session() -> None:
    rounds = Rounds(WAN)
    asked = rounds_of_a_period(rounds, sessions_of(8))
    assert len(asked) == len(set(asked)) == limits.ROUND_TRIES_MAX
    assert rounds.next_at == PERIOD and rounds.periods == 1
    assert len(rounds_of_a_period(rounds, sessions_of(2))) == 2, "nobody is asked twice in a period"
    assert rounds_of_a_period(rounds, []) == [], "nor is there anybody to ask"


def test_one_that_brought_something_is_the_periods_only_one() -> None:
    rounds, sessions = Rounds(WAN), sessions_of(8)
    rounds.begins_period(NOW, 0.5)
    chosen = rounds.choose(sessions, NOW, 0.5)
    assert chosen is not None
    rounds.brought_something(SessionId(99))
    assert rounds.next_at < NOW.monotonic_seconds + PERIOD, "not the one that we asked"
    rounds.brought_something(chosen.session)
    assert rounds.next_at == NOW.monotonic_seconds + PERIOD


def test_periods_are_jittered_by_a_fifth_and_hurried_where_something_new_is_there() -> None:
    rounds = Rounds(WAN)
    assert rounds.begins_period(NOW, 0.0) and not rounds.begins_period(NOW.later(0.8 * PERIOD - 1), 0.0)
    assert rounds.begins_period(NOW.later(0.8 * PERIOD), 0.999)
    later = NOW.later(0.8 * PERIOD + 1.19 * PERIOD)
    assert not rounds.begins_period(later, 0.5)
    rounds.hurry(later)
    assert rounds.next_at == later.monotonic_seconds and rounds.begins_period(later, 0.5)


def test_a_node_whose_first_peer_tells_nothing_asks_the_next_within_the_period() -> None:
    scripted = ScriptedNode().join()
    for number in range(1, 6):
        scripted.meet(number)
    scripted.wait(PERIOD)
    asked = {session for session, _ in sent(scripted.wait(1.2 * PERIOD), m.Summary)}
    assert len(asked) >= limits.ROUND_TRIES_MAX


def test_news_is_passed_on_to_some_sessions_others_each_time_and_ones_own_word_to_all() -> None:
    scripted = ScriptedNode().join()
    everybody = [scripted.meet(number) for number in range(1, 31)]
    reached = set()
    for sequence in range(1, 9):
        told = set(pushed(scripted.hear(everybody[0], announced(40 + sequence, make_announcement(1)))))
        assert len(told) == limits.RELAY_SESSIONS_MAX and everybody[0] not in told
        reached |= told
    assert len(reached) > 2 * limits.RELAY_SESSIONS_MAX
    effects = scripted.tell(ev.PledgeChanged(5)) + scripted.wait(WAN.refresh_seconds)
    assert set(pushed(effects)) >= set(everybody)


def test_who_opened_a_session_opens_its_first_round_and_the_other_does_not() -> None:
    scripted = ScriptedNode().join()
    hello = m.Hello(1, 1, "mirrord test", 1_800_000_000, (COLLECTION,))
    for session, dialled, rounds in ((SessionId(71), None, 0), (SessionId(72), ("192.0.2.72", 7700), 1)):
        address = None if dialled is None else Address(*dialled)
        scripted.tell(ev.SessionOpened(session, node_id(int(session)), address))
        assert len(sent(scripted.say(session, hello), m.Summary)) == rounds


def test_who_is_dismissed_by_a_node_that_is_full_asks_again_soon_and_by_another_ever_more_rarely() -> None:
    waits = {}
    for code in (m.GoodbyeCode.OVERLOADED, m.GoodbyeCode.PROTOCOL):
        scripted = ScriptedNode()
        scripted.tell(ev.CollectionJoined(COLLECTION, (THERE,)))
        dialled_at = []
        for number in range(1, 5):
            while not only(scripted.wait(1), ef.Dial):
                pass
            dialled_at.append(scripted.now.monotonic_seconds)
            scripted.tell(ev.SessionOpened(SessionId(number), node_id(9), THERE))
            scripted.say(SessionId(number), m.Goodbye(code, ""))
        waits[code] = [later - before for before, later in pairwise(dialled_at)]
    assert max(waits[m.GoodbyeCode.OVERLOADED]) <= WAN.dial_retry_seconds + 1.2 * PERIOD + 1
    assert waits[m.GoodbyeCode.PROTOCOL][-1] >= 4 * WAN.dial_retry_seconds
