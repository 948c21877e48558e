"""What crosses the wire: the bytes of a message with its frame and its TLS records, and of a new session.

Counted as the daemon's meter does: TCP payload, without the headers of TCP and IP.
"""

from enum import StrEnum
from typing import Final

from mirrord.core.wire.encoding import encode_message
from mirrord.core.wire.messages import Goodbye, GoodbyeCode, Hello, Message, RecordRequest, Records, Summary
from mirrord.simulation.gossip.editions import COLLECTION, START_UNIX

_FRAME_BYTES: Final = 4
_TLS_RECORD_BYTES: Final = 5 + 16 + 1
"""TLS 1.3 (RFC 8446): the header, the tag of the cipher, and the kind of content."""
_TLS_RECORD_MAX: Final = 16_384

HANDSHAKE_BYTES: Final = 2_300
"""TLS 1.3 with a certificate from each side, both directions; a test opens a real session and compares."""


class Sort(StrEnum):
    """What bytes are spent on."""

    DIGESTS = "digests"
    """Summaries and buckets."""
    LISTINGS = "listings"
    """What the buckets that differ hold, and requests for records."""
    RECORDS = "records"
    """Records in answer to a listing or a request."""
    PUSHES = "pushes"
    """Records that nobody asked for: each node's own, and urgent ones."""
    HANDSHAKES = "handshakes"
    """TLS, Hello, the question for one's own record, and goodbye of each session."""


def wire_bytes(message: Message) -> int:
    """Return what a message takes on the wire."""
    framed = len(encode_message(message)) + _FRAME_BYTES
    return framed + _TLS_RECORD_BYTES * -(-framed // _TLS_RECORD_MAX)


def session_bytes(envelope: bytes) -> int:
    """Return what a session costs both ends together, whatever else is said in it: it is opened, each asks for its
    own announcement and gets one such as ``envelope``, and it is closed."""
    hello = Hello(1, 1, "mirrord/0.1.0", START_UNIX, (COLLECTION,))
    recall = wire_bytes(RecordRequest(COLLECTION, (bytes(8),))) + wire_bytes(Records(COLLECTION, (envelope,)))
    goodbye = Goodbye(GoodbyeCode.UNSPECIFIED, "making room for another peer")
    return HANDSHAKE_BYTES + 2 * (wire_bytes(hello) + recall) + wire_bytes(goodbye)


SUMMARY_BYTES: Final = wire_bytes(Summary(COLLECTION, 2**64 - 1, 10_000))
"""A round that finds no difference."""
