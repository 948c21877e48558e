"""A node in a collection that does not take everybody: what it says, does and hands on."""

import time
from collections import Counter

import pytest

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.errors import RecordError, UsageError
from mirrord.core.gossip.ledger import Ledger, Taken
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Admission, Grant, Kind, Policy
from mirrord.core.records.record import RecordKey, open_record
from mirrord.core.statistics import ShardRole
from mirrord.core.timing import WAN
from mirrord.core.wire import messages as m
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import (
    COLLECTION,
    CURATOR,
    DAY,
    NOW,
    OTHER_COLLECTION,
    UNIX,
    admitted,
    announced,
    make_announcement,
    node_id,
    policy_of,
    signing_key,
)
from tests.unit.core.scripted import MB, ScriptedNode, only, pushed, sent, shard

LISTED = policy_of(Policy.LISTED)
PERIOD = WAN.gossip_period_seconds


def standing(effects: list[ef.Effect]) -> list[bool]:
    return [report.is_admitted for report in only(effects, ef.ReportStanding)]


def listed(scripted: ScriptedNode, *nodes: NodeId) -> list[ef.Effect]:
    """Give a node a collection that lists these nodes."""
    words = tuple(admitted(CURATOR, node) for node in nodes)
    return scripted.tell(ev.AdmissionsImported((LISTED, *words)))


def revocation(node: NodeId, later: int = 1) -> bytes:
    return admitted(CURATOR, node, Grant.REVOKED, sequence=UNIX + later, issued_at=UNIX + later)


def standing_here(scripted: ScriptedNode) -> tuple[Policy, bool]:
    (collection,) = scripted.node.statistics(scripted.now).collections
    return collection.policy, collection.is_admitted


def test_who_is_not_listed_says_nothing_and_announces_by_itself_when_it_is() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    assert standing(scripted.hear(session, LISTED)) == [False]
    assert standing_here(scripted) == (Policy.LISTED, False)
    assert not pushed(scripted.wait(3 * WAN.refresh_seconds))
    assert not pushed(scripted.hear(session, admitted(CURATOR, node_id(1))))
    effects = scripted.hear(session, admitted(CURATOR, scripted.id))
    assert standing(effects) == [True]
    (said,) = pushed(effects)[session]
    assert [part.collection for part in said.collections] == [COLLECTION]
    assert standing_here(scripted) == (Policy.LISTED, True)


def test_it_goes_on_to_speak_of_the_collections_in_which_it_counts() -> None:
    scripted = ScriptedNode().join().join(OTHER_COLLECTION)
    session = scripted.meet(1, OTHER_COLLECTION, COLLECTION)
    said = pushed(scripted.hear(session, LISTED))[session][-1]
    assert [part.collection for part in said.collections] == [OTHER_COLLECTION]


def test_it_plans_and_fetches_nothing_but_reads_manifests() -> None:
    scripted = ScriptedNode().join()
    listed(scripted)
    scripted.import_manifest(make_body(3))
    effects = scripted.wait(10 * WAN.tick_seconds)
    assert not only(effects, ef.FetchShard) and not scripted.used_bytes()
    assert len(scripted.node.shards_of(COLLECTION)) == 3
    assert not scripted.node.reasons(scripted.now)
    listed_now = (admitted(CURATOR, scripted.id), policy_of(Policy.LISTED, UNIX + 1))
    scripted.tell(ev.AdmissionsImported(listed_now))
    scripted.wait(2 * PERIOD)
    assert scripted.used_bytes() > 0, "it begins by itself, and soon"


def test_who_is_revoked_withdraws_its_claims_and_keeps_what_it_holds() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.import_manifest(make_body(4))
    scripted.adopt(0)
    scripted.wait(2 * PERIOD)
    roles = {scripted.node.role_of(shard(index)) for index in range(1, 4)}
    assert ShardRole.CLAIMED in roles
    effects = scripted.hear(session, revocation(scripted.id))
    assert standing(effects) == [False]
    scripted.wait(10 * WAN.tick_seconds)
    assert scripted.node.role_of(shard(0)) is ShardRole.HELD
    assert scripted.used_bytes() == MB, "nothing is claimed any more"
    (collection,) = scripted.node.statistics(scripted.now).collections
    assert collection.shards[0].replicas == 0, "and what it holds is not counted"


