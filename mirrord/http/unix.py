"""Unix sockets: names that always fit, and who is calling.  Standard library only.

An address of a unix socket has 107 bytes; folders can be longer.  Linux reaches a socket as well
through ``/proc/self/fd``, relative to an open folder, which always fits.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mirrord.http.messages import Caller

ADDRESS_MAX_BYTES: Final = 107
"""``sizeof(sun_path)`` less the closing zero."""

_UCRED: Final = struct.Struct("3i")
CREDENTIALS_BYTES: Final = _UCRED.size


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Yield an address for ``bind`` or ``connect`` that names ``path``; valid inside the block."""
    if len(os.fsencode(path)) <= ADDRESS_MAX_BYTES:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def credentials_to_caller(credentials: bytes) -> Caller:
    """Read what ``getsockopt(SOL_SOCKET, SO_PEERCRED, CREDENTIALS_BYTES)`` returned."""
    pid, uid, gid = _UCRED.unpack(credentials)
    return Caller(pid, uid, gid)
