"""A node and its own addresses: what it announces once peers got through, and what it does for theirs."""

from dataclasses import replace

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.records.kinds import Announcement, CollectionState
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import Finding
from mirrord.core.timing import WAN
from mirrord.core.wire import messages as m
from tests.unit.core.making import COLLECTION, announced, key_of, make_announcement, node_id
from tests.unit.core.scripted import HERE, OWN, SWARM, ScriptedNode, only, sent, shard

SEEN = "9.9.9.9"
PUBLIC = Address(SEEN, HERE.port)
TWO_ROUNDS = 2.5 * WAN.gossip_period_seconds


def greet(scripted: ScriptedNode, number: int, dialled: bool = True, seen_at: str = SEEN) -> SessionId:
    """Open a session with a peer that sees us come from somewhere."""
    session, there = SessionId(1_000 + number), Address(f"5.{number}.0.1", 7700)
    scripted.tell(ev.SessionOpened(session, node_id(number), there if dialled else None, there))
    scripted.say(session, m.Hello(1, 1, "", int(scripted.now.unix_seconds), (COLLECTION,), seen_at))
    return session


def said(scripted: ScriptedNode) -> Announcement:
    """Return what the node last announced."""
    record = scripted.node.state.gossip.records.get(key_of(OWN))
    assert record is not None and isinstance(record.content, Announcement)
    return record.content


def probed(scripted: ScriptedNode, reached: bool, seconds: float) -> None:
    """Wait until somebody is asked to probe, and answer."""
    asked: list[tuple[SessionId, m.Probe]] = []
    end = scripted.now.later(seconds)
    while not asked and scripted.now < end:
        asked = sent(scripted.wait(1), m.Probe)
    ((session, question),) = asked
    scripted.say(session, m.ProbeResult(question.port, reached))
    scripted.wait(2 * WAN.publish_gap_seconds)


def test_a_public_address_is_announced_once_a_peer_got_through_and_no_more_when_two_do_not() -> None:
    scripted = ScriptedNode().join()
    for number in (1, 2, 3):
        greet(scripted, number)
    assert said(scripted).coordination == (HERE,)
    probed(scripted, True, TWO_ROUNDS)
    assert said(scripted).coordination == (HERE, PUBLIC)
    assert said(scripted).bittorrent == (Address(SEEN, SWARM.port), SWARM), "swarm members hear of it, too"
    assert scripted.node.statistics(scripted.now).node.coordination == (HERE, PUBLIC), "and invitations name it"

    again = (limits.PROBE_PERIODS_MIN + 2) * WAN.gossip_period_seconds
    probed(scripted, False, again)
    assert PUBLIC in said(scripted).coordination
    probed(scripted, False, again)
    assert said(scripted).coordination == (HERE,)
    assert said(scripted).bittorrent == (SWARM,)
    findings = {own.address: own.finding for own in scripted.node.statistics(scripted.now).node.own_addresses}
    assert findings == {HERE: Finding.LOCAL, PUBLIC: Finding.NOT_REACHED}


def test_the_operators_address_is_announced_and_status_says_that_nobody_gets_through() -> None:
    scripted = ScriptedNode()
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    scripted.tell(ev.ListeningStarted((PUBLIC,), (SWARM,), by_operator=True))
    for number in (1, 2):
        greet(scripted, number)
    probed(scripted, False, TWO_ROUNDS)
    assert said(scripted).coordination == (PUBLIC,)
    (own,) = scripted.node.statistics(scripted.now).node.own_addresses
    assert own.finding is Finding.NOT_REACHED


def test_a_peer_that_asks_is_dialled_back_and_told() -> None:
    scripted = ScriptedNode().join()
    session = greet(scripted, 1, dialled=False)
    (effect,) = only(scripted.say(session, m.Probe(7700)), ef.ProbeAddress)
    assert effect == ef.ProbeAddress(session, Address("5.1.0.1", 7700), node_id(1))
    told = sent(scripted.tell(ev.AddressProbed(session, effect.address, True)), m.ProbeResult)
    assert told == [(session, m.ProbeResult(7700, True))]
    assert not scripted.say(session, m.ProbeResult(7700, True)), "which we did not ask for"


def test_each_peer_hears_from_where_it_comes() -> None:
    scripted = ScriptedNode().join()
    for number, remote, seen_at in ((1, Address("::ffff:9.9.9.8", 5), "9.9.9.8"), (2, None, "")):
        effects = scripted.tell(ev.SessionOpened(SessionId(number), node_id(number), None, remote))
        assert [hello.seen_at for _, hello in sent(effects, m.Hello)] == [seen_at]


def test_the_engine_is_not_sent_where_no_stranger_may_send_us() -> None:
    scripted = ScriptedNode().join()
    part = CollectionState(COLLECTION, 1, ShardSet.of([0]))
    hosts = (("127.0.0.1", 7701), (SEEN, 25), ("192.0.2.9", 7701), (SEEN, 7701))
    record = make_announcement(1, bittorrent=tuple(Address(host, port) for host, port in hosts))
    scripted.hear(scripted.meet(1), announced(2, replace(record, collections=(part,))))
    members = scripted.node.state.members_of(shard(0))
    assert members == {Address("192.0.2.9", 7701), Address(SEEN, 7701)}


def test_an_address_where_nobody_answers_makes_room_for_the_next_at_once() -> None:
    scripted = ScriptedNode().join()
    others = tuple(Address(f"5.{number}.0.1", 7700) for number in range(6))
    scripted.hear(scripted.meet(1), announced(2, make_announcement(1, coordination=others)))
    (first,) = only(scripted.wait(TWO_ROUNDS), ef.Dial)
    (second,) = only(scripted.tell(ev.DialFailed(first.address, "nobody there")), ef.Dial)
    assert second.address != first.address
