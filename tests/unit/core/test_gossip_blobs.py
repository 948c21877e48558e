"""Fetching blobs by hash: peers that lie, fall silent, lack it or go away cost time and nothing else."""

import hashlib
from collections import Counter

import pytest

from mirrord.core import limits
from mirrord.core.gossip.blob_fetch import Got
from mirrord.core.gossip.blobs import BlobFetches
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.wire.messages import BlobChunk
from tests.unit.core.making import NOW

CHUNK = limits.BLOB_CHUNK_BYTES
A, B, C = SessionId(1), SessionId(2), SessionId(3)


def blob(number: int, size: int = 10) -> tuple[Sha256, bytes]:
    data = bytes([number % 256]) * size
    return Sha256(hashlib.sha256(data).digest()), data


def asked(fetches: BlobFetches, sessions: list[SessionId], later: float = 0.0) -> list[tuple[SessionId, Sha256, int]]:
    asks = fetches.ask(sessions, NOW.later(later))
    return [(ask.session, ask.request.sha256, ask.request.offset) for ask in asks]


def give(fetches: BlobFetches, session: SessionId, sha256: Sha256, offset: int, data: bytes) -> Got:
    return fetches.received(session, BlobChunk(sha256, offset, data[offset : offset + CHUNK]))


def test_a_blob_comes_chunk_by_chunk_from_several_sessions_at_once() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1, 2 * CHUNK + 5)
    fetches.want(sha256, len(data))
    fetches.want(sha256, len(data))
    assert asked(fetches, [A, B]) == [(A, sha256, 0), (B, sha256, CHUNK)]
    assert asked(fetches, [A, B]) == [], "asked once"
    assert give(fetches, B, sha256, CHUNK, data) == Got()
    assert asked(fetches, [A, B, C]) == [(B, sha256, 2 * CHUNK)], "each is asked for one, in any order"
    assert give(fetches, B, sha256, 2 * CHUNK, data) == Got()
    assert give(fetches, A, sha256, 0, data) == Got(data)
    assert not fetches.wanted()


def test_no_more_sessions_than_the_limit_are_asked_for_one_blob() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1, 50 * CHUNK)
    fetches.want(sha256, len(data))
    asks = asked(fetches, [SessionId(number) for number in range(20)])
    assert len(asks) == limits.BLOB_SOURCES_MAX == len({session for session, _, _ in asks})


def test_a_peer_that_lied_alone_is_at_fault_and_another_is_asked_from_the_start() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1)
    fetches.want(sha256, len(data))
    assert asked(fetches, [A, B]) == [(A, sha256, 0)]
    assert give(fetches, A, sha256, 0, b"0123456789") == Got(liars=frozenset({A}))
    assert asked(fetches, [A, B]) == [(B, sha256, 0)], "A is not asked again, though its session is open"
    assert give(fetches, B, sha256, 0, data) == Got(data)


def test_who_of_several_lied_is_found_by_fetching_it_again_from_one_alone() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1, 3 * CHUNK)
    fetches.want(sha256, len(data))
    assert asked(fetches, [A, B, C]) == [(A, sha256, 0), (B, sha256, CHUNK), (C, sha256, 2 * CHUNK)]
    wrong = bytes(len(data))
    assert give(fetches, A, sha256, 0, data) == give(fetches, B, sha256, CHUNK, wrong) == Got()
    assert give(fetches, C, sha256, 2 * CHUNK, data) == Got(), "nobody is blamed before it is certain who"
    for offset in (0, CHUNK):
        assert asked(fetches, [C, B, A]) == [(C, sha256, offset)], "one alone"
        assert give(fetches, C, sha256, offset, data) == Got()
    assert asked(fetches, [B, C, A]) == [(C, sha256, 2 * CHUNK)], "all of it from the same"
    assert give(fetches, C, sha256, 2 * CHUNK, data) == Got(data, frozenset({B}))


def test_who_lies_again_alone_is_found_too_and_then_the_first() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1, 2 * CHUNK)
    fetches.want(sha256, len(data))
    wrong = bytes(len(data))
    asked(fetches, [A, B])
    give(fetches, A, sha256, 0, wrong)
    give(fetches, B, sha256, CHUNK, data)
    for offset in (0, CHUNK):
        assert asked(fetches, [A, B]) == [(A, sha256, offset)]
        got = give(fetches, A, sha256, offset, wrong)
    assert got == Got(liars=frozenset({A}))
    assert asked(fetches, [B]) == [(B, sha256, 0)]
    fetches.closed(B)
    assert asked(fetches, [C]) == [(C, sha256, 0)], "who goes away half-way leaves nothing behind"
    give(fetches, C, sha256, 0, data)
    asked(fetches, [C])
    assert give(fetches, C, sha256, CHUNK, data) == Got(data, frozenset({A}))


