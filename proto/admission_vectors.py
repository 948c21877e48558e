"""Vectors of the records by which others are judged: admissions, and proofs of equivocation."""

from typing import Any

from record_vectors import (
    CURATOR,
    DAY,
    EQUIVOCATION,
    LISTED,
    MEMBER,
    REVOKED,
    VOUCHER,
    YEAR,
    minimal,
    part,
    policy,
    proof,
    word,
)
from vector_parts import (
    ALICE,
    BOB,
    FILMS,
    MUSIC,
    NOW,
    UNKNOWN_FIELD,
    Case,
    bad,
    envelope,
    field,
    ok,
    padded,
    public,
    wire,
)

from mirrord.core.records import records_pb2 as pb

ANNOUNCEMENT = 2


def _value(message: pb.Admission) -> dict[str, Any]:
    numbers = ("sequence", "issued_at", "expires_at", "grant", "quota", "policy")
    author = {"collection": public(MUSIC).hex(), "author": public(MUSIC).hex(), "subject": message.subject.hex()}
    return {**author, **{name: getattr(message, name) for name in numbers}}


def _changed(**values: Any) -> pb.Admission:
    made = word(ALICE)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def admissions() -> list[Case]:
    """Return bodies of admissions that the first collection's key signed."""
    good = {
        "a member": word(ALICE),
        "a voucher": word(ALICE, VOUCHER, quota=1_000),
        "a voucher that may vouch for nobody": word(ALICE, VOUCHER),
        "a curator": word(ALICE, CURATOR),
        "a revocation": word(ALICE, REVOKED),
        "a policy": policy(LISTED),
        "the longest, with the highest sequence": word(ALICE, sequence=2**63 - 1, expires_at=NOW + 5 * 366 * DAY),
    }
    plain = wire(word(ALICE))
    malformed = {
        "not protobuf": b"\x0a",
        "a subject of 31 bytes": wire(_changed(subject=public(ALICE)[1:])),
        "no collection": wire(_changed(collection=b"")),
        "sequence 0": wire(_changed(sequence=0)),
        "sequence of 64 bits": wire(_changed(sequence=2**63)),
        "expires when it is issued": wire(_changed(expires_at=NOW)),
        "holds longer than 1,830 days": wire(_changed(expires_at=NOW + 5 * 366 * DAY + 1)),
        "says nothing of its subject": wire(word(ALICE, 0)),
        "a grant of a later version": plain + b"\x30\x05",
        "a quota of a member": wire(word(ALICE, quota=1)),
        "a quota of 1,001": wire(word(ALICE, VOUCHER, quota=1_001)),
        "a policy of a later version": wire(policy(LISTED)) + b"\x40\x04",
        "a policy about a node": wire(word(ALICE, policy=LISTED)),
        "a grant for the collection itself": wire(word(MUSIC, MEMBER)),
        "a policy and a grant": wire(word(MUSIC, MEMBER, policy=LISTED)),
    }
    return [
        *(ok(name, wire(message), _value(message)) for name, message in good.items()),
        ok("unknown fields are skipped", plain + UNKNOWN_FIELD, _value(word(ALICE))),
        *(bad(name, data, "malformed") for name, data in malformed.items()),
        bad("a body of 65,537 bytes", padded(plain, 65_537), "oversized"),
    ]


def _announced(sequence: int = 5, author: str = ALICE, collection: str = MUSIC, **more: Any) -> bytes:
    body = wire(minimal(sequence, collections=[part(collection)], **more))
    return wire(envelope(ANNOUNCEMENT, body, author))


def equivocations() -> list[Case]:
    """Return envelopes of proofs."""
    one, other = sorted((_announced(), _announced(operator="x", collection=FILMS, lifetime=YEAR // 20)))
    value = {
        "node": public(ALICE).hex(),
        "sequence": 5,
        "issued_at": NOW,
        "expires_at": NOW + YEAR // 20,
        "collections": sorted(public(name).hex() for name in (MUSIC, FILMS)),
        "envelope": wire(proof(one, other)).hex(),
    }
    good = wire(proof(one, other))
    signed = pb.Envelope(kind=pb.EQUIVOCATION, author_key=public(ALICE), body=proof(one, other).body)
    signed.signature = envelope(EQUIVOCATION, signed.body, ALICE).signature
    heads = [wire(envelope(1, b"", ALICE)), wire(envelope(1, b"x", ALICE))]
    forged = bytearray(other)
    forged[-1] ^= 1
    malformed = {
        "not a pair": wire(pb.Envelope(kind=pb.EQUIVOCATION, author_key=public(ALICE), body=b"\x0a")),
        "one envelope alone": wire(proof(b"", one)),
        "the larger first": wire(proof(other, one)),
        "the same twice": wire(proof(one, one)),
        "two sequences": wire(proof(*sorted((one, _announced(6))))),
        "of two authors": wire(proof(*sorted((one, _announced(author=BOB))))),
        "of somebody else": wire(proof(one, other, BOB)),
        "not of announcements": wire(proof(*sorted(heads))),
        "an envelope with something that a relay added": wire(proof(*sorted((one, other + UNKNOWN_FIELD)))),
        "a proof that is signed": wire(signed),
    }
    return [
        ok("two announcements with one sequence", good, value),
        ok("fields that a relay added are left behind", good + UNKNOWN_FIELD, value),
        *(bad(name, data, "malformed") for name, data in malformed.items()),
        bad("one of the two is forged", wire(proof(*sorted((one, bytes(forged))))), "bad_signature"),
        bad("an envelope of 131,841 bytes", good + field(1000, bytes(131_841 - len(good) - 5)), "oversized"),
    ]
