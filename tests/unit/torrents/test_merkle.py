"""The trees of BEP 52, against a second, naive way of building them."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.torrents.merkle import BLOCK_BYTES, NO_LEAF, block_hashes, empty_root, height_over, root_of


def naive_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    return sha256(naive_root(leaves[: len(leaves) // 2]) + naive_root(leaves[len(leaves) // 2 :])).digest()


@given(count=st.integers(1, 70), spare_levels=st.integers(0, 2))
def test_a_root_is_that_of_the_filled_up_tree(count: int, spare_levels: int) -> None:
    leaves = [sha256(str(number).encode()).digest() for number in range(count)]
    height = height_over(count) + spare_levels
    filled = leaves + [NO_LEAF] * (2**height - count)
    assert root_of(leaves, height) == naive_root(filled)


@given(pieces=st.integers(1, 20), blocks=st.integers(1, 16))
def test_a_tree_of_piece_roots_is_the_tree_of_their_blocks(pieces: int, blocks: int) -> None:
    leaves = [sha256(str(number).encode()).digest() for number in range(16 * (pieces - 1) + blocks)]
    roots = [root_of(leaves[start : start + 16], 4) for start in range(0, len(leaves), 16)]
    height = height_over(len(roots))
    assert root_of(roots, height, empty_root(4)) == root_of(leaves, height + 4)


@pytest.mark.parametrize("size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES])
def test_a_short_last_block_is_hashed_as_it_is(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    leaves = block_hashes(data[:size])
    assert len(leaves) == -(-size // BLOCK_BYTES)
    assert leaves[-1] == sha256(data[(len(leaves) - 1) * BLOCK_BYTES : size]).digest()


def test_heights() -> None:
    assert [height_over(count) for count in (1, 2, 3, 4, 5, 8, 9)] == [0, 1, 2, 2, 3, 3, 4]
