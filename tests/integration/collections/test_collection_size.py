"""A build needs the same memory however many files there are, and stops in order on a full disk."""

import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrord.collections.builder import BuildRequest, KeyFile, build_collection
from mirrord.collections.catalogue import CatalogueRow, open_catalogue, write_catalogue
from mirrord.collections.cutting import CutRule, Cutter, ShardClass
from mirrord.collections.plan_database import plan_database
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Quiet
from mirrord.collections.reading import read_collection_folder
from mirrord.collections.scanning import ScannedFile
from mirrord.core.errors import StorageError
from mirrord.store.keyfile import create_key, load_key

CC0 = ShardClass("CC0")


def path_of(number: int) -> str:
    return f"artist{number // 1000:04d}/album{number // 12:06d}/{number:08d} some track name.ogg"


def planned(root: Path, files: int) -> int:
    """Plan a made-up collection through the real database; return the peak of Python's memory in bytes."""
    catalogue = root / f"{files}.csv"
    write_catalogue(catalogue, (CatalogueRow(path_of(i), i % 7, title=f"title {i}") for i in reversed(range(files))))
    tracemalloc.start()
    try:
        with plan_database(root / "plan", CC0, False) as database, open_catalogue(catalogue) as rows:
            database.add_files(ScannedFile(path_of(i), 4_000_000, i) for i in range(files))
            database.add_rows((row, CC0) for row in rows.rows())
            assert database.duplicate() is None
            assert list(database.rows_without_file()) == []
            cutter = Cutter(CutRule(10**11))
            database.place((cutter.place(item), item.path) for item in database.items())
            assert sum(cut.files for cut in cutter.finish()) == files
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_collection(tmp_path: Path) -> None:
    few, many = planned(tmp_path, 8_000), planned(tmp_path, 40_000)
    assert many < few + 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A memory disk of 256 KiB; skipped where mounting is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_is_said_and_the_build_goes_on_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for i in range(30):
        (source / f"{i:02d}").write_bytes(bytes([i]) * 20_000)
    phase = PhaseRequest(source, None, shard_bytes=20_000, rights="CC0")
    request = BuildRequest("Full", "", 3, 10, phase, small_disk / "out", 1_700_000_000)
    key = KeyFile(tmp_path / "curator.key", load_key, create_key)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(60_000))
    with pytest.raises(StorageError, match=r"full|No space left") as caught:
        build_collection(request, key, Quiet())
    assert "room" in caught.value.hint
    assert not (small_disk / "out/build.plan").exists()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    report = build_collection(request, key, Quiet())
    assert report.reused_shards > 0
    assert len(read_collection_folder(small_disk / "out").torrents) == 30
