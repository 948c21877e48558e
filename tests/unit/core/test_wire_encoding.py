"""Messages and frames to bytes and back: every bound holds, and any cut of a stream gives the same frames."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import LocalProtocolError, RemoteProtocolError
from mirrord.core.records.ids import CollectionId, Sha256
from mirrord.core.wire import messages as m
from mirrord.core.wire import wire_pb2 as pb
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, OversizedFrameError, frame
from tests.unit.core.making import COLLECTION, OTHER_COLLECTION
from tests.unit.core.strategies import MESSAGES

BODY = Sha256(b"b" * 32)
SHORT = CollectionId(b"short")
FAR = limits.BLOB_MAX_BYTES + 1


@settings(max_examples=200)
@given(MESSAGES)
def test_every_message_survives_the_way_and_fits_a_frame(message: m.Message) -> None:
    payload = encode_message(message)
    assert decode_message(payload) == message
    assert frame(payload)[4:] == payload


REFUSED: dict[str, pb.Message] = {
    "no kind": pb.Message(),
    "version 0": pb.Message(hello=pb.Hello(version_min=0, version_max=1)),
    "versions upside down": pb.Message(hello=pb.Hello(version_min=2, version_max=1)),
    "version 1001": pb.Message(hello=pb.Hello(version_min=1, version_max=1_001)),
    "65 collections": pb.Message(
        hello=pb.Hello(version_min=1, version_max=1, collections=[bytes([n]) * 32 for n in range(65)])
    ),
    "collections out of order": pb.Message(
        hello=pb.Hello(version_min=1, version_max=1, collections=sorted([COLLECTION, OTHER_COLLECTION], reverse=True))
    ),
    "a collection twice": pb.Message(hello=pb.Hello(version_min=1, version_max=1, collections=[COLLECTION] * 2)),
    "a short collection": pb.Message(hello=pb.Hello(version_min=1, version_max=1, collections=[SHORT])),
    "a long agent": pb.Message(hello=pb.Hello(version_min=1, version_max=1, agent="x" * 65)),
    "a line break": pb.Message(hello=pb.Hello(version_min=1, version_max=1, agent="a\nb")),
    "a summary of no collection": pb.Message(summary=pb.Summary()),
    "buckets of no collection": pb.Message(buckets=pb.Buckets(digests=bytes(8))),
    "too many bits": pb.Message(buckets=pb.Buckets(collection=COLLECTION, bits=16, digests=bytes(8 << 16))),
    "digests missing": pb.Message(buckets=pb.Buckets(collection=COLLECTION, bits=2, digests=bytes(24))),
    "half a digest": pb.Message(buckets=pb.Buckets(collection=COLLECTION, bits=0, digests=bytes(7))),
    "a bucket out of range": pb.Message(listing=pb.Listing(collection=COLLECTION, bits=2, buckets=[4])),
    "buckets out of order": pb.Message(listing=pb.Listing(collection=COLLECTION, bits=2, buckets=[2, 1])),
    "a bucket twice": pb.Message(listing=pb.Listing(collection=COLLECTION, bits=2, buckets=[1, 1])),
    "a listing with too many bits": pb.Message(listing=pb.Listing(collection=COLLECTION, bits=16)),
    "half an id in a listing": pb.Message(listing=pb.Listing(collection=COLLECTION, ids=bytes(12), above=[0, 0])),
    "an id without a sequence": pb.Message(listing=pb.Listing(collection=COLLECTION, ids=bytes(8))),
    "a sequence without an id": pb.Message(listing=pb.Listing(collection=COLLECTION, above=[0])),
    "a sequence beyond 64 bits": pb.Message(
        listing=pb.Listing(collection=COLLECTION, buckets=[0], ids=bytes(8), base=2**64 - 1, above=[1])
    ),
    "an entry twice": pb.Message(
        listing=pb.Listing(collection=COLLECTION, buckets=[0], ids=bytes(16), base=7, above=[0, 0])
    ),
    "too many entries": pb.Message(
        listing=pb.Listing(
            collection=COLLECTION,
            buckets=[0],
            ids=b"".join(n.to_bytes(8, "big") for n in range(limits.LISTING_MAX_ENTRIES + 1)),
            above=[0] * (limits.LISTING_MAX_ENTRIES + 1),
        )
    ),
    "half an id": pb.Message(record_request=pb.RecordRequest(collection=COLLECTION, ids=bytes(12))),
    "too many ids": pb.Message(
        record_request=pb.RecordRequest(collection=COLLECTION, ids=bytes(8 * (limits.LISTING_MAX_ENTRIES + 1)))
    ),
    "too many records": pb.Message(
        records=pb.Records(collection=COLLECTION, envelopes=[b""] * (limits.BATCH_MAX_RECORDS + 1))
    ),
    "records of no collection": pb.Message(records=pb.Records(envelopes=[b"x"])),
    "a short hash": pb.Message(blob_request=pb.BlobRequest(sha256=b"short")),
    "an offset past any blob": pb.Message(blob_request=pb.BlobRequest(sha256=BODY, offset=FAR)),
    "an empty chunk": pb.Message(blob_chunk=pb.BlobChunk(sha256=BODY)),
    "a long chunk": pb.Message(blob_chunk=pb.BlobChunk(sha256=BODY, data=bytes(limits.BLOB_CHUNK_BYTES + 1))),
    "a chunk past any blob": pb.Message(blob_chunk=pb.BlobChunk(sha256=BODY, offset=FAR, data=b"x")),
    "missing what": pb.Message(blob_missing=pb.BlobMissing()),
    "an address of five bytes": pb.Message(hello=pb.Hello(version_min=1, version_max=1, seen_at=bytes(5))),
    "a probe of port 0": pb.Message(probe=pb.Probe()),
    "a probe of port 65,536": pb.Message(probe=pb.Probe(port=65_536)),
    "a result for port 0": pb.Message(probe_result=pb.ProbeResult(reached=True)),
    "a long goodbye": pb.Message(goodbye=pb.Goodbye(code=pb.Goodbye.STOPPING, reason="x" * 257)),
    "a goodbye that moves the cursor": pb.Message(goodbye=pb.Goodbye(reason="\x1b[2J")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_message_out_of_bounds_is_the_peers_fault(what: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_message(REFUSED[what].SerializeToString())


def test_a_payload_is_measured_before_it_is_parsed() -> None:
    with pytest.raises(RemoteProtocolError, match="a message: 1048577"):
        decode_message(bytes(limits.FRAME_MAX_BYTES + 1))
    with pytest.raises(RemoteProtocolError, match="not a message"):
        decode_message(b"\xff")


def test_text_that_is_not_utf_8_is_refused() -> None:
    payload = pb.Message(goodbye=pb.Goodbye(reason="abc")).SerializeToString().replace(b"abc", b"\xff\xfe\xfd")
    with pytest.raises(RemoteProtocolError):
        decode_message(payload)


def test_a_goodbye_of_a_later_version_is_still_a_goodbye() -> None:
    later = pb.Message(goodbye=pb.Goodbye(code=99, reason="tired")).SerializeToString()  # type: ignore[arg-type]
    assert decode_message(later) == m.Goodbye(m.GoodbyeCode.UNSPECIFIED, "tired")


def test_a_goodbye_is_cut_between_two_characters() -> None:
    sent = decode_message(encode_message(m.Goodbye(m.GoodbyeCode.PROTOCOL, "é" * 200)))
    assert sent == m.Goodbye(m.GoodbyeCode.PROTOCOL, "é" * (limits.REASON_MAX_BYTES // 2))
    assert decode_message(encode_message(m.Goodbye(m.GoodbyeCode.PROTOCOL, "x" + "é" * 200))) == m.Goodbye(
        m.GoodbyeCode.PROTOCOL, "x" + "é" * ((limits.REASON_MAX_BYTES - 1) // 2)
    )


def test_the_largest_message_of_each_kind_fits_a_frame() -> None:
    digests = tuple([2**64 - 1] * (1 << limits.BUCKET_BITS_MAX))
    entries = tuple((n.to_bytes(8, "big"), 2**64 - 1) for n in range(limits.LISTING_MAX_ENTRIES))
    buckets = tuple(range(1 << limits.BUCKET_BITS_MAX))
    largest: list[m.Message] = [
        m.Buckets(COLLECTION, limits.BUCKET_BITS_MAX, digests),
        m.Listing(COLLECTION, limits.BUCKET_BITS_MAX, buckets, entries),
        m.RecordRequest(COLLECTION, tuple(identity for identity, _ in entries)),
        m.Records(COLLECTION, (bytes(limits.ENVELOPE_MAX_BYTES),)),
        m.Records(COLLECTION, (bytes(limits.BATCH_MAX_BYTES // limits.BATCH_MAX_RECORDS),) * limits.BATCH_MAX_RECORDS),
        m.BlobChunk(BODY, limits.BLOB_MAX_BYTES, bytes(limits.BLOB_CHUNK_BYTES)),
    ]
    for message in largest:
        assert len(encode_message(message)) < limits.FRAME_MAX_BYTES // 2
        assert decode_message(encode_message(message)) == message


# --- frames --------------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 30), max_size=40))
def test_a_stream_gives_the_same_frames_however_it_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    reader, found, start = FrameReader(), [], 0
    for cut in [*cuts, len(stream)]:
        found += reader.feed(stream[start : start + cut])
        start += cut
    assert found == payloads
    assert reader.buffered_bytes == 0


def test_a_frame_of_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    payload = bytes(limits.FRAME_MAX_BYTES)
    assert FrameReader().feed(frame(payload)) == [payload]
    for length in (limits.FRAME_MAX_BYTES + 1, 2**32 - 1):
        with pytest.raises(OversizedFrameError):
            FrameReader().feed(length.to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="0 bytes"):
        FrameReader().feed(bytes(4))
    for bad in (b"", bytes(limits.FRAME_MAX_BYTES + 1)):
        with pytest.raises(LocalProtocolError):
            frame(bad)


def test_a_reader_holds_no_more_than_it_was_given() -> None:
    reader = FrameReader()
    assert reader.feed(frame(b"x" * 1000)[:500]) == []
    assert reader.buffered_bytes == 500
    assert reader.feed(frame(b"x" * 1000)[500:] + b"\0\0") == [b"x" * 1000]
    assert reader.buffered_bytes == 2
