"""Anti-entropy: whatever two or many nodes hold, they end with the newest of all of it, within the limits."""

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError, RemoteProtocolError
from mirrord.core.gossip import reconcile
from mirrord.core.gossip.fingerprints import Fingerprints, bits_for, bucket_of
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey, fingerprint, record_id
from mirrord.core.records.recordset import RecordSet
from mirrord.core.wire import messages as m
from tests.unit.core.making import (
    COLLECTION,
    NOW,
    announced,
    joined_set,
    key_of,
    make_announcement,
    make_head,
    signed_head,
)

ENVELOPES: dict[tuple[int, int], bytes] = {}


def envelope_of(author: int, sequence: int) -> bytes:
    """Sign once: a signature costs more than all else in these tests."""
    made = ENVELOPES.get((author, sequence))
    if made is None:
        made = ENVELOPES[author, sequence] = announced(author, make_announcement(sequence))
    return made


class Side:
    """One end of a session: a record set and its fingerprints, and what it answers."""

    def __init__(self, held: dict[int, int]) -> None:
        self.records: RecordSet = joined_set()
        self.index = Fingerprints()
        self.rounds = 0
        for author, sequence in held.items():
            self.take(envelope_of(author, sequence))

    def take(self, envelope: bytes) -> None:
        try:
            record, _ = self.records.admit(envelope, NOW)
        except RecordError:
            return
        self.index.put(record)

    def answer(self, message: m.Message) -> list[m.Message]:
        match message:
            case m.Summary():
                buckets = reconcile.answer_summary(message, self.index)
                return [] if buckets is None else [buckets]
            case m.Buckets():
                self.rounds += 1
                listing = reconcile.answer_buckets(message, self.index, self.rounds)
                return [] if listing is None else [listing]
            case m.Listing():
                keys, request = reconcile.compare_listing(message, self.index)
                return [*([] if request is None else [request]), *self.batches(keys)]
            case m.RecordRequest():
                return self.batches(reconcile.requested_keys(message, self.index))
            case m.Records():
                for envelope in message.envelopes:
                    self.take(envelope)
        return []

    def batches(self, keys: tuple[RecordKey, ...]) -> list[m.Message]:
        return list(reconcile.batches(COLLECTION, keys, self.records))

    def contents(self) -> dict[RecordKey, int]:
        return {record.key: record.sequence for record in self.records.offered(COLLECTION)}


def meet(opener: Side, other: Side) -> list[m.Message]:
    """Let one round run to its end and return everything that was said."""
    said: list[m.Message] = []
    waiting: list[tuple[Side, m.Message]] = [(other, reconcile.summarise(COLLECTION, opener.index))]
    while waiting:
        receiver, message = waiting.pop(0)
        said.append(message)
        sender = opener if receiver is other else other
        waiting += [(sender, answer) for answer in receiver.answer(message)]
        assert len(said) < 200, "a round without an end"
    return said


def newest(sides: list[dict[int, int]]) -> dict[RecordKey, int]:
    merged: dict[RecordKey, int] = {}
    for held in sides:
        for author, sequence in held.items():
            merged[key_of(author)] = max(sequence, merged.get(key_of(author), 0))
    return merged


HELD = st.dictionaries(st.integers(0, 60), st.integers(1, 3), max_size=50)


@settings(max_examples=60)
@given(HELD, HELD)
def test_one_round_makes_two_nodes_equal_in_five_kinds_of_message(left: dict[int, int], right: dict[int, int]) -> None:
    opener, other = Side(left), Side(right)
    said = meet(opener, other)
    assert opener.contents() == other.contents() == newest([left, right])
    assert opener.index.root == other.index.root
    again = meet(other, opener)
    assert [type(message) for message in again] == [m.Summary], "equal nodes have nothing more to say"
    if opener.contents() == Side(left).contents() == Side(right).contents():
        assert len(said) == 1


