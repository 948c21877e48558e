"""SHA-256 Merkle trees the way BEP 52 (BitTorrent v2) builds them over a file.  Pure.

A file's leaves are the hashes of its 16 KiB blocks, the last one short and not padded.  A tree is
filled up to a power of two with leaves of 32 zero bytes, and what lies above those is hashed like
everything else.
"""

from hashlib import sha256
from typing import Final

BLOCK_BYTES: Final = 16 * 1024
HASH_BYTES: Final = 32
NO_LEAF: Final = bytes(HASH_BYTES)


def block_hashes(data: bytes | memoryview) -> list[bytes]:
    """Return the leaves over ``data``, which starts at a multiple of 16 KiB in its file."""
    view = memoryview(data)
    return [sha256(view[start : start + BLOCK_BYTES]).digest() for start in range(0, len(view), BLOCK_BYTES)]


def height_over(count: int) -> int:
    """Return how many levels lie above ``count`` hashes (at least one)."""
    return (count - 1).bit_length()


def root_of(hashes: list[bytes], height: int, filler: bytes = NO_LEAF) -> bytes:
    """Return the root ``height`` levels above ``hashes``; missing ones on their level are ``filler``."""
    for _ in range(height):
        if len(hashes) % 2:
            hashes = [*hashes, filler]
        hashes = [sha256(hashes[i] + hashes[i + 1]).digest() for i in range(0, len(hashes), 2)]
        filler = sha256(filler + filler).digest()
    (root,) = hashes
    return root


def empty_root(height: int) -> bytes:
    """Return the root of a tree of that height that has no leaves."""
    root = NO_LEAF
    for _ in range(height):
        root = sha256(root + root).digest()
    return root
