"""Vectors of a session: every message, and the frames around them."""

from typing import Any, TypeAlias

from vector_parts import ALICE, FILMS, MUSIC, NOW, UNKNOWN_FIELD, Case, bad, envelope, field, hexed, ok, public, wire

from mirrord.core.wire import wire_pb2 as pb

MIB = 2**20
C = public(MUSIC)
HASH = bytes(range(32))
REFUSED = "protocol"
SEEN_AT = bytes([203, 0, 113, 9])
SEEN_AT_6 = bytes.fromhex("20010db8000000000000000000000009")


Good: TypeAlias = tuple[str, pb.Message, str, dict[str, Any]]
"""A name, a message, its kind, and its fields as they must be read."""


def _greetings() -> list[Good]:
    low, high = sorted([C, public(FILMS)])
    hello = {"version_min": 1, "version_max": 3, "agent": "mirrord/0.1.0", "unix_seconds": NOW}
    return [
        (
            "hello",
            pb.Message(hello=pb.Hello(**hello, collections=[low, high], seen_at=SEEN_AT)),  # type: ignore[arg-type]
            "hello",
            {**hello, "collections": [low.hex(), high.hex()], "seen_at": "203.0.113.9"},
        ),
        (
            "hello to a node that comes over IPv6",
            pb.Message(hello=pb.Hello(version_min=1, version_max=1, seen_at=SEEN_AT_6)),
            "hello",
            {
                "version_min": 1,
                "version_max": 1,
                "agent": "",
                "unix_seconds": 0,
                "collections": [],
                "seen_at": "2001:db8::9",
            },
        ),
        (
            "hello of a node without collections",
            pb.Message(hello=pb.Hello(version_min=1, version_max=1)),
            "hello",
            {"version_min": 1, "version_max": 1, "agent": "", "unix_seconds": 0, "collections": [], "seen_at": ""},
        ),
    ]


def _reconciling() -> list[Good]:
    a, b = b"\x10aaaaaaa", b"\x9fbbbbbbb"
    digests = [0, 1, 2**64 - 1, 0x0123456789ABCDEF]
    return [
        (
            "summary",
            pb.Message(summary=pb.Summary(collection=C, root=0x0123456789ABCDEF, records=10_000)),
            "summary",
            {"collection": C.hex(), "root": "0123456789abcdef", "records": 10_000},
        ),
        (
            "buckets",
            pb.Message(
                buckets=pb.Buckets(collection=C, bits=2, digests=b"".join(d.to_bytes(8, "big") for d in digests))
            ),
            "buckets",
            {"collection": C.hex(), "bits": 2, "digests": [f"{d:016x}" for d in digests]},
        ),
        (
            "one bucket",
            pb.Message(buckets=pb.Buckets(collection=C, digests=bytes(8))),
            "buckets",
            {"collection": C.hex(), "bits": 0, "digests": ["0" * 16]},
        ),
        (
            "listing",
            pb.Message(
                listing=pb.Listing(collection=C, bits=4, buckets=[1, 9], ids=a + b, base=5, above=[0, 2**63 - 6])
            ),
            "listing",
            {"collection": C.hex(), "bits": 4, "buckets": [1, 9], "entries": [[a.hex(), 5], [b.hex(), 2**63 - 1]]},
        ),
        (
            "listing of a sequence of 64 bits, which no record has",
            pb.Message(listing=pb.Listing(collection=C, ids=a, buckets=[0], base=2**64 - 1, above=[0])),
            "listing",
            {"collection": C.hex(), "bits": 0, "buckets": [0], "entries": [[a.hex(), 2**64 - 1]]},
        ),
        (
            "listing of an empty bucket",
            pb.Message(listing=pb.Listing(collection=C, bits=15, buckets=[32_767])),
            "listing",
            {"collection": C.hex(), "bits": 15, "buckets": [32_767], "entries": []},
        ),
    ]


