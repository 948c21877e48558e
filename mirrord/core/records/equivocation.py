"""Equivocation: one author, one sequence, two different announcements.  The pair is its own proof.

An envelope of this kind is not signed: its body holds two whole envelopes that are.  They stand in the
order of their bytes and in the form in which envelopes travel, so that a pair has one proof.
"""

from google.protobuf.message import DecodeError

from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.codec import decode_announcement
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Announcement, Equivocation, Kind
from mirrord.core.records.signing import VerifiedEnvelope, unsigned, verify


def prove(one: bytes, other: bytes) -> bytes:
    """Return the proof that two envelopes, both verified, contradict each other."""
    first, second = sorted((one, other))
    body = pb.Equivocation(first=first, second=second).SerializeToString(deterministic=True)
    return unsigned(Kind.EQUIVOCATION, verify(first).author, body)


def decode_equivocation(proof: VerifiedEnvelope) -> Equivocation:
    """Check both signatures and that they contradict each other, or raise :class:`RecordError`."""
    try:
        parsed = pb.Equivocation.FromString(proof.body)
    except DecodeError:
        raise RecordError(RejectReason.MALFORMED, "not a pair of envelopes") from None
    if not parsed.first < parsed.second:
        raise RecordError(RejectReason.MALFORMED, "a pair of envelopes that is not in order")
    first, second = _announced(parsed.first, proof.author), _announced(parsed.second, proof.author)
    if first.sequence != second.sequence:
        raise RecordError(RejectReason.MALFORMED, "two announcements that do not contradict each other")
    return Equivocation(
        node=NodeId(proof.author),
        sequence=first.sequence,
        issued_at=max(first.issued_at, second.issued_at),
        expires_at=max(first.expires_at, second.expires_at),
        collections=frozenset(part.collection for part in first.collections + second.collections),
    )


def _announced(envelope: bytes, author: bytes) -> Announcement:
    signed = verify(envelope)
    if signed.kind is not Kind.ANNOUNCEMENT or signed.author != author or signed.envelope != envelope:
        raise RecordError(RejectReason.MALFORMED, "a proof of something other than its author's announcements")
    return decode_announcement(signed.body)
