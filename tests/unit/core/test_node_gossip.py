"""A node among peers: what it takes, refuses, counts and hands on, and when it ends a session."""

from dataclasses import replace

import pytest

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import Address, CollectionId, SessionId, Sha256, ShardIndex
from mirrord.core.records.kinds import Claim, CollectionState, Kind, Release
from mirrord.core.records.record import record_id
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import sign
from mirrord.core.timing import WAN
from mirrord.core.wire import messages as m
from tests.unit.core.making import (
    COLLECTION,
    DAY,
    OTHER_COLLECTION,
    OTHER_CURATOR,
    UNIX,
    announced,
    key_of,
    make_announcement,
    make_head,
    node_id,
    signed_head,
    signing_key,
)
from tests.unit.core.scripted import OWN, ScriptedNode, only, pushed, sent

THERE = Address("192.0.2.9", 7700)


def forged(envelope: bytes) -> bytes:
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


HONEST = announced(2, make_announcement(5))
REFUSED: dict[str, tuple[bytes, str, bool]] = {
    "a bad signature": (forged(announced(3, make_announcement(1))), "bad_signature", True),
    "another key's announcement": (
        announced(3, make_announcement(1)).replace(bytes(node_id(3)), bytes(node_id(4))),
        "bad_signature",
        True,
    ),
    "an oversized field": (announced(3, make_announcement(1, operator="x" * 65)), "oversized", True),
    "an oversized envelope": (bytes(limits.ENVELOPE_MAX_BYTES + 1), "oversized", True),
    "junk": (b"\xff\xff", "malformed", True),
    "a body that is no announcement": (sign(Kind.ANNOUNCEMENT, b"\xff", signing_key(3)), "malformed", True),
    "a manifest of another key": (signed_head(make_head(), OTHER_CURATOR), "wrong_author", True),
    "an older sequence": (announced(2, make_announcement(4)), "stale", False),
    "a foreign collection": (
        announced(3, make_announcement(1, collections=(OTHER_COLLECTION,))),
        "foreign_collection",
        False,
    ),
    "the future": (announced(3, make_announcement(1, UNIX + 601)), "from_future", False),
    "the past": (announced(3, make_announcement(1, UNIX - 2 * DAY, DAY)), "expired", False),
    "an unknown kind": (b"\x08\x63" + announced(3, make_announcement(1))[2:], "unknown_kind", False),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_record_changes_nothing_is_counted_and_ends_the_session_of_who_is_at_fault(what: str) -> None:
    envelope, reason, fault = REFUSED[what]
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.hear(session, HONEST)
    known = {record.key: record.envelope for record in scripted.node.state.gossip.records.offered(COLLECTION)}

    effects = scripted.hear(session, envelope)
    after = {record.key: record.envelope for record in scripted.node.state.gossip.records.offered(COLLECTION)}
    assert after == known
    assert scripted.counters() == {reason: 1}
    assert not only(effects, ef.PersistRecord)
    closed = only(effects, ef.CloseSession)
    assert [(close.session, close.code) for close in closed] == ([(session, m.GoodbyeCode.BAD_RECORD)] if fault else [])
    assert scripted.node.statistics(scripted.now).counters.sessions_ended_at_fault == fault
    if fault:
        assert not scripted.hear(session, announced(9, make_announcement(1))), "nothing more is heard of it"


def test_what_came_before_a_bad_record_in_the_same_batch_is_kept() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    good, late = announced(3, make_announcement(1)), announced(4, make_announcement(1))
    effects = scripted.hear(session, good, forged(HONEST), late)
    assert [effect.envelope for effect in only(effects, ef.PersistRecord)] == [good]
    assert scripted.memory.records[key_of(3)].envelope == good


def test_a_dialled_peer_that_was_at_fault_is_not_called_again_at_once() -> None:
    scripted = ScriptedNode().join()
    scripted.tell(ev.CollectionJoined(COLLECTION, (THERE,)))
    session = scripted.meet(1, dialled=THERE)
    scripted.hear(session, forged(HONEST))
    scripted.tell(ev.SessionClosed(session, "closed"))
    assert not only(scripted.wait(WAN.dial_retry_seconds - 1), ef.Dial)
    assert THERE in [dial.address for dial in only(scripted.wait(2 * WAN.gossip_period_seconds), ef.Dial)]


@pytest.mark.parametrize(
    "message",
    [
        m.Summary(COLLECTION, 1, 1),
        m.Records(COLLECTION, (HONEST,)),
        m.BlobRequest(Sha256(bytes(32)), 0),
    ],
    ids=["summary", "records", "blob request"],
)
def test_a_message_before_hello_breaks_the_protocol(message: m.Message) -> None:
    scripted = ScriptedNode().join()
    scripted.tell(ev.SessionOpened(SessionId(1), node_id(1), None))
    effects = scripted.say(SessionId(1), message)
    assert [close.code for close in only(effects, ef.CloseSession)] == [m.GoodbyeCode.PROTOCOL]
    assert not only(effects, ef.PersistRecord) and not only(effects, ef.ReadBlob)


def test_a_hostile_listing_ends_the_session() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.hear(session, HONEST)
    identity = record_id(key_of(2))
    wrong = 1 - (identity[0] >> 7)
    effects = scripted.say(session, m.Listing(COLLECTION, 1, (wrong,), ((identity, 5),)))
    assert [close.code for close in only(effects, ef.CloseSession)] == [m.GoodbyeCode.PROTOCOL]


def test_a_peer_that_never_says_hello_is_left() -> None:
    scripted = ScriptedNode().join()
    scripted.tell(ev.SessionOpened(SessionId(1), node_id(1), None))
    closed = only(scripted.wait(3 * WAN.gossip_period_seconds), ef.CloseSession)
    assert [(close.session, close.reason) for close in closed] == [(SessionId(1), "no Hello in time")]


def test_a_goodbye_is_the_end_and_needs_no_answer() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    assert not only(scripted.say(session, m.Goodbye(m.GoodbyeCode.STOPPING, "bye")), ef.CloseSession)
    assert not scripted.node.state.gossip.sessions.greeted()
    assert not scripted.hear(session, HONEST)


# --- push ----------------------------------------------------------------------------------------


def said_by_node_2(sequence: int, **changes: object) -> bytes:
    """Return an announcement of node 2, which holds shard 1; ``changes`` are of it or of its part."""
    part = CollectionState(COLLECTION, 1, ShardSet.of([1]))
    of_part = {name: value for name, value in changes.items() if hasattr(part, name)}
    of_node = {name: value for name, value in changes.items() if name not in of_part}
    collections = (replace(part, **of_part),)  # type: ignore[arg-type]
    return announced(2, replace(make_announcement(sequence), collections=collections, **of_node))  # type: ignore[arg-type]


CLAIM = Claim(ShardIndex(4), UNIX, UNIX + 100)
URGENT: dict[str, dict[str, object]] = {
    "a new holding": {"holdings": ShardSet.of([1, 2])},
    "a lost holding": {"holdings": ShardSet()},
    "a claim": {"claims": (CLAIM,)},
    "a release": {"releases": (Release(ShardIndex(1), UNIX),)},
    "a node that leaves": {"parting": True},
}
PATIENT: dict[str, dict[str, object]] = {
    "another pledge": {"pledge_bytes": 7},
    "another address": {"coordination": (THERE,)},
    "a newer manifest": {"manifest_version": 2},
}


@pytest.mark.parametrize("what", [*URGENT, *PATIENT])
def test_only_what_others_decide_by_travels_on_at_once(what: str) -> None:
    scripted = ScriptedNode().join()
    source, others = scripted.meet(1), {scripted.meet(3), scripted.meet(4)}
    scripted.hear(source, said_by_node_2(5))
    effects = scripted.hear(source, said_by_node_2(6, **(URGENT | PATIENT)[what]))
    assert [e.key for e in only(effects, ef.PersistRecord)] == [key_of(2)]
    assert set(pushed(effects)) == (others if what in URGENT else set()), "and never back to where it came from"


def test_the_first_word_of_a_node_travels_on_at_once_and_a_repeated_one_does_not() -> None:
    scripted = ScriptedNode().join()
    source, other = scripted.meet(1), scripted.meet(3)
    assert set(pushed(scripted.hear(source, HONEST))) == {other}
    assert not scripted.hear(source, HONEST), "known: not even looked at"
    assert not scripted.hear(other, HONEST)
    assert not scripted.counters()


def test_records_are_pushed_only_to_peers_that_share_their_collection() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    both = tuple(sorted([COLLECTION, OTHER_COLLECTION]))
    source, here, there = scripted.meet(1, *both), scripted.meet(2, COLLECTION), scripted.meet(3, OTHER_COLLECTION)
    assert set(pushed(scripted.hear(source, announced(5, make_announcement(1))))) == {here}
    foreign = announced(6, make_announcement(1, collections=(OTHER_COLLECTION,)))
    assert set(pushed(scripted.say(source, m.Records(OTHER_COLLECTION, (foreign,))))) == {there}


# --- collections ---------------------------------------------------------------------------------


def test_a_collection_joined_during_a_session_is_shared_without_a_new_hello_of_the_peer() -> None:
    scripted = ScriptedNode().join()
    both = tuple(sorted([COLLECTION, OTHER_COLLECTION]))
    session = scripted.meet(1, *both, dialled=THERE)
    effects = scripted.tell(ev.CollectionJoined(OTHER_COLLECTION, ()))
    assert [hello.collections for _, hello in sent(effects, m.Hello)] == [both]
    assert [summary.collection for _, summary in sent(effects, m.Summary)] == [OTHER_COLLECTION]
    assert scripted.node.state.gossip.sessions.get(session).shared == both  # type: ignore[union-attr]


def test_leaving_one_of_two_shared_collections_keeps_the_session_and_the_rounds_going() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    session = scripted.meet(1, *sorted([COLLECTION, OTHER_COLLECTION]))
    scripted.tell(ev.CollectionLeft(OTHER_COLLECTION, delete_files=False))
    effects = scripted.wait(WAN.lifetime_seconds + 3 * WAN.tick_seconds)
    assert only(effects, ef.ForgetCollection) == [ef.ForgetCollection(OTHER_COLLECTION)]
    rounds = {summary.collection for _, summary in sent(scripted.wait(5 * WAN.gossip_period_seconds), m.Summary)}
    assert rounds == {COLLECTION}
    assert scripted.node.state.gossip.sessions.get(session) is not None


def test_leaving_the_last_shared_collection_ends_the_session() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    session = scripted.meet(1, OTHER_COLLECTION)
    scripted.tell(ev.CollectionLeft(OTHER_COLLECTION, delete_files=False))
    closed = only(scripted.wait(WAN.lifetime_seconds + 2 * WAN.tick_seconds), ef.CloseSession)
    assert [(close.session, close.code) for close in closed] == [(session, m.GoodbyeCode.NOTHING_SHARED)]


def test_a_peer_without_a_common_collection_is_told_so() -> None:
    scripted = ScriptedNode().join()
    scripted.tell(ev.SessionOpened(SessionId(1), node_id(1), None))
    effects = scripted.say(SessionId(1), m.Hello(1, 1, "", UNIX, (OTHER_COLLECTION,)))
    assert [close.code for close in only(effects, ef.CloseSession)] == [m.GoodbyeCode.NOTHING_SHARED]


def test_no_more_collections_are_joined_than_one_hello_can_name() -> None:
    scripted = ScriptedNode()
    for number in range(limits.HELLO_COLLECTIONS_MAX):
        scripted.tell(ev.CollectionJoined(CollectionId(bytes([number]) * 32), ()))
    with pytest.raises(UsageError, match="64 collections"):
        scripted.tell(ev.CollectionJoined(COLLECTION, ()))


# --- its own record ------------------------------------------------------------------------------


def test_its_own_record_of_an_earlier_life_makes_it_jump_ahead() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    assert scripted.node.state.sequence < UNIX + 500
    effects = scripted.hear(session, announced(OWN, make_announcement(UNIX + 500)))
    assert scripted.node.state.sequence == UNIX + 501
    said = pushed(effects)[session]
    assert [announcement.sequence for announcement in said] == [UNIX + 501]
    assert scripted.memory.sequence == UNIX + 501


def test_a_restart_right_after_its_own_record_came_back_jumps_ahead_too() -> None:
    scripted = ScriptedNode()
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    session = scripted.meet(1)
    scripted.hear(session, announced(OWN, make_announcement(UNIX + 500)))
    assert scripted.memory.sequence == 0, "not published: it does not know its address yet"
    scripted.restart()
    scripted.join()
    assert scripted.node.state.sequence == UNIX + 501


def test_a_clock_that_went_back_never_moves_the_sequence_back() -> None:
    scripted = ScriptedNode().join()
    before = scripted.node.state.sequence
    scripted.now = scripted.now._replace(unix_seconds=UNIX - 10_000.0)
    scripted.tell(ev.PledgeChanged(5))
    assert scripted.node.state.sequence == before + 1
    part = scripted.node.state.gossip.records.get(key_of(OWN))
    assert part is not None and part.content.issued_at == UNIX - 10_000


# --- sleeping, stopping, dialling ----------------------------------------------------------------


def test_an_idle_node_sleeps() -> None:
    lonely = ScriptedNode()
    lonely.wait(1)
    assert lonely.node.next_deadline - lonely.now.monotonic_seconds > WAN.tick_seconds / 2
    scripted = ScriptedNode().join()
    scripted.wait(1)
    scripted.wait(10 * WAN.tick_seconds)
    assert scripted.node.next_deadline > scripted.now.monotonic_seconds


def test_a_node_that_stops_says_goodbye_and_nothing_else() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    effects = scripted.tell(ev.StopRequested())
    assert effects == [ef.CloseSession(session, m.GoodbyeCode.STOPPING, "this node stops")]
    assert not scripted.tell(ev.TimePassed(0.1))


def test_addresses_of_announcements_are_dialled_and_an_answer_is_remembered() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.hear(session, announced(2, make_announcement(1, coordination=(THERE,))))
    dialled = only(scripted.wait(3 * WAN.gossip_period_seconds), ef.Dial)
    assert dialled == [ef.Dial(THERE)], "once: it is under way"
    effects = scripted.tell(ev.SessionOpened(SessionId(77), node_id(2), THERE))
    assert len(sent(effects, m.Hello)) == 1
    assert not only(effects, ef.PersistPeer), "it may be of no use"
    seen_at = int(scripted.now.unix_seconds)
    effects = scripted.say(SessionId(77), m.Hello(1, 1, "", seen_at, (COLLECTION,)))
    assert only(effects, ef.PersistPeer) == [ef.PersistPeer(THERE, node_id(2), seen_at, seen_at)]
    scripted.restart()
    scripted.now = scripted.now.later(DAY)
    scripted.meet(2, dialled=THERE)
    assert scripted.memory.peers[THERE].first_seen_at == seen_at, "how long we have known it outlives a restart"


def test_a_node_with_all_the_sessions_it_wants_trades_the_oldest_it_dialled_now_and_then() -> None:
    scripted = ScriptedNode().join()
    first = scripted.meet(10, dialled=Address("192.0.2.10", 7700))
    for number in range(11, 18):
        scripted.meet(number, dialled=Address(f"192.0.2.{number}", 7700))
    scripted.tell(ev.CollectionJoined(COLLECTION, (THERE,)))
    assert only(scripted.wait(7 * WAN.gossip_period_seconds), ef.Dial) == [ef.Dial(THERE)]
    effects = scripted.tell(ev.SessionOpened(SessionId(99), node_id(50), THERE))
    assert [(close.session, close.code) for close in only(effects, ef.CloseSession)] == [
        (first, m.GoodbyeCode.UNSPECIFIED)
    ]


def test_blobs_are_read_for_whoever_shares_a_collection() -> None:
    scripted = ScriptedNode().join()
    session, sha256 = scripted.meet(1), Sha256(b"s" * 32)
    assert scripted.say(session, m.BlobRequest(sha256, 5)) == [ef.ReadBlob(session, sha256, 5)]
    served = sent(scripted.tell(ev.BlobServed(session, sha256, 5, b"data")), m.BlobChunk)
    assert served == [(session, m.BlobChunk(sha256, 5, b"data"))]
    lacking = sent(scripted.tell(ev.BlobServed(session, sha256, 5, None)), m.BlobMissing)
    assert lacking == [(session, m.BlobMissing(sha256))]


# --- what a stranger may make it do --------------------------------------------------------------


def test_one_author_cannot_flood_the_network_through_others() -> None:
    scripted = ScriptedNode().join()
    source, other = scripted.meet(1), scripted.meet(3)
    relayed = 0
    for sequence in range(1, 101):
        holdings = ShardSet.of([sequence])
        effects = scripted.hear(source, said_by_node_2(sequence, holdings=holdings))
        assert only(effects, ef.PersistRecord), "the newest is kept all the same"
        relayed += other in pushed(effects)
    assert relayed == limits.RELAYS_BURST
    assert other in pushed(scripted.hear(source, announced(4, make_announcement(1)))), "others are not held up by it"
    scripted.wait(2 * WAN.publish_gap_seconds)
    assert other in pushed(scripted.hear(source, said_by_node_2(200, holdings=ShardSet()))), "time brings it back"
    scripted.wait(20 * WAN.publish_gap_seconds)
    assert not scripted.node.state.gossip.ledger._relays, "and then nothing is remembered of it"


def test_a_peer_that_asks_without_end_is_answered_to_its_measure() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    session = scripted.meet(1, *sorted([COLLECTION, OTHER_COLLECTION]))
    asked = m.Summary(COLLECTION, 1, 1)
    answers = [len(sent(scripted.say(session, asked), m.Buckets)) for _ in range(100)]
    assert sum(answers) == limits.ROUND_MESSAGES_BURST
    assert sent(scripted.say(session, m.Summary(OTHER_COLLECTION, 1, 1)), m.Buckets), "about another collection"
    assert sent(scripted.say(scripted.meet(2), asked), m.Buckets), "and so is another peer"
    scripted.wait(WAN.gossip_period_seconds / 4)
    assert sent(scripted.say(session, asked), m.Buckets)


def test_nothing_is_said_about_a_collection_that_the_peer_did_not_name() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    session = scripted.meet(1, COLLECTION)
    assert not scripted.say(session, m.Summary(OTHER_COLLECTION, 1, 1))
    assert not scripted.say(session, m.RecordRequest(OTHER_COLLECTION, (bytes(8),)))


def test_a_table_that_strangers_filled_has_room_for_the_nodes_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDS_PER_COLLECTION_MAX", 2)
    scripted = ScriptedNode()
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    session = scripted.meet(1)
    scripted.hear(session, *(announced(author, make_announcement(1)) for author in (2, 3, 4)))
    assert scripted.counters() == {"table_full": 1}
    scripted.join()
    assert scripted.part() is not None
