"""File systems of a few MiB that a test can fill up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """Mount an empty file system at ``folder`` while the block runs; skip the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Take every byte that is left, as somebody else's download would; return the file to delete."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for step in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(step))
            except OSError:
                continue
    assert os.statvfs(folder).f_bavail == 0
    return filler