@settings(max_examples=25)
@given(st.lists(HELD, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_many_nodes_that_meet_at_random_end_with_the_newest_of_all(
    contents: list[dict[int, int]], dice: random.Random
) -> None:
    sides = [Side(held) for held in contents]
    for _ in range(2 * len(sides)):
        for opener in sides:
            meet(opener, dice.choice([side for side in sides if side is not opener]))
    # What chance has left out, one pass along all of them and back must bring to everybody.
    neighbours = list(pairwise(sides))
    for opener, other in neighbours + neighbours[::-1]:
        meet(opener, other)
    assert all(side.contents() == newest(contents) for side in sides)


def test_large_sets_converge_in_a_few_rounds_although_one_listing_cannot_hold_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LISTING_MAX_ENTRIES", 20)
    left, right = Side({n: 1 for n in range(150)}), Side({n: 2 for n in range(100, 250)})
    rounds = 0
    while left.contents() != right.contents():
        said = meet(left, right)
        assert all(len(x.entries) <= 20 for x in said if isinstance(x, m.Listing))
        rounds += 1
        assert rounds < 40
    assert left.contents() == {key_of(n): 1 if n < 100 else 2 for n in range(250)}


def test_a_new_node_is_not_answered_with_more_than_one_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER_MAX_BYTES", 4_000)
    old, new = Side({n: n + 1 for n in range(120)}), Side({})
    rounds = 0
    while new.contents() != old.contents():
        said = meet(new, old)
        assert sum(len(e) for x in said if isinstance(x, m.Records) for e in x.envelopes) <= 4_000
        if rounds == 0:
            assert min(new.contents().values()) > 100, "the newest come first"
        rounds += 1
        assert rounds < 20
    assert rounds > 5


def test_batches_keep_their_limits_and_a_large_record_travels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    side = Side({n: 1 for n in range(30)})
    keys = tuple(sorted(side.contents()))
    size = max(len(envelope_of(n, 1)) for n in range(30))
    monkeypatch.setattr(limits, "BATCH_MAX_RECORDS", 7)
    assert [len(batch.envelopes) for batch in reconcile.batches(COLLECTION, keys, side.records)] == [7, 7, 7, 7, 2]
    monkeypatch.setattr(limits, "BATCH_MAX_BYTES", 3 * size)
    assert all(
        sum(map(len, batch.envelopes)) <= 3 * size for batch in reconcile.batches(COLLECTION, keys, side.records)
    )
    monkeypatch.setattr(limits, "BATCH_MAX_BYTES", 10)
    assert [len(batch.envelopes) for batch in reconcile.batches(COLLECTION, keys, side.records)] == [1] * 30


def test_a_request_is_answered_once_an_id_and_only_with_what_is_there() -> None:
    side = Side({1: 1, 2: 1})
    known = record_id(key_of(1))
    request = m.RecordRequest(COLLECTION, (known, b"unknown!", known))
    assert reconcile.requested_keys(request, side.index) == (key_of(1),)


def test_a_listing_that_strays_from_its_buckets_is_the_peers_fault() -> None:
    identity = record_id(key_of(1))
    wrong = (bucket_of(identity, 3) + 1) % 8
    with pytest.raises(RemoteProtocolError):
        reconcile.compare_listing(m.Listing(COLLECTION, 3, (wrong,), ((identity, 1),)), Side({1: 1}).index)


def test_a_listing_of_a_hostile_peer_gets_one_answer_within_the_limits() -> None:
    side = Side({n: 1 for n in range(40)})
    everything = tuple((n.to_bytes(8, "big"), 2**64 - 1) for n in range(100))
    keys, request = reconcile.compare_listing(m.Listing(COLLECTION, 0, (0,), everything), side.index)
    assert len(keys) == 40 and request is not None and len(request.ids) == 100
    assert reconcile.answer_summary(m.Summary(COLLECTION, 1, 2**32 - 1), side.index) is not None
    assert reconcile.answer_buckets(m.Buckets(COLLECTION, 0, (side.index.root,)), side.index, 5) is None


# --- fingerprints --------------------------------------------------------------------------------


def test_ids_and_fingerprints_are_the_hashes_that_the_protocol_names() -> None:
    key = RecordKey(Kind.ANNOUNCEMENT, bytes(range(32)))
    identity = hashlib.blake2b(b"\x02" + bytes(range(32)), digest_size=8).digest()
    assert record_id(key) == identity
    digest = hashlib.blake2b(identity + b"\0\0\0\0\0\0\x01\x02", digest_size=8).digest()
    assert fingerprint(identity, 258) == int.from_bytes(digest, "big")
    assert [bucket_of(b"\xc0\x01" + bytes(6), bits) for bits in (0, 1, 2, 8, 15)] == [0, 1, 3, 192, 24_576]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), max_size=40), st.integers(0, 6))
def test_the_index_is_the_same_whatever_way_led_to_it(steps: list[tuple[int, int]], bits: int) -> None:
    index = Fingerprints()
    held: dict[int, int] = {}
    for author, sequence in steps:
        if sequence == 0:
            index.drop(record_id(key_of(author)))
            held.pop(author, None)
        elif sequence >= held.get(author, 0):
            side = Side({author: sequence})
            index.put(next(side.records.offered(COLLECTION)))
            held[author] = sequence
    fresh = Side(held).index
    assert (index.root, len(index), index.digests(bits)) == (fresh.root, len(fresh), fresh.digests(bits))
    root = 0
    for digest in index.digests(bits):
        root ^= digest
    assert root == index.root
    chosen = frozenset(range(0, 1 << bits, 2))
    assert set(index.in_buckets(bits, chosen)) == {
        record_id(key_of(a)) for a in held if bucket_of(record_id(key_of(a)), bits) in chosen
    }


@pytest.mark.parametrize(
    ("records", "bits"), [(0, 0), (1, 0), (19, 0), (20, 1), (100, 4), (10_000, 10), (100_000, 14), (10**6, 15)]
)
def test_a_bucket_has_about_ten_records(records: int, bits: int) -> None:
    assert bits_for(records) == bits


def test_an_index_has_as_many_buckets_as_its_records_want() -> None:
    index, sides = Fingerprints(), [next(Side({author: 1}).records.offered(COLLECTION)) for author in range(90)]
    for record in sides:
        index.put(record)
    assert index.bits() == bits_for(90) == 4
    for record in sides[:50]:
        index.drop(record.identity)
    assert index.bits() == 2 and set(index) == set(sides[50:])
    index.put(sides[0])
    index.drop(sides[0].identity)
    assert index.bits() == 2, "it does not go to and fro"


def test_a_manifest_is_reconciled_like_any_record() -> None:
    left, right = Side({1: 1}), Side({})
    left.take(signed_head(make_head(4)))
    meet(right, left)
    assert right.records.head(COLLECTION) == make_head(4)
