"""Blobs are found by their hash, whole and right, or not at all."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from mirrord.core.errors import StorageError
from mirrord.core.records.ids import Sha256
from mirrord.store.blobs import open_blobs

DATA = os.urandom(700_000)
HASH = Sha256(hashlib.sha256(DATA).digest())
OTHER = Sha256(b"\xab" * 32)


def place_of(folder: Path, sha256: Sha256) -> Path:
    return folder / "blobs" / sha256.hex()[:2] / sha256.hex()


def test_a_blob_is_there_after_reopening(tmp_path: Path) -> None:
    async def main() -> None:
        await open_blobs(tmp_path).write_blob(HASH, DATA)
        blobs = open_blobs(tmp_path)
        assert blobs.has(HASH)
        assert blobs.held() == {HASH}
        assert await blobs.read_blob(HASH) == DATA

    trio.run(main)
    assert place_of(tmp_path, HASH).read_bytes() == DATA
    assert stat.S_IMODE(place_of(tmp_path, HASH).stat().st_mode) == 0o600


def test_chunks_make_up_the_whole(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        await blobs.write_blob(HASH, DATA)
        chunks = [await blobs.read_chunk(HASH, offset, 262_144) for offset in range(0, len(DATA), 262_144)]
        assert b"".join(chunk for chunk in chunks if chunk) == DATA
        assert [len(chunk or b"") for chunk in chunks] == [262_144, 262_144, len(DATA) - 2 * 262_144]

    trio.run(main)


@pytest.mark.parametrize("offset", [len(DATA), len(DATA) + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_chunk_past_the_end_is_empty(tmp_path: Path, offset: int) -> None:
    """The offset comes from a peer: up to 64 bits, more than lseek(2) takes."""

    async def main() -> None:
        blobs = open_blobs(tmp_path)
        await blobs.write_blob(HASH, DATA)
        assert await blobs.read_chunk(HASH, offset, 10) == b""

    trio.run(main)


def test_a_missing_blob_is_none(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        assert not blobs.has(OTHER)
        assert await blobs.read_blob(OTHER) is None
        assert await blobs.read_chunk(OTHER, 0, 10) is None
        blobs.remove(OTHER)

    trio.run(main)


def test_a_removed_blob_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        await blobs.write_blob(HASH, DATA)
        blobs.remove(HASH)
        assert not blobs.has(HASH)
        assert blobs.held() == frozenset()
        assert await blobs.read_blob(HASH) is None

    trio.run(main)


def test_bytes_of_another_hash_are_not_stored(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        with pytest.raises(StorageError, match="something else"):
            await blobs.write_blob(OTHER, DATA)
        assert not blobs.has(OTHER)
        assert blobs.held() == frozenset()

    trio.run(main)


def test_a_damaged_blob_is_moved_aside_logged_and_can_be_stored_again(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        await blobs.write_blob(HASH, DATA)
        damaged = bytearray(DATA)
        damaged[1000] ^= 1
        place_of(tmp_path, HASH).write_bytes(damaged)
        with capture_logs() as logs:
            assert await blobs.read_blob(HASH) is None
        assert [(log["event"], log["log_level"], log["sha256"]) for log in logs] == [
            ("blob_damaged", "warning", HASH.hex())
        ]
        assert not blobs.has(HASH)
        moved_to = Path(logs[0]["moved_to"])
        assert damaged == moved_to.read_bytes()  # noqa: ASYNC240
        assert open_blobs(tmp_path).held() == frozenset()
        await blobs.write_blob(HASH, DATA)
        assert await blobs.read_blob(HASH) == DATA

    trio.run(main)


def test_storing_again_mends_a_damaged_blob(tmp_path: Path) -> None:
    async def main() -> None:
        blobs = open_blobs(tmp_path)
        await blobs.write_blob(HASH, DATA)
        os.truncate(place_of(tmp_path, HASH), 5)
        await blobs.write_blob(HASH, DATA)
        assert await blobs.read_blob(HASH) == DATA

    trio.run(main)


def test_leftovers_of_a_killed_daemon_are_cleared_at_the_start(tmp_path: Path) -> None:
    open_blobs(tmp_path)
    leftover = tmp_path / "blobs" / "incoming" / f"{HASH.hex()}.0123456789abcdef"
    leftover.write_bytes(b"half")
    blobs = open_blobs(tmp_path)
    assert not leftover.exists()
    assert not blobs.has(HASH)


def test_strange_names_in_the_folder_are_no_blobs(tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path)
    (tmp_path / "blobs" / "README").write_text("hello")
    (tmp_path / "blobs" / "ab").mkdir()
    (tmp_path / "blobs" / "ab" / "notes").write_text("hello")
    (tmp_path / "blobs" / "ab" / ("cd" * 32)).write_text("in the wrong folder")
    assert blobs.held() == frozenset()


def test_a_folder_where_a_blob_belongs_is_a_storage_error(tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path)
    place_of(tmp_path, HASH).mkdir(parents=True)

    async def main() -> None:
        with pytest.raises(StorageError, match="could not read"):
            await blobs.read_blob(HASH)
        with pytest.raises(StorageError, match="could not write"):
            await blobs.write_blob(HASH, DATA)

    trio.run(main)
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
