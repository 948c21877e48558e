"""Vectors of manifests: the head that is signed and the body that it names."""

import hashlib
from typing import Any

from record_vectors import head
from vector_parts import (
    MUSIC,
    NOW,
    UNKNOWN_FIELD,
    Case,
    bad,
    deflated_zeros,
    field,
    ok,
    padded,
    public,
    stored,
    wire,
)

from mirrord.core.records import records_pb2 as pb

MIB = 2**20
# What a real compressor made of one body: fixed codes and back references.
_COMPRESSED = "78dae3524a2d2dca2f48d45148cc53c82f482d4a54484c4fcc84b1c1a404a3c20946001f690d9b"


def heads() -> list[Case]:
    """Return bodies of manifest heads."""
    value = {
        "collection": public(MUSIC).hex(),
        "version": 1,
        "issued_at": NOW,
        "body_sha256": hashlib.sha256(b"body 1").hexdigest(),
        "body_bytes": 1_000,
    }
    largest = head(2**63 - 1, issued_at=2**63 - 1, body_bytes=32 * MIB, body_sha256=bytes(32))
    malformed = {
        "no bytes at all": b"",
        "not protobuf": b"\x0a\x20abc",
        "a collection of 31 bytes": wire(head(collection=MUSIC)).replace(b"\x0a\x20" + public(MUSIC), b"\x0a\x01x"),
        "version 0": wire(head(0)),
        "version of 64 bits": wire(head(2**63)),
        "a hash of 31 bytes": wire(head(body_sha256=bytes(31))),
        "a body of 0 bytes": wire(head(body_bytes=0)),
        "a body above 32 MiB": wire(head(body_bytes=32 * MIB + 1)),
    }
    return [
        ok("a head", wire(head()), value),
        ok("unknown fields are skipped", wire(head()) + UNKNOWN_FIELD, value),
        ok(
            "the largest numbers",
            wire(largest),
            value | {"version": 2**63 - 1, "issued_at": 2**63 - 1, "body_sha256": "00" * 32, "body_bytes": 32 * MIB},
        ),
        *(bad(name, data, "malformed") for name, data in malformed.items()),
        bad("a body of 65,537 bytes", padded(wire(head()), 65_537), "oversized"),
    ]


def shard(index: int = 0, **more: Any) -> pb.Shard:
    """Return a shard that stands."""
    values = {
        "index": index,
        "name": f"shard-{index:05}",
        "info_hash_v2": hashlib.sha256(b"info %d" % index).digest(),
        "torrent_sha256": hashlib.sha256(b"torrent %d" % index).digest(),
        "torrent_bytes": 40_000,
        "bytes": 100 * 10**9,
        "files": 1_000,
        "rights": "CC0-1.0",
    }
    return pb.Shard(**{**values, **more})


def _shard_value(message: pb.Shard, **more: Any) -> dict[str, Any]:
    numbers = ("index", "name", "torrent_bytes", "bytes", "files", "items", "popularity_min", "popularity_max")
    numbers += ("demand_ppb", "quality", "codec", "phase", "rights", "withdrawn_reason")
    hashes = ("info_hash_v2", "info_hash_v1", "torrent_sha256")
    return {
        **{name: getattr(message, name) for name in numbers},
        **{name: getattr(message, name).hex() for name in hashes},
        "target_weight_ppm": 1_000_000,
        **more,
    }


def body(*shards: pb.Shard, **more: Any) -> pb.ManifestBody:
    """Return a manifest body."""
    values = {"name": "music", "target_min_replicas": 3, "target_max_replicas": 20}
    return pb.ManifestBody(**{**values, "shards": shards, **more})


