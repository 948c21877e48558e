"""Messages to bytes and back.  Any bytes give a message or a :class:`RemoteProtocolError`."""

import ipaddress
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, assert_never, cast

from google.protobuf.message import DecodeError

from mirrord.core import limits
from mirrord.core.errors import RemoteProtocolError
from mirrord.core.records.ids import KEY_BYTES, CollectionId, RecordId, Sha256
from mirrord.core.wire import messages as m
from mirrord.core.wire import wire_pb2 as pb

RECORD_ID_BYTES: Final = 8
_DIGEST_BYTES: Final = 8
_SEQUENCE_MAX: Final = 2**64 - 1
_SHA256_BYTES: Final = 32
_VERSION_MAX: Final = 1_000


def encode_message(message: m.Message) -> bytes:
    """Return the payload of one frame."""
    return _to_proto(message).SerializeToString(deterministic=True)


def _to_proto(message: m.Message) -> pb.Message:
    match message:
        case m.Hello():
            return pb.Message(
                hello=pb.Hello(
                    version_min=message.version_min,
                    version_max=message.version_max,
                    agent=message.agent,
                    unix_seconds=message.unix_seconds,
                    collections=message.collections,
                    seen_at=ipaddress.ip_address(message.seen_at).packed if message.seen_at else b"",
                )
            )
        case m.Summary(collection, root, records):
            return pb.Message(summary=pb.Summary(collection=collection, root=root, records=records))
        case m.Buckets(collection, bits, digests):
            packed = b"".join(digest.to_bytes(_DIGEST_BYTES, "big") for digest in digests)
            return pb.Message(buckets=pb.Buckets(collection=collection, bits=bits, digests=packed))
        case m.Listing(collection, bits, buckets, entries):
            return pb.Message(listing=_listing_to(collection, bits, buckets, entries))
        case m.RecordRequest(collection, ids):
            return pb.Message(record_request=pb.RecordRequest(collection=collection, ids=b"".join(ids)))
        case m.Records(collection, envelopes):
            return pb.Message(records=pb.Records(collection=collection, envelopes=envelopes))
        case m.BlobRequest(sha256, offset):
            return pb.Message(blob_request=pb.BlobRequest(sha256=sha256, offset=offset))
        case m.BlobChunk(sha256, offset, data):
            return pb.Message(blob_chunk=pb.BlobChunk(sha256=sha256, offset=offset, data=data))
        case m.BlobMissing(sha256):
            return pb.Message(blob_missing=pb.BlobMissing(sha256=sha256))
        case m.Probe(port):
            return pb.Message(probe=pb.Probe(port=port))
        case m.ProbeResult(port, reached):
            return pb.Message(probe_result=pb.ProbeResult(port=port, reached=reached))
        case m.Goodbye(code, reason):
            cut = reason.encode()[: limits.REASON_MAX_BYTES].decode(errors="ignore")
            return pb.Message(goodbye=pb.Goodbye(code=cast("pb.Goodbye.Code", code), reason=cut))
        case _:
            assert_never(message)


def decode_message(payload: bytes) -> m.Message:
    """Parse one frame from a peer, every bound checked, or raise :class:`RemoteProtocolError`."""
    _bounded(len(payload), limits.FRAME_MAX_BYTES, "a message")
    try:
        parsed = pb.Message.FromString(payload)
    except DecodeError:
        raise RemoteProtocolError("not a message") from None
    kind = parsed.WhichOneof("kind")
    if kind is None:
        raise RemoteProtocolError("a message of a kind that this version does not know")
    return _DECODERS[kind](getattr(parsed, kind))


def _hello(message: pb.Hello) -> m.Hello:
    _bounded(len(message.collections), limits.HELLO_COLLECTIONS_MAX, "collections")
    collections = tuple(_collection(value) for value in message.collections)
    if not 0 < message.version_min <= message.version_max <= _VERSION_MAX:
        raise RemoteProtocolError(f"versions {message.version_min} to {message.version_max}")
    if list(collections) != sorted(set(collections)):
        raise RemoteProtocolError("collections out of order")
    return m.Hello(
        version_min=message.version_min,
        version_max=message.version_max,
        agent=_text(message.agent, limits.LABEL_MAX_BYTES),
        unix_seconds=message.unix_seconds,
        collections=collections,
        seen_at=_seen_at(message.seen_at),
    )


def _seen_at(value: bytes) -> str:
    if len(value) not in (0, 4, 16):
        raise RemoteProtocolError(f"an IP address of {len(value)} bytes")
    return str(ipaddress.ip_address(value)) if value else ""


def _summary(message: pb.Summary) -> m.Summary:
    return m.Summary(_collection(message.collection), message.root, message.records)


def _buckets(message: pb.Buckets) -> m.Buckets:
    _bounded(message.bits, limits.BUCKET_BITS_MAX, "bucket bits")
    if len(message.digests) != _DIGEST_BYTES << message.bits:
        raise RemoteProtocolError(f"{len(message.digests)} bytes of digests for {1 << message.bits} buckets")
    digests = tuple(int.from_bytes(part, "big") for part in _parts(message.digests, _DIGEST_BYTES))
    return m.Buckets(_collection(message.collection), message.bits, digests)


