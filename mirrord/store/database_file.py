"""The database as a file: made whole or not at all, and looked at before it is trusted.

A file that is torn, somebody else's, or newer than this program is refused and left as it is.
Everything here reads through a connection that cannot write.  The functions block: call them in a
thread.  This file knows nothing of tables.
"""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Final

from mirrord.core.errors import ConfigError, StorageError
from mirrord.store.durable import disk_error, sync_folder

APPLICATION_ID: Final = int.from_bytes(b"mirr", "big")
"""Bytes 68 to 71 of the file's header: how we, and file(1), know our own."""

MOVE_AWAY_HINT: Final = (
    "move it, and the -wal and -shm files beside it, somewhere else: mirrord then starts with an empty database. "
    "The node's key and the shards on disk are not lost, and holdings are re-checked; collections must be joined again"
)

_SQLITE_OLDEST: Final = (3, 37, 0)  # strict tables
_MAGIC: Final = b"SQLite format 3\x00"
_HEADER_BYTES: Final = 100
_APPLICATION_ID_AT: Final = 68


def prepare_database_file(path: Path, newest_version: int) -> Path:
    """Make ``path`` if there is none, else check that it is ours, whole and not too new.

    Returns the path with links resolved, because SQLite's log lies beside the file that a link
    points to.  ``newest_version`` is the highest ``user_version`` that this program understands.
    Raises :class:`ConfigError` for what the operator did, :class:`StorageError` for what the disk did.
    """
    if sqlite3.sqlite_version_info < _SQLITE_OLDEST:
        raise ConfigError(
            f"this Python is linked with SQLite {sqlite3.sqlite_version}, which is too old",
            "use a Python whose SQLite is 3.37 or newer (Debian 12 has 3.40)",
        )
    try:
        path = path.resolve()
        if path.exists():
            _check(path, newest_version)
        else:
            _make(path)
    except sqlite3.Error as error:
        raise sqlite_error(path, error) from error
    except UnicodeDecodeError:  # SQLite's complaint quotes the schema, of which the disk made something else
        raise StorageError(f"{path} is damaged (its schema is not text)", MOVE_AWAY_HINT) from None
    except OSError as error:
        raise disk_error("open", path, error) from error
    return path


def address_of(path: Path, parameters: str) -> str:
    """Return the URI that makes SQLite open ``path``, which is absolute, whatever it is called."""
    return f"{path.as_uri()}?{parameters}"


def sqlite_error(path: Path, error: sqlite3.Error) -> StorageError:
    """Put SQLite's refusal in words."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        hint = "free some space, or raise the quota; what was stored before is untouched"
        return StorageError(f"no room on the disk: could not write {path}", hint)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StorageError(f"{path} is damaged ({error})", MOVE_AWAY_HINT)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageError(f"{path} is locked by another program", "close whatever else has that database open")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        hint = "give the user that runs mirrord the right to write that file and its folder"
        return StorageError(f"{path} cannot be opened for writing ({error})", hint)
    if name.startswith("SQLITE_IOERR"):
        hint = "look for a full or failing disk (df, dmesg, smartctl); the change was rolled back"
        return StorageError(f"the disk failed under {path} ({name})", hint)
    return StorageError(f"{path}: {error}")


def _make(path: Path) -> None:
    """Make an empty database of ours.

    It gets its name only when it is whole, so that whatever bears the name without our
    application id is certainly not ours.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"the folder {path.parent} does not exist", "make a node there with: mirrord init")
    for leftover in _beside(path, "-wal", "-journal"):
        # SQLite would replay an old log into the new file: the page numbers fit, the pages do not.
        if leftover.exists() and leftover.stat().st_size > 0:
            raise ConfigError(
                f"{path} is missing, but its log {leftover.name} is still there",
                f"put {path.name} back, or move {leftover} away too",
            )
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, *_beside(draft, "-wal", "-shm", "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # -wal and -shm inherit this mode
    with closing(sqlite3.connect(address_of(draft, "mode=rw"), uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        if mode != "wal":
            raise ConfigError(
                f"the file system under {path.parent} has no shared memory, which the database needs",
                "keep the node's folder on a local disk; shards may live elsewhere",
            )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    draft.rename(path)
    sync_folder(path.parent)


def _check(path: Path, newest_version: int) -> None:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ConfigError(f"{path} is not a file", "move it away: mirrord keeps its database there")
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        raise StorageError(f"{path} is empty: it was cut off", MOVE_AWAY_HINT)
    if not _MAGIC.startswith(header[: len(_MAGIC)]):
        raise ConfigError(f"{path} is not a SQLite database, or its start is damaged", MOVE_AWAY_HINT)
    if len(header) < _HEADER_BYTES:
        raise StorageError(f"{path} is cut off after {len(header)} bytes", MOVE_AWAY_HINT)
    # No log can hold another id: the file was given its own before its name.
    if int.from_bytes(header[_APPLICATION_ID_AT : _APPLICATION_ID_AT + 4], "big") != APPLICATION_ID:
        raise ConfigError(f"{path} belongs to another program", MOVE_AWAY_HINT)

    with closing(sqlite3.connect(_reading_address(path), uri=True, isolation_level=None)) as connection:
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if not 0 <= version <= newest_version:
            raise ConfigError(
                f"{path} was written by a newer mirrord (its format is {version}, this program knows {newest_version})",
                "run the newer mirrord again; or " + MOVE_AWAY_HINT,
            )
        [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise StorageError(f"{path} is damaged ({_one_line(verdict)})", MOVE_AWAY_HINT)


def _reading_address(path: Path) -> str:
    """Return an address that cannot change the file: a killed daemon's log is read, not replayed.

    Without a log, ``immutable`` also keeps SQLite from making its two files beside the database.
    """
    log, *_ = _beside(path, "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return address_of(path, "mode=ro" if has_log else "mode=ro&immutable=1")


def _beside(path: Path, *suffixes: str) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in suffixes]


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]
