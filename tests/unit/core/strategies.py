"""Hypothesis strategies for every value that the protocol carries, within its limits."""

import ipaddress

from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.records.bounds import INTEGER_MAX
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex
from mirrord.core.records.kinds import (
    Announcement,
    Claim,
    CollectionState,
    ManifestBody,
    ManifestHead,
    Quality,
    Release,
    Shard,
)
from mirrord.core.records.shardset import NO_SHARDS, ShardSet
from mirrord.core.wire import messages as m

WHOLE = st.integers(0, INTEGER_MAX)
HASHES = st.binary(min_size=32, max_size=32)
INDEXES = st.integers(0, limits.SHARDS_MAX - 1)
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=16)
LABELS = PRINTABLE.filter(lambda text: text.isprintable() and len(text.encode()) <= limits.LABEL_MAX_BYTES)


def texts(max_bytes: int, required: bool = False) -> st.SearchStrategy[str]:
    """Return printable text of at most so many bytes."""
    return LABELS.filter(lambda text: len(text.encode()) <= max_bytes and (bool(text.strip()) or not required))


def listening(host: str) -> bool:
    ip = ipaddress.ip_address(host)
    plain = (ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None) or ip
    return not plain.is_unspecified and not plain.is_multicast


ADDRESSES = st.builds(Address, st.ip_addresses().map(str).filter(listening), st.integers(1, 65_535))
SHARD_SETS = st.one_of(
    st.sets(INDEXES, max_size=30).map(ShardSet.of),
    st.integers(0, 3_000).map(lambda count: ShardSet((1 << count) - 1)),
)


@st.composite
def claims(draw: st.DrawFn) -> tuple[Claim, ...]:
    """Return claims in ascending order."""
    made = []
    for index in sorted(draw(st.sets(INDEXES, max_size=limits.CLAIMS_MAX))):
        at = draw(st.integers(0, 2**40))
        until = at + draw(st.integers(0, limits.LIFETIME_MAX_SECONDS))
        made.append(Claim(ShardIndex(index), at, until, draw(st.booleans()), draw(st.integers(0, 100))))
    return tuple(made)


@st.composite
def releases(draw: st.DrawFn) -> tuple[Release, ...]:
    """Return releases in ascending order."""
    indexes = sorted(draw(st.sets(INDEXES, max_size=limits.RELEASES_MAX)))
    return tuple(Release(ShardIndex(index), draw(WHOLE)) for index in indexes)


@st.composite
def collection_states(draw: st.DrawFn, collection: CollectionId) -> CollectionState:
    """Return a part in ``collection``."""
    return CollectionState(
        collection,
        draw(WHOLE),
        draw(SHARD_SETS),
        draw(claims()),
        draw(releases()),
        draw(st.booleans()),
        draw(st.one_of(st.just(NO_SHARDS), SHARD_SETS)),
    )


@st.composite
def announcements(draw: st.DrawFn) -> Announcement:
    """Return any announcement that may be signed."""
    issued_at = draw(st.integers(0, 2**40))
    collections = sorted(draw(st.sets(HASHES, max_size=2)))  # the bitmaps of three may be too long together
    return Announcement(
        sequence=draw(st.integers(1, INTEGER_MAX)),
        issued_at=issued_at,
        expires_at=issued_at + draw(st.integers(1, limits.LIFETIME_MAX_SECONDS)),
        coordination=tuple(draw(st.lists(ADDRESSES, max_size=limits.ADDRESSES_MAX))),
        bittorrent=tuple(draw(st.lists(ADDRESSES, max_size=limits.ADDRESSES_MAX))),
        pledge_bytes=draw(WHOLE),
        free_bytes=draw(WHOLE),
        down_bytes_per_second=draw(WHOLE),
        up_bytes_per_second=draw(WHOLE),
        operator=draw(LABELS),
        country=draw(LABELS),
        asn=draw(st.integers(0, 2**32 - 1)),
        agent=draw(LABELS),
        collections=tuple(draw(collection_states(CollectionId(collection))) for collection in collections),
    )


HEADS = st.builds(
    ManifestHead,
    collection=HASHES.map(CollectionId),
    version=st.integers(1, INTEGER_MAX),
    issued_at=WHOLE,
    body_sha256=HASHES.map(Sha256),
    body_bytes=st.integers(1, limits.BLOB_MAX_BYTES),
)


