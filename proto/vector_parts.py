"""What the golden vectors are put together from: keys, signatures, deflate streams, cases.

Nothing here comes from the daemon's own encoders, so that vectors and program check each other; only the generated
protobuf code is shared.  All of it is deterministic: fixed seeds, and deflate streams that are written by hand,
because every zlib compresses as it likes.
"""

import hashlib
import re
import zlib
from typing import Any, Final, TypeAlias, cast

from google.protobuf.message import Message
from nacl.signing import SigningKey

from mirrord.core.records import records_pb2 as pb

Case: TypeAlias = dict[str, Any]
"""One vector as it stands in its JSON file."""

NOW: Final = 1_800_000_000
"""The unix second at which the examples happen."""

_PLAIN_MAX_BYTES: Final = 512
_STORED_MAX_BYTES: Final = 65_535


def seed(name: str) -> bytes:
    """Return the secret seed of an example key; nobody may use it for anything else."""
    return hashlib.sha256(f"mirrord vector: {name}".encode()).digest()


def key(name: str) -> SigningKey:
    """Return an example key pair."""
    return SigningKey(seed(name))


def public(name: str) -> bytes:
    """Return the public half of an example key: a node id or a collection id."""
    return bytes(key(name).verify_key)


ALICE, BOB = "node alice", "node bob"
MUSIC, FILMS = "collection music", "collection films"


def preimage(kind: int, body: bytes) -> bytes:
    """Return the bytes that a signature is over."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"mirrord/1", bytes([kind]), body))


def envelope(kind: int, body: bytes, author: str) -> pb.Envelope:
    """Return a signed envelope that a case may still spoil."""
    signature = key(author).sign(preimage(kind, body)).signature
    return pb.Envelope(kind=cast("pb.Kind", kind), author_key=public(author), body=body, signature=signature)


def wire(message: Message) -> bytes:
    """Return a message's bytes, fields ascending."""
    return message.SerializeToString(deterministic=True)


def varint(value: int) -> bytes:
    """Return the shortest varint of ``value``."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


def field(number: int, value: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def padded(message: bytes, length: int) -> bytes:
    """Return a message made ``length`` bytes long by a field of a later version, of zeros."""
    return message + field(1000, bytes(length - len(message) - 5))


UNKNOWN_FIELD: Final = field(1000, b"from a later version")


def hexed(data: bytes) -> str | list[list[Any]]:
    """Return bytes as hex; long ones as a list of [hex, times], so that nobody stores a megabyte of zeros."""
    if len(data) <= _PLAIN_MAX_BYTES:
        return data.hex()
    parts: list[list[Any]] = []
    start = 0
    for run in re.finditer(rb"(?s)(.{1,16}?)\1{63,}", data):
        if run.start() > start:
            parts.append([data[start : run.start()].hex(), 1])
        parts.append([run[1].hex(), len(run[0]) // len(run[1])])
        start = run.end()
    if start < len(data):
        parts.append([data[start:].hex(), 1])
    return parts if len(parts) > 1 or parts[0][1] > 1 else data.hex()


def ok(name: str, data: bytes, value: Any) -> Case:
    """Return a case whose bytes mean ``value``."""
    return {"name": name, "bytes": hexed(data), "value": value}


def bad(name: str, data: bytes, reason: str) -> Case:
    """Return a case whose bytes must be refused."""
    return {"name": name, "bytes": hexed(data), "reject": reason}


def stored(plain: bytes) -> bytes:
    """Return a zlib stream that does not compress: the same bytes from every generator."""
    blocks = [plain[start : start + _STORED_MAX_BYTES] for start in range(0, len(plain), _STORED_MAX_BYTES)] or [b""]
    stream = b"\x78\x01"
    for number, block in enumerate(blocks, start=1):
        length = len(block)
        stream += bytes([number == len(blocks)]) + length.to_bytes(2, "little")
        stream += (length ^ 0xFFFF).to_bytes(2, "little") + block
    return stream + zlib.adler32(plain).to_bytes(4, "big")


def deflated_zeros(at_least: int, last: bytes = b"") -> bytes:
    """Return a zlib stream of zeros that compresses 1,000 times: fixed codes, matches of 258 bytes at distance 1.

    ``last`` are bytes below 144 that stand behind them.
    """
    matches = -(-(at_least - 1) // 258)
    literals = "".join(f"{0x30 + byte:08b}" for byte in last)
    bits = "1" + "10" + "00110000" + ("11000101" + "00000") * matches + literals + "0000000"
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))
    return b"\x78\x01" + packed + zlib.adler32(bytes(1 + 258 * matches) + last).to_bytes(4, "big")