def test_a_restart_keeps_who_counts() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    words = [admitted(CURATOR, node) for node in (node_id(1), signing_key(9).public)]
    deputy = admitted(CURATOR, signing_key(8).public, Grant.CURATOR)
    word_of_deputy = admitted(signing_key(8), node_id(2))
    scripted.hear(session, LISTED, deputy, *words, word_of_deputy, announced(2, make_announcement()))
    before = {record.envelope for record in scripted.node.state.gossip.records.offered(COLLECTION)}
    effects = scripted.restart()
    assert standing(effects) == [False]
    assert {record.envelope for record in scripted.node.state.gossip.records.offered(COLLECTION)} == before
    assert len(before) == 6
    assert [node for node, _ in scripted.node.state.gossip.records.announcements(COLLECTION)] == [node_id(2)]


def test_a_strangers_announcement_is_refused_and_not_passed_on_and_its_session_goes_on() -> None:
    scripted = ScriptedNode().join()
    listed(scripted, scripted.id, node_id(1))
    friend, stranger = scripted.meet(1), scripted.meet(7)
    assert not sent(scripted.hear(stranger, announced(7, make_announcement())), m.Records)
    assert scripted.counters() == {"not_admitted": 1}
    effects = scripted.hear(friend, announced(1, make_announcement()))
    assert stranger in {session for session, _ in sent(effects, m.Records)}, "it may read"
    assert not only(effects, ef.CloseSession)


def test_who_counted_and_does_so_no_longer_is_forgotten_and_never_offered() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.hear(session, announced(1, make_announcement()), announced(2, make_announcement()))
    assert len(scripted.node.state.gossip.ledger.indexes[COLLECTION]) == 3
    scripted.hear(session, LISTED, admitted(CURATOR, node_id(1)), admitted(CURATOR, scripted.id))
    assert len(scripted.node.state.gossip.ledger.indexes[COLLECTION]) == 5, "two of them announcements"
    forgotten = only(scripted.wait(2 * PERIOD), ef.ForgetRecord)
    assert [effect.key.subject for effect in forgotten] == [node_id(2)]


def test_an_admission_travels_on_at_once_but_no_flood_of_them_nor_old_ones() -> None:
    scripted = ScriptedNode().join()
    source, other = scripted.meet(1), scripted.meet(2)
    words = [admitted(CURATOR, node_id(100 + n)) for n in range(40)]
    passed_on = sent(scripted.hear(source, LISTED, *words), m.Records)
    assert {session for session, _ in passed_on} == {other}
    assert sum(len(records.envelopes) for _, records in passed_on) == 16
    late = admitted(CURATOR, node_id(90), issued_at=UNIX - DAY, expires_at=UNIX + DAY)
    scripted.wait(WAN.publish_gap_seconds * 20)
    assert not sent(scripted.hear(source, late), m.Records)


def test_a_voucher_that_goes_on_and_on_shows_in_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VOUCHES_MAX", 3)
    scripted = ScriptedNode().join()
    session, voucher = scripted.meet(1), signing_key(8)
    scripted.hear(session, admitted(CURATOR, voucher.public, Grant.VOUCHER, quota=3))
    scripted.hear(session, *(admitted(voucher, node_id(n)) for n in range(5)))
    assert scripted.node.statistics(scripted.now).counters.limits_reached["VOUCHES_MAX"] == 2
    assert scripted.counters() == {"table_full": 2}


def test_an_answer_begins_with_those_by_whom_the_others_are_judged() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    deputy = signing_key(8)
    deputised = admitted(CURATOR, deputy.public, Grant.CURATOR)
    words = [admitted(deputy, node_id(2), sequence=UNIX - 50), admitted(CURATOR, scripted.id)]
    scripted.hear(session, LISTED, deputised, *words, announced(2, make_announcement()))
    answers = sent(scripted.say(session, m.Listing(COLLECTION, 0, (0,), ())), m.Records)
    contents = [open_record(envelope).content for _, records in answers for envelope in records.envelopes]
    authors = [content.author if isinstance(content, Admission) else None for content in contents]
    assert authors[:4] == [CURATOR.public] * 3 + [deputy.public]
    assert authors[4:] == [None, None]


# --- what its own operator says -------------------------------------------------------------------


