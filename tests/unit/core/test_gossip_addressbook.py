"""Whom to call next: bounded, patient with who fails, and deaf to hearsay about good addresses."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.events import AddressSource
from mirrord.core.gossip.addressbook import _ALL, AddressBook, Contact, Wish
from mirrord.core.records.ids import Address
from mirrord.core.timing import WAN
from tests.unit.core.making import NOW, node_id

HEARSAY = AddressSource.ANNOUNCEMENT
PINNED = AddressSource.BOOTSTRAP
REMEMBERED = AddressSource.REMEMBERED
DAY_BEFORE = int(NOW.unix_seconds) - 86_400


def address(number: int) -> Address:
    """Return an address that is not public."""
    return Address(f"10.0.{number // 256}.{number % 256}", 7700)


def public(place: int, number: int = 1) -> Address:
    """Return an address in neighbourhood number ``place`` of the public internet."""
    return Address(f"5.{place}.{number // 256}.{number % 256}", 7700)


def choices(book: AddressBook, later: float = 0.0, wish: Wish = Wish.ANYBODY) -> list[Contact]:
    """Return what 64 throws of the dice come to at that moment."""
    found = (book.choose(wish, NOW.later(later), n / 64, lambda _: True) for n in range(64))
    return [contact for contact in found if contact is not None]


def due(book: AddressBook, later: float = 0.0, wish: Wish = Wish.ANYBODY) -> set[Address]:
    """Return every address that may be dialled at that moment."""
    return {contact.address for contact in choices(book, later, wish)}


def proved(book: AddressBook, where: Address, node: int = 1, later: float = 0.0) -> None:
    """Have a node speak with us there."""
    book.dialled(where)
    book.answered(where, node_id(node))
    book.welcomed(where, NOW.later(later))


def test_failures_double_the_wait_up_to_an_hours_worth_and_a_welcome_resets_it() -> None:
    book = AddressBook(WAN, Counter())
    book.learn(address(1), HEARSAY)
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
    book.welcomed(address(1), NOW.later(now))
    assert due(book, now) == {address(1)}


def test_hearsay_does_not_change_who_is_known_at_an_address() -> None:
    book = AddressBook(WAN, Counter())
    book.learn(address(1), HEARSAY, node_id(1))
    proved(book, address(1), 1)
    book.learn(address(1), HEARSAY, node_id(666))
    assert [contact.node for contact in choices(book)] == [node_id(1)] * 64
    book.answered(address(1), node_id(2))
    (contact,) = set(choices(book))
    assert contact.node == node_id(2), "but a node that proves another key does"
    assert not contact.is_proved, "and is a new acquaintance"


def test_a_full_book_takes_a_new_address_only_for_one_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ADDRESS_BOOK_MAX", 3)
    book = AddressBook(WAN, Counter())
    for number in range(3):
        book.learn(address(number), PINNED if number == 0 else HEARSAY)
    assert not book.learn(address(10), HEARSAY)
    assert due(book) == {address(0), address(1), address(2)}
    book.failed(address(0), NOW)
    assert not book.learn(address(11), HEARSAY), "a bootstrap address is never thrown out"
    book.failed(address(2), NOW)
    assert book.learn(address(12), HEARSAY)
    assert due(book) == {address(1), address(12)}
    book.failed(address(1), NOW)
    book.welcomed(address(1), NOW)
    assert not book.learn(address(13), HEARSAY)
    assert book.learn(address(14), PINNED), "our operator has the last word"
    assert due(book) == {address(1), address(14)}, "and who is proved stays"


def test_hearsay_takes_the_place_of_a_proved_address_only_after_half_a_day_of_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ADDRESS_BOOK_MAX", 1)
    book = AddressBook(WAN, Counter())
    book.learn(address(1), HEARSAY)
    proved(book, address(1))
    for _ in range(limits.CONTACT_FAILURES_MAX - 1):
        book.failed(address(1), NOW)
        assert not book.learn(address(2), HEARSAY)
    book.failed(address(1), NOW)
    assert book.learn(address(2), HEARSAY)
    assert due(book) == {address(2)}


def test_a_bootstrap_address_that_is_given_again_is_due_at_once() -> None:
    book = AddressBook(WAN, Counter())
    book.learn(address(1), HEARSAY)
    book.failed(address(1), NOW)
    book.learn(address(1), HEARSAY)
    assert not due(book)
    book.learn(address(1), PINNED)
    assert due(book) == {address(1)}


def test_one_neighbourhood_has_a_share_of_the_book_and_what_failed_in_it_makes_room() -> None:
    reached: Counter[str] = Counter()
    book = AddressBook(WAN, reached)
    for number in range(1_000):
        book.learn(public(1, number), HEARSAY)
    assert len(book) == limits.ADDRESSES_PER_NEIGHBOURHOOD_MAX
    assert reached == {"ADDRESSES_PER_NEIGHBOURHOOD_MAX": 1_000 - len(book)}
    assert book.learn(public(2), HEARSAY)
    assert not book.learn(public(1, 2_000), HEARSAY)
    book.failed(public(2), NOW)
    assert not book.learn(public(1, 2_000), HEARSAY), "others' failures are no room for it"
    book.failed(public(1, 3), NOW)
    assert book.learn(public(1, 2_000), HEARSAY)
    assert book.get(public(1, 3)) is None
    assert book.learn(public(1, 3_000), PINNED), "our operator's do not count"


def test_addresses_that_are_not_public_and_those_of_a_rendezvous_have_a_share_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ADDRESSES_NOT_PUBLIC_MAX", 5)
    monkeypatch.setattr(limits, "ADDRESSES_FOUND_MAX", 3)
    book = AddressBook(WAN, Counter())
    for number in range(9):
        book.learn(address(number), HEARSAY)
    assert len(book) == 5
    for place in range(9):
        book.learn(public(place), AddressSource.DHT)
    assert len(book) == 5 + 3
    proved(book, public(1))
    assert book.learn(public(20), AddressSource.DHT), "who speaks with us is no rumour any more"
    assert book.learn(public(2), HEARSAY), "nor who is announced"
    assert book.learn(public(21), AddressSource.DHT)


REFUSED = [
    Address("192.0.2.1", 25),
    Address("192.0.2.1", 1023),
    Address("fe80::1", 7700),
    Address("169.254.1.1", 7700),
    Address("224.0.0.1", 7700),
    Address("0.0.0.0", 7700),
    Address("240.0.0.1", 7700),
    Address("mirror.example.org", 7700),
]


@pytest.mark.parametrize("where", REFUSED, ids=str)
def test_what_no_stranger_may_send_us_to_is_not_even_kept(where: Address) -> None:
    book = AddressBook(WAN, Counter())
    assert not book.learn(where, HEARSAY)
    assert not book.learn(where, AddressSource.DHT)
    assert len(book) == 0
    assert book.learn(where, PINNED)


def test_the_local_network_may_name_its_own_addresses() -> None:
    assert AddressBook(WAN, Counter()).learn(Address("fe80::1", 7700), AddressSource.LOCAL_NETWORK)


# --- whom it chooses -----------------------------------------------------------------------------


def test_thousands_of_addresses_in_one_neighbourhood_are_chosen_as_often_as_one_elsewhere() -> None:
    book = AddressBook(WAN, Counter())
    for number in range(64):
        book.learn(public(1, number), HEARSAY)
    book.learn(public(2), HEARSAY)
    assert sum(contact.address == public(2) for contact in choices(book)) == 32


def test_the_anchor_is_whom_we_have_known_longest_and_that_is_due() -> None:
    book = AddressBook(WAN, Counter())
    for place, days in ((1, 3), (2, 9), (3, 6)):
        book.learn(public(place), REMEMBERED, node_id(place), int(NOW.unix_seconds) - days * 86_400)
    book.learn(public(4), PINNED)
    assert due(book, wish=Wish.ANCHOR) == {public(2)}
    book.failed(public(2), NOW)
    assert due(book, wish=Wish.ANCHOR) == {public(3)}
    for place in (1, 3):
        book.failed(public(place), NOW)
    assert due(book, wish=Wish.ANCHOR) == {public(4)}, "where none is due, anybody"


def test_proved_and_bootstrap_addresses_come_before_hearsay_but_not_always() -> None:
    book = AddressBook(WAN, Counter())
    book.learn(public(1), REMEMBERED, node_id(1), DAY_BEFORE)
    book.learn(public(2), PINNED)
    book.learn(public(3), HEARSAY)
    assert due(book, wish=Wish.PROVED) == {public(1), public(2)}
    assert due(book, wish=Wish.ANYBODY) == {public(1), public(2), public(3)}


def test_the_first_time_that_a_node_spoke_with_us_stays() -> None:
    book = AddressBook(WAN, Counter())
    book.learn(public(1), REMEMBERED, node_id(1), DAY_BEFORE)
    proved(book, public(1), 1)
    contact = book.get(public(1))
    assert contact is not None and contact.first_seen_at == DAY_BEFORE
    proved(book, public(1), 2, later=5)
    contact = book.get(public(1))
    assert contact is not None and contact.first_seen_at == int(NOW.unix_seconds) + 5


# --- whatever happens ----------------------------------------------------------------------------

STEPS = ("learn", "found", "pin", "dialled", "failed", "answered", "welcomed")


def step(book: AddressBook, what: str, number: int) -> None:
    where = public(number % 3, number)
    match what:
        case "learn":
            book.learn(where, HEARSAY, node_id(number))
        case "found":
            book.learn(where, AddressSource.DHT)
        case "pin":
            book.learn(where, PINNED)
        case "dialled":
            book.dialled(where)
        case "failed":
            book.failed(where, NOW)
        case "answered":
            book.answered(where, node_id(number))
        case _:
            book.welcomed(where, NOW)


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 18)), max_size=80))
def test_the_book_keeps_its_bounds_its_bootstrap_addresses_and_whoever_is_proved(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ADDRESS_BOOK_MAX", 9)
        patch.setattr(limits, "ADDRESSES_PER_NEIGHBOURHOOD_MAX", 4)
        patch.setattr(limits, "ADDRESSES_FOUND_MAX", 3)
        patch.setattr(limits, "CONTACT_FAILURES_MAX", 2)
        book = AddressBook(WAN, Counter())
        for what, number in steps:
            before = dict(book._contacts)
            step(book, what, number)
            gone = [contact for where, contact in before.items() if where not in book._contacts]
            assert not [contact for contact in gone if contact.is_pinned]
            assert what == "pin" or not [contact for contact in gone if contact.is_proved]
            unpinned = [contact for contact in book._contacts.values() if not contact.is_pinned]
            assert len(book) <= 9
            for place in {contact.neighbourhood for contact in unpinned}:
                assert sum(contact.neighbourhood == place for contact in unpinned) <= 4
            assert_consistent(book)


def assert_consistent(book: AddressBook) -> None:
    """What is kept beside the contacts is what one would count."""
    counts = {share: count for share, count in book._counts.items() if count}
    expected: dict[object, int] = {}
    for contact in book._contacts.values():
        for share in contact.shares:
            expected[share] = expected.get(share, 0) + 1
    assert counts == expected
    may_go = {c.address for c in book._contacts.values() if c.failures and not c.is_proved and not c.is_pinned}
    assert set(book._failing.get(_ALL, {})) == may_go
    for share, failing in book._failing.items():
        if share != _ALL:
            assert set(failing) == {a for a in may_go if share in book._contacts[a].shares}
