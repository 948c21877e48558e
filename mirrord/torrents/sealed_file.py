"""A small file that is whole or not there: magic first, a checksum last, written aside and renamed.

Blocking: call it in a thread.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32


def write_sealed(path: Path, magic: bytes, content: bytes) -> None:
    """Write durably, or raise OSError; half a file is never seen under its name.  Makes the folder."""
    unfinished = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        file.write(magic + content + sha256(magic + content).digest())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def unseal(data: bytes, magic: bytes) -> bytes | None:
    """Return the content of a file's bytes; None where they are not what was written."""
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if sha256(body).digest() != digest or not body.startswith(magic):
        return None
    return body[len(magic) :]


def sync_folder(folder: Path) -> None:
    """Make renames and deletions in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
