"""Files that survive a power cut, and what it means when the disk refuses.

A new name is on disk only after its folder is synced as well as its file.
"""

import errno
import os
from pathlib import Path
from typing import Final

from mirrord.core.errors import StorageError

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_HINTS: Final = {
    errno.EACCES: "give the user that runs mirrord the right to read and write there",
    errno.EPERM: "give the user that runs mirrord the right to read and write there",
    errno.EROFS: "the file system is mounted read-only; its log (dmesg) may say why",
    errno.EIO: "the disk reports an error; look at dmesg and smartctl before you go on",
}


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that must not exist yet and sync it; on failure leave nothing behind.

    Raises ``FileExistsError`` where ``path`` is taken, and any other ``OSError`` as it is.  The
    caller syncs the folder, because it may rename the file first.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            os.fchmod(descriptor, mode)  # the umask may have taken bits away
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def disk_error(doing: str, path: Path, error: OSError) -> StorageError:
    """Put ``error`` in words; ``doing`` fits behind "could not"."""
    if error.errno in NO_ROOM:
        return StorageError(
            f"no room on the disk: could not {doing} {path}",
            "free some space, or raise the quota; what was stored before is untouched",
        )
    reason = error.strerror or type(error).__name__
    return StorageError(f"could not {doing} {path}: {reason}", _HINTS.get(error.errno or 0, ""))