def test_a_voucher_signs_with_its_nodes_key_as_far_as_its_quota_goes() -> None:
    scripted = ScriptedNode().join()
    session = scripted.meet(1)
    scripted.hear(session, policy_of(Policy.VOUCHED))
    wish = ev.AdmissionRequested(COLLECTION, (node_id(5),), Grant.MEMBER, UNIX + DAY)
    with pytest.raises(UsageError, match="neither a curator nor a voucher"):
        scripted.tell(wish)
    scripted.hear(session, admitted(CURATOR, scripted.id, Grant.VOUCHER, quota=2))
    (_, records), *_ = sent(scripted.tell(wish), m.Records)
    assert open_record(records.envelopes[0]).key == RecordKey(Kind.ADMISSION, scripted.id + COLLECTION + node_id(5))
    scripted.hear(session, announced(5, make_announcement()))
    assert node_id(5) in dict(scripted.node.state.gossip.records.announcements(COLLECTION))
    two_more = ev.AdmissionRequested(COLLECTION, (node_id(6), node_id(7)), Grant.MEMBER, UNIX + DAY)
    with pytest.raises(UsageError, match="vouch for two nodes, and does so for 1") as caught:
        scripted.tell(two_more)
    assert "--take-back" in caught.value.hint
    back = ev.AdmissionRequested(COLLECTION, (node_id(5),), Grant.REVOKED, UNIX + DAY)
    scripted.tell(back)
    assert node_id(5) not in dict(scripted.node.state.gossip.records.announcements(COLLECTION))
    scripted.tell(two_more)


def test_many_admissions_go_out_in_few_messages_and_are_stored() -> None:
    scripted = ScriptedNode().join()
    sessions = {scripted.meet(1), scripted.meet(2)}
    effects = listed(scripted, *(node_id(n) for n in range(600)))
    messages = sent(effects, m.Records)
    assert {session for session, _ in messages} == sessions
    assert len(messages) == 2 * 3
    assert len(only(effects, ef.PersistRecord)) == 601


@pytest.mark.parametrize(
    ("envelopes", "complaint"),
    [
        ([admitted(signing_key(3), node_id(1))], "neither a curator nor a voucher"),
        ([admitted(CURATOR, node_id(1)), admitted(CURATOR, node_id(1), Grant.REVOKED)], "two things of one subject"),
        ([LISTED, announced(1, make_announcement())], "not an admission"),
        ([admitted(CURATOR, node_id(1), collection=OTHER_COLLECTION)], "not joined here"),
        ([LISTED, admitted(CURATOR, node_id(1), issued_at=UNIX + 3_600)], "from_future"),
    ],
)
def test_an_import_that_cannot_be_taken_changes_nothing(envelopes: list[bytes], complaint: str) -> None:
    scripted = ScriptedNode().join()
    with pytest.raises(UsageError, match=complaint):
        scripted.tell(ev.AdmissionsImported(tuple(envelopes)))
    assert standing_here(scripted) == (Policy.OPEN, True)
    assert not list(scripted.node.state.gossip.records.admissions(COLLECTION))


def test_the_same_word_again_and_a_foreign_collection_are_told_apart() -> None:
    scripted = ScriptedNode().join()
    word = admitted(CURATOR, node_id(1))
    scripted.tell(ev.AdmissionsImported((word,)))
    with pytest.raises(UsageError, match="something newer"):
        scripted.tell(ev.AdmissionsImported((word,)))
    with pytest.raises(UsageError, match="not joined"):
        scripted.tell(ev.AdmissionRequested(OTHER_COLLECTION, (node_id(1),), Grant.MEMBER, UNIX + DAY))
    with pytest.raises(RecordError):
        scripted.tell(ev.AdmissionsImported((word[:-1],)))


def test_a_listed_collection_starts_as_quickly_as_its_signatures_are_checked() -> None:
    """One rebuild of the index a use, and none a record: ten thousand members in less than ten seconds."""
    count = 2_000
    ledger = Ledger(WAN, Counter())
    ledger.join(COLLECTION)
    envelopes = [LISTED, *(admitted(CURATOR, node_id(n)) for n in range(count))]
    envelopes += [announced(n, make_announcement()) for n in range(count)]
    taken: list[Taken] = []
    began = time.process_time()
    for start in range(0, len(envelopes), 256):
        ledger.take(envelopes[start : start + 256], NOW, [], taken)
        assert len(ledger.indexes[COLLECTION]) == len(taken)
    assert len(taken) == 2 * count + 1
    assert time.process_time() - began < 10 * count / 10_000
