"""Whom to call next: bounded, patient with who fails, and deaf to hearsay about good addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.gossip.addressbook import AddressBook
from mirrord.core.records.ids import Address, NodeId
from mirrord.core.timing import WAN
from tests.unit.core.making import NOW, node_id

NOBODY: frozenset[NodeId] = frozenset()


def address(number: int) -> Address:
    return Address(f"192.0.{number // 256}.{number % 256}", 7700)


def due(book: AddressBook, later: float = 0.0, avoid: frozenset[NodeId] = NOBODY) -> set[Address]:
    """Return every address that may be dialled at that moment."""
    return {found for n in range(64) if (found := book.choose(NOW.later(later), n / 64, avoid)) is not None}


def test_failures_double_the_wait_up_to_an_hours_worth_and_a_welcome_resets_it() -> None:
    book = AddressBook(WAN)
    book.learn(address(1))
    now = 0.0
    for doublings in [0, 1, 2, 3, 4, 5, 6, 6, 6]:
        assert due(book, now) == {address(1)}
        book.dialled(address(1))
        assert not due(book, now), "not twice at once"
        book.failed(address(1), NOW.later(now))
        wait = WAN.dial_retry_seconds * 2**doublings
        assert not due(book, now + wait - 1)
        now += wait
    book.dialled(address(1))
    book.answered(address(1), node_id(1))
    book.failed(address(1), NOW.later(now))
    assert not due(book, now + 100), "an answer without a Hello is no success"
    book.welcomed(address(1))
    assert due(book, now) == {address(1)}


def test_who_is_connected_is_not_called_at_any_address() -> None:
    book = AddressBook(WAN)
    for number in range(3):
        book.learn(address(number), node_id(7))
    book.learn(address(9), node_id(8))
    assert due(book, avoid=frozenset({node_id(7)})) == {address(9)}
    book.dialled(address(0))
    assert due(book) == {address(9)}, "nor at two addresses at once"
    assert book.dialling() == 1


def test_hearsay_does_not_change_who_is_known_at_an_address() -> None:
    book = AddressBook(WAN)
    book.learn(address(1), node_id(1))
    book.answered(address(1), node_id(1))
    book.learn(address(1), node_id(666))
    assert due(book, avoid=frozenset({node_id(666)})) == {address(1)}
    assert not due(book, avoid=frozenset({node_id(1)}))
    book.answered(address(1), node_id(2))
    assert not due(book, avoid=frozenset({node_id(2)})), "but a node that proves another key does"


def test_a_full_book_takes_a_new_address_only_for_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_BOOK_MAX", 3)
    book = AddressBook(WAN)
    for number in range(3):
        book.learn(address(number), pinned=number == 0)
    book.learn(address(10))
    assert due(book) == {address(0), address(1), address(2)}
    book.failed(address(0), NOW)
    book.learn(address(11))
    assert address(11) not in due(book), "a bootstrap address is never thrown out"
    book.failed(address(2), NOW)
    book.learn(address(12))
    assert due(book) == {address(1), address(12)}
    book.failed(address(1), NOW)
    book.welcomed(address(1))
    book.learn(address(13))
    assert due(book) == {address(1), address(12)}


def test_a_bootstrap_address_that_is_given_again_is_due_at_once() -> None:
    book = AddressBook(WAN)
    book.learn(address(1))
    book.failed(address(1), NOW)
    book.learn(address(1))
    assert not due(book)
    book.learn(address(1), pinned=True)
    assert due(book) == {address(1)}


@given(
    st.lists(
        st.tuples(st.sampled_from(["learn", "pin", "dialled", "failed", "answered", "welcomed"]), st.integers(0, 12)),
        max_size=60,
    )
)
def test_the_book_stays_bounded_and_never_forgets_a_bootstrap_address(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ADDRESS_BOOK_MAX", 6)
        book, pinned = AddressBook(WAN), set[Address]()
        for step, number in steps:
            where = address(number)
            match step:
                case "learn":
                    book.learn(where, node_id(number))
                case "pin":
                    book.learn(where, pinned=True)
                    if where in book._contacts:
                        pinned.add(where)
                case "failed":
                    book.failed(where, NOW)
                case "answered":
                    book.answered(where, node_id(number))
                case _:
                    getattr(book, step)(where)
            assert len(book._contacts) <= 6
            assert pinned <= set(book._contacts)
            assert set(book._failing) <= set(book._contacts) - pinned
