"""The control socket as a file: made where it is safe, with the right mode, and taken away again.

That only one daemon uses a folder is the folder lock's business.  Here a socket that nobody listens
on (its daemon was killed) is replaced, and one that somebody listens on is left alone.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio

from mirrord.core.errors import ConfigError, StorageError
from mirrord.http.unix import socket_address

_MODE: Final = 0o660
_BACKLOG: Final = 64


@contextmanager
def control_listener(path: Path) -> Iterator[trio.SocketListener]:
    """Yield a listener on ``path``; on leaving, the file goes if it is still ours.

    Raises ConfigError where something else is in the way, StorageError where the folder refuses.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        with socket_address(path) as address:
            bound.bind(address)
        # Before ``listen`` nobody can connect, so no one sees the mode that the umask made.
        path.chmod(_MODE)
        ours = _identity(path)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise StorageError(f"{path}: {error.strerror}", "the daemon must be able to write to that folder") from None
    except ConfigError:
        bound.close()
        raise
    bound.setblocking(False)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))
    try:
        yield listener
    finally:
        listener.socket.close()
        if _identity(path) == ours:
            path.unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _make_way(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(f"{path} is in the way: it is not a socket", "name another control_socket")
    if _is_answered(path):
        raise ConfigError(f"{path}: another daemon listens there", "stop it, or name another control_socket")
    path.unlink(missing_ok=True)


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, socket_address(path) as address:
        caller.setblocking(False)
        try:
            caller.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True  # its queue is full, so somebody made that queue
    return True


def own_uid() -> int:
    """Return the uid that the daemon acts as."""
    return os.geteuid()