@pytest.mark.parametrize("length", [1, 9, 11, CHUNK])
def test_a_peer_whose_chunks_have_another_length_is_given_up_and_not_blamed(length: int) -> None:
    fetches = BlobFetches(Counter())
    sha256, _ = blob(1)
    fetches.want(sha256, 10)
    asked(fetches, [A, B])
    assert fetches.received(A, BlobChunk(sha256, 0, bytes(length))) == Got()
    assert asked(fetches, [A, B]) == [(B, sha256, 0)]


def test_a_silent_peer_is_left_after_its_time_and_not_a_second_earlier() -> None:
    bitten = Counter[str]()
    fetches = BlobFetches(bitten)
    sha256, data = blob(1, CHUNK + 1)
    fetches.want(sha256, len(data))
    assert asked(fetches, [A]) == [(A, sha256, 0)]
    give(fetches, A, sha256, 0, data)
    assert fetches.next_deadline == float("inf")
    assert asked(fetches, [A], later=5) == [(A, sha256, CHUNK)]
    assert fetches.next_deadline == NOW.later(5 + limits.BLOB_WAIT_SECONDS).monotonic_seconds
    assert asked(fetches, [A, B], later=5 + limits.BLOB_WAIT_SECONDS - 1) == []
    assert asked(fetches, [A, B], later=5 + limits.BLOB_WAIT_SECONDS) == [(B, sha256, CHUNK)], "what is here stays"
    assert bitten["BLOB_WAIT_SECONDS"] == 1
    assert give(fetches, A, sha256, CHUNK, data) == Got(), "what comes late is not mixed in"
    assert give(fetches, B, sha256, CHUNK, data) == Got(data)


def test_a_peer_that_lacks_it_or_goes_away_makes_room_for_the_next() -> None:
    fetches = BlobFetches(Counter())
    sha256, _ = blob(1)
    fetches.want(sha256, 10)
    asked(fetches, [A, B, C])
    fetches.missing(B, sha256)
    assert asked(fetches, [A, B, C]) == [], "B was not the one"
    fetches.missing(A, sha256)
    assert asked(fetches, [A, B, C]) == [(B, sha256, 0)]
    fetches.closed(B)
    assert asked(fetches, [A, C]) == [(C, sha256, 0)]


def test_when_everybody_lacked_it_they_are_asked_again_in_turn() -> None:
    fetches = BlobFetches(Counter())
    sha256, _ = blob(1)
    fetches.want(sha256, 10)
    asked(fetches, [A])
    fetches.missing(A, sha256)
    assert asked(fetches, [A]) == []
    assert asked(fetches, [A]) == [(A, sha256, 0)]


def test_a_few_at_a_time_in_order_and_what_nobody_has_never_blocks_the_rest() -> None:
    fetches = BlobFetches(Counter())
    lost = [blob(number)[0] for number in range(limits.BLOB_FETCHES_MAX)]
    there, data = blob(99)
    for sha256 in [*lost, there]:
        fetches.want(sha256, 10)
    assert [sha256 for _, sha256, _ in asked(fetches, [A])] == lost
    for _ in range(3):
        for sha256 in lost:
            fetches.missing(A, sha256)
        if (A, there, 0) in asked(fetches, [A]):
            break
    else:
        pytest.fail("four lost blobs kept the fifth from being asked for")
    assert give(fetches, A, there, 0, data) == Got(data)


def test_chunks_that_nobody_asked_for_are_dropped() -> None:
    fetches = BlobFetches(Counter())
    sha256, data = blob(1)
    assert give(fetches, A, sha256, 0, data) == Got()
    fetches.want(sha256, len(data))
    assert give(fetches, A, sha256, 0, data) == Got(), "not asked yet"
    asked(fetches, [A])
    assert give(fetches, B, sha256, 0, data) == Got(), "not of B"
    assert give(fetches, A, sha256, 5, data) == Got(), "not from there"
    assert fetches.wanted()


def test_impossible_sizes_are_never_wanted_and_forgotten_blobs_not_asked_for() -> None:
    fetches = BlobFetches(Counter())
    fetches.want(blob(1)[0], 0)
    fetches.want(blob(2)[0], limits.BLOB_MAX_BYTES + 1)
    fetches.want(blob(3)[0], limits.BLOB_MAX_BYTES)
    fetches.forget(blob(3)[0])
    fetches.forget(blob(4)[0])
    assert asked(fetches, [A]) == []
