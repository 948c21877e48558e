"""The set that keeps the newest record of every key: newest wins, nothing dead comes back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.kinds import Announcement, CollectionState, Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.records.recordset import ContradictionError, RecordSet
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import sign
from tests.unit.core.making import (
    COLLECTION,
    DAY,
    NOW,
    OTHER_COLLECTION,
    OTHER_CURATOR,
    UNIX,
    announced,
    joined_set,
    key_of,
    make_announcement,
    make_head,
    node_id,
    signed_head,
    signing_key,
)

LIFETIME = 15 * DAY


def contradicted(records: RecordSet, envelope: bytes) -> None:
    """Have a node contradict itself, and take the proof of it as a ledger does."""
    with pytest.raises(ContradictionError) as caught:
        records.admit(envelope, NOW)
    assert caught.value.reason is RejectReason.EQUIVOCATION
    records.admit(caught.value.proof, NOW)


def refused(records: RecordSet, envelope: bytes, later: float = 0.0) -> RejectReason:
    """Return why a set refuses an envelope, and check that it changed nothing."""
    before = {record.key: record.envelope for record in records.offered(COLLECTION)}
    with pytest.raises(RecordError) as caught:
        records.admit(envelope, NOW.later(later))
    assert {record.key: record.envelope for record in records.offered(COLLECTION)} == before
    return caught.value.reason


def test_the_newest_of_each_author_is_kept_and_the_replaced_one_is_told() -> None:
    records = joined_set()
    first, second = (announced(1, make_announcement(sequence)) for sequence in (7, 9))
    assert records.admit(first, NOW)[1] is None
    record, older = records.admit(second, NOW)
    assert older is not None and older.envelope == first
    assert record.sequence == 9
    assert [kept.envelope for kept in records.offered(COLLECTION)] == [second]
    assert records.is_known(second) and not records.is_known(first)


def test_an_older_or_equal_sequence_is_stale_whatever_its_time_says() -> None:
    records = joined_set()
    newest = announced(1, make_announcement(9))
    records.admit(newest, NOW)
    assert refused(records, announced(1, make_announcement(8, issued_at=UNIX + 500))) is RejectReason.STALE
    assert refused(records, newest) is RejectReason.STALE


def test_two_records_of_one_sequence_are_equivocation_and_their_author_no_longer_counts() -> None:
    records = joined_set()
    records.admit(announced(1, make_announcement(9)), NOW)
    records.admit(announced(2, make_announcement(9)), NOW)
    contradicted(records, announced(1, make_announcement(9, pledge_bytes=5)))
    assert records.equivocators == {node_id(1)}
    assert {node for node, _ in records.announcements(COLLECTION)} == {node_id(2)}
    records.admit(announced(1, make_announcement(10)), NOW)
    assert {node for node, _ in records.announcements(COLLECTION)} == {node_id(2)}, "one honest word later neither"


def test_an_equivocator_is_forgiven_when_what_it_said_has_expired() -> None:
    records = joined_set()
    records.admit(announced(1, make_announcement(9, lifetime=100)), NOW)
    contradicted(records, announced(1, make_announcement(9, lifetime=50, pledge_bytes=5)))
    records.expire(NOW.later(99))
    assert records.is_equivocator(node_id(1)), "as long as either of the two would have held"
    records.expire(NOW.later(101))
    records.admit(announced(1, make_announcement(10, issued_at=UNIX + 101)), NOW.later(101))
    assert {node for node, _ in records.announcements(COLLECTION)} == {node_id(1)}


def test_a_record_of_the_future_is_refused_beyond_the_skew_and_no_earlier() -> None:
    records = joined_set()
    limit = limits.FUTURE_SKEW_SECONDS
    assert refused(records, announced(1, make_announcement(1, UNIX + limit + 1))) is RejectReason.FROM_FUTURE
    records.admit(announced(1, make_announcement(1, UNIX + limit)), NOW)


def test_an_expired_record_is_refused_from_its_second_on() -> None:
    records = joined_set()
    envelope = announced(1, make_announcement(lifetime=100))
    assert refused(records, envelope, later=100) is RejectReason.EXPIRED
    records.admit(envelope, NOW.later(99))


def test_a_foreign_collection_is_refused_unless_it_replaces_what_we_have() -> None:
    records = joined_set()
    foreign = announced(1, make_announcement(1, collections=(OTHER_COLLECTION,)))
    assert refused(records, foreign) is RejectReason.FOREIGN_COLLECTION
    assert refused(records, signed_head(make_head(1, OTHER_COLLECTION), OTHER_CURATOR)) is (
        RejectReason.FOREIGN_COLLECTION
    )
    records.admit(announced(1, make_announcement(2)), NOW)
    records.admit(announced(1, make_announcement(3, collections=(OTHER_COLLECTION,))), NOW)
    assert not list(records.offered(COLLECTION)), "it left, and its old announcement with it"
    assert refused(records, announced(1, make_announcement(2))) is RejectReason.STALE


def test_a_manifest_must_be_signed_by_its_collection() -> None:
    records = joined_set()
    assert refused(records, signed_head(make_head(), OTHER_CURATOR)) is RejectReason.WRONG_AUTHOR
    assert RejectReason.WRONG_AUTHOR.is_peers_fault


def test_a_flipped_bit_anywhere_in_an_envelope_changes_nothing() -> None:
    envelope = announced(1, make_announcement())
    for position in range(len(envelope)):
        records = joined_set()
        broken = bytearray(envelope)
        broken[position] ^= 0x10
        with pytest.raises(RecordError):
            records.admit(bytes(broken), NOW)
        assert not list(records.offered(COLLECTION))


def test_bad_signatures_unknown_kinds_junk_and_giants_are_told_apart() -> None:
    records = joined_set()
    body = b"\x08\x01"
    forged = bytearray(announced(1, make_announcement()))
    forged[-1] ^= 1
    assert refused(records, bytes(forged)) is RejectReason.BAD_SIGNATURE
    assert refused(records, b"\xff" * 40) is RejectReason.MALFORMED
    assert refused(records, sign(Kind.ANNOUNCEMENT, body, signing_key(1))) is RejectReason.MALFORMED
    assert refused(records, b"\0" * (limits.ENVELOPE_MAX_BYTES + 1)) is RejectReason.OVERSIZED
    unknown = b"\x08\x63" + announced(1, make_announcement())[2:]
    assert refused(records, unknown) is RejectReason.UNKNOWN_KIND
    assert not RejectReason.UNKNOWN_KIND.is_peers_fault, "a later version may relay what we do not know"


def test_a_full_table_takes_no_new_author_but_news_of_the_old_ones_and_manifests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RECORDS_PER_COLLECTION_MAX", 2)
    records = joined_set()
    records.admit(announced(1, make_announcement(1)), NOW)
    records.admit(announced(2, make_announcement(1)), NOW)
    assert refused(records, announced(3, make_announcement(1))) is RejectReason.TABLE_FULL
    records.admit(announced(2, make_announcement(2)), NOW)
    records.admit(signed_head(make_head()), NOW)
    assert records.head(COLLECTION) == make_head()


def test_what_is_kept_is_bounded_in_bytes_too_and_old_ones_may_not_grow_beyond_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, large = make_announcement(1), holding_the_last_of(1, 80_000)
    records = joined_set()
    records.admit(announced(1, small), NOW)
    records.admit(announced(2, large), NOW)
    monkeypatch.setattr(limits, "RECORDS_MAX_BYTES", sum(r.kept_bytes for r in records.offered(COLLECTION)))
    assert refused(records, announced(3, small)) is RejectReason.TABLE_FULL
    assert refused(records, announced(1, holding_the_last_of(2, 80_000))) is RejectReason.TABLE_FULL
    records.admit(announced(1, replace(small, sequence=2)), NOW)
    records.admit(signed_head(make_head()), NOW)
    records.admit(announced(2, replace(small, sequence=2)), NOW)
    records.admit(announced(3, small), NOW)  # the large one made room


def holding_the_last_of(sequence: int, shards: int) -> Announcement:
    """An announcement of few bytes with a long bitmap."""
    state = CollectionState(COLLECTION, 1, ShardSet.of([shards - 1]))
    return replace(make_announcement(sequence), collections=(state,))


def test_a_record_is_offered_until_its_dead_band_and_accepted_until_it_expires() -> None:
    records = joined_set(dead_band_seconds=300)
    envelope = announced(1, make_announcement(lifetime=1_000))
    records.admit(envelope, NOW)
    assert not records.expire(NOW.later(699)).retired
    expired = records.expire(NOW.later(700))
    assert [record.envelope for record in expired.retired] == [envelope]
    assert not list(records.offered(COLLECTION))
    assert {node for node, _ in records.announcements(COLLECTION)} == {node_id(1)}, "it still counts"
    assert not records.expire(NOW.later(701)).retired, "told once"
    joined_set(dead_band_seconds=300).admit(envelope, NOW.later(999))
    assert [record.envelope for record in records.expire(NOW.later(1_000)).dropped] == [envelope]
    assert not list(records.announcements(COLLECTION))


def test_a_renewed_record_is_offered_again_after_the_dead_band_of_its_older_self() -> None:
    records = joined_set(dead_band_seconds=300)
    records.admit(announced(1, make_announcement(1, lifetime=1_000)), NOW)
    records.expire(NOW.later(800))
    records.admit(announced(1, make_announcement(2, issued_at=UNIX + 800)), NOW.later(800))
    assert [record.sequence for record in records.offered(COLLECTION)] == [2]


def test_nothing_dead_comes_back() -> None:
    records = joined_set()
    longer = announced(1, make_announcement(1, lifetime=20 * DAY))
    records.admit(longer, NOW)
    records.admit(announced(1, make_announcement(2, lifetime=DAY)), NOW)
    (dropped,) = records.expire(NOW.later(DAY)).dropped
    assert dropped.sequence == 2
    assert refused(records, longer, later=DAY) is RejectReason.STALE, "its older self would live longer"

    again = joined_set()
    assert again.restore(key_of(1), 2, b"") is None
    assert refused(again, longer, later=DAY) is RejectReason.STALE, "also after a restart"


def test_a_manifest_never_expires() -> None:
    records = joined_set()
    records.admit(signed_head(make_head(3)), NOW)
    assert not records.expire(NOW.later(10_000 * DAY)).dropped
    assert records.head(COLLECTION) == make_head(3)


def test_the_memory_for_sequences_is_bounded_and_forgets_the_longest_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEQUENCES_REMEMBERED_MAX", 3)
    records = joined_set()
    for author in range(5):
        records.admit(announced(author, make_announcement(4, lifetime=10 + author)), NOW)
        records.expire(NOW.later(10 + author))
    assert [records.highest(key_of(author)) for author in range(5)] == [0, 0, 4, 4, 4]


def test_leaving_a_collection_drops_what_nothing_else_keeps_and_coming_back_takes_it_again() -> None:
    records = joined_set(COLLECTION, OTHER_COLLECTION)
    only_here = announced(1, make_announcement(5))
    in_both = announced(2, make_announcement(5, collections=(COLLECTION, OTHER_COLLECTION)))
    head = signed_head(make_head(2))
    for envelope in (only_here, in_both, head):
        records.admit(envelope, NOW)
    gone = records.part(COLLECTION)
    assert {record.envelope for record in gone} == {only_here, head}
    assert refused(records, only_here) is RejectReason.FOREIGN_COLLECTION
    records.join(COLLECTION)
    assert refused(records, announced(1, make_announcement(4))) is RejectReason.STALE
    records.admit(only_here, NOW)
    records.admit(head, NOW)
    assert len(list(records.offered(COLLECTION))) == 3


def test_a_restored_record_counts_and_one_that_was_tampered_with_only_leaves_its_sequence() -> None:
    records = joined_set()
    envelope = announced(1, make_announcement(6))
    assert records.restore(key_of(1), 6, envelope) is not None
    assert [record.sequence for record in records.offered(COLLECTION)] == [6]
    with pytest.raises(RecordError):
        records.restore(key_of(2), 8, envelope[:-1])
    assert records.highest(key_of(2)) == 8


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(50, 400), st.sampled_from([0, 60, 200])),
        max_size=25,
    )
)
def test_whatever_comes_in_whatever_order_no_sequence_ever_goes_back(
    steps: list[tuple[int, int, int, int]],
) -> None:
    records = joined_set(dead_band_seconds=30)
    highest: dict[RecordKey, int] = {}
    seconds = 0
    for author, sequence, lifetime, wait in steps:
        seconds += wait
        now = NOW.later(seconds)
        records.expire(now)
        content = make_announcement(sequence, UNIX + seconds, lifetime, pledge_bytes=sequence)
        key = key_of(author)
        try:
            records.admit(announced(author, content), now)
        except RecordError:
            assert sequence <= highest[key]
        else:
            assert sequence > highest.get(key, 0)
            highest[key] = sequence
        assert records.highest(key) == highest[key]
        for record in records.offered(COLLECTION):
            assert record.content.expires_at > now.unix_seconds  # type: ignore[union-attr]
