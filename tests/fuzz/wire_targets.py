"""What peers say, and the frames and certificates that it comes in."""

from typing import Final

from hypothesis import strategies as st

from mirrord.core.errors import RemoteProtocolError
from mirrord.core.records.ids import NodeId
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, frame
from mirrord.net.certificate import authority_certificate, node_certificate, node_id_of
from tests.fuzz.hostile import protobuf
from tests.fuzz.target import Target, decoder
from tests.unit.core.making import node_id
from tests.unit.core.strategies import MESSAGES


def _take_stream(data: bytes) -> bool:
    """Cut a stream that arrives in parts as long as its first byte says; the frames are what it began with."""
    step, stream = (data[0] or 1) if data else 1, data[1:]
    reader, frames = FrameReader(), []
    try:
        for start in range(0, len(stream), step):
            frames += reader.feed(stream[start : start + step])
    except RemoteProtocolError:
        return False
    rebuilt = b"".join(frame(payload) for payload in frames)
    assert stream.startswith(rebuilt)
    assert len(stream) - len(rebuilt) == reader.buffered_bytes
    return True


TARGETS: Final = (
    Target(
        family="wire",
        name="message",
        take=decoder(decode_message, RemoteProtocolError, encode_message),
        valid=MESSAGES.map(encode_message),
        junk=protobuf(),
        vectors="messages",
        protobuf_at=0,
        weight=2_000,
    ),
    Target(
        family="wire",
        name="frames",
        take=_take_stream,
        valid=st.lists(MESSAGES, max_size=4).map(
            lambda said: b"\x07" + b"".join(frame(encode_message(message)) for message in said)
        ),
        vectors="frames",
        weight=1_000,
    ),
    Target(
        family="wire",
        name="certificate",
        take=decoder(node_id_of, RemoteProtocolError, node_certificate),
        valid=st.one_of(
            st.integers(0, 50).map(node_id).map(node_certificate),
            st.binary(min_size=32, max_size=32).map(NodeId).map(node_certificate),
            st.just(authority_certificate()),
        ),
        weight=200,
    ),
)
