"""What hostile peers say: records that verify and talk nonsense, messages that fit and lie, bytes of all sorts."""

import hashlib
from dataclasses import replace

from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.records.codec import encode_manifest_body
from mirrord.core.records.ids import Address, Sha256, ShardIndex
from mirrord.core.records.kinds import Claim, CollectionState, Quality, Release
from mirrord.core.records.record import record_id
from mirrord.core.records.shardset import ShardSet
from mirrord.core.wire import messages as m
from tests.simulation.virtual_network import make_body, make_shard, torrent_of
from tests.unit.core.making import (
    COLLECTION,
    OTHER_COLLECTION,
    UNIX,
    announced,
    key_of,
    make_announcement,
    make_head,
    signed_head,
)
from tests.unit.core.scripted import MB
from tests.unit.core.strategies import IDS, MESSAGES, U64

AUTHORS = range(6)
FORGED_BODY = replace(make_body(3), shards=(make_shard(0, info_hash_v2=b"x" * 32, quality=Quality.ORIGINAL),))
BLOBS = {
    Sha256(hashlib.sha256(data).digest()): data
    for data in (*(encode_manifest_body(b) for b in (make_body(3), make_body(5), FORGED_BODY)), torrent_of(0), b"junk")
}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@st.composite
def protobuf(draw: st.DrawFn, depth: int = 2) -> bytes:
    """Return fields that parse as protobuf, of any number and type, nested a little."""
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        number = draw(st.one_of(st.integers(1, 18), st.sampled_from([100, 2**29 - 1])))
        match draw(st.sampled_from([0, 1, 2, 2, 2, 5])):
            case 0:
                value = varint(draw(st.one_of(st.integers(0, 200), st.integers(0, 2**64 - 1))))
                parts.append(varint(number << 3) + value)
            case 1:
                parts.append(varint(number << 3 | 1) + draw(st.binary(min_size=8, max_size=8)))
            case 5:
                parts.append(varint(number << 3 | 5) + draw(st.binary(min_size=4, max_size=4)))
            case _:
                sizes = st.sampled_from([0, 4, 8, 16, 20, 32, 64])
                inner = (
                    draw(protobuf(depth - 1))
                    if depth and draw(st.booleans())
                    else draw(st.one_of(st.binary(max_size=40), sizes.map(bytes)))
                )
                parts.append(varint(number << 3 | 2) + varint(len(inner)) + inner)
    return b"".join(parts)


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Return valid bytes of which a few were changed, cut out or doubled."""
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at : at + draw(st.integers(1, 4))]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case _:
                data += data[at : at + 40]
    return bytes(data)


@st.composite
def envelopes(draw: st.DrawFn, authors: range = AUTHORS) -> bytes:
    """Return a record that verifies, and often says something absurd."""
    if draw(st.booleans()):
        sha256 = draw(st.sampled_from(sorted(BLOBS)))
        return signed_head(make_head(draw(st.integers(1, 4)), body_sha256=sha256, body_bytes=len(BLOBS[sha256])))
    part = CollectionState(
        COLLECTION,
        draw(st.integers(0, 5)),
        ShardSet.of(draw(st.sets(st.sampled_from([0, 1, 2, 3, 77, limits.SHARDS_MAX - 1])))),
        tuple(
            Claim(
                ShardIndex(i), UNIX, UNIX + draw(st.integers(0, 1000)), draw(st.booleans()), draw(st.integers(0, 100))
            )
            for i in sorted(draw(st.sets(st.sampled_from([0, 1, 2, 50]))))
        ),
        releases=tuple(Release(ShardIndex(i), UNIX) for i in sorted(draw(st.sets(st.sampled_from([0, 1, 77]))))),
        parting=draw(st.booleans()),
        declined=ShardSet.of(draw(st.sets(st.sampled_from([0, 2, limits.SHARDS_MAX - 1])))),
    )
    announcement = make_announcement(
        draw(st.integers(1, 2**40)),
        UNIX + draw(st.integers(-50, 700)),
        lifetime=draw(st.integers(1, 100)),
        pledge_bytes=draw(st.sampled_from([0, MB, 2**63 - 1])),
        free_bytes=draw(st.sampled_from([0, MB, 2**63 - 1])),
        down_bytes_per_second=draw(st.sampled_from([0, MB, 2**63 - 1])),
        up_bytes_per_second=draw(st.sampled_from([0, MB, 2**63 - 1])),
        operator=draw(st.sampled_from(["", "ann"])),
        country=draw(st.sampled_from(["", "NL"])),
        asn=draw(st.sampled_from([0, 2**32 - 1])),
        bittorrent=(Address(draw(st.sampled_from(["8.8.8.8", "8.8.8.9", "::ffff:8.8.8.8", "10.0.0.1"])), 7701),),
        coordination=tuple(Address(f"192.0.2.{draw(st.integers(1, 9))}", 7700) for _ in range(2)),
    )
    return announced(draw(st.sampled_from(authors)), replace(announcement, collections=(part,)))


def chunks(sha256: Sha256) -> st.SearchStrategy[m.Message]:
    """Return any one true chunk of a blob."""
    size = limits.BLOB_CHUNK_BYTES
    offsets = st.sampled_from(range(0, len(BLOBS[sha256]), size))
    return offsets.map(lambda at: m.BlobChunk(sha256, at, BLOBS[sha256][at : at + size]))


@st.composite
def messages(draw: st.DrawFn, authors: range = AUTHORS) -> m.Message:
    """Return anything that decodes, mostly about our collection."""
    known = st.sampled_from([record_id(key_of(author)) for author in AUTHORS])
    ids = st.sets(st.one_of(IDS, known), max_size=6)
    sha256 = draw(st.sampled_from(sorted(BLOBS)))
    bits = draw(st.integers(0, 3))
    chosen: m.Message = draw(
        st.one_of(
            MESSAGES,
            st.just(m.Hello(1, draw(st.integers(1, 3)), "x", 0, tuple(sorted({COLLECTION, OTHER_COLLECTION})))),
            st.builds(m.Summary, st.just(COLLECTION), U64, st.integers(0, 100)),
            st.builds(lambda d: m.Buckets(COLLECTION, bits, (d,) * (1 << bits)), U64),
            ids.map(lambda chosen: m.Listing(COLLECTION, 0, (0,), tuple((i, 2**50) for i in sorted(chosen)))),
            ids.map(lambda chosen: m.RecordRequest(COLLECTION, tuple(sorted(chosen)))),
            st.lists(envelopes(authors), max_size=3).map(lambda made: m.Records(COLLECTION, tuple(made))),
            st.lists(damaged(envelopes(authors)), max_size=2).map(lambda made: m.Records(COLLECTION, tuple(made))),
            chunks(sha256),
            st.just(m.BlobMissing(sha256)),
        )
    )
    return chosen
