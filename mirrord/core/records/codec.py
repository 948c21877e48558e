"""Records to bytes and back.  Any bytes give a value or a :class:`RecordError`, never anything else.

Length limits are checked before parsing, counts and ranges right after, so that no other part of
the program ever meets an absurd value.  Unknown protobuf fields are allowed: a later version may
say more, and the body is relayed verbatim.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar, cast

from google.protobuf.message import DecodeError, Message

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.admission_codec import admission_from, admission_to
from mirrord.core.records.announcement_codec import announcement_from, announcement_to
from mirrord.core.records.bounds import bounded, exact, text, whole
from mirrord.core.records.ids import KEY_BYTES, CollectionId, NodeId, Sha256, ShardIndex
from mirrord.core.records.kinds import (
    Admission,
    Announcement,
    ManifestBody,
    ManifestHead,
    Quality,
    Shard,
)
from mirrord.core.records.shardset import inflate

_Proto = TypeVar("_Proto", bound=Message)
_SHA256_BYTES: Final = 32
_SHA1_BYTES: Final = 20
_PPB: Final = 1_000_000_000


def encode_announcement(announcement: Announcement) -> bytes:
    """Return the body to sign."""
    return announcement_to(announcement).SerializeToString(deterministic=True)


def decode_announcement(body: bytes) -> Announcement:
    """Parse a body whose signature holds."""
    return announcement_from(_parse(pb.Announcement.FromString, body, limits.RECORD_BODY_MAX_BYTES))


def encode_admission(admission: Admission) -> bytes:
    """Return the body to sign."""
    return admission_to(admission).SerializeToString(deterministic=True)


def decode_admission(body: bytes, author: NodeId) -> Admission:
    """Parse a body that ``author`` signed."""
    return admission_from(_parse(pb.Admission.FromString, body, limits.RECORD_BODY_MAX_BYTES), author)


def encode_manifest_head(head: ManifestHead) -> bytes:
    """Return the body to sign."""
    return pb.ManifestHead(
        collection=head.collection,
        version=head.version,
        issued_at=head.issued_at,
        body_sha256=head.body_sha256,
        body_bytes=head.body_bytes,
    ).SerializeToString(deterministic=True)


def decode_manifest_head(body: bytes) -> ManifestHead:
    """Parse a body whose signature holds."""
    parsed = _parse(pb.ManifestHead.FromString, body, limits.RECORD_BODY_MAX_BYTES)
    return ManifestHead(
        collection=CollectionId(exact(parsed.collection, KEY_BYTES, "collection")),
        version=whole(parsed.version, "version", low=1),
        issued_at=whole(parsed.issued_at, "issued_at"),
        body_sha256=Sha256(exact(parsed.body_sha256, _SHA256_BYTES, "body_sha256")),
        body_bytes=whole(parsed.body_bytes, "body_bytes", low=1, high=limits.BLOB_MAX_BYTES),
    )


def encode_manifest_body(body: ManifestBody) -> bytes:
    """Return the body deflated, as it travels and as its SHA-256 is taken."""
    message = pb.ManifestBody(
        name=body.name,
        description=body.description,
        target_min_replicas=body.target_min_replicas,
        target_max_replicas=body.target_max_replicas,
        shards=[_shard_to(shard) for shard in body.shards],
    )
    return zlib.compress(message.SerializeToString(deterministic=True), 9)


def decode_manifest_body(blob: bytes) -> ManifestBody:
    """Inflate and parse a manifest body whose SHA-256 has been checked."""
    bounded(len(blob), limits.BLOB_MAX_BYTES, "a manifest body")
    plain = inflate(blob, limits.MANIFEST_BODY_MAX_BYTES)
    parsed = _parse(pb.ManifestBody.FromString, plain, limits.MANIFEST_BODY_MAX_BYTES)
    bounded(len(parsed.shards), limits.SHARDS_MAX, "shards")
    low = whole(parsed.target_min_replicas, "target_min_replicas", low=1, high=200)
    return ManifestBody(
        name=text(parsed.name, limits.NAME_MAX_BYTES, "name", required=True),
        description=text(parsed.description, limits.TEXT_MAX_BYTES, "description"),
        target_min_replicas=low,
        target_max_replicas=whole(parsed.target_max_replicas, "target_max_replicas", low=low, high=200),
        shards=_shards_from(parsed.shards),
    )


def _shard_to(shard: Shard) -> pb.Shard:
    return pb.Shard(
        index=shard.index,
        name=shard.name,
        info_hash_v2=shard.info_hash_v2,
        info_hash_v1=shard.info_hash_v1,
        torrent_sha256=shard.torrent_sha256,
        torrent_bytes=shard.torrent_bytes,
        bytes=shard.bytes,
        files=shard.files,
        items=shard.items,
        popularity_min=shard.popularity_min,
        popularity_max=shard.popularity_max,
        demand_ppb=shard.demand_ppb,
        quality=cast("pb.Quality", shard.quality),
        codec=shard.codec,
        phase=shard.phase,
        rights=shard.rights,
        target_weight_ppm=shard.target_weight_ppm,
        withdrawn_reason=shard.withdrawn_reason,
    )


def _shards_from(parsed: Iterable[pb.Shard]) -> tuple[Shard, ...]:
    shards: list[Shard] = []
    names: set[str] = set()
    rights: dict[str, str] = {}
    for message in parsed:
        shard = _shard_from(message, rights)
        if shard.index != len(shards):
            raise RecordError(RejectReason.MALFORMED, f"shard {shard.index} stands at place {len(shards)}")
        if shard.name.casefold() in names:
            raise RecordError(RejectReason.MALFORMED, f"two shards are named {shard.name!r}")
        names.add(shard.name.casefold())
        shards.append(shard)
    return tuple(shards)


def _shard_from(message: pb.Shard, rights: dict[str, str]) -> Shard:
    statement = text(message.rights, limits.TEXT_MAX_BYTES, "rights", required=True)
    try:
        quality = Quality(message.quality)
    except ValueError:
        quality = Quality.UNSPECIFIED  # a later version may know more tiers; the shard stands
    low = whole(message.popularity_min, "popularity_min")
    return Shard(
        index=ShardIndex(message.index),
        name=_folder_name(message.name),
        info_hash_v2=exact(message.info_hash_v2, _SHA256_BYTES, "info_hash_v2"),
        info_hash_v1=exact(message.info_hash_v1, _SHA1_BYTES, "info_hash_v1") if message.info_hash_v1 else b"",
        torrent_sha256=Sha256(exact(message.torrent_sha256, _SHA256_BYTES, "torrent_sha256")),
        torrent_bytes=whole(message.torrent_bytes, "torrent_bytes", low=1, high=limits.TORRENT_MAX_BYTES),
        bytes=whole(message.bytes, "bytes"),
        files=whole(message.files, "files", low=1),
        items=whole(message.items, "items"),
        popularity_min=low,
        popularity_max=whole(message.popularity_max, "popularity_max", low=low),
        demand_ppb=whole(message.demand_ppb, "demand_ppb", high=_PPB),
        rights=rights.setdefault(statement, statement),  # 3,000 shards, a handful of statements
        quality=quality,
        codec=text(message.codec, limits.LABEL_MAX_BYTES, "codec"),
        phase=message.phase,
        target_weight_ppm=message.target_weight_ppm or 1_000_000,
        withdrawn_reason=text(message.withdrawn_reason, limits.TEXT_MAX_BYTES, "withdrawn_reason"),
    )


def _folder_name(name: str) -> str:
    """A shard's name becomes a folder on every holder's disk, so it must be exactly that."""
    text(name, limits.NAME_MAX_BYTES, "shard name", required=True)
    if name.startswith(".") or "/" in name or "\\" in name:
        raise RecordError(RejectReason.MALFORMED, f"shard name {name!r} is not a plain folder name")
    return name


def _parse(parse: Callable[[bytes], _Proto], data: bytes, max_bytes: int) -> _Proto:
    bounded(len(data), max_bytes, "a body")
    try:
        return parse(data)
    except DecodeError:
        raise RecordError(RejectReason.MALFORMED, "not a protobuf message of its kind") from None
