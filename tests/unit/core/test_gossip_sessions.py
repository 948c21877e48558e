"""Two sessions between the same nodes: both ends keep the same one, whatever order they see them in."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.events import SessionOpened
from mirrord.core.gossip.sessions import Sessions, judge_hello
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId
from mirrord.core.wire.messages import Goodbye, GoodbyeCode, Hello
from tests.unit.core.making import COLLECTION, NOW, OTHER_COLLECTION, node_id

THERE = Address("192.0.2.1", 7700)


def survivor(own: NodeId, peer: NodeId, opened: list[tuple[int, NodeId]]) -> set[int]:
    """Return which of the sessions, (number, dialler) in the order seen, one end keeps."""
    table = Sessions(own)
    kept: set[int] = set()
    for number, dialler in opened:
        new, loser = table.opened(SessionOpened(SessionId(number), peer, THERE if dialler == own else None), NOW)
        assert new.session == number
        kept.add(number)
        if loser is not None:
            table.closed(loser.session)
            kept.discard(loser.session)
    assert {session for session in range(10) if table.get(SessionId(session)) is not None} == kept
    return kept


@given(st.integers(0, 50), st.integers(51, 100))
def test_nodes_that_dial_each_other_at_once_keep_what_the_lower_id_dialled(first: int, second: int) -> None:
    a, b = node_id(first), node_id(second)
    crossing = [(1, a), (2, b)]
    kept = {
        frozenset(survivor(own, peer, list(order)))
        for own, peer in ((a, b), (b, a))
        for order in itertools.permutations(crossing)
    }
    assert kept == {frozenset({1 if a < b else 2})}


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_ends_that_see_the_same_order_keep_the_same_session(dialled_by_first: list[bool]) -> None:
    a, b = node_id(1), node_id(2)
    opened = [(number, a if by_first else b) for number, by_first in enumerate(dialled_by_first)]
    ours, theirs = survivor(a, b, opened), survivor(b, a, opened)
    assert ours == theirs and len(ours) == 1


def test_a_second_session_of_the_same_dialler_replaces_what_a_crash_left() -> None:
    assert survivor(node_id(1), node_id(2), [(1, node_id(2)), (2, node_id(2))]) == {2}


@pytest.mark.parametrize("seconds_later", [limits.HANDSHAKE_TIMEOUT_SECONDS, limits.HANDSHAKE_TIMEOUT_SECONDS + 1])
def test_a_peer_that_dials_long_after_we_did_has_lost_our_session(seconds_later: float) -> None:
    """It came back on another address, and nobody told us that the old one is dead."""
    low, high = sorted((node_id(1), node_id(2)))
    table = Sessions(low)
    old, _ = table.opened(SessionOpened(SessionId(1), high, THERE), NOW)
    new, loser = table.opened(SessionOpened(SessionId(2), high, None), NOW.later(seconds_later))
    assert loser is (old if seconds_later > limits.HANDSHAKE_TIMEOUT_SECONDS else new)


def test_sessions_with_others_are_left_alone() -> None:
    table = Sessions(node_id(0))
    for number in range(1, 4):
        _, loser = table.opened(SessionOpened(SessionId(number), node_id(number), None), NOW)
        assert loser is None
    assert table.peers() == {node_id(1), node_id(2), node_id(3)}
    assert len(table) == 3


def test_who_has_not_said_hello_in_time_is_silent() -> None:
    table = Sessions(node_id(0))
    session, _ = table.opened(SessionOpened(SessionId(1), node_id(1), None), NOW)
    assert not table.silent(NOW.later(limits.HANDSHAKE_TIMEOUT_SECONDS))
    assert table.silent(NOW.later(limits.HANDSHAKE_TIMEOUT_SECONDS + 1)) == [session]
    session.greeted = True
    assert not table.silent(NOW.later(10_000))
    assert table.greeted() == [session]


def test_what_we_dialled_comes_oldest_first() -> None:
    table = Sessions(node_id(0))
    table.opened(SessionOpened(SessionId(1), node_id(1), None), NOW)
    assert table.dialled() == []
    for number in (2, 3):
        table.opened(SessionOpened(SessionId(number), node_id(number), THERE), NOW)
    assert [session.session for session in table.dialled()] == [2, 3]


def hello(low: int, high: int, *collections: CollectionId) -> Hello:
    return Hello(low, high, "mirrord test", 0, tuple(sorted(collections)))


def test_what_both_joined_is_shared() -> None:
    joined = frozenset({COLLECTION})
    assert judge_hello(hello(1, 1, COLLECTION, OTHER_COLLECTION), joined) == (COLLECTION,)
    assert judge_hello(hello(1, 7, COLLECTION), joined) == (COLLECTION,), "a later version that still speaks ours"


@pytest.mark.parametrize("collections", [(), (OTHER_COLLECTION,)])
def test_nodes_without_a_collection_in_common_part(collections: tuple[CollectionId, ...]) -> None:
    verdict = judge_hello(hello(1, 1, *collections), frozenset({COLLECTION}))
    assert isinstance(verdict, Goodbye) and verdict.code is GoodbyeCode.NOTHING_SHARED


@pytest.mark.parametrize(
    ("low", "high", "reason"),
    [
        (2, 2, "we speak protocol version 1, you speak 2: we must upgrade mirrord"),
        (2, 5, "we speak protocol version 1, you speak 2 to 5: we must upgrade mirrord"),
    ],
)
def test_nodes_without_a_version_in_common_part_and_say_who_must_upgrade(low: int, high: int, reason: str) -> None:
    verdict = judge_hello(hello(low, high, COLLECTION), frozenset({COLLECTION}))
    assert verdict == Goodbye(GoodbyeCode.VERSION, reason)
