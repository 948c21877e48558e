"""Protobuf that is taken apart and put together again is the same; changed as protobuf, it mostly still parses."""

from random import Random

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.codec import encode_announcement
from tests.fuzz.hostile import protobuf
from tests.fuzz.mutation import join, mutate, split
from tests.unit.core.strategies import announcements


def some_bytes(data: bytes, max_bytes: int) -> bytes:
    return (data[:-1] + b"\xff\x01")[:max_bytes]


@given(protobuf())
def test_a_message_is_taken_apart_and_put_together(data: bytes) -> None:
    fields = split(data)
    assert fields is not None
    assert join(fields) == data


@given(st.binary(max_size=80), st.integers(0, 100), st.integers())
def test_any_bytes_become_bytes_that_fit(data: bytes, max_bytes: int, seed: int) -> None:
    split(data)
    assert len(mutate(data, max_bytes, Random(seed), some_bytes)) <= max(max_bytes, 0)


@given(announcements().map(encode_announcement))
def test_most_changes_leave_a_message(data: bytes) -> None:
    parsed = 0
    for seed in range(40):
        try:
            pb.Announcement.FromString(mutate(data, 10_000, Random(seed), some_bytes))
        except DecodeError:
            continue
        parsed += 1
    assert parsed >= 15
