"""Blobs (manifest bodies, .torrents): files named by the SHA-256 of what they hold.

``blobs/ab/abcd...`` is whole from the moment that it has its name: a blob is written and synced
under ``blobs/incoming/`` and then renamed.  Write a blob before the record that refers to it is
persisted: a crash in between leaves a blob that nobody asks for, and never a record without one.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.core.errors import StorageError
from mirrord.core.records.ids import Sha256
from mirrord.store.durable import disk_error, sync_folder, write_new_file

_INCOMING: Final = "incoming"
_DAMAGED: Final = "damaged"
_NAME: Final = re.compile("[0-9a-f]{64}")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Blobs:
    """The blobs of one node; :func:`open_blobs` makes it.  There is nothing to close.

    Methods that touch a blob's bytes do so in a thread and raise :class:`StorageError`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write_blob(self, sha256: Sha256, data: bytes) -> None:
        """Store ``data``; when this returns it is on disk, and a damaged copy is replaced."""
        await trio.to_thread.run_sync(self._write, sha256, data)

    async def read_blob(self, sha256: Sha256) -> bytes | None:
        """Return a blob whole and checked, or None where we have no right copy of it."""
        return await trio.to_thread.run_sync(self._read, sha256)

    async def read_chunk(self, sha256: Sha256, offset: int, length: int) -> bytes | None:
        """Return up to ``length`` bytes from ``offset``, or None where we lack the blob.

        A chunk is not checked, because that would mean reading the whole; who asked for it checks
        the blob.  Past the end it is empty, however far: a peer chooses ``offset``.
        """
        return await trio.to_thread.run_sync(self._read_chunk, sha256, offset, length)

    def has(self, sha256: Sha256) -> bool:
        """Return whether a file of that name is there; only :meth:`read_blob` knows if it is right."""
        return self._path(sha256).is_file()

    def held(self) -> frozenset[Sha256]:
        """Return the names of all blobs, read from the folders: for the start, not for the loop."""
        try:
            return frozenset(
                Sha256(bytes.fromhex(file.name))
                for folder in self._root.iterdir()
                if folder.name not in (_INCOMING, _DAMAGED) and folder.is_dir()
                for file in folder.iterdir()
                if _NAME.fullmatch(file.name) and file.name.startswith(folder.name)
            )
        except OSError as error:
            raise disk_error("list", self._root, error) from error

    def remove(self, sha256: Sha256) -> None:
        """Forget a blob; it need not be there."""
        path = self._path(sha256)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error("remove", path, error) from error

    def _path(self, sha256: Sha256) -> Path:
        name = sha256.hex()
        return self._root / name[:2] / name

    def _write(self, sha256: Sha256, data: bytes) -> None:
        path = self._path(sha256)
        if hashlib.sha256(data).digest() != sha256:
            raise StorageError(f"what came for blob {sha256.hex()} is something else", "this is a bug in mirrord")
        incoming = self._root / _INCOMING / f"{sha256.hex()}.{secrets.token_hex(8)}"
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._root)
            write_new_file(incoming, data)
            try:
                incoming.rename(path)
            except OSError:
                incoming.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
        except OSError as error:
            raise disk_error("write", path, error) from error

    def _read(self, sha256: Sha256) -> bytes | None:
        path = self._path(sha256)
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).digest() == sha256:
                return data
            aside = self._root / _DAMAGED / path.name
            path.replace(aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error("read", path, error) from error
        _log.warning("blob_damaged", sha256=path.name, bytes=len(data), moved_to=str(aside))
        return None

    def _read_chunk(self, sha256: Sha256, offset: int, length: int) -> bytes | None:
        path = self._path(sha256)
        try:
            with path.open("rb") as file:
                if offset >= os.fstat(file.fileno()).st_size:
                    return b""
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error("read", path, error) from error


def open_blobs(folder: Path) -> Blobs:
    """Make ``folder/blobs`` if need be and clear what a killed daemon left half written.

    The caller holds the folder's lock, so nobody else is writing there.  This blocks, as
    :meth:`Blobs.held` does: call it in a thread.
    """
    root = folder / "blobs"
    try:
        for part in (root, root / _INCOMING, root / _DAMAGED):
            part.mkdir(mode=0o700, exist_ok=True)
        for leftover in (root / _INCOMING).iterdir():
            leftover.unlink()
        sync_folder(root)
        sync_folder(folder)
    except OSError as error:
        raise disk_error("prepare", root, error) from error
    return Blobs(root)
