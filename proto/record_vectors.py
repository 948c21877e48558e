"""Vectors of what is signed: envelopes, announcements, holdings; and the messages that the others are made of."""

import hashlib
import ipaddress
from typing import Any

from vector_parts import (
    ALICE,
    BOB,
    FILMS,
    MUSIC,
    NOW,
    UNKNOWN_FIELD,
    Case,
    bad,
    deflated_zeros,
    envelope,
    field,
    hexed,
    key,
    ok,
    padded,
    preimage,
    public,
    stored,
    wire,
)

from mirrord.core.records import records_pb2 as pb

HEAD, ANNOUNCEMENT, ADMISSION, EQUIVOCATION = 1, 2, 3, 4
DAY = 86_400
YEAR = 365 * DAY
MEMBER, VOUCHER, CURATOR, REVOKED = 1, 2, 3, 4
OPEN, VOUCHED, LISTED = 1, 2, 3
# p = 2^255 - 19 has points of small order; L is the order of the group that signatures live in.
_ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = (1).to_bytes(32, "little")


def endpoint(ip: str, port: int) -> pb.Endpoint:
    """Return an address."""
    return pb.Endpoint(ip=ipaddress.ip_address(ip).packed, port=port)


def minimal(sequence: int = 1, issued_at: int = NOW, lifetime: int = 15 * DAY, **more: Any) -> pb.Announcement:
    """Return the shortest announcement that counts."""
    return pb.Announcement(sequence=sequence, issued_at=issued_at, expires_at=issued_at + lifetime, **more)


def part(collection: str = MUSIC, **more: Any) -> pb.CollectionState:
    """Return a node's part in a collection."""
    return pb.CollectionState(**{"collection": public(collection), "holdings": b"\0", **more})


def head(version: int = 1, collection: str = MUSIC, issued_at: int = NOW, **more: Any) -> pb.ManifestHead:
    """Return a manifest head."""
    digest = hashlib.sha256(b"body %d" % version).digest()
    values = {"version": version, "issued_at": issued_at, "body_sha256": digest, "body_bytes": 1_000}
    return pb.ManifestHead(**{"collection": public(collection), **values, **more})


def word(subject: str, grant: int = MEMBER, sequence: int = NOW, **more: Any) -> pb.Admission:
    """Return what somebody says of a subject for a year."""
    issued_at = more.pop("issued_at", NOW)
    values = {"sequence": sequence, "issued_at": issued_at, "expires_at": issued_at + YEAR, "grant": grant}
    return pb.Admission(**{"collection": public(MUSIC), "subject": public(subject), **values, **more})


def policy(chosen: int, sequence: int = NOW, collection: str = MUSIC) -> pb.Admission:
    """Return a collection's policy."""
    return word(collection, 0, sequence, collection=public(collection), policy=chosen)


def proof(first: bytes, second: bytes, author: str = ALICE) -> pb.Envelope:
    """Return the proof that two envelopes contradict each other; in order, unless they are given otherwise."""
    body = wire(pb.Equivocation(first=first, second=second))
    return pb.Envelope(kind=pb.EQUIVOCATION, author_key=public(author), body=body)