def _listing_to(
    collection: CollectionId,
    bits: int,
    buckets: tuple[int, ...],
    entries: tuple[tuple[RecordId, int], ...],
) -> pb.Listing:
    """Most sequences are unix seconds of the same weeks: above their least they take three bytes, not eight."""
    base = min((sequence for _, sequence in entries), default=0)
    return pb.Listing(
        collection=collection,
        bits=bits,
        buckets=buckets,
        ids=b"".join(record for record, _ in entries),
        base=base,
        above=[sequence - base for _, sequence in entries],
    )


def _listing(message: pb.Listing) -> m.Listing:
    _bounded(message.bits, limits.BUCKET_BITS_MAX, "bucket bits")
    buckets = tuple(message.buckets)
    if any(not a < b for a, b in pairwise(buckets)) or (buckets and buckets[-1] >= 1 << message.bits):
        raise RemoteProtocolError("buckets out of order or out of range")
    ids = _parts(message.ids, RECORD_ID_BYTES)
    _bounded(len(ids), limits.LISTING_MAX_ENTRIES, "entries")
    if len(message.above) != len(ids):
        raise RemoteProtocolError(f"{len(message.above)} sequences of {len(ids)} records")
    if any(not a < b for a, b in pairwise(ids)):
        raise RemoteProtocolError("entries out of order")
    entries = tuple((identity, message.base + above) for identity, above in zip(ids, message.above, strict=True))
    if any(sequence > _SEQUENCE_MAX for _, sequence in entries):
        raise RemoteProtocolError("a sequence beyond 64 bits")
    return m.Listing(_collection(message.collection), message.bits, buckets, entries)


def _record_request(message: pb.RecordRequest) -> m.RecordRequest:
    ids = tuple(_parts(message.ids, RECORD_ID_BYTES))
    _bounded(len(ids), limits.LISTING_MAX_ENTRIES, "record ids")
    return m.RecordRequest(_collection(message.collection), ids)


def _records(message: pb.Records) -> m.Records:
    _bounded(len(message.envelopes), limits.BATCH_MAX_RECORDS, "records")
    return m.Records(_collection(message.collection), tuple(message.envelopes))


def _blob_request(message: pb.BlobRequest) -> m.BlobRequest:
    return m.BlobRequest(_sha256(message.sha256), _offset(message.offset))


def _blob_chunk(message: pb.BlobChunk) -> m.BlobChunk:
    _bounded(len(message.data), limits.BLOB_CHUNK_BYTES, "a chunk")
    if not message.data:
        raise RemoteProtocolError("an empty chunk")
    return m.BlobChunk(_sha256(message.sha256), _offset(message.offset), message.data)


def _blob_missing(message: pb.BlobMissing) -> m.BlobMissing:
    return m.BlobMissing(_sha256(message.sha256))


def _probe(message: pb.Probe) -> m.Probe:
    return m.Probe(_port(message.port))


def _probe_result(message: pb.ProbeResult) -> m.ProbeResult:
    return m.ProbeResult(_port(message.port), message.reached)


def _port(value: int) -> int:
    if not 0 < value < 65_536:
        raise RemoteProtocolError(f"port {value}")
    return value


def _goodbye(message: pb.Goodbye) -> m.Goodbye:
    try:
        code = m.GoodbyeCode(message.code)
    except ValueError:
        code = m.GoodbyeCode.UNSPECIFIED  # a later version may know more reasons
    return m.Goodbye(code, _text(message.reason, limits.REASON_MAX_BYTES))


_DECODERS: Final[dict[str, Callable[[Any], m.Message]]] = {
    "hello": _hello,
    "summary": _summary,
    "buckets": _buckets,
    "listing": _listing,
    "record_request": _record_request,
    "records": _records,
    "blob_request": _blob_request,
    "blob_chunk": _blob_chunk,
    "blob_missing": _blob_missing,
    "goodbye": _goodbye,
    "probe": _probe,
    "probe_result": _probe_result,
}


def _collection(value: bytes) -> CollectionId:
    if len(value) != KEY_BYTES:
        raise RemoteProtocolError(f"a collection of {len(value)} bytes")
    return CollectionId(value)


def _sha256(value: bytes) -> Sha256:
    if len(value) != _SHA256_BYTES:
        raise RemoteProtocolError(f"a SHA-256 of {len(value)} bytes")
    return Sha256(value)


def _offset(value: int) -> int:
    _bounded(value, limits.BLOB_MAX_BYTES, "an offset")
    return value


def _text(value: str, max_bytes: int) -> str:
    _bounded(len(value.encode()), max_bytes, "a text")
    if not value.isprintable():
        raise RemoteProtocolError("a text with control characters")
    return value


def _parts(value: bytes, size: int) -> list[bytes]:
    if len(value) % size:
        raise RemoteProtocolError(f"{len(value)} bytes do not divide into parts of {size}")
    return [value[start : start + size] for start in range(0, len(value), size)]


def _bounded(count: int, most: int, what: str) -> None:
    if count > most:
        raise RemoteProtocolError(f"{what}: {count}, at most {most}")
