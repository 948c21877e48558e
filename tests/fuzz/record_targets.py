"""Whatever is signed, and the signature itself."""

import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import RecordError
from mirrord.core.records.codec import (
    decode_admission,
    decode_announcement,
    decode_manifest_body,
    decode_manifest_head,
    encode_admission,
    encode_announcement,
    encode_manifest_body,
    encode_manifest_head,
)
from mirrord.core.records.equivocation import decode_equivocation, prove
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import Admission, Grant, Kind, Policy
from mirrord.core.records.record import open_record
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import VerifiedEnvelope, sign, unsigned, verify
from tests.fuzz.hostile import damaged, protobuf
from tests.fuzz.target import Target, decoder
from tests.unit.core.making import CURATOR, UNIX, announced, make_announcement, node_id
from tests.unit.core.strategies import HEADS, SHARD_SETS, announcements, manifest_bodies

_DEFLATED: Final = b"\x01"


class Body(NamedTuple):
    """How the body of one kind of record is read and written; ``valid`` are bodies of honest programs."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes] | None
    valid: st.SearchStrategy[bytes]
    vectors: str = ""


@st.composite
def admissions(draw: st.DrawFn) -> Admission:
    """Return any admission that the curator's key may sign."""
    issued_at = draw(st.integers(0, 2**40))
    is_policy = draw(st.booleans())
    grant = Grant.NONE if is_policy else draw(st.sampled_from([g for g in Grant if g is not Grant.NONE]))
    return Admission(
        collection=CollectionId(CURATOR.public),
        author=CURATOR.public,
        subject=CURATOR.public if is_policy else node_id(draw(st.integers(0, 9))),
        sequence=draw(st.integers(1, 2**63 - 1)),
        issued_at=issued_at,
        expires_at=issued_at + draw(st.integers(1, limits.ADMISSION_LIFETIME_MAX_SECONDS)),
        grant=grant,
        quota=draw(st.integers(0, limits.VOUCHES_MAX)) if grant is Grant.VOUCHER else 0,
        policy=draw(st.sampled_from([p for p in Policy if p])) if is_policy else Policy.UNSPECIFIED,
    )


@st.composite
def contradictions(draw: st.DrawFn) -> bytes:
    """Return the body of a proof: a pair of envelopes, mostly with one author and one sequence."""
    first = announced(_LIAR, make_announcement(draw(st.integers(1, 2)), UNIX))
    other = make_announcement(draw(st.integers(1, 2)), UNIX + draw(st.integers(0, 1)))
    proof = prove(first, announced(draw(st.sampled_from([_LIAR, _LIAR, 4])), other))
    return verify(proof).body


def _decode_contradiction(body: bytes) -> object:
    return decode_equivocation(VerifiedEnvelope(Kind.EQUIVOCATION, node_id(_LIAR), body, b""))


_LIAR: Final = 3

BODIES: Final[dict[Kind, Body]] = {
    Kind.ANNOUNCEMENT: Body(
        decode_announcement, encode_announcement, announcements().map(encode_announcement), "announcements"
    ),
    Kind.MANIFEST_HEAD: Body(
        decode_manifest_head, encode_manifest_head, HEADS.map(encode_manifest_head), "manifest_heads"
    ),
    Kind.ADMISSION: Body(
        lambda body: decode_admission(body, CURATOR.public),
        encode_admission,
        admissions().map(encode_admission),
        "admissions",
    ),
    Kind.EQUIVOCATION: Body(_decode_contradiction, None, contradictions()),
}
"""One entry a kind: a test fails where a kind has none."""

_KIND_AND_BODY: Final = st.one_of(*(body.valid.map(bytes([kind]).__add__) for kind, body in BODIES.items()))


def envelop(data: bytes) -> bytes:
    """Return the envelope of a kind (the first byte, folded) and a body (the rest), signed where that kind is."""
    kind = tuple(Kind)[(data[0] - 1) % len(Kind)] if data else Kind.ANNOUNCEMENT
    if kind is Kind.EQUIVOCATION:
        return unsigned(kind, node_id(_LIAR), data[1:])
    return sign(kind, data[1:], CURATOR)


def _inflated(decode: Callable[[bytes], Any], prefix: bytes = b"") -> Callable[[bytes], Any]:
    """Return a decoder of what is deflated: a fuzzer that knows no deflate would never get through it."""
    return lambda data: decode(prefix + zlib.compress(data, 1))


_MANIFESTS: Final = manifest_bodies().map(encode_manifest_body)

TARGETS: Final = (
    *(
        Target(
            family="records",
            name=kind.name.lower().replace("_", "-"),
            take=decoder(body.decode, RecordError, body.encode),
            valid=body.valid,
            junk=protobuf(),
            vectors=body.vectors,
            weight=200 if kind is Kind.EQUIVOCATION else 1_200,  # two signatures each
            protobuf_at=0,
        )
        for kind, body in BODIES.items()
    ),
    Target(
        family="records",
        name="envelope",
        take=decoder(lambda data: verify(data).envelope, RecordError, lambda envelope: envelope),
        valid=_KIND_AND_BODY.map(envelop),
        junk=st.one_of(damaged(_KIND_AND_BODY).map(envelop), protobuf()),
        vectors="envelopes",
        protobuf_at=0,
        weight=500,
    ),
    Target(
        family="records",
        name="signed",
        take=decoder(lambda data: open_record(envelop(data)), RecordError),
        valid=_KIND_AND_BODY,
        junk=protobuf(),
        protobuf_at=1,
        weight=300,
    ),
    Target(
        family="records",
        name="manifest-body",
        take=decoder(decode_manifest_body, RecordError, encode_manifest_body),
        valid=_MANIFESTS,
        junk=protobuf().map(zlib.compress),
        vectors="manifest_bodies",
        weight=1_000,
    ),
    Target(
        family="records",
        name="manifest-body-inflated",
        take=decoder(
            _inflated(decode_manifest_body), RecordError, lambda body: zlib.decompress(encode_manifest_body(body))
        ),
        valid=_MANIFESTS.map(zlib.decompress),
        junk=protobuf(),
        protobuf_at=0,
        weight=700,
    ),
    Target(
        family="records",
        name="holdings",
        take=decoder(ShardSet.decode, RecordError, ShardSet.encode),
        valid=SHARD_SETS.map(ShardSet.encode),
        vectors="holdings",
        weight=1_000,
    ),
    Target(
        family="records",
        name="holdings-inflated",
        take=decoder(_inflated(ShardSet.decode, _DEFLATED), RecordError),
        valid=SHARD_SETS.map(lambda held: held.bits.to_bytes((held.bits.bit_length() + 7) // 8, "little")),
        weight=300,
        input_max_bytes=16_384,
    ),
)
