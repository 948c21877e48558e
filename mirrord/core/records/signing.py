"""Envelopes: who says it, what is said, and the signature over the bytes as they are.

Bytes are signed, not messages: protobuf has several encodings of one value, so a body is stored and
relayed verbatim, is parsed only after its signature holds, and is never encoded again.  The
envelope around it is not signed; ours is re-made from its four parts, so that nothing which a relay
added to it travels on.
"""

from dataclasses import dataclass
from typing import Final, cast

from google.protobuf.message import DecodeError
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey as NaclSigningKey

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.bounds import bounded
from mirrord.core.records.ids import KEY_BYTES, NodeId
from mirrord.core.records.kinds import Kind

_CONTEXT: Final = b"mirrord/1"
_PREFIX: Final = len(_CONTEXT).to_bytes(4, "big") + _CONTEXT + (1).to_bytes(4, "big")
"""What is signed before the kind: each part is led by its length."""

SIGNATURE_BYTES: Final = 64
_PROOF_PREFIX: Final = b"\x08\x04"
"""How the envelope of a proof of equivocation begins: field 1, kind 4."""

_KINDS: Final = {int(kind): kind for kind in Kind}


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
    bounded(len(body), limits.RECORD_BODY_MAX_BYTES, "a body")
    signature = key.sign(_signed_bytes(kind, body))
    return _envelope(kind, key.public, body, signature)


def unsigned(kind: Kind, author: bytes, body: bytes) -> bytes:
    """Return the envelope of a body that needs no signature, because it proves itself."""
    return _envelope(kind, author, body, b"")


def verify(envelope: bytes) -> VerifiedEnvelope:
    """Check an envelope from a stranger and return what its author signed, or raise :class:`RecordError`.

    Of an equivocation, whose body proves itself, only the shape is checked here.
    """
    may_be_proof = envelope.startswith(_PROOF_PREFIX)
    bounded(len(envelope), limits.PROOF_MAX_BYTES if may_be_proof else limits.ENVELOPE_MAX_BYTES, "an envelope")
    try:
        parsed = pb.Envelope.FromString(envelope)
    except DecodeError:
        raise RecordError(RejectReason.MALFORMED, "not an envelope") from None
    kind, author, body, signature = int(parsed.kind), parsed.author_key, parsed.body, parsed.signature
    proves_itself = kind == int(Kind.EQUIVOCATION)
    if not proves_itself:
        bounded(len(body), limits.RECORD_BODY_MAX_BYTES, "a body")
    if len(author) != KEY_BYTES or len(signature) != (0 if proves_itself else SIGNATURE_BYTES):
        raise RecordError(RejectReason.MALFORMED, "an author or a signature of the wrong length")
    if kind not in _KINDS:
        raise RecordError(RejectReason.UNKNOWN_KIND, f"kind {kind}")
    if not proves_itself:
        try:
            crypto_sign_open(signature + _signed_bytes(kind, body), author)
        except BadSignatureError:
            raise RecordError(RejectReason.BAD_SIGNATURE, "the author did not sign this") from None
    return VerifiedEnvelope(_KINDS[kind], author, body, _envelope(kind, author, body, signature))


def _envelope(kind: int, author: bytes, body: bytes, signature: bytes) -> bytes:
    envelope = pb.Envelope(kind=cast("pb.Kind", kind), author_key=author, body=body, signature=signature)
    return envelope.SerializeToString(deterministic=True)


def _signed_bytes(kind: int, body: bytes) -> bytes:
    return b"%b%c%b%b" % (_PREFIX, kind, len(body).to_bytes(4, "big"), body)
