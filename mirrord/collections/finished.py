"""Which shards are finished: the one thing that a build keeps when it is killed.

A finished shard is known by its name and a fingerprint of every file's path, size and time of
modification.  So any later run may plan afresh, and reads again only what has changed.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.collections.plan_database import PlacedFile
from mirrord.core.errors import StorageError

_APPLICATION_ID: Final = 0x6D726264  # "mrbd"
_FORMAT: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS finished (name TEXT PRIMARY KEY, fingerprint BLOB, torrent_sha256 BLOB,
                                     torrent_bytes INTEGER, info_hash_v1 BLOB, info_hash_v2 BLOB);
CREATE INDEX IF NOT EXISTS finished_fingerprint ON finished (fingerprint);
"""


@dataclass(frozen=True, slots=True)
class FinishedTorrent:
    """What the manifest says of a .torrent that lies in the folder."""

    sha256: bytes
    torrent_bytes: int
    info_hash_v1: bytes
    info_hash_v2: bytes


class FinishedShards:
    """The finished shards of one collection's folder; made by :func:`finished_shards`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def find(self, name: str, fingerprint: bytes) -> FinishedTorrent | None:
        """Return the torrent of a shard that was built from exactly these files."""
        row = self._db.execute(
            "SELECT torrent_sha256, torrent_bytes, info_hash_v1, info_hash_v2 FROM finished"
            " WHERE name = ? AND fingerprint = ?",
            (name, fingerprint),
        ).fetchone()
        return None if row is None else FinishedTorrent(row[0], row[1], row[2], row[3])

    def names_of(self, fingerprint: bytes) -> tuple[str, ...]:
        """Return the names of all finished shards that were built from exactly these files."""
        rows = self._db.execute("SELECT name FROM finished WHERE fingerprint = ?", (fingerprint,))
        return tuple(row[0] for row in rows)

    def keep(self, name: str, fingerprint: bytes, torrent: FinishedTorrent) -> None:
        """Store that a shard is finished; its .torrent is durable already."""
        self._db.execute(
            "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?, ?)",
            (name, fingerprint, torrent.sha256, torrent.torrent_bytes, torrent.info_hash_v1, torrent.info_hash_v2),
        )


def fingerprint_of(files: Iterable[PlacedFile]) -> bytes:
    """Return 32 bytes that change with every file's path, size or time of modification."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.bytes}\0{file.modified_ns}\n".encode())
    return digest.digest()


@contextmanager
def finished_shards(path: Path) -> Iterator[FinishedShards]:
    """Open or make the database at ``path``; a torn, foreign or newer one is never overwritten."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _check_ours(connection, path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
            yield FinishedShards(connection)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            hint = "make room and run the same command again: it goes on where it was"
        else:
            hint = "if the disk is well, move the file away: every shard is then hashed again"
        raise StorageError(f"{path}: the list of finished shards cannot be used: {error}", hint) from None


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not tables and application in (0, _APPLICATION_ID):
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
    elif application != _APPLICATION_ID:
        raise StorageError(f"{path} is not a list of finished shards", "move it away, or choose another --out")
    elif version != _FORMAT:
        raise StorageError(f"{path} was made by another version of mirrord", "finish the build with that version")
