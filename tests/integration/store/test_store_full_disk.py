"""A full disk: a clear error, nothing torn, and all goes on once there is room."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from store_effects import announcement, batch

from mirrord.core.effects import PersistEffect
from mirrord.core.errors import StorageError
from mirrord.core.records.ids import Sha256
from mirrord.store.blobs import open_blobs
from mirrord.store.keyfile import create_key
from mirrord.store.store import Store, open_store

SECONDS = 60


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(folder: Path, leave_bytes: int = 0) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave_bytes))
    assert leave_bytes or os.statvfs(folder).f_bavail == 0
    return filler


async def persist_until_full(store: Store) -> int:
    """Return how many batches were acknowledged before the disk was full."""
    number = store.stored.sequence
    while number < 10_000:
        try:
            await store.persist(batch(number))
        except StorageError as error:
            assert "no room on the disk" in error.message
            assert "free some space" in error.hint
            return number
        number += 1
    raise AssertionError("the disk never filled up")


def test_a_full_disk_stops_a_transaction_and_nothing_else(small_disk: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            filler = fill_up(small_disk, leave_bytes=900_000)
            async with open_store(small_disk) as store:
                acknowledged = await persist_until_full(store)
                assert acknowledged > 3
                with pytest.raises(StorageError, match="no room"):
                    await store.persist(batch(acknowledged))
                filler.unlink()
                await store.persist(batch(acknowledged))
            async with open_store(small_disk) as store:
                assert store.stored.sequence == acknowledged + 1
                assert [shard.verified_at for shard in store.stored.shards] == list(range(1, acknowledged + 2))

    trio.run(main)


def test_a_big_transaction_on_a_full_disk_leaves_none_of_it(small_disk: Path) -> None:
    many: list[PersistEffect] = [announcement(n) for n in range(3000)]

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_store(small_disk) as store:
                await store.persist(batch(0))
                with pytest.raises(StorageError, match="no room"):
                    await store.persist(many)
                await store.persist(batch(1))
            async with open_store(small_disk) as store:
                assert store.stored.sequence == 2
                assert len(store.stored.records) == 11

    trio.run(main)


def test_a_start_on_a_full_disk_says_so_and_a_later_one_works(small_disk: Path) -> None:
    async def start() -> int:
        async with open_store(small_disk) as store:
            await store.persist(batch(store.stored.sequence))
            return store.stored.sequence

    async def main() -> None:
        with trio.fail_after(SECONDS):
            filler = fill_up(small_disk)
            with pytest.raises(StorageError, match=r"no room|the disk failed"):
                await start()
            filler.unlink()
            assert await start() == 0
            filler = fill_up(small_disk)
            with pytest.raises(StorageError, match=r"no room|the disk failed"):
                await start()
            filler.unlink()
            assert await start() == 1

    trio.run(main)


def test_a_blob_on_a_full_disk_leaves_no_torn_file(small_disk: Path) -> None:
    blobs = open_blobs(small_disk)
    small, large = b"small" * 1000, os.urandom(1_900_000)
    small_hash, large_hash = (Sha256(hashlib.sha256(data).digest()) for data in (small, large))

    async def main() -> None:
        with trio.fail_after(SECONDS):
            await blobs.write_blob(small_hash, small)
            filler = fill_up(small_disk, leave_bytes=500_000)
            with pytest.raises(StorageError, match="no room on the disk") as caught:
                await blobs.write_blob(large_hash, large)
            assert "free some space" in caught.value.hint
            assert not blobs.has(large_hash)
            assert list((small_disk / "blobs" / "incoming").iterdir()) == []
            assert await blobs.read_blob(small_hash) == small
            filler.unlink()
            await blobs.write_blob(large_hash, large)
            assert await blobs.read_blob(large_hash) == large

    trio.run(main)


def test_a_key_on_a_full_disk_leaves_no_torn_file(small_disk: Path) -> None:
    fill_up(small_disk)
    with pytest.raises(StorageError, match="no room on the disk"):
        create_key(small_disk / "key")
    assert not (small_disk / "key").exists()
