"""Fetching blobs by hash: peers that lie, fall silent, lack it or go away cost time and nothing else."""

import hashlib

import pytest

from mirrord.core import limits
from mirrord.core.errors import RemoteProtocolError
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


def test_a_blob_comes_chunk_by_chunk_from_one_session() -> None:
    fetches = BlobFetches()
    sha256, data = blob(1, 2 * CHUNK + 5)
    fetches.want(sha256, len(data))
    fetches.want(sha256, len(data))
    assert asked(fetches, [A, B]) == [(A, sha256, 0)]
    assert asked(fetches, [A, B]) == [], "asked once"
    for offset in (0, CHUNK):
        whole, ask = fetches.received(A, BlobChunk(sha256, offset, data[offset : offset + CHUNK]), NOW)
        assert whole is None and ask is not None and ask.request.offset == offset + CHUNK
    assert fetches.received(A, BlobChunk(sha256, 2 * CHUNK, data[2 * CHUNK :]), NOW) == (data, None)
    assert not fetches.wanted()


def test_a_lying_peer_is_at_fault_and_another_is_asked_from_the_start() -> None:
    fetches = BlobFetches()
    sha256, data = blob(1)
    fetches.want(sha256, len(data))
    assert asked(fetches, [A, B]) == [(A, sha256, 0)]
    with pytest.raises(RemoteProtocolError, match="hash"):
        fetches.received(A, BlobChunk(sha256, 0, b"0123456789"), NOW)
    assert asked(fetches, [A, B]) == [(B, sha256, 0)], "A is not asked again, though its session is open"
    assert fetches.received(B, BlobChunk(sha256, 0, data), NOW) == (data, None)


@pytest.mark.parametrize("length", [1, 9, 11, CHUNK])
def test_a_peer_whose_chunks_have_another_length_is_given_up_and_not_blamed(length: int) -> None:
    fetches = BlobFetches()
    sha256, _ = blob(1)
    fetches.want(sha256, 10)
    asked(fetches, [A, B])
    assert fetches.received(A, BlobChunk(sha256, 0, bytes(length)), NOW) == (None, None)
    assert asked(fetches, [A, B]) == [(B, sha256, 0)]


def test_a_silent_peer_is_left_after_its_time_and_not_a_second_earlier() -> None:
    fetches = BlobFetches()
    sha256, data = blob(1, CHUNK + 1)
    fetches.want(sha256, len(data))
    asked(fetches, [A, B])
    fetches.received(A, BlobChunk(sha256, 0, data[:CHUNK]), NOW.later(5))
    assert asked(fetches, [A, B], later=5 + limits.BLOB_WAIT_SECONDS - 1) == []
    assert asked(fetches, [A, B], later=5 + limits.BLOB_WAIT_SECONDS) == [(B, sha256, 0)]
    late = fetches.received(A, BlobChunk(sha256, CHUNK, data[CHUNK:]), NOW.later(30))
    assert late == (None, None), "what comes late is not mixed in"


def test_a_peer_that_lacks_it_or_goes_away_makes_room_for_the_next() -> None:
    fetches = BlobFetches()
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
    fetches = BlobFetches()
    sha256, _ = blob(1)
    fetches.want(sha256, 10)
    asked(fetches, [A])
    fetches.missing(A, sha256)
    assert asked(fetches, [A]) == []
    assert asked(fetches, [A]) == [(A, sha256, 0)]


def test_a_few_at_a_time_in_order_and_what_nobody_has_never_blocks_the_rest() -> None:
    fetches = BlobFetches()
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
    assert fetches.received(A, BlobChunk(there, 0, data), NOW) == (data, None)


def test_chunks_that_nobody_asked_for_are_dropped() -> None:
    fetches = BlobFetches()
    sha256, data = blob(1)
    assert fetches.received(A, BlobChunk(sha256, 0, data), NOW) == (None, None)
    fetches.want(sha256, len(data))
    assert fetches.received(A, BlobChunk(sha256, 0, data), NOW) == (None, None), "not asked yet"
    asked(fetches, [A])
    assert fetches.received(B, BlobChunk(sha256, 0, data), NOW) == (None, None), "not of B"
    assert fetches.received(A, BlobChunk(sha256, 5, data[5:]), NOW) == (None, None), "not from there"


def test_impossible_sizes_are_never_wanted_and_forgotten_blobs_not_asked_for() -> None:
    fetches = BlobFetches()
    fetches.want(blob(1)[0], 0)
    fetches.want(blob(2)[0], limits.BLOB_MAX_BYTES + 1)
    fetches.want(blob(3)[0], limits.BLOB_MAX_BYTES)
    fetches.forget(blob(3)[0])
    fetches.forget(blob(4)[0])
    assert asked(fetches, [A]) == []
