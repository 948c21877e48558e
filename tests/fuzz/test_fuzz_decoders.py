"""Every decoder of strangers' bytes: any input gives a value or an error of ours, and a value means itself.

Inputs are plain junk, protobuf that was put together at random, and valid bytes with a few of them changed.
"""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirrord.core.errors import MirrordError, RecordError, RemoteProtocolError
from mirrord.core.records.codec import (
    decode_announcement,
    decode_manifest_body,
    decode_manifest_head,
    encode_announcement,
    encode_manifest_body,
    encode_manifest_head,
)
from mirrord.core.records.kinds import Kind
from mirrord.core.records.recordset import open_record
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import sign, verify
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, frame
from tests.unit.core.making import signing_key
from tests.unit.core.strategies import HEADS, MESSAGES, SHARD_SETS, announcements, manifest_bodies

EXAMPLES = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEY = signing_key(1)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@st.composite
def protobuf(draw: st.DrawFn, depth: int = 2) -> bytes:
    """Return fields that parse as protobuf, of any number and type, nested a little."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        number = draw(st.one_of(st.integers(1, 18), st.sampled_from([100, 2**29 - 1])))
        match draw(st.sampled_from([0, 1, 2, 2, 2, 5])):
            case 0:
                value = varint(draw(st.one_of(st.integers(0, 200), st.integers(0, 2**64 - 1))))
                parts.append(varint(number << 3) + value)
            case 1:
                parts.append(varint(number << 3 | 1) + draw(st.binary(min_size=8, max_size=8)))
            case 5:
                parts.append(varint(number << 3 | 5) + draw(st.binary(min_size=4, max_size=4)))
            case _:
                sizes = st.sampled_from([0, 4, 8, 16, 20, 32, 64])
                inner = (
                    draw(protobuf(depth - 1))
                    if depth and draw(st.booleans())
                    else draw(st.one_of(st.binary(max_size=40), sizes.map(bytes)))
                )
                parts.append(varint(number << 3 | 2) + varint(len(inner)) + inner)
    return b"".join(parts)


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Return valid bytes of which a few were changed, cut out or doubled."""
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at : at + draw(st.integers(1, 4))]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                data += data[at : at + 40]
    return bytes(data)


SIGNED = st.builds(lambda kind, body: sign(kind, body, KEY), st.sampled_from(Kind), protobuf())
BODIES = manifest_bodies().map(encode_manifest_body)
RECORD_DECODERS: dict[str, tuple[Callable[[bytes], object], st.SearchStrategy[bytes]]] = {
    "envelope": (verify, SIGNED),
    "record": (open_record, SIGNED),
    "announcement": (decode_announcement, announcements().map(encode_announcement)),
    "manifest head": (decode_manifest_head, HEADS.map(encode_manifest_head)),
    "manifest body": (decode_manifest_body, BODIES),
    "holdings": (ShardSet.decode, SHARD_SETS.map(ShardSet.encode)),
}


@pytest.mark.parametrize("what", RECORD_DECODERS)
def test_any_bytes_are_a_record_or_a_record_error(what: str) -> None:
    decode, valid = RECORD_DECODERS[what]
    packed = protobuf().map(zlib.compress) if what == "manifest body" else protobuf()

    @EXAMPLES
    @given(st.one_of(st.binary(max_size=120), packed, damaged(valid), damaged(packed)))
    def check(data: bytes) -> None:
        try:
            first = decode(data)
        except RecordError:
            return
        assert decode(data) == first

    check()


@EXAMPLES
@given(st.one_of(protobuf(), damaged(announcements().map(encode_announcement))))
def test_an_announcement_that_is_taken_can_be_said_again(data: bytes) -> None:
    try:
        taken = decode_announcement(data)
    except RecordError:
        return
    assert decode_announcement(encode_announcement(taken)) == taken


@EXAMPLES
@given(st.one_of(protobuf().map(zlib.compress), damaged(BODIES)))
def test_a_manifest_body_that_is_taken_can_be_said_again(data: bytes) -> None:
    try:
        taken = decode_manifest_body(data)
    except RecordError:
        return
    assert decode_manifest_body(encode_manifest_body(taken)) == taken


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=120), protobuf(), damaged(MESSAGES.map(encode_message))))
def test_any_bytes_are_a_message_or_the_peers_fault(data: bytes) -> None:
    try:
        message = decode_message(data)
    except RemoteProtocolError:
        return
    assert decode_message(encode_message(message)) == message


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        damaged(
            st.lists(MESSAGES, max_size=4).map(
                lambda messages: b"".join(frame(encode_message(message)) for message in messages)
            )
        ),
    ),
    st.integers(1, 50),
)
def test_any_stream_is_frames_or_the_peers_fault(data: bytes, cut: int) -> None:
    reader, frames = FrameReader(), []
    try:
        for start in range(0, len(data), cut):
            frames += reader.feed(data[start : start + cut])
    except RemoteProtocolError:
        return
    rebuilt = b"".join(frame(payload) for payload in frames)
    assert data.startswith(rebuilt)
    assert len(data) - len(rebuilt) == reader.buffered_bytes


def test_the_errors_that_strangers_cause_are_ours() -> None:
    assert issubclass(RecordError, MirrordError) and issubclass(RemoteProtocolError, MirrordError)
