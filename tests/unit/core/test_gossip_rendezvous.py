"""When a node looks for peers that nobody named, and what it takes of what it finds."""

from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import SeekPeers
from mirrord.core.events import AddressesFound, AddressSource
from mirrord.core.gossip.rendezvous import RENDEZVOUS_BYTES, Rendezvous, days_of, rendezvous
from mirrord.core.records.ids import Address, CollectionId
from mirrord.core.timing import WAN

MUSIC = CollectionId(b"m" * 32)
FILMS = CollectionId(b"f" * 32)
DAY_SECONDS = 86_400
NOON = 20_000 * DAY_SECONDS + 43_200
NOBODY: frozenset[CollectionId] = frozenset()


def at(seconds: float, unix_seconds: float = NOON) -> Instant:
    return Instant(1_000.0 + seconds, unix_seconds + seconds)


def looking(*collections: CollectionId, port: int = 7700) -> Rendezvous:
    made = Rendezvous(WAN)
    for collection in collections:
        made.join(collection)
    made.listens_at(port)
    return made


def test_a_collection_has_another_rendezvous_each_day() -> None:
    found = {rendezvous(collection, day) for collection in (MUSIC, FILMS) for day in range(100)}
    assert len(found) == 200
    assert {len(one) for one in found} == {RENDEZVOUS_BYTES}


@given(st.floats(0, 4e9))
def test_two_clocks_within_the_skew_that_is_allowed_always_meet(unix_seconds: float) -> None:
    other = unix_seconds + limits.FUTURE_SKEW_SECONDS
    assert set(days_of(unix_seconds)) & set(days_of(other))


def test_a_clock_that_was_never_set_shows_the_first_day() -> None:
    assert days_of(0.0) == (0,)
    assert len(list(looking(MUSIC).seek(at(0, 0.0), 0.5, NOBODY))) == 1


def test_the_neighbour_day_counts_for_an_hour_around_midnight() -> None:
    assert days_of(NOON) == (20_000,)
    assert days_of(20_000 * DAY_SECONDS) == (20_000, 19_999)
    assert days_of(20_000 * DAY_SECONDS + 3_600) == (20_000,)
    assert days_of(20_001 * DAY_SECONDS - 3_600) == (20_000, 20_001)
    near = looking(MUSIC)
    seeks = list(near.seek(at(0, 20_001 * DAY_SECONDS - 5), 0.5, NOBODY))
    assert [seek.rendezvous for seek in seeks] == [rendezvous(MUSIC, 20_000), rendezvous(MUSIC, 20_001)]


def test_it_looks_at_once_for_every_collection_and_says_where_it_is() -> None:
    seeks = list(looking(MUSIC, FILMS).seek(at(0), 0.5, NOBODY))
    today = [rendezvous(collection, 20_000) for collection in (MUSIC, FILMS)]
    assert seeks == [SeekPeers(one, 7700, announce=True) for one in today]


def test_before_it_listens_it_does_not_look_and_without_a_port_it_is_not_to_be_found() -> None:
    silent = Rendezvous(WAN)
    silent.join(MUSIC)
    assert silent.next_deadline(NOBODY) == float("inf")
    assert not list(silent.seek(at(0), 0.5, NOBODY))
    silent.listens_at(0)
    assert list(silent.seek(at(0), 0.5, NOBODY)) == [SeekPeers(rendezvous(MUSIC, 20_000), 0, announce=False)]


@given(st.floats(0, 1, exclude_max=True))
def test_alone_it_looks_every_minute_and_in_company_every_quarter_of_an_hour(dice: float) -> None:
    for accompanied, seconds in ((NOBODY, 60.0), (frozenset({MUSIC}), 900.0)):
        made = looking(MUSIC)
        assert list(made.seek(at(0), dice, accompanied))
        due = made.next_deadline(accompanied) - at(0).monotonic_seconds
        assert 0.8 * seconds <= due <= 1.2 * seconds
        assert not list(made.seek(at(due - 1), dice, accompanied))
        assert list(made.seek(at(due), dice, accompanied))


def test_whoever_is_left_alone_does_not_wait_out_the_longer_period() -> None:
    made = looking(MUSIC)
    assert list(made.seek(at(0), 0.5, frozenset({MUSIC})))
    assert not list(made.seek(at(100), 0.5, frozenset({MUSIC})))
    assert list(made.seek(at(100), 0.5, NOBODY))


def test_a_new_port_is_told_at_once_and_the_same_one_is_not() -> None:
    made = looking(MUSIC)
    assert list(made.seek(at(0), 0.5, NOBODY))
    made.listens_at(7700)
    assert not list(made.seek(at(1), 0.5, NOBODY))
    made.listens_at(7800)
    assert [seek.port for seek in made.seek(at(1), 0.5, NOBODY)] == [7800]


def test_what_was_left_is_looked_for_no_more() -> None:
    made = looking(MUSIC)
    made.part(MUSIC)
    assert not list(made.seek(at(0), 0.5, NOBODY))
    assert made.next_deadline(NOBODY) == float("inf")


def test_a_flood_of_addresses_is_taken_at_the_pace_of_our_looks() -> None:
    made = looking(MUSIC)
    flood = tuple(Address(f"198.51.100.{number % 250}", 1024 + number) for number in range(1_000))
    dht = AddressesFound(flood, AddressSource.DHT)
    assert made.take(dht, at(0)) == flood[: limits.ADDRESSES_FOUND_BURST]
    assert not made.take(dht, at(0))
    assert len(made.take(dht, at(WAN.rendezvous_seconds / 2))) == limits.ADDRESSES_FOUND_BURST // 2
    local = AddressesFound(flood[:1], AddressSource.LOCAL_NETWORK)
    assert made.take(local, at(0)) == flood[:1], "one source does not silence the other"