def _body_value(shards: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    value = {"name": "music", "description": "", "target_min_replicas": 3, "target_max_replicas": 20}
    return {**value, "shards": shards, **more}


def _rich_shard() -> pb.Shard:
    return shard(
        1,
        name="Straße 01",
        info_hash_v1=bytes(range(20)),
        items=12,
        popularity_min=3,
        popularity_max=9,
        demand_ppb=250_000_000,
        quality=pb.REENCODED,
        codec="opus",
        phase=2,
        target_weight_ppm=1_500_000,
        withdrawn_reason="the rights holder asked",
    )


def bodies() -> list[Case]:
    """Return manifest bodies as they travel, deflated."""
    rich, plain = _rich_shard(), shard()
    both = body(plain, rich, description="Two shards.")
    both_value = _body_value(
        [_shard_value(plain), _shard_value(rich, target_weight_ppm=1_500_000)], description="Two shards."
    )
    later = shard()
    later.quality = 9  # type: ignore[assignment]
    good = stored(wire(both))
    empty = body(
        name="europa, an opera again opera opera", description="", target_min_replicas=1, target_max_replicas=200
    )
    return [
        ok("no shards", stored(wire(body())), _body_value([])),
        ok("two shards", good, both_value),
        ok(
            "compressed",
            bytes.fromhex(_COMPRESSED),
            _body_value([], name=empty.name, target_min_replicas=1, target_max_replicas=200),
        ),
        ok("unknown fields are skipped", stored(wire(both) + UNKNOWN_FIELD), both_value),
        ok("a quality of a later version", stored(wire(body(later))), _body_value([_shard_value(plain, quality=0)])),
        bad("not deflated", wire(both), "malformed"),
        bad("torn", good[:-5], "malformed"),
        bad("bytes behind the end", good + b"\0", "malformed"),
        bad("deflated, but not protobuf", stored(b"\xff\xff"), "malformed"),
        bad("a bomb", deflated_zeros(32 * MIB + 1), "oversized"),
        bad("a blob above 32 MiB", stored(b"")[:-1] + bytes(32 * MIB), "oversized"),
        bad("100,001 shards", stored(wire(body()) + field(5, b"") * 100_001), "oversized"),
        *(bad(name, stored(wire(wrong)), reason) for name, reason, wrong in _wrong_bodies()),
    ]


def _wrong_bodies() -> list[tuple[str, str, pb.ManifestBody]]:
    malformed: dict[str, pb.ManifestBody] = {
        "no name": body(name=""),
        "a name of spaces": body(name="  "),
        "a name with a tab": body(name="a\tb"),
        "target 0": body(target_min_replicas=0),
        "targets that cross": body(target_min_replicas=21),
        "target 201": body(target_max_replicas=201),
        "a shard out of its place": body(shard(1)),
        "a shard index twice": body(shard(0), shard(0, name="x")),
        "two shards of one name": body(shard(0), shard(1, name="SHARD-00000")),
        "two names that are one when folded": body(shard(0, name="Straße"), shard(1, name="STRASSE")),
        "a shard without a name": body(shard(name="")),
        "a shard name with a slash": body(shard(name="a/b")),
        "a shard name with a backslash": body(shard(name="a\\b")),
        "a hidden shard name": body(shard(name=".hidden")),
        "a shard name that climbs": body(shard(name="..")),
        "a shard without a rights statement": body(shard(rights="")),
        "a v2 hash of 31 bytes": body(shard(info_hash_v2=bytes(31))),
        "no v2 hash": body(shard(info_hash_v2=b"")),
        "a v1 hash of 19 bytes": body(shard(info_hash_v1=bytes(19))),
        "a .torrent hash of 33 bytes": body(shard(torrent_sha256=bytes(33))),
        "a .torrent of 0 bytes": body(shard(torrent_bytes=0)),
        "a .torrent above 32 MiB": body(shard(torrent_bytes=32 * MIB + 1)),
        "bytes of 64 bits": body(shard(bytes=2**63)),
        "no files": body(shard(files=0)),
        "popularity upside down": body(shard(popularity_min=2, popularity_max=1)),
        "more than all demand": body(shard(demand_ppb=1_000_000_001)),
    }
    oversized = {
        "a name of 129 bytes": body(name="x" * 129),
        "a description of 1,025 bytes": body(description="x" * 1_025),
        "a shard name of 129 bytes": body(shard(name="x" * 129)),
        "a rights statement of 1,025 bytes": body(shard(rights="x" * 1_025)),
        "a codec of 65 bytes": body(shard(codec="x" * 65)),
        "a reason of 1,025 bytes": body(shard(withdrawn_reason="x" * 1_025)),
    }
    return [(name, "malformed", wrong) for name, wrong in malformed.items()] + [
        (name, "oversized", wrong) for name, wrong in oversized.items()
    ]
