"""An independent opinion on envelopes: had a bug of ours let a forgery in, the same bug would call it genuine."""

from typing import Final

from nacl.signing import VerifyKey

from mirrord.core.records import records_pb2 as pb

_CONTEXT: Final = b"mirrord/1"


def check_signed(envelope: bytes) -> None:
    """Check the signature of an envelope, or both of a proof of equivocation; raises what PyNaCl raises."""
    parsed = pb.Envelope.FromString(envelope)
    if parsed.kind == pb.EQUIVOCATION:
        pair = pb.Equivocation.FromString(parsed.body)
        for one in (pair.first, pair.second):
            assert pb.Envelope.FromString(one).author_key == parsed.author_key
            check_signed(one)
        return
    parts = (_CONTEXT, bytes([parsed.kind]), parsed.body)
    preimage = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    VerifyKey(parsed.author_key).verify(preimage, parsed.signature)
