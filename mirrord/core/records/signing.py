"""Envelopes: who says it, what is said, and the signature over the bytes as they are.

Bytes are signed, not messages: protobuf has several encodings of one value, so a body is stored and
relayed verbatim, is parsed only after its signature holds, and is never encoded again.  The
envelope around it is not signed; ours is re-made from its four parts, so that nothing which a relay
added to it travels on.
"""

from dataclasses import dataclass
from typing import Final, cast

from google.protobuf.message import DecodeError
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey as NaclSigningKey
from nacl.signing import VerifyKey

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.ids import KEY_BYTES, NodeId
from mirrord.core.records.kinds import Kind

_CONTEXT: Final = b"mirrord/1"
_SIGNATURE_BYTES: Final = 64


class SigningKey:
    """An Ed25519 key pair, of a node or of a collection."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed; whoever made it keeps it secret."""
        self._key = NaclSigningKey(seed)
        self.public = NodeId(bytes(self._key.verify_key))

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature of ``data``."""
        return self._key.sign(data).signature


@dataclass(frozen=True, slots=True)
class VerifiedEnvelope:
    """A body that ``author`` signed, and the envelope in which it travels on."""

    kind: Kind
    author: bytes
    body: bytes
    envelope: bytes


def sign(kind: Kind, body: bytes, key: SigningKey) -> bytes:
    """Sign ``body`` and return the envelope; raise :class:`RecordError` where it is too large to travel."""
    if len(body) > limits.RECORD_BODY_MAX_BYTES:
        raise RecordError(RejectReason.OVERSIZED, f"a body of {len(body)} bytes")
    signature = key.sign(_signed_bytes(kind, body))
    return _envelope(kind, key.public, body, signature)


def verify(envelope: bytes) -> VerifiedEnvelope:
    """Check an envelope from a stranger and return what its author signed, or raise :class:`RecordError`."""
    if len(envelope) > limits.ENVELOPE_MAX_BYTES:
        raise RecordError(RejectReason.OVERSIZED, f"an envelope of {len(envelope)} bytes")
    try:
        parsed = pb.Envelope.FromString(envelope)
    except DecodeError:
        raise RecordError(RejectReason.MALFORMED, "not an envelope") from None
    if len(parsed.body) > limits.RECORD_BODY_MAX_BYTES:
        raise RecordError(RejectReason.OVERSIZED, f"a body of {len(parsed.body)} bytes")
    if len(parsed.author_key) != KEY_BYTES or len(parsed.signature) != _SIGNATURE_BYTES:
        raise RecordError(RejectReason.MALFORMED, "an author or a signature of the wrong length")
    try:
        kind = Kind(parsed.kind)
    except ValueError:
        raise RecordError(RejectReason.UNKNOWN_KIND, f"kind {parsed.kind}") from None
    try:
        VerifyKey(parsed.author_key).verify(_signed_bytes(kind, parsed.body), parsed.signature)
    except BadSignatureError:
        raise RecordError(RejectReason.BAD_SIGNATURE, "the author did not sign this") from None
    return VerifiedEnvelope(
        kind, parsed.author_key, parsed.body, _envelope(kind, parsed.author_key, parsed.body, parsed.signature)
    )


def _envelope(kind: Kind, author: bytes, body: bytes, signature: bytes) -> bytes:
    envelope = pb.Envelope(kind=cast("pb.Kind", kind), author_key=author, body=body, signature=signature)
    return envelope.SerializeToString(deterministic=True)


def _signed_bytes(kind: Kind, body: bytes) -> bytes:
    parts = (_CONTEXT, bytes([kind]), body)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