def _announcement_value(message: pb.Announcement, parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    names = ("sequence", "issued_at", "expires_at", "pledge_bytes", "free_bytes", "down_bytes_per_second")
    names += ("up_bytes_per_second", "operator", "country", "asn", "agent")
    value = {name: getattr(message, name) for name in names}
    return {**value, "coordination": [], "bittorrent": [], "collections": parts, **more}


def _part_value(collection: str = MUSIC, **more: Any) -> dict[str, Any]:
    return {
        "collection": public(collection).hex(),
        "manifest_version": 0,
        "holdings": [],
        "claims": [],
        "releases": [],
        "parting": False,
        "declined": [],
        **more,
    }


def _full() -> tuple[pb.Announcement, dict[str, Any]]:
    claims = [(5, NOW - 60, NOW + DAY, False, 0), (70_000, NOW - DAY, NOW + DAY, True, 40)]
    states = [
        part(
            MUSIC,
            manifest_version=7,
            holdings=b"\0\x05\x80",
            claims=[pb.Claim(shard=s, claimed_at=a, expires_at=e, fetching=f, percent=p) for s, a, e, f, p in claims],
            releases=[pb.Release(shard=0, announced_at=NOW - 5)],
            declined=b"\0\x02\0\x10",
        ),
        part(FILMS, parting=True, holdings=b"\0\x01"),
    ]
    states.sort(key=lambda state: state.collection)
    message = minimal(
        NOW + 3,
        coordination=[endpoint("203.0.113.7", 7700), endpoint("2001:db8::7", 7701)],
        bittorrent=[endpoint("203.0.113.7", 7710)],
        pledge_bytes=500 * 10**9,
        free_bytes=120 * 10**9,
        down_bytes_per_second=12_500_000,
        up_bytes_per_second=2_500_000,
        operator="Prêt à porter",
        country="NL",
        asn=64_496,
        agent="mirrord/0.1.0",
        collections=states,
    )
    fields = ("shard", "claimed_at", "expires_at", "fetching", "percent")
    music = _part_value(
        MUSIC,
        manifest_version=7,
        holdings=[0, 2, 15],
        claims=[dict(zip(fields, claim, strict=True)) for claim in claims],
        releases=[{"shard": 0, "announced_at": NOW - 5}],
        declined=[1, 20],
    )
    parts = sorted([music, _part_value(FILMS, parting=True, holdings=[0])], key=lambda value: str(value["collection"]))
    value = _announcement_value(
        message,
        parts,
        coordination=["203.0.113.7:7700", "[2001:db8::7]:7701"],
        bittorrent=["203.0.113.7:7710"],
    )
    return message, value


def announcements() -> list[Case]:
    """Return bodies of announcements."""
    plain = minimal()
    value = _announcement_value(plain, [])
    full, full_value = _full()
    tail = wire(plain)[2:]
    many = [pb.CollectionState(collection=i.to_bytes(32, "big"), holdings=b"\0") for i in range(65)]
    wide = b"\x01" + deflated_zeros(10_800, b"\x01")
    bitmaps = [pb.CollectionState(collection=i.to_bytes(32, "big"), holdings=wide) for i in range(7)]
    oversized = {
        "bitmaps of more than 65,536 bytes together": wire(minimal(collections=bitmaps)),
        "65 collections": wire(minimal(collections=many)),
        "9 addresses": wire(minimal(coordination=[endpoint("192.0.2.1", port) for port in range(1, 10)])),
        "17 claims": wire(minimal(collections=[part(claims=_claims(*range(17)))])),
        "17 releases": wire(minimal(collections=[part(releases=[pb.Release(shard=s) for s in range(17)])])),
        "declined beyond the last shard": wire(minimal(collections=[part(declined=b"\0" + bytes(12_501))])),
        "a label of 65 bytes": wire(minimal(operator="x" * 65)),
        "a body of 65,537 bytes": padded(wire(plain), 65_537),
    }
    edge = minimal(2**63 - 1, lifetime=30 * DAY, operator="x" * 64, collections=many[:64])
    return [
        ok("minimal", wire(plain), value),
        ok("full", wire(full), full_value),
        ok(
            "declined, deflated",
            wire(minimal(collections=[part(declined=b"\x01" + stored(b"\x06\0\x01"))])),
            _announcement_value(plain, [_part_value(declined=[1, 2, 16])]),
        ),
        ok(
            "declined is a form alone",
            wire(minimal(collections=[part(declined=b"\0")])),
            _announcement_value(plain, [_part_value()]),
        ),
        ok("unknown fields are skipped", wire(plain) + UNKNOWN_FIELD, value),
        ok("sequence as an overlong varint", b"\x08\x81\x00" + tail, value),
        ok("fields in another order", tail + wire(plain)[:2], value),
        ok(
            "as large as may be",
            wire(edge),
            _announcement_value(edge, [_part_value(collection=MUSIC) | {"collection": i.collection.hex()}
                                       for i in many[:64]]),
        ),
        *(bad(name, data, "malformed") for name, data in _malformed(plain, full).items()),
        *(bad(name, data, "oversized") for name, data in oversized.items()),
    ]  # fmt: skip


def _malformed(plain: pb.Announcement, full: pb.Announcement) -> dict[str, bytes]:
    return {
        "not protobuf": b"\x08",
        "text that is not UTF-8": wire(plain) + field(10, b"\xff"),
        "sequence 0": wire(minimal(0)),
        "sequence of 64 bits": wire(minimal(2**63)),
        "expires when it is issued": wire(minimal(lifetime=0)),
        "lives longer than 30 days": wire(minimal(lifetime=30 * DAY + 1)),
        "an address of 5 bytes": wire(minimal(coordination=[pb.Endpoint(ip=bytes(5), port=1)])),
        "the unspecified address": wire(minimal(coordination=[endpoint("0.0.0.0", 1)])),
        "a multicast address": wire(minimal(bittorrent=[endpoint("224.0.0.1", 1)])),
        "the unspecified IPv4 address inside IPv6": wire(minimal(coordination=[endpoint("::ffff:0.0.0.0", 1)])),
        "a multicast IPv4 address inside IPv6": wire(minimal(coordination=[endpoint("::ffff:224.0.0.1", 1)])),
        "port 0": wire(minimal(coordination=[endpoint("192.0.2.1", 0)])),
        "port 65,536": wire(minimal(coordination=[endpoint("192.0.2.1", 65_536)])),
        "a label with a line feed": wire(minimal(operator="a\nb")),
        "collections out of order": wire(minimal(collections=reversed(full.collections))),
        "a collection twice": wire(minimal(collections=[part(), part()])),
        "a collection of 31 bytes": wire(plain) + field(14, field(1, bytes(31)) + field(3, b"\0")),
        "claims out of order": wire(minimal(collections=[part(claims=_claims(2, 1))])),
        "two claims on a shard": wire(minimal(collections=[part(claims=_claims(1, 1))])),
        "a claim on shard 100,000": wire(minimal(collections=[part(claims=_claims(100_000))])),
        "a claim that ends before it begins": wire(minimal(collections=[part(claims=_claims(1, lease=-1))])),
        "a claim longer than 30 days": wire(minimal(collections=[part(claims=_claims(1, lease=30 * DAY + 1))])),
        "101 percent": wire(minimal(collections=[part(claims=[pb.Claim(shard=1, percent=101)])])),
        "releases out of order": wire(minimal(collections=[part(releases=[pb.Release(shard=s) for s in (2, 1)])])),
        "holdings without a form": wire(minimal(collections=[part(holdings=b"")])),
        "declined in a form that is not known": wire(minimal(collections=[part(declined=b"\2\x01")])),
    }


def _claims(*shards: int, lease: int = DAY) -> list[pb.Claim]:
    return [pb.Claim(shard=shard, claimed_at=NOW, expires_at=NOW + lease) for shard in shards]


def envelopes() -> list[Case]:
    """Return envelopes as strangers send them; ``value.envelope`` is what travels on."""
    overlong = b"\x08\x81\x00" + wire(minimal())[2:]
    bodies = {
        "a manifest head": (HEAD, wire(head()), MUSIC),
        "an announcement": (ANNOUNCEMENT, wire(minimal()), ALICE),
        "an admission": (ADMISSION, wire(word(ALICE)), MUSIC),
        "a body with unknown fields": (ANNOUNCEMENT, wire(minimal()) + UNKNOWN_FIELD, ALICE),
        "a body with an overlong varint": (ANNOUNCEMENT, overlong, ALICE),
        "a body that is not a record": (ANNOUNCEMENT, b"only bytes are signed", ALICE),
        "an empty body": (ANNOUNCEMENT, b"", ALICE),
        "the longest body": (ANNOUNCEMENT, bytes(65_536), ALICE),
    }
    cases = [
        _signed(name, wire(envelope(kind, body, author)), kind, body, author)
        for name, (kind, body, author) in bodies.items()
    ]
    kind, body, author = bodies["an announcement"]
    good = wire(envelope(kind, body, author))
    cases.append(_signed("fields that a relay added are left behind", good + UNKNOWN_FIELD, kind, body, author))
    turned = field(4, envelope(kind, body, author).signature) + good[: -2 - 64]
    cases.append(_signed("fields in another order", turned, kind, body, author))
    return cases + _bad_envelopes(good, body)


def _signed(name: str, data: bytes, kind: int, body: bytes, author: str) -> Case:
    value = {
        "kind": kind,
        "author_key": public(author).hex(),
        "body": hexed(body),
        "preimage": hexed(preimage(kind, body)),
        "envelope": hexed(wire(envelope(kind, body, author))),
    }
    return ok(name, data, value)


def _bad_envelopes(good: bytes, body: bytes) -> list[Case]:
    def changed(**values: Any) -> bytes:
        made = envelope(ANNOUNCEMENT, body, ALICE)
        for name, value in values.items():
            setattr(made, name, value)
        return wire(made)

    signature = envelope(ANNOUNCEMENT, body, ALICE).signature
    malleated = signature[:32] + (int.from_bytes(signature[32:], "little") + _ORDER).to_bytes(32, "little")
    forged = {
        "a changed body": changed(body=body + UNKNOWN_FIELD),
        "another author": changed(author_key=public(BOB)),
        "another kind": changed(kind=HEAD),
        "a changed signature": changed(signature=bytes([signature[0] ^ 1]) + signature[1:]),
        "a signature without the preimage's lengths": changed(signature=_unframed(body)),
        "a signature whose S is not reduced": changed(signature=malleated),
        "an author of small order": changed(author_key=_IDENTITY, signature=_IDENTITY + bytes(32)),
        "two bodies, the last counts": good + field(3, b"another"),
    }
    shapeless = {
        "no bytes at all": b"",
        "not protobuf": b"\xff\xff",
        "cut off": good[:-1],
        "an author of 31 bytes": changed(author_key=public(ALICE)[1:]),
        "a signature of 63 bytes": changed(signature=signature[1:]),
    }
    too_long = {
        "a body of 65,537 bytes": wire(envelope(ANNOUNCEMENT, bytes(65_537), ALICE)),
        "an envelope of 65,793 bytes": padded(good, 65_793),
    }
    return [
        bad("kind 0", wire(envelope(0, body, ALICE)), "unknown_kind"),
        bad("kind 5", wire(envelope(5, body, ALICE)), "unknown_kind"),
        *(bad(name, data, "bad_signature") for name, data in forged.items()),
        *(bad(name, data, "malformed") for name, data in shapeless.items()),
        *(bad(name, data, "oversized") for name, data in too_long.items()),
    ]


def _unframed(body: bytes) -> bytes:
    return key(ALICE).sign(b"mirrord/1" + bytes([ANNOUNCEMENT]) + body).signature


def holdings() -> list[Case]:
    """Return bitmaps of shard indexes."""
    most = [0] * 12_499 + [0x80]
    return [
        ok("none", b"\0", []),
        ok("raw", b"\0\x01\x80\x10", [0, 15, 20]),
        ok("raw with zeros at the end", b"\0\x01\0\0", [0]),
        ok("the last shard", b"\0" + bytes(most), [99_999]),
        ok("deflated, stored blocks", b"\x01" + stored(b"\x06\0\x01"), [1, 2, 16]),
        ok("deflated, fixed codes", b"\x01" + deflated_zeros(1_000), []),
        bad("no bytes at all", b"", "malformed"),
        bad("form 2", b"\2\x01", "malformed"),
        bad("not a deflate stream", b"\x01\x01\x02\x03", "malformed"),
        bad("deflate without the zlib header", b"\x01" + stored(b"\x06")[2:], "malformed"),
        bad("torn", b"\x01" + stored(b"\x06\0\x01")[:-1], "malformed"),
        bad("a wrong checksum", b"\x01" + stored(b"\x06\0\x01")[:-1] + b"\xff", "malformed"),
        bad("bytes behind the end", b"\x01" + stored(b"\x06\0\x01") + b"\0", "malformed"),
        bad("raw, 12,501 bytes", b"\0" + bytes(12_501), "oversized"),
        bad("a bomb", b"\x01" + deflated_zeros(1_000_000), "oversized"),
    ]
