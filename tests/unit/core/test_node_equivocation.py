"""A node that contradicts itself: the proof is kept, travels at once, and is heeded by whoever hears it."""

from mirrord.core import effects as ef
from mirrord.core.publishing import KEY_IS_ELSEWHERE
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.timing import WAN
from mirrord.core.wire import messages as m
from tests.unit.core.making import COLLECTION, UNIX, announced, make_announcement, node_id, signing_key
from tests.unit.core.scripted import OWN, ScriptedNode, only, pushed, sent

HONEST = announced(2, make_announcement(5))


def test_a_contradiction_becomes_a_proof_that_travels_at_once_and_the_node_counts_no_more() -> None:
    scripted = ScriptedNode().join()
    source, other = scripted.meet(1), scripted.meet(3)
    scripted.hear(source, HONEST)
    effects = scripted.hear(source, announced(2, make_announcement(5, pledge_bytes=1)))
    (kept,) = only(effects, ef.PersistRecord)
    assert kept.key == RecordKey(Kind.EQUIVOCATION, node_id(2))
    assert (other, m.Records(COLLECTION, (kept.envelope,))) in sent(effects, m.Records)
    assert scripted.counters() == {"equivocation": 1}
    records = scripted.node.state.gossip.records
    assert [node for node, _ in records.announcements(COLLECTION)] == [scripted.id]

    elsewhere = ScriptedNode(key=signing_key(7)).join()
    elsewhere.hear(elsewhere.meet(1), HONEST, kept.envelope)
    records = elsewhere.node.state.gossip.records
    assert node_id(2) not in {node for node, _ in records.announcements(COLLECTION)}, "whoever hears the proof agrees"
    elsewhere.restart()
    records = elsewhere.node.state.gossip.records
    assert node_id(2) not in {node for node, _ in records.announcements(COLLECTION)}, "also after a restart"


def test_two_machines_with_one_key_are_noticed_and_do_not_shout_each_other_down() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    forgotten = scripted.hear(session, announced(OWN, make_announcement(UNIX + 500)))
    assert pushed(forgotten) and not only(forgotten, ef.Warn), "a life that the disk forgot is answered at once"
    twin = scripted.hear(session, announced(OWN, make_announcement(UNIX + 600)))
    assert not pushed(twin)
    assert [warning.message for warning in only(twin, ef.Warn)] == [KEY_IS_ELSEWHERE]
    assert scripted.node.statistics(scripted.now).node.key_elsewhere
    again = scripted.hear(session, announced(OWN, make_announcement(UNIX + 700)))
    assert not only(again, ef.Warn), "not every time"
    assert pushed(scripted.wait(2 * WAN.publish_gap_seconds)), "it goes on above the other"
    scripted.wait(3 * WAN.refresh_seconds)
    assert not scripted.node.statistics(scripted.now).node.key_elsewhere


def test_a_node_that_is_itself_proved_to_contradict_itself_says_what_to_do() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    same = scripted.node.state.sequence
    effects = scripted.hear(session, announced(OWN, make_announcement(same, pledge_bytes=1)))
    assert [warning.message for warning in only(effects, ef.Warn)] == [KEY_IS_ELSEWHERE]
    assert scripted.node.statistics(scripted.now).node.equivocators == 1