@st.composite
def shards(draw: st.DrawFn, index: int) -> Shard:
    """Return shard number ``index``; its name begins with that number."""
    low = draw(WHOLE)
    name = f"{index}-" + draw(LABELS.filter(lambda text: "/" not in text and "\\" not in text))
    return Shard(
        index=ShardIndex(index),
        name=name,
        info_hash_v2=draw(HASHES),
        info_hash_v1=draw(st.sampled_from([b"", b"1" * 20])),
        torrent_sha256=Sha256(draw(HASHES)),
        torrent_bytes=draw(st.integers(1, limits.TORRENT_MAX_BYTES)),
        bytes=draw(WHOLE),
        files=draw(st.integers(1, INTEGER_MAX)),
        items=draw(WHOLE),
        popularity_min=low,
        popularity_max=draw(st.integers(low, INTEGER_MAX)),
        demand_ppb=draw(st.integers(0, 10**9)),
        rights=draw(texts(limits.TEXT_MAX_BYTES, required=True)),
        quality=draw(st.sampled_from(Quality)),
        codec=draw(LABELS),
        phase=draw(st.integers(0, 2**32 - 1)),
        target_weight_ppm=draw(st.integers(1, 2**32 - 1)),
        withdrawn_reason=draw(texts(limits.TEXT_MAX_BYTES)),
    )


@st.composite
def manifest_bodies(draw: st.DrawFn) -> ManifestBody:
    """Return any manifest body of a few shards."""
    low = draw(st.integers(1, 200))
    return ManifestBody(
        name=draw(texts(limits.NAME_MAX_BYTES, required=True)),
        description=draw(texts(limits.TEXT_MAX_BYTES)),
        target_min_replicas=low,
        target_max_replicas=draw(st.integers(low, 200)),
        shards=tuple(draw(shards(index)) for index in range(draw(st.integers(0, 3)))),
    )


IDS = st.binary(min_size=8, max_size=8)
U64 = st.integers(0, 2**64 - 1)
COLLECTIONS = HASHES.map(CollectionId)
OFFSETS = st.integers(0, limits.BLOB_MAX_BYTES)


@st.composite
def hellos(draw: st.DrawFn) -> m.Hello:
    """Return any Hello."""
    low = draw(st.integers(1, 1_000))
    collections = tuple(sorted(draw(st.sets(COLLECTIONS, max_size=4))))
    return m.Hello(low, draw(st.integers(low, 1_000)), draw(LABELS), draw(U64), collections)


@st.composite
def bucket_digests(draw: st.DrawFn) -> m.Buckets:
    """Return the digests of 1 to 16 buckets."""
    bits = draw(st.integers(0, 4))
    return m.Buckets(draw(COLLECTIONS), bits, tuple(draw(U64) for _ in range(1 << bits)))


@st.composite
def listings(draw: st.DrawFn) -> m.Listing:
    """Return a listing; its entries need not lie in its buckets, which a decoder cannot tell."""
    bits = draw(st.integers(0, limits.BUCKET_BITS_MAX))
    buckets = tuple(sorted(draw(st.sets(st.integers(0, (1 << bits) - 1), max_size=8))))
    entries = tuple((identity, draw(U64)) for identity in sorted(draw(st.sets(IDS, max_size=8))))
    return m.Listing(draw(COLLECTIONS), bits, buckets, entries)


MESSAGES: st.SearchStrategy[m.Message] = st.one_of(
    hellos(),
    st.builds(m.Summary, COLLECTIONS, U64, st.integers(0, 2**32 - 1)),
    bucket_digests(),
    listings(),
    st.builds(m.RecordRequest, COLLECTIONS, st.lists(IDS, max_size=8).map(tuple)),
    st.builds(m.Records, COLLECTIONS, st.lists(st.binary(max_size=64), max_size=8).map(tuple)),
    st.builds(m.BlobRequest, HASHES.map(Sha256), OFFSETS),
    st.builds(m.BlobChunk, HASHES.map(Sha256), OFFSETS, st.binary(min_size=1, max_size=300)),
    st.builds(m.BlobMissing, HASHES.map(Sha256)),
    st.builds(m.Probe, st.integers(1, 65_535)),
    st.builds(m.ProbeResult, st.integers(1, 65_535), st.booleans()),
    st.builds(m.Goodbye, st.sampled_from(m.GoodbyeCode), LABELS),
)