def _carrying() -> list[Good]:
    a, b = b"\x10aaaaaaa", b"\x9fbbbbbbb"
    record = wire(envelope(2, b"not parsed before it is verified", ALICE))
    return [
        (
            "record request",
            pb.Message(record_request=pb.RecordRequest(collection=C, ids=b + a)),
            "record_request",
            {"collection": C.hex(), "ids": [b.hex(), a.hex()]},
        ),
        (
            "records",
            pb.Message(records=pb.Records(collection=C, envelopes=[record, b""])),
            "records",
            {"collection": C.hex(), "envelopes": [record.hex(), ""]},
        ),
        (
            "blob request",
            pb.Message(blob_request=pb.BlobRequest(sha256=HASH, offset=262_144)),
            "blob_request",
            {"sha256": HASH.hex(), "offset": 262_144},
        ),
        (
            "blob chunk",
            pb.Message(blob_chunk=pb.BlobChunk(sha256=HASH, offset=0, data=b"abc")),
            "blob_chunk",
            {"sha256": HASH.hex(), "offset": 0, "data": "616263"},
        ),
        ("probe", pb.Message(probe=pb.Probe(port=65_535)), "probe", {"port": 65_535}),
        (
            "probe result",
            pb.Message(probe_result=pb.ProbeResult(port=7_700, reached=True)),
            "probe_result",
            {"port": 7_700, "reached": True},
        ),
        (
            "probe result of a port that nobody answers at",
            pb.Message(probe_result=pb.ProbeResult(port=1)),
            "probe_result",
            {"port": 1, "reached": False},
        ),
        (
            "blob missing",
            pb.Message(blob_missing=pb.BlobMissing(sha256=HASH)),
            "blob_missing",
            {"sha256": HASH.hex()},
        ),
    ]


def _goodbyes() -> list[Good]:
    codes = range(len(pb.Goodbye.Code.values()))
    return [
        (
            f"goodbye {pb.Goodbye.Code.Name(code)}",  # type: ignore[arg-type]
            pb.Message(goodbye=pb.Goodbye(code=code, reason="bis später")),  # type: ignore[arg-type]
            "goodbye",
            {"code": code, "reason": "bis später"},
        )
        for code in codes
    ]


def messages() -> list[Case]:
    """Return payloads of frames."""
    good = _greetings() + _reconciling() + _carrying() + _goodbyes()
    cases = [ok(name, wire(message), {"kind": kind, **fields}) for name, message, kind, fields in good]
    later = wire(pb.Message(goodbye=pb.Goodbye(code=99)))  # type: ignore[arg-type]
    cases.append(ok("goodbye for a reason of a later version", later, {"kind": "goodbye", "code": 0, "reason": ""}))
    missing = wire(pb.Message(blob_missing=pb.BlobMissing(sha256=HASH)))
    value = {"kind": "blob_missing", "sha256": HASH.hex()}
    cases.append(ok("unknown fields are skipped", missing + UNKNOWN_FIELD, value))
    cases.append(ok("two kinds, the last counts", later + missing, value))
    return cases + [bad(name, data, REFUSED) for name, data in {**_bad_greetings(), **_bad_others()}.items()]


def _hello(**more: Any) -> bytes:
    return wire(pb.Message(hello=pb.Hello(**{"version_min": 1, "version_max": 1, **more})))


def _bad_greetings() -> dict[str, bytes]:
    low, high = sorted([C, public(FILMS)])
    return {
        "no bytes at all": b"",
        "not protobuf": b"\x0a\xff",
        "only a kind of a later version": UNKNOWN_FIELD,
        "above 1 MiB": wire(pb.Message(blob_missing=pb.BlobMissing(sha256=HASH))) + field(1000, bytes(MIB)),
        "hello without versions": wire(pb.Message(hello=pb.Hello())),
        "hello with versions upside down": _hello(version_min=2),
        "hello with version 1,001": _hello(version_max=1_001),
        "hello with collections out of order": _hello(collections=[high, low]),
        "hello with a collection twice": _hello(collections=[low, low]),
        "hello with a collection of 31 bytes": _hello(collections=[bytes(31)]),
        "hello with 65 collections": _hello(collections=[i.to_bytes(32, "big") for i in range(65)]),
        "hello with an agent of 65 bytes": _hello(agent="x" * 65),
        "hello with a line feed": _hello(agent="a\nb"),
        "hello seen at an address of 5 bytes": _hello(seen_at=bytes(5)),
        "hello with text that is not UTF-8": field(1, b"\x08\x01\x10\x01" + field(3, b"\xff")),
    }


