"""Identities and addresses as people write them, and sets of shards as they travel."""

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason, UsageError
from mirrord.core.records.ids import Address, ShardIndex, address_from_text, from_text, to_short_text, to_text
from mirrord.core.records.shardset import NO_SHARDS, ShardSet, inflate
from tests.unit.core.strategies import HASHES, INDEXES, SHARD_SETS

ZEROS = to_text(bytes(32))


@given(HASHES)
def test_an_identity_is_52_characters_and_comes_back(identity: bytes) -> None:
    text = to_text(identity)
    assert len(text) == 52 and text == text.lower()
    assert from_text(text) == from_text(text.upper()) == identity
    assert to_short_text(identity) == text[:8]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 51,
        "a" * 53,
        "a" * 52 + "=",
        "1" * 52,
        "a" * 51 + "b",
        " " + "a" * 51,
        "ß" * 26,
        "é" * 52,
        "a" * 10_000,
    ],
)
def test_anything_else_is_no_identity(text: str) -> None:
    assert text != ZEROS
    with pytest.raises(UsageError) as caught:
        from_text(text)
    assert len(caught.value.message) < 200


@given(st.text(max_size=60))
def test_any_text_is_an_identity_or_an_error_of_ours(text: str) -> None:
    with suppress(UsageError):
        assert to_text(from_text(text)) == text.lower()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7:7700", Address("203.0.113.7", 7700)),
        ("[2001:db8::1]:1", Address("2001:db8::1", 1)),
        (" seed.example.org:65535 ", Address("seed.example.org", 65_535)),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, address: Address) -> None:
    assert address_from_text(text) == address
    assert address_from_text(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ":7700",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:-1",
            "host:x",
            "host:²",
            "2001:db8::1:7700",
            "::1",
        ),
        *("[host]:1", "[]:1", "a b:1", "[ ::1]:1", "\udcff:1", "host:" + "1" * 5_000),
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        address_from_text(text)


# --- sets of shards ------------------------------------------------------------------------------


@given(st.sets(INDEXES, max_size=60), st.sets(INDEXES, max_size=60))
def test_a_shard_set_is_a_set(left: set[int], right: set[int]) -> None:
    ours, theirs = ShardSet.of(left), ShardSet.of(right)
    assert list(ours) == sorted(left)
    assert len(ours) == len(left)
    assert set(ours | theirs) == left | right
    assert set(ours & theirs) == left & right
    assert set(ours - theirs) == left - right
    assert all((index in ours) == (index in left) for index in left | right)
    assert (ours == theirs) == (left == right)


@given(SHARD_SETS)
def test_a_shard_set_survives_the_way_in_its_shorter_form(held: ShardSet) -> None:
    encoded = held.encode()
    assert ShardSet.decode(encoded) == held
    raw = 1 + (held.bits.bit_length() + 7) // 8
    assert len(encoded) <= raw


def test_the_last_shard_of_the_largest_collection_fits() -> None:
    for held in (ShardSet.of([limits.SHARDS_MAX - 1]), ShardSet.of(range(limits.SHARDS_MAX))):
        assert ShardSet.decode(held.encode()) == held
        assert len(held.encode()) < 200


def test_the_empty_set_is_one_byte() -> None:
    assert NO_SHARDS.encode() == b"\0"
    assert not list(ShardSet.decode(b"\0")) and not list(ShardSet.decode(b"\0\0\0"))


MOST = limits.SHARDS_MAX // 8
REFUSED_SETS = {
    "nothing at all": (b"", RejectReason.MALFORMED),
    "an unknown form": (b"\x02\x01", RejectReason.MALFORMED),
    "too long": (b"\0" + bytes(MOST + 1), RejectReason.OVERSIZED),
    "a bomb": (b"\x01" + zlib.compress(bytes(50_000_000), 9), RejectReason.OVERSIZED),
    "one byte too many": (b"\x01" + zlib.compress(bytes(MOST + 1)), RejectReason.OVERSIZED),
    "torn": (b"\x01" + zlib.compress(b"holdings")[:-1], RejectReason.MALFORMED),
    "a wrong checksum": (b"\x01" + zlib.compress(b"holdings")[:-1] + b"\0", RejectReason.MALFORMED),
    "trailing bytes": (b"\x01" + zlib.compress(b"holdings") + b"\0", RejectReason.MALFORMED),
    "no stream": (b"\x01junk", RejectReason.MALFORMED),
    "a stream without a header": (b"\x01" + zlib.compress(b"holdings")[2:-4], RejectReason.MALFORMED),
}


@pytest.mark.parametrize("what", REFUSED_SETS)
def test_a_bitmap_out_of_bounds_is_refused(what: str) -> None:
    data, reason = REFUSED_SETS[what]
    with pytest.raises(RecordError) as caught:
        ShardSet.decode(data)
    assert caught.value.reason is reason


@given(st.binary(max_size=400), st.integers(1, 400))
def test_inflating_gives_all_of_it_or_an_error_and_never_more_than_allowed(plain: bytes, most: int) -> None:
    try:
        assert inflate(zlib.compress(plain), most) == plain
        assert len(plain) <= most
    except RecordError as error:
        assert error.reason is RejectReason.OVERSIZED
        assert len(plain) > most


def test_reading_a_set_of_every_shard_is_quick_enough_for_a_stranger_to_send() -> None:
    everything = ShardSet.of(range(limits.SHARDS_MAX))
    assert sum(1 for _ in everything) == limits.SHARDS_MAX
    assert list(everything)[-1] == ShardIndex(limits.SHARDS_MAX - 1)
