"""A set of shard indexes; as one integer, bit ``i`` is shard ``i``.

Shard indexes never change meaning between versions of a manifest, so a set stays valid across
them.  3,000 shards are 375 bytes raw; on the wire a sparse set is deflated.  In memory a sparse one
is its indexes, four bytes each: a node has 20 of 3,000 shards, or of 100,000, and 10,000 nodes do.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core import limits
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.records.ids import ShardIndex

_RAW: Final = 0
_DEFLATED: Final = 1
_MAX_BYTES: Final = (limits.SHARDS_MAX + 7) // 8
_INDEX: Final = np.dtype(np.int32)


class ShardSet:
    """An immutable set of shard indexes."""

    __slots__ = ("_held",)

    def __init__(self, bits: int = 0) -> None:
        self._held: int | bytes = bits
        if bits.bit_count() * 8 * _INDEX.itemsize < bits.bit_length():
            self._held = _indexes(bits).tobytes()

    @classmethod
    def of(cls, indexes: Iterable[int]) -> "ShardSet":
        """Build a set from indexes, each from 0 to ``SHARDS_MAX - 1``."""
        bits = 0
        for index in indexes:
            bits |= 1 << index
        return cls(bits)

    @property
    def bits(self) -> int:
        """The set as one integer."""
        if isinstance(self._held, int):
            return self._held
        indexes = self.indexes()
        column = np.zeros(int(indexes[-1]) + 1, dtype=np.uint8)
        column[indexes] = 1
        return int.from_bytes(np.packbits(column, bitorder="little").tobytes(), "little")

    def __contains__(self, index: int) -> bool:
        if isinstance(self._held, int):
            return bool(self._held >> index & 1)
        held = memoryview(self._held).cast("i")
        place = bisect_left(held, index)
        return place < len(held) and held[place] == index

    def __iter__(self) -> Iterator[ShardIndex]:
        return iter(self.indexes().tolist())

    def indexes(self) -> NDArray[np.int32]:
        """Return the indexes as a column, in order."""
        return _indexes(self._held) if isinstance(self._held, int) else np.frombuffer(self._held, dtype=_INDEX)

    @property
    def size_bytes(self) -> int:
        """The length of the raw form, without the byte that says so."""
        if isinstance(self._held, int):
            return (self._held.bit_length() + 7) // 8
        return int(memoryview(self._held).cast("i")[-1]) // 8 + 1

    def __bool__(self) -> bool:
        return bool(self._held)

    def __len__(self) -> int:
        return self._held.bit_count() if isinstance(self._held, int) else len(self._held) // _INDEX.itemsize

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShardSet) and self._held == other._held

    def __hash__(self) -> int:
        return hash(self._held)

    def __repr__(self) -> str:
        return f"ShardSet({list(self)})"

    def __or__(self, other: "ShardSet") -> "ShardSet":
        return ShardSet(self.bits | other.bits)

    def __and__(self, other: "ShardSet") -> "ShardSet":
        return ShardSet(self.bits & other.bits)

    def __sub__(self, other: "ShardSet") -> "ShardSet":
        return ShardSet(self.bits & ~other.bits)

    def encode(self) -> bytes:
        """Return the shorter of the raw and the deflated form, behind a byte that says which."""
        raw = _raw(self.bits)
        deflated = zlib.compress(raw, 9)
        if len(deflated) < len(raw):
            return bytes([_DEFLATED]) + deflated
        return bytes([_RAW]) + raw

    @classmethod
    def decode(cls, data: bytes) -> "ShardSet":
        """Parse a set, bounded before it is inflated; raise :class:`RecordError`."""
        form, payload = data[:1], data[1:]
        if form == bytes([_DEFLATED]):
            payload = inflate(payload, _MAX_BYTES)
        elif form != bytes([_RAW]):
            raise RecordError(RejectReason.MALFORMED, "holdings in an unknown form")
        if len(payload) > _MAX_BYTES:
            raise RecordError(RejectReason.OVERSIZED, f"holdings of {len(payload)} bytes")
        return cls(int.from_bytes(payload, "little"))


def _raw(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _indexes(bits: int) -> NDArray[np.int32]:
    column = np.unpackbits(np.frombuffer(_raw(bits), dtype=np.uint8), bitorder="little")
    return np.flatnonzero(column).astype(_INDEX)


NO_SHARDS: Final = ShardSet()


def inflate(data: bytes, max_bytes: int) -> bytes:
    """Inflate ``data`` to at most ``max_bytes`` bytes; a bomb or a torn stream is a :class:`RecordError`."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, max_bytes)
    except zlib.error as error:
        raise RecordError(RejectReason.MALFORMED, f"not a deflate stream: {error}") from None
    if inflater.unconsumed_tail or not inflater.eof:
        reason = RejectReason.OVERSIZED if inflater.unconsumed_tail else RejectReason.MALFORMED
        raise RecordError(reason, f"a deflate stream that does not end within {max_bytes} bytes")
    if inflater.unused_data:
        raise RecordError(RejectReason.MALFORMED, "bytes behind the end of a deflate stream")
    return plain
