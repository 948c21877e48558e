"""Whose copies count: policies, curators, vouchers, revocations, in whatever order they come."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.equivocation import prove
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Grant, Policy
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.roll import Role, call_roll
from mirrord.core.records.signing import SigningKey
from tests.unit.core.making import (
    COLLECTION,
    CURATOR,
    DAY,
    NOW,
    OTHER_COLLECTION,
    OTHER_CURATOR,
    UNIX,
    admitted,
    announced,
    joined_set,
    make_announcement,
    node_id,
    policy_of,
    signing_key,
)

DEPUTY = signing_key(500)
VOUCHER = signing_key(600)


def held(*envelopes: bytes) -> RecordSet:
    records = joined_set()
    for envelope in envelopes:
        records.admit(envelope, NOW)
    return records


def refused(records: RecordSet, envelope: bytes, later: float = 0.0) -> RejectReason:
    with pytest.raises(RecordError) as caught:
        records.admit(envelope, NOW.later(later))
    return caught.value.reason


def counted(records: RecordSet, nodes: Iterable[int] = range(1, 8)) -> set[int]:
    return {node for node in nodes if records.counts(node_id(node), COLLECTION)}


def says(author: SigningKey, node: int, grant: Grant = Grant.MEMBER, **changes: object) -> bytes:
    return admitted(author, node_id(node), grant, **changes)


DEPUTISED = admitted(CURATOR, DEPUTY.public, Grant.CURATOR)
MAY_VOUCH = admitted(CURATOR, VOUCHER.public, Grant.VOUCHER, quota=2)
VOUCHED = policy_of(Policy.VOUCHED)
LISTED = policy_of(Policy.LISTED)


def test_without_a_policy_everybody_counts_who_was_not_revoked() -> None:
    records = held(says(CURATOR, 2, Grant.REVOKED))
    assert records.admissions(COLLECTION).policy is Policy.OPEN
    assert counted(records) == {1, 3, 4, 5, 6, 7}
    assert refused(records, announced(2, make_announcement())) is RejectReason.NOT_ADMITTED
    records.admit(announced(1, make_announcement()), NOW)


def test_the_newest_policy_holds_and_only_the_collections_key_may_set_it() -> None:
    records = held(LISTED)
    assert counted(records) == set()
    records.admit(policy_of(Policy.OPEN, sequence=UNIX + 1), NOW)
    assert refused(records, policy_of(Policy.VOUCHED, sequence=UNIX)) is RejectReason.STALE
    assert len(counted(records)) == 7
    forged = admitted(DEPUTY, CURATOR.public, Grant.NONE, policy=Policy.LISTED)
    assert refused(records, forged) is RejectReason.WRONG_AUTHOR
    assert not records.expire(NOW.later(10_000 * DAY)).dropped, "a policy holds until the next"


@pytest.mark.parametrize(
    ("policy", "expected"), [(Policy.OPEN, set(range(1, 8))), (Policy.VOUCHED, {1, 2, 3}), (Policy.LISTED, {1, 2})]
)
def test_a_policy_says_whether_a_voucher_or_only_a_curator_may_name_who_counts(
    policy: Policy, expected: set[int]
) -> None:
    records = held(policy_of(policy), DEPUTISED, MAY_VOUCH, says(CURATOR, 1), says(DEPUTY, 2), says(VOUCHER, 3))
    assert counted(records) == expected
    assert records.counts(VOUCHER.public, COLLECTION) and records.counts(DEPUTY.public, COLLECTION)


def test_who_is_neither_curator_nor_voucher_says_nothing() -> None:
    records = held(VOUCHED, says(CURATOR, 1))
    stranger, member = signing_key(77), signing_key(1)
    for author in (stranger, member, VOUCHER):
        assert refused(records, says(author, 2)) is RejectReason.NOT_ADMITTED
    assert not RejectReason.NOT_ADMITTED.is_peers_fault, "a relay may know more than we do"
    assert refused(records, admitted(OTHER_CURATOR, node_id(2), collection=OTHER_COLLECTION)) is (
        RejectReason.FOREIGN_COLLECTION
    )


def test_a_curator_names_no_curator_and_a_voucher_no_voucher() -> None:
    records = held(VOUCHED, DEPUTISED, MAY_VOUCH)
    assert refused(records, says(DEPUTY, 1, Grant.CURATOR)) is RejectReason.NOT_ADMITTED
    for grant in (Grant.VOUCHER, Grant.CURATOR):
        assert refused(records, says(VOUCHER, 1, grant)) is RejectReason.NOT_ADMITTED
    records.admit(says(VOUCHER, 1), NOW)
    assert refused(records, says(signing_key(1), 2)) is RejectReason.NOT_ADMITTED, "whom it vouches for may not vouch"


def test_of_several_curators_the_newest_word_holds_and_of_one_second_a_revocation() -> None:
    records = held(LISTED, DEPUTISED, says(CURATOR, 1), says(DEPUTY, 1, Grant.REVOKED, issued_at=UNIX - 1))
    assert counted(records) == {1}
    records.admit(says(DEPUTY, 1, Grant.REVOKED, sequence=UNIX + 1), NOW)
    assert counted(records) == set(), "of one second"
    records.admit(says(CURATOR, 1, sequence=UNIX + 1, issued_at=UNIX + 1), NOW)
    assert counted(records) == {1}


def test_a_revocation_outweighs_every_vouch() -> None:
    records = held(VOUCHED, MAY_VOUCH, says(VOUCHER, 1), says(VOUCHER, 2))
    assert counted(records) == {1, 2}
    records.admit(says(CURATOR, 1, Grant.REVOKED), NOW)
    assert counted(records) == {2}


def test_only_the_first_vouches_count_and_one_that_is_taken_back_makes_room() -> None:
    vouches = [says(VOUCHER, node, sequence=UNIX + node) for node in (4, 3, 2)]
    records = held(VOUCHED, MAY_VOUCH, *vouches)
    assert counted(records) == {2, 3}
    records.admit(says(VOUCHER, 2, Grant.REVOKED, sequence=UNIX + 50), NOW)
    assert counted(records) == {3, 4}
    assert not records.admissions(COLLECTION).word_on(node_id(2)), "a voucher's no is no revocation"
    records.admit(admitted(CURATOR, VOUCHER.public, Grant.VOUCHER, quota=1, sequence=UNIX + 1), NOW)
    assert counted(records) == {3}


def test_no_voucher_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VOUCHES_MAX", 3)
    records = held(VOUCHED, MAY_VOUCH, says(VOUCHER, 1), says(VOUCHER, 2, Grant.REVOKED), says(VOUCHER, 3))
    assert refused(records, says(VOUCHER, 4)) is RejectReason.TABLE_FULL
    records.admit(says(VOUCHER, 3, Grant.REVOKED, sequence=UNIX + 1), NOW)
    records.admit(says(CURATOR, 4), NOW)


def test_a_curator_that_is_one_no_longer_says_nothing_and_again_all_when_it_is_one_again() -> None:
    records = held(LISTED, DEPUTISED, says(DEPUTY, 1), says(CURATOR, 2))
    records.admit(admitted(CURATOR, DEPUTY.public, Grant.REVOKED, sequence=UNIX + 1, issued_at=UNIX + 1), NOW)
    assert counted(records) == {2}
    assert refused(records, says(DEPUTY, 3)) is RejectReason.NOT_ADMITTED
    assert len(list(records.offered(COLLECTION))) == 3, "what it said is not handed on"
    records.admit(admitted(CURATOR, DEPUTY.public, Grant.CURATOR, sequence=UNIX + 2, issued_at=UNIX + 2), NOW)
    assert counted(records) == {1, 2}
    assert len(list(records.offered(COLLECTION))) == 4


def test_an_admission_ends_with_its_time_and_so_does_a_revocation() -> None:
    records = held(
        LISTED, says(CURATOR, 1, expires_at=UNIX + DAY), says(CURATOR, 2), says(CURATOR, 3, expires_at=UNIX + DAY)
    )
    records.expire(NOW.later(DAY))
    assert counted(records) == {2}
    assert refused(records, says(CURATOR, 1), DAY) is RejectReason.STALE, "the same word is not said again"


def test_a_record_is_offered_only_where_its_author_counts() -> None:
    records = joined_set(COLLECTION, OTHER_COLLECTION)
    both = announced(1, make_announcement(collections=(COLLECTION, OTHER_COLLECTION)))
    records.admit(LISTED, NOW)
    records.admit(both, NOW)
    assert [r.envelope for r in records.offered(COLLECTION)] == [LISTED]
    assert [r.envelope for r in records.offered(OTHER_COLLECTION)] == [both]
    assert not list(records.announcements(COLLECTION))
    assert [node for node, _ in records.announcements(OTHER_COLLECTION)] == [node_id(1)]
    records.admit(says(CURATOR, 1), NOW)
    assert [node for node, _ in records.announcements(COLLECTION)] == [node_id(1)]


def test_who_leaves_its_only_collection_may_say_so_although_it_counts_no_more() -> None:
    records = held(announced(1, make_announcement(5)), LISTED)
    assert refused(records, announced(1, make_announcement(6))) is RejectReason.NOT_ADMITTED
    records.admit(announced(1, make_announcement(7, collections=())), NOW)


def test_what_counts_nowhere_any_more_is_dropped_and_comes_back_when_it_counts_again() -> None:
    first, second = (announced(node, make_announcement(9)) for node in (1, 2))
    records = held(first, second, LISTED, says(CURATOR, 2))
    assert {record.envelope for record in records.drop_uncounted()} == {first}
    assert not records.drop_uncounted()
    records.admit(says(CURATOR, 1), NOW)
    assert refused(records, announced(1, make_announcement(8))) is RejectReason.STALE
    records.admit(first, NOW)


def test_a_proof_of_equivocation_by_a_stranger_is_as_little_taken_as_its_announcements() -> None:
    one, other = (announced(1, make_announcement(9, pledge_bytes=pledge)) for pledge in (1, 2))
    records = held(LISTED)
    assert refused(records, prove(one, other)) is RejectReason.NOT_ADMITTED
    records.admit(says(CURATOR, 1), NOW)
    records.admit(prove(one, other), NOW)
    assert records.is_equivocator(node_id(1))


def test_strangers_who_fill_the_table_keep_no_curator_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORDS_PER_COLLECTION_MAX", 2)
    records = held(announced(1, make_announcement()), announced(2, make_announcement()))
    assert refused(records, announced(3, make_announcement())) is RejectReason.TABLE_FULL
    for envelope in (LISTED, says(CURATOR, 3), says(CURATOR, 4)):
        records.admit(envelope, NOW)
    assert refused(records, says(CURATOR, 5)) is RejectReason.TABLE_FULL
    records.drop_uncounted()
    records.admit(announced(3, make_announcement()), NOW)


def test_leaving_a_collection_forgets_who_counted_there_and_joining_again_learns_it_anew() -> None:
    records = held(LISTED, says(CURATOR, 1))
    records.part(COLLECTION)
    assert not records.counts(node_id(1), COLLECTION)
    records.join(COLLECTION)
    assert len(counted(records)) == 7
    for envelope in (LISTED, says(CURATOR, 1)):
        records.admit(envelope, NOW)
    assert counted(records) == {1}


def test_a_roll_says_who_is_what_and_by_whom() -> None:
    records = held(VOUCHED, DEPUTISED, MAY_VOUCH, says(DEPUTY, 1), says(VOUCHER, 2), says(CURATOR, 3, Grant.REVOKED))
    roll = call_roll(records.admissions(COLLECTION))
    assert roll.policy is Policy.VOUCHED
    assert [(m.subject, m.role, m.counts) for m in roll.members] == [
        (DEPUTY.public, Role.CURATOR, True),
        (VOUCHER.public, Role.VOUCHER, True),
        (node_id(1), Role.MEMBER, True),
        (node_id(2), Role.VOUCHED, True),
        (node_id(3), Role.REVOKED, False),
    ]
    by = [member.word.author for member in roll.members if member.word is not None]
    assert by == [CURATOR.public, CURATOR.public, DEPUTY.public, VOUCHER.public, CURATOR.public]
    assert [member.vouches_used for member in roll.members] == [0, 1, 0, 0, 0]
    assert len(roll.words) == 6 and all(is_heeded for _, is_heeded in roll.words)


# --- a naive reading of the rules, and every order of arrival ------------------------------------

KEYS = (CURATOR, DEPUTY, VOUCHER, signing_key(501))
SUBJECTS = tuple(
    NodeId(bytes(key.public)) for key in (DEPUTY, VOUCHER, signing_key(501), signing_key(1), signing_key(2))
)


@dataclass(frozen=True)
class Word:
    author: NodeId
    subject: NodeId
    grant: Grant
    sequence: int
    issued_at: int
    quota: int


def naive_counts(words: list[Word], policy: Policy, node: NodeId) -> bool:
    newest = {(w.author, w.subject): w for w in sorted(words, key=lambda w: w.sequence)}.values()
    curators = {CURATOR.public, *(w.subject for w in newest if w.author == CURATOR.public and w.grant is Grant.CURATOR)}

    def word_on(subject: NodeId) -> Word | None:
        spoken = [w for w in newest if w.subject == subject and w.author in curators]
        spoken = [w for w in spoken if w.grant is not Grant.CURATOR or w.author == CURATOR.public]
        return max(spoken, key=lambda w: (w.issued_at, w.grant is Grant.REVOKED, w.author), default=None)

    word = word_on(node)
    if word is not None and word.grant is Grant.REVOKED:
        return False
    if policy is Policy.OPEN or word is not None:
        return True
    for author in {w.author for w in newest} - curators if policy is Policy.VOUCHED else ():
        granted = word_on(author)
        vouches = [w for w in newest if w.author == author and w.grant is Grant.MEMBER]
        vouches.sort(key=lambda w: (w.sequence, w.subject))
        quota = granted.quota if granted is not None and granted.grant is Grant.VOUCHER else 0
        if node in [w.subject for w in vouches[:quota]]:
            return True
    return False


@st.composite
def stories(draw: st.DrawFn) -> tuple[Policy, list[Word], list[Word]]:
    """Return a policy, words of which no key has two with one sequence, and the order in which they come."""
    words = []
    for sequence in range(1, draw(st.integers(0, 9)) + 1):
        author = draw(st.sampled_from(KEYS)).public
        grants = list(Grant)[1:] if author == CURATOR.public else [Grant.MEMBER, Grant.VOUCHER, Grant.REVOKED]
        grant = draw(st.sampled_from(grants))
        issued_at = UNIX + draw(st.integers(0, 2))
        words.append(Word(author, draw(st.sampled_from(SUBJECTS)), grant, sequence, issued_at, 1))
    return draw(st.sampled_from([Policy.OPEN, Policy.VOUCHED, Policy.LISTED])), words, draw(st.permutations(words))


SIGNERS = {key.public: key for key in KEYS}


def envelope_of(word: Word) -> bytes:
    quota = word.quota if word.grant is Grant.VOUCHER else 0
    changes = {"sequence": word.sequence, "issued_at": word.issued_at, "quota": quota}
    return admitted(SIGNERS[word.author], word.subject, word.grant, **changes)


def everybody_told(records: RecordSet, envelopes: list[bytes]) -> RecordSet:
    """Offer all that there is round after round, as gossip does, until nothing changes."""
    while True:
        news = 0
        for envelope in envelopes:
            try:
                records.admit(envelope, NOW)
            except RecordError as error:
                assert error.reason in (RejectReason.NOT_ADMITTED, RejectReason.STALE)
            else:
                news += 1
        if not news:
            return records


@given(stories())
def test_the_order_of_arrival_decides_nothing(story: tuple[Policy, list[Word], list[Word]]) -> None:
    policy, words, order = story
    newest = {(w.author, w.subject): w for w in words}
    final = [word for word in order if newest[word.author, word.subject] is word]
    records = everybody_told(joined_set(), [envelope_of(word) for word in final] + [policy_of(policy)])
    same = everybody_told(joined_set(), [policy_of(policy)] + [envelope_of(word) for word in newest.values()])
    for subject in SUBJECTS:
        expected = naive_counts(words, policy, subject)
        assert records.counts(subject, COLLECTION) == same.counts(subject, COLLECTION) == expected
    assert {r.envelope for r in records.offered(COLLECTION)} == {r.envelope for r in same.offered(COLLECTION)}
