"""Envelopes: what is signed, byte for byte, and what a relay can and cannot change."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import open_record
from mirrord.core.records.signing import sign, verify
from tests.unit.core.making import announced, make_announcement, make_head, signed_head, signing_key

KEY = signing_key(1)
ORDER = 2**252 + 27742317777372353535851937790883648493


@given(st.sampled_from([kind for kind in Kind if kind is not Kind.EQUIVOCATION]), st.binary(max_size=300))
def test_a_signed_body_comes_back_with_its_author(kind: Kind, body: bytes) -> None:
    envelope = sign(kind, body, KEY)
    signed = verify(envelope)
    assert (signed.kind, signed.author, signed.body, signed.envelope) == (kind, KEY.public, body, envelope)


def test_what_is_signed_is_context_kind_and_body_each_behind_its_length() -> None:
    parsed = pb.Envelope.FromString(sign(Kind.ANNOUNCEMENT, b"body", KEY))
    preimage = b"\0\0\0\x09mirrord/1" + b"\0\0\0\x01\x02" + b"\0\0\0\x04body"
    Ed25519PublicKey.from_public_bytes(parsed.author_key).verify(parsed.signature, preimage)


def rebuilt(envelope: bytes, **changes: object) -> bytes:
    parsed = pb.Envelope.FromString(envelope)
    for name, value in changes.items():
        setattr(parsed, name, value)
    return parsed.SerializeToString()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": 1}, RejectReason.BAD_SIGNATURE),
        ({"body": b"other"}, RejectReason.BAD_SIGNATURE),
        ({"author_key": bytes(signing_key(2).public)}, RejectReason.BAD_SIGNATURE),
        ({"author_key": b"\x01" + bytes(31)}, RejectReason.BAD_SIGNATURE),
        ({"signature": bytes(64)}, RejectReason.BAD_SIGNATURE),
        ({"signature": bytes(63)}, RejectReason.MALFORMED),
        ({"author_key": bytes(31)}, RejectReason.MALFORMED),
        ({"kind": 0}, RejectReason.UNKNOWN_KIND),
        ({"kind": 77}, RejectReason.UNKNOWN_KIND),
        ({"kind": -1}, RejectReason.UNKNOWN_KIND),
    ],
)
def test_no_part_of_an_envelope_can_be_exchanged(changes: dict[str, object], reason: RejectReason) -> None:
    with pytest.raises(RecordError) as caught:
        verify(rebuilt(announced(1, make_announcement()), **changes))
    assert caught.value.reason is reason


def test_a_second_signature_cannot_be_made_from_the_first() -> None:
    parsed = pb.Envelope.FromString(announced(1, make_announcement()))
    scalar = int.from_bytes(parsed.signature[32:], "little") + ORDER
    with pytest.raises(RecordError) as caught:
        verify(rebuilt(parsed.SerializeToString(), signature=parsed.signature[:32] + scalar.to_bytes(32, "little")))
    assert caught.value.reason is RejectReason.BAD_SIGNATURE


def test_what_a_relay_adds_to_an_envelope_does_not_travel_on() -> None:
    envelope = announced(1, make_announcement())
    parsed = pb.Envelope.FromString(envelope)
    backwards = b"".join(
        [
            b"\x22\x40" + parsed.signature,
            b"\x1a" + bytes([0x80 | len(parsed.body) & 0x7F, len(parsed.body) >> 7]) + parsed.body,
            b"\x12\x20" + parsed.author_key,
            b"\x08\x02",
            b"\xfa\x3f\x03new",
        ]
    )
    assert backwards != envelope
    assert verify(backwards).envelope == envelope


def test_a_body_is_never_encoded_again() -> None:
    plain = make_announcement(sequence=5)
    body = pb.Envelope.FromString(announced(1, plain)).body
    assert body[:2] == b"\x08\x05"
    overlong = b"\x08\x85\x80\x00" + body[2:] + b"\xfa\x3f\x03new"
    record = open_record(sign(Kind.ANNOUNCEMENT, overlong, KEY))
    assert record.content == plain
    assert pb.Envelope.FromString(record.envelope).body == overlong


def test_length_is_looked_at_before_anything_else() -> None:
    with pytest.raises(RecordError) as caught:
        sign(Kind.ANNOUNCEMENT, bytes(limits.RECORD_BODY_MAX_BYTES + 1), KEY)
    assert caught.value.reason is RejectReason.OVERSIZED
    largest = sign(Kind.ANNOUNCEMENT, bytes(limits.RECORD_BODY_MAX_BYTES), KEY)
    assert len(largest) <= limits.ENVELOPE_MAX_BYTES
    assert verify(largest).body == bytes(limits.RECORD_BODY_MAX_BYTES)
    fat = pb.Envelope(
        kind=pb.ANNOUNCEMENT, author_key=KEY.public, body=bytes(limits.RECORD_BODY_MAX_BYTES + 1), signature=bytes(64)
    )
    with pytest.raises(RecordError) as caught:
        verify(fat.SerializeToString())
    assert caught.value.reason is RejectReason.OVERSIZED


def test_the_wrong_curator_is_told_from_a_bad_signature() -> None:
    with pytest.raises(RecordError) as caught:
        open_record(signed_head(make_head(), signing_key(3)))
    assert caught.value.reason is RejectReason.WRONG_AUTHOR