def _bad_others() -> dict[str, bytes]:
    def listing(**more: Any) -> bytes:
        return wire(pb.Message(listing=pb.Listing(**{"collection": C, "bits": 4, **more})))

    def buckets(bits: int, digests: int) -> bytes:
        return wire(pb.Message(buckets=pb.Buckets(collection=C, bits=bits, digests=bytes(digests))))

    def chunk(**more: Any) -> bytes:
        return wire(pb.Message(blob_chunk=pb.BlobChunk(**{"sha256": HASH, "data": b"x", **more})))

    def goodbye(reason: str) -> bytes:
        return wire(pb.Message(goodbye=pb.Goodbye(code=pb.Goodbye.STOPPING, reason=reason)))

    one, two = bytes(8), b"\x01" * 8
    return {
        "summary without a collection": wire(pb.Message(summary=pb.Summary(root=1))),
        "buckets of 16 bits": buckets(16, 8 << 16),
        "buckets with a digest too few": buckets(2, 24),
        "buckets with half a digest": buckets(0, 4),
        "listing of 16 bits": listing(bits=16),
        "listing with buckets out of order": listing(buckets=[2, 1]),
        "listing with a bucket twice": listing(buckets=[1, 1]),
        "listing with a bucket out of range": listing(buckets=[16]),
        "listing with half an id": listing(ids=one[:4], above=[0]),
        "listing with a sequence too few": listing(ids=one + two, base=5, above=[0]),
        "listing with a sequence too many": listing(ids=one, base=5, above=[0, 0]),
        "listing with a sequence beyond 64 bits": listing(ids=one, base=2**64 - 1, above=[1]),
        "listing with ids out of order": listing(ids=two + one, base=5, above=[0, 0]),
        "listing with an id twice": listing(ids=one + one, base=5, above=[0, 1]),
        "listing of 8,193 entries": listing(ids=one * 8_193, base=5, above=[0] * 8_193),
        "probe of port 0": wire(pb.Message(probe=pb.Probe())),
        "probe of port 65,536": wire(pb.Message(probe=pb.Probe(port=65_536))),
        "probe result of port 0": wire(pb.Message(probe_result=pb.ProbeResult(reached=True))),
        "record request with half an id": wire(pb.Message(record_request=pb.RecordRequest(collection=C, ids=b"abc"))),
        "record request of 8,193 ids": wire(
            pb.Message(record_request=pb.RecordRequest(collection=C, ids=bytes(8 * 8_193)))
        ),
        "257 records": wire(pb.Message(records=pb.Records(collection=C, envelopes=[b""] * 257))),
        "blob request with a hash of 31 bytes": wire(pb.Message(blob_request=pb.BlobRequest(sha256=HASH[1:]))),
        "blob request above 32 MiB": wire(pb.Message(blob_request=pb.BlobRequest(sha256=HASH, offset=32 * MIB + 1))),
        "blob chunk without data": chunk(data=b""),
        "blob chunk of 262,145 bytes": chunk(data=bytes(262_145)),
        "blob chunk above 32 MiB": chunk(offset=32 * MIB + 1),
        "blob missing without a hash": wire(pb.Message(blob_missing=pb.BlobMissing())),
        "goodbye with 257 bytes of reason": goodbye("x" * 257),
        "goodbye that moves the cursor": goodbye("\x1b[2J"),
    }


def frames() -> list[Case]:
    """Return streams of bytes and the payloads that they are cut into; ``left`` bytes wait for more."""

    def cut(name: str, stream: bytes, payloads: list[bytes], left: int = 0) -> Case:
        return {"name": name, "bytes": hexed(stream), "value": [hexed(p) for p in payloads], "left": left}

    return [
        cut("nothing", b"", []),
        cut("one frame", b"\0\0\0\x03abc", [b"abc"]),
        cut("two frames", b"\0\0\0\x03abc\0\0\0\x01d", [b"abc", b"d"]),
        cut("half a length", b"\0\0\0\x01a\0\0", [b"a"], 2),
        cut("half a frame", b"\0\0\0\x03ab", [], 6),
        cut("the longest", MIB.to_bytes(4, "big") + bytes(MIB), [bytes(MIB)]),
        bad("of no length", b"\0\0\0\0", REFUSED),
        bad("too long, refused before its bytes", (MIB + 1).to_bytes(4, "big"), REFUSED),
        bad("TLS or HTTP instead of frames", b"GET / HTTP/1.1\r\n", REFUSED),
    ]
