"""Records to bytes and back: what goes in comes out, and every bound holds on the way in."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.announcement_codec import announcement_to
from mirrord.core.records.codec import (
    decode_announcement,
    decode_manifest_body,
    decode_manifest_head,
    encode_announcement,
    encode_manifest_body,
    encode_manifest_head,
)
from mirrord.core.records.ids import Address, CollectionId, ShardIndex
from mirrord.core.records.kinds import Announcement, Claim, CollectionState, ManifestBody, ManifestHead, Release
from mirrord.core.records.shardset import ShardSet
from tests.simulation.virtual_network import make_body, make_shard
from tests.unit.core.making import COLLECTION, UNIX, make_announcement, make_head
from tests.unit.core.strategies import HEADS, announcements, manifest_bodies

MALFORMED, OVERSIZED = RejectReason.MALFORMED, RejectReason.OVERSIZED
FAR = limits.LIFETIME_MAX_SECONDS


@settings(max_examples=60)
@given(announcements())
def test_announcements_survive_the_way(announcement: Announcement) -> None:
    assert decode_announcement(encode_announcement(announcement)) == announcement


@given(HEADS)
def test_manifest_heads_survive_the_way(head: ManifestHead) -> None:
    assert decode_manifest_head(encode_manifest_head(head)) == head


@settings(max_examples=40)
@given(manifest_bodies())
def test_manifest_bodies_survive_the_way(body: ManifestBody) -> None:
    assert decode_manifest_body(encode_manifest_body(body)) == body


def in_collection(**changes: object) -> Announcement:
    state = replace(CollectionState(COLLECTION), **changes)  # type: ignore[arg-type]
    return replace(make_announcement(), collections=(state,))


def claim(index: int, at: int = UNIX, until: int = UNIX, percent: int = 0) -> Claim:
    return Claim(ShardIndex(index), at, until, False, percent)


def bitmaps(collections: int) -> Announcement:
    """Short when it is deflated: the last of all shards, in each of so many collections."""
    last = ShardSet.of([limits.SHARDS_MAX - 1])
    states = tuple(CollectionState(CollectionId(bytes([n]) * 32), 1, last) for n in range(collections))
    return replace(make_announcement(), collections=states)


def test_bitmaps_may_inflate_to_as_much_as_a_body_may_have() -> None:
    assert len(decode_announcement(encode_announcement(bitmaps(5))).collections) == 5


REFUSED_ANNOUNCEMENTS: dict[str, tuple[Announcement, RejectReason]] = {
    "no sequence": (make_announcement(0), MALFORMED),
    "a sequence beyond 63 bits": (make_announcement(2**63), MALFORMED),
    "expires as it is issued": (make_announcement(lifetime=0), MALFORMED),
    "expires before it is issued": (make_announcement(lifetime=-1), MALFORMED),
    "lives too long": (make_announcement(lifetime=FAR + 1), MALFORMED),
    "nine addresses": (make_announcement(coordination=(Address("192.0.2.1", 1),) * 9), OVERSIZED),
    "nine BitTorrent addresses": (make_announcement(bittorrent=(Address("192.0.2.1", 1),) * 9), OVERSIZED),
    "port 0": (make_announcement(coordination=(Address("192.0.2.1", 0),)), MALFORMED),
    "port 65536": (make_announcement(coordination=(Address("192.0.2.1", 65_536),)), MALFORMED),
    "every interface": (make_announcement(coordination=(Address("0.0.0.0", 1),)), MALFORMED),
    "every IPv6 interface": (make_announcement(coordination=(Address("::", 1),)), MALFORMED),
    "a multicast group": (make_announcement(bittorrent=(Address("ff02::1", 1),)), MALFORMED),
    "a pledge beyond 63 bits": (make_announcement(pledge_bytes=2**63), MALFORMED),
    "a long operator": (make_announcement(operator="x" * 65), OVERSIZED),
    "long in bytes only": (make_announcement(operator="é" * 33), OVERSIZED),
    "a moving cursor": (make_announcement(operator="\x1b[2J"), MALFORMED),
    "a line break": (make_announcement(agent="a\nb"), MALFORMED),
    "a right-to-left override": (make_announcement(country="\u202e"), MALFORMED),
    "65 collections": (
        make_announcement(collections=tuple(CollectionId(bytes([n]) * 32) for n in range(65))),
        OVERSIZED,
    ),
    "a collection twice": (replace(make_announcement(), collections=(CollectionState(COLLECTION),) * 2), MALFORMED),
    "a short collection": (make_announcement(collections=(CollectionId(b"x" * 31),)), MALFORMED),
    "bitmaps that inflate to too much together": (bitmaps(6), OVERSIZED),
    "17 claims": (in_collection(claims=tuple(claim(n) for n in range(17))), OVERSIZED),
    "17 releases": (in_collection(releases=tuple(Release(ShardIndex(n), UNIX) for n in range(17))), OVERSIZED),
    "claims out of order": (in_collection(claims=(claim(2), claim(1))), MALFORMED),
    "a claim twice": (in_collection(claims=(claim(1), claim(1))), MALFORMED),
    "releases out of order": (
        in_collection(releases=(Release(ShardIndex(2), UNIX), Release(ShardIndex(1), UNIX))),
        MALFORMED,
    ),
    "a claim on no shard": (in_collection(claims=(claim(limits.SHARDS_MAX),)), MALFORMED),
    "a claim that ends before it begins": (in_collection(claims=(claim(1, until=UNIX - 1),)), MALFORMED),
    "a claim for ever": (in_collection(claims=(claim(1, until=UNIX + FAR + 1),)), MALFORMED),
    "101 %": (in_collection(claims=(claim(1, percent=101),)), MALFORMED),
}


@pytest.mark.parametrize("what", REFUSED_ANNOUNCEMENTS)
def test_an_announcement_out_of_bounds_is_refused(what: str) -> None:
    announcement, reason = REFUSED_ANNOUNCEMENTS[what]
    with pytest.raises(RecordError) as caught:
        decode_announcement(announcement_to(announcement).SerializeToString())
    assert caught.value.reason is reason, caught.value


def shard_fields(**changes: object) -> pb.ManifestBody:
    """Return the protobuf form of a body of two shards, the second one changed."""
    parsed = pb.ManifestBody.FromString(zlib.decompress(encode_manifest_body(make_body(2))))
    for name, value in changes.items():
        setattr(parsed.shards[1], name, value)
    return parsed


def body_fields(**changes: object) -> pb.ManifestBody:
    parsed = shard_fields()
    for name, value in changes.items():
        setattr(parsed, name, value)
    return parsed


REFUSED_BODIES: dict[str, tuple[Callable[[], pb.ManifestBody], RejectReason]] = {
    "an index out of place": (lambda: shard_fields(index=2), MALFORMED),
    "a name twice": (lambda: shard_fields(name="SHARD-0000"), MALFORMED),
    "no name": (lambda: shard_fields(name=""), MALFORMED),
    "a blank name": (lambda: shard_fields(name="   "), MALFORMED),
    "a name that climbs": (lambda: shard_fields(name=".."), MALFORMED),
    "a hidden name": (lambda: shard_fields(name=".config"), MALFORMED),
    "a path for a name": (lambda: shard_fields(name="a/b"), MALFORMED),
    "a backslash": (lambda: shard_fields(name="a\\b"), MALFORMED),
    "a NUL": (lambda: shard_fields(name="a\0b"), MALFORMED),
    "a long name": (lambda: shard_fields(name="n" * 129), OVERSIZED),
    "a short info-hash": (lambda: shard_fields(info_hash_v2=b"x" * 20), MALFORMED),
    "a long v1 info-hash": (lambda: shard_fields(info_hash_v1=b"x" * 32), MALFORMED),
    "no .torrent": (lambda: shard_fields(torrent_bytes=0), MALFORMED),
    "a giant .torrent": (lambda: shard_fields(torrent_bytes=limits.TORRENT_MAX_BYTES + 1), MALFORMED),
    "bytes beyond 63 bits": (lambda: shard_fields(bytes=2**63), MALFORMED),
    "no files": (lambda: shard_fields(files=0), MALFORMED),
    "popularity upside down": (lambda: shard_fields(popularity_min=2, popularity_max=1), MALFORMED),
    "more than all demand": (lambda: shard_fields(demand_ppb=10**9 + 1), MALFORMED),
    "no rights": (lambda: shard_fields(rights=""), MALFORMED),
    "rights without end": (lambda: shard_fields(rights="r" * 1_025), OVERSIZED),
    "a long codec": (lambda: shard_fields(codec="c" * 65), OVERSIZED),
    "a withdrawal without end": (lambda: shard_fields(withdrawn_reason="w" * 1_025), OVERSIZED),
    "a collection without a name": (lambda: body_fields(name=""), MALFORMED),
    "no copies wanted": (lambda: body_fields(target_min_replicas=0), MALFORMED),
    "targets upside down": (lambda: body_fields(target_min_replicas=3, target_max_replicas=2), MALFORMED),
    "201 copies": (lambda: body_fields(target_max_replicas=201), MALFORMED),
}


@pytest.mark.parametrize("what", REFUSED_BODIES)
def test_a_manifest_body_out_of_bounds_is_refused(what: str) -> None:
    make, reason = REFUSED_BODIES[what]
    with pytest.raises(RecordError) as caught:
        decode_manifest_body(zlib.compress(make().SerializeToString()))
    assert caught.value.reason is reason, caught.value


@pytest.mark.parametrize(
    "head",
    [
        make_head(0),
        make_head(2**63),
        make_head(body_bytes=0),
        make_head(body_bytes=limits.BLOB_MAX_BYTES + 1),
        make_head(body_sha256=b"short"),
        make_head(collection=CollectionId(b"short")),
        make_head(issued_at=2**63),
    ],
    ids=["version 0", "version 2^63", "no body", "giant body", "short hash", "short collection", "late"],
)
def test_a_manifest_head_out_of_bounds_is_refused(head: ManifestHead) -> None:
    with pytest.raises(RecordError) as caught:
        decode_manifest_head(encode_manifest_head(head))
    assert caught.value.reason is MALFORMED


def test_an_ip_address_has_four_or_sixteen_bytes() -> None:
    message = announcement_to(make_announcement())
    message.coordination[0].ip = b"abcde"
    with pytest.raises(RecordError, match="IP address of 5 bytes"):
        decode_announcement(message.SerializeToString())


def test_what_a_later_version_says_is_neither_lost_nor_in_the_way() -> None:
    unknown = b"\xfa\x3f\x03new"  # field 1023
    announcement = make_announcement()
    assert decode_announcement(encode_announcement(announcement) + unknown) == announcement
    later = shard_fields(quality=9)
    decoded = decode_manifest_body(zlib.compress(later.SerializeToString()))
    assert decoded.shards[1].quality == 0, "a tier that we do not know"
    assert decode_manifest_body(encode_manifest_body(make_body(1))).shards[0].target_weight_ppm == 1_000_000


def test_the_same_rights_statement_is_one_object_in_memory() -> None:
    decoded = decode_manifest_body(encode_manifest_body(make_body(3)))
    assert decoded.shards[0].rights is decoded.shards[2].rights


def test_a_manifest_of_the_largest_size_fits_its_limits() -> None:
    shards = tuple(make_shard(index, rights="CC-BY-SA-4.0") for index in range(1_000))
    body = replace(make_body(0), shards=shards)
    plain = len(pb.ManifestBody.FromString(zlib.decompress(encode_manifest_body(body))).SerializeToString())
    assert plain / 1_000 * limits.SHARDS_MAX < limits.MANIFEST_BODY_MAX_BYTES
