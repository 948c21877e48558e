"""The scratch database of a build: folder and catalogue meet here, sorted on disk instead of in memory.

It is made afresh by every run and needs no durability, so journal and syncs are off; what must
survive a kill is in ``finished.py``.  Paths are compared as bytes everywhere.  Both inputs are read
once, in order: the folder in the order of its paths, the catalogue as it comes (an index sorts it).
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from mirrord.collections.catalogue import CatalogueRow
from mirrord.collections.cutting import Item, ShardClass
from mirrord.collections.scanning import ScannedFile
from mirrord.core.errors import StorageError

_CACHE_KIB: Final = 64 * 1024
"""SQLite's page cache, and the runs that its sorter writes: 86 million rows sort in this much memory."""

_PRAGMAS: Final = (
    "journal_mode = OFF",
    "synchronous = OFF",
    "locking_mode = EXCLUSIVE",
    "temp_store = FILE",
    f"cache_size = -{_CACHE_KIB}",
)
_BATCH: Final = 2_000
_SCHEMA: Final = """
CREATE TABLE file (path TEXT PRIMARY KEY, bytes INTEGER, modified_ns INTEGER) WITHOUT ROWID;
CREATE TABLE entry (number INTEGER PRIMARY KEY, path TEXT, popularity INTEGER, demand INTEGER,
                    class INTEGER, title TEXT, identifiers TEXT);
CREATE TABLE placed (shard INTEGER, path TEXT, PRIMARY KEY (shard, path)) WITHOUT ROWID;
"""
_SORT_CATALOGUE: Final = "CREATE INDEX entry_path ON entry (path, popularity, demand, class)"
_DUPLICATE: Final = "SELECT path, min(number), max(number) FROM entry GROUP BY path HAVING count(*) > 1 LIMIT 1"
_WITHOUT_FILE: Final = (
    "SELECT entry.number, entry.path FROM entry LEFT JOIN file ON file.path = entry.path WHERE file.path IS NULL"
)
_WITHOUT_ROW: Final = (
    "SELECT file.path FROM file LEFT JOIN entry ON entry.path = file.path WHERE entry.path IS NULL ORDER BY file.path"
)
_ITEMS: Final = """
SELECT file.path, file.bytes, coalesce(entry.popularity, {otherwise}) AS popularity, entry.demand, entry.class
FROM file LEFT JOIN entry ON entry.path = file.path ORDER BY popularity DESC, file.path
"""
_CONTENT: Final = """
SELECT file.path, file.bytes, file.modified_ns, coalesce(entry.popularity, {otherwise}), entry.demand,
       entry.title, entry.identifiers
FROM placed JOIN file ON file.path = placed.path LEFT JOIN entry ON entry.path = file.path
WHERE placed.shard IN ({numbers}) ORDER BY file.path
"""


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """One file of a shard, with what the catalogue says of it."""

    path: str
    bytes: int
    modified_ns: int
    popularity: int
    demand: int
    title: str
    identifiers: str


class PlanDatabase:
    """What a build knows of folder and catalogue; made by :func:`plan_database`."""

    def __init__(self, connection: sqlite3.Connection, default_class: ShardClass, popularity_is_size: bool) -> None:
        self._db = connection
        self._otherwise = "file.bytes" if popularity_is_size else "0"
        self._has_catalogue = False
        self._classes: list[ShardClass] = [default_class]
        self._class_numbers: dict[ShardClass, int] = {default_class: 0}

    def add_files(self, files: Iterable[ScannedFile]) -> None:
        """Store the files, which come in byte order of their paths."""
        self._insert("INSERT INTO file VALUES (?, ?, ?)", ((file.path, file.bytes, file.modified_ns) for file in files))

    def add_rows(self, rows: Iterable[tuple[CatalogueRow, ShardClass]]) -> None:
        """Store the rows of the catalogue, each with the class of shard that it wants, and sort them."""
        self._has_catalogue = True
        self._insert("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", map(self._entry_of, rows))
        self._db.execute(_SORT_CATALOGUE)

    def _entry_of(self, row_and_class: tuple[CatalogueRow, ShardClass]) -> tuple[object, ...]:
        row, shard_class = row_and_class
        number = self._class_numbers.setdefault(shard_class, len(self._classes))
        if number == len(self._classes):
            self._classes.append(shard_class)
        demand = row.popularity if row.demand is None else row.demand
        return row.number, row.path, row.popularity, demand, number, row.title, row.identifiers

    def _insert(self, statement: str, values: Iterable[tuple[object, ...]]) -> None:
        source = iter(values)
        while batch := list(islice(source, _BATCH)):
            self._db.executemany(statement, batch)

    def duplicate(self) -> tuple[str, int, int] | None:
        """Return a path that two rows name, and the numbers of two of them."""
        row = self._db.execute(_DUPLICATE).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def listed_paths(self) -> Iterator[str]:
        """Yield the paths that the catalogue names, in byte order."""
        return (row[0] for row in self._db.execute("SELECT path FROM entry ORDER BY path"))

    def rows_without_file(self) -> Iterator[tuple[int, str]]:
        """Yield (row number, path) for every row whose path is no file."""
        return ((row[0], row[1]) for row in self._db.execute(_WITHOUT_FILE))

    def files_without_row(self) -> Iterator[str]:
        """Yield the path of every file that no row names."""
        return (row[0] for row in self._db.execute(_WITHOUT_ROW))

    def sizes(self) -> tuple[int, int]:
        """Return (files, bytes) of the folder."""
        files, total = self._db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM file").fetchone()
        return int(files), int(total)

    def items(self) -> Iterator[Item]:
        """Yield all files, most popular first, ties in byte order of their paths."""
        for path, size, popularity, demand, number in self._db.execute(_ITEMS.format(otherwise=self._otherwise)):
            share = popularity if demand is None else demand
            catalogued = number is not None or not self._has_catalogue
            yield Item(path, size, popularity, share, self._classes[number or 0], catalogued)

    def place(self, placements: Iterable[tuple[int, str]]) -> None:
        """Store (shard number, path) for every file."""
        self._insert("INSERT INTO placed VALUES (?, ?)", placements)

    def content(self, numbers: Iterable[int]) -> list[PlacedFile]:
        """Return the files of one shard in byte order of their paths."""
        statement = _CONTENT.format(otherwise=self._otherwise, numbers=", ".join(str(int(n)) for n in numbers))
        return [
            PlacedFile(path, size, when, popularity, popularity if demand is None else demand, title or "", ids or "")
            for path, size, when, popularity, demand, title, ids in self._db.execute(statement)
        ]


@contextmanager
def plan_database(path: Path, default_class: ShardClass, popularity_is_size: bool) -> Iterator[PlanDatabase]:
    """Make the scratch database at ``path``, and remove it at the end.

    Trouble with it, a full disk above all, is a :class:`StorageError`.
    """
    path.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection, _spilling_into(path.parent):
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")  # never committed: the file goes away with the run
            yield PlanDatabase(connection, default_class, popularity_is_size)
    except sqlite3.Error as error:
        raise StorageError(
            f"the work database {path} failed: {error}", "make room on its disk and run the same command again"
        ) from None
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _spilling_into(folder: Path) -> Iterator[None]:
    """Let SQLite's sorter spill into ``folder``, and not into a /tmp that may be a small memory disk."""
    before = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ["SQLITE_TMPDIR"]
        else:
            os.environ["SQLITE_TMPDIR"] = before
