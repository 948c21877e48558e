"""When a node holds its tongue: before it knows its own last word, and while its clock is wrong."""

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.records.record import record_id
from mirrord.core.statistics import ShardRole
from mirrord.core.wire import messages as m
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, UNIX, announced, key_of, make_announcement, node_id
from tests.unit.core.scripted import MB, OWN, ScriptedNode, only, pushed, sent

THERE = Address("192.0.2.9", 7700)
ASKED = m.RecordRequest(COLLECTION, (record_id(key_of(OWN)),))


def starting() -> ScriptedNode:
    """Return a node that knows an address and nothing of what it said before."""
    scripted = ScriptedNode()
    scripted.tell(ev.CollectionJoined(COLLECTION, (THERE,)))
    assert not pushed(scripted.listen())
    return scripted


def own_sequence(scripted: ScriptedNode) -> int:
    return scripted.node.state.gossip.records.highest(key_of(OWN))


def test_a_node_that_lost_its_disk_asks_for_its_last_word_and_goes_on_above_it() -> None:
    scripted = starting()
    session = SessionId(7)
    scripted.tell(ev.SessionOpened(session, node_id(1), THERE))
    assert own_sequence(scripted) == 0
    effects = scripted.say(session, m.Hello(1, 1, "mirrord test", UNIX, (COLLECTION,)))
    assert (session, ASKED) in sent(effects, m.RecordRequest)
    ahead = UNIX + 5_000_000
    scripted.hear(session, announced(OWN, make_announcement(ahead)))
    assert own_sequence(scripted) == ahead + 1


def test_an_empty_answer_is_an_answer() -> None:
    scripted = starting()
    session = scripted.meet(1, dialled=THERE)
    assert own_sequence(scripted) == 0
    scripted.hear(session)
    assert own_sequence(scripted) == UNIX


def test_whoever_is_asked_always_answers() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    request = m.RecordRequest(COLLECTION, (record_id(key_of(1)),))
    assert sent(scripted.say(session, request), m.Records) == [(session, m.Records(COLLECTION, ()))]


def test_nobody_to_ask_or_no_answer_in_time_keeps_no_node_silent() -> None:
    assert own_sequence(ScriptedNode().join()) == UNIX, "the first node of a collection"
    scripted = starting()
    scripted.tell(ev.DialFailed(THERE, "nobody there"))
    scripted.wait(limits.RECALL_SECONDS - 1)
    assert own_sequence(scripted) == 0
    scripted.wait(2 + 0.2 * limits.RECALL_SECONDS)
    assert own_sequence(scripted) > 0


def clocks_of(scripted: ScriptedNode, ahead_seconds: int, peers: int = limits.CLOCK_PEERS_MIN) -> list[ef.Effect]:
    """Dial peers whose clocks are ahead of the node's; return what came of it."""
    effects: list[ef.Effect] = []
    for number in range(1, 1 + peers):
        session = SessionId(1_000 + number)
        effects += scripted.tell(ev.SessionOpened(session, node_id(number), Address(f"198.51.{number}.1", 7700)))
        unix_seconds = int(scripted.now.unix_seconds) + ahead_seconds
        effects += scripted.say(session, m.Hello(1, 1, "mirrord test", unix_seconds, (COLLECTION,)))
    return effects + scripted.tell(ev.TimePassed(0.5))


def test_a_node_whose_clock_is_wrong_says_so_claims_and_announces_nothing_and_serves_on() -> None:
    scripted = ScriptedNode().join()
    scripted.import_manifest(make_body(2))
    before = own_sequence(scripted)
    effects = clocks_of(scripted, 3_600)
    (warning,) = only(effects, ef.Warn)
    assert warning.offset_seconds == -3_600
    statistics = scripted.node.statistics(scripted.now).node
    assert statistics.clock_wrong and statistics.clock_offset_seconds == -3_600
    scripted.tell(ev.PledgeChanged(50 * MB))
    seen = scripted.wait(7_200)
    assert own_sequence(scripted) == before and not pushed(seen)
    assert not [own for own in scripted.node.state.custody.all() if own.role is ShardRole.CLAIMED]
    session = SessionId(1_001)
    assert sent(scripted.say(session, m.Summary(COLLECTION, 1, 1)), m.Buckets), "it answers as ever"

    scripted.now = replace_clock(scripted.now, 3_600)
    effects = scripted.tell(ev.TimePassed(0.5))
    assert [warning.message for warning in only(effects, ef.Warn)] and pushed(effects)
    assert own_sequence(scripted) > before and not scripted.node.statistics(scripted.now).node.clock_wrong


def replace_clock(now: Instant, ahead_seconds: int) -> Instant:
    return now._replace(unix_seconds=now.unix_seconds + ahead_seconds)


def test_who_dials_us_has_no_say_about_our_clock() -> None:
    scripted = ScriptedNode().join()
    for number in range(1, 30):
        session = scripted.meet(number)
        scripted.say(session, m.Hello(1, 1, "mirrord test", UNIX + 9_999, (COLLECTION,)))
    assert scripted.node.statistics(scripted.now).node.clock_offset_seconds is None
