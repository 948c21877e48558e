"""One daemon a folder: a lock that goes away with its process, however that ends.

flock(2) belongs to the open file, so the kernel lets go of it on kill -9, and no stale lock is
ever left.  The file itself stays: removing it would let two daemons each lock a file of that name.
Python opens it close-on-exec, so a program that we start does not inherit the lock.

Over NFS, Linux turns flock into a byte-range lock at the server (since 2.6.12), which works where
the server runs lockd and then holds across hosts too; mounted with ``nolock`` or ``local_lock=all``
it guards this host alone.  SQLite's log needs shared memory and so a local disk anyway.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mirrord.core.errors import ConfigError
from mirrord.store.durable import disk_error

LOCK_NAME: Final = "lock"
_PID_MAX_BYTES: Final = 32
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; :class:`ConfigError` where another one holds it."""
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise ConfigError(f"the folder {folder} does not exist", "make a node there with: mirrord init") from None
    except OSError as error:
        raise disk_error("open the lock", path, error) from error
    try:
        _take(descriptor, folder)
        try:
            pid = f"{os.getpid()}\n".encode("ascii")
            os.pwrite(descriptor, pid, 0)
            os.ftruncate(descriptor, len(pid))
        except OSError as error:
            raise disk_error("write", path, error) from error
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, _PID_MAX_BYTES, 0).decode("ascii", "replace").strip()
        who = f"process {pid}" if pid.isdecimal() else "another process"
        raise ConfigError(
            f"the folder {folder} is in use by {who}",
            "a folder has one daemon: stop that one, or choose another folder",
        ) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise ConfigError(
                f"the file system under {folder} has no locks", "keep the node's folder on a local disk"
            ) from None
        raise disk_error("lock", folder / LOCK_NAME, error) from error
