"""A node that contradicts itself: the proof is kept, travels at once, and is heeded by whoever hears it."""

from mirrord.core import effects as ef
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.wire import messages as m
from tests.unit.core.making import COLLECTION, announced, make_announcement, node_id, signing_key
from tests.unit.core.scripted import ScriptedNode, only, sent

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
