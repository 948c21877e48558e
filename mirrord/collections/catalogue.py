"""Reads a catalogue: one row an item, from a CSV file (RFC 4180) or from an SQLite file.

Rows come one at a time and every length is bounded, so a catalogue of 256 million rows and a
hostile one need the same memory.  Whether a path exists is not known here.
"""

import csv
import difflib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from mirrord.collections.paths import shown
from mirrord.core.errors import CollectionError, StorageError
from mirrord.core.records.kinds import Quality

REQUIRED: Final = ("path", "popularity")
COLUMNS: Final = (*REQUIRED, "demand", "title", "identifiers", "rights", "quality", "codec")
COUNT_MAX: Final = 2**63 - 1
"""Popularity and demand: what SQLite's integers and the manifest can hold."""

LINE_MAX_CHARACTERS: Final = 1 << 20
"""A line of a CSV file, before it is looked at.  One field is bounded by Python's csv at 128 KiB."""

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading an SQLite file raises; the latter where its complaint quotes a schema that is no text."""

_QUALITIES: Final = {"": Quality.UNSPECIFIED, "original": Quality.ORIGINAL, "reencoded": Quality.REENCODED}


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One item.  ``demand`` is None where the catalogue has no such column.

    ``number`` counts rows from 1; in a CSV file the header is row 1, as a spreadsheet shows it.
    """

    path: str
    popularity: int
    demand: int | None = None
    title: str = ""
    identifiers: str = ""
    rights: str = ""
    quality: Quality = Quality.UNSPECIFIED
    codec: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a catalogue, lower case, in their order; and what a curator should know of them."""

    columns: tuple[str, ...]
    notes: tuple[str, ...]

    def has(self, column: str) -> bool:
        """Whether the catalogue has this column."""
        return column in self.columns


class Catalogue:
    """A catalogue whose header is in order, while it is open."""

    def __init__(self, path: Path, header: Header, records: Iterator[tuple[int, Sequence[object]]]) -> None:
        self.path = path
        self.header = header
        self._records = records

    def rows(self) -> Iterator[CatalogueRow]:
        """Yield every row, once; raise :class:`CollectionError` that names the file and the row."""
        columns = self.header.columns
        places = [columns.index(name) if name in columns else len(columns) for name in COLUMNS]
        for number, values in self._records:
            padded = (*values, None)
            try:
                yield _row(number, [padded[place] for place in places], self.header.has("demand"))
            except _Fault as fault:
                raise CollectionError(f"{self.path}: row {number}: {fault}", fault.hint) from None


class _Fault(Exception):
    """What is wrong with one field; the row's reader adds where."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@contextmanager
def open_catalogue(path: Path) -> Iterator[Catalogue]:
    """Open a catalogue, check its header, and close it at the end of the context."""
    try:
        with path.open("rb") as start:
            is_sqlite = start.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    except OSError as error:
        raise CollectionError(f"{path}: the catalogue cannot be read: {error.strerror}") from None
    if is_sqlite:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            yield _sqlite_catalogue(path, database)
    else:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield _csv_catalogue(path, stream)


def write_catalogue(path: Path, rows: Iterable[CatalogueRow]) -> None:
    """Write ``rows`` as a CSV catalogue that :func:`read_catalogue` reads back."""
    names = {quality: name for name, quality in _QUALITIES.items()}
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for row in rows:
                demand = row.popularity if row.demand is None else row.demand
                quality = names[row.quality]
                start = (row.path, row.popularity, demand, row.title, row.identifiers)
                writer.writerow((*start, row.rights, quality, row.codec))
    except OSError as error:
        raise StorageError(f"{path}: the catalogue cannot be written: {error.strerror}") from None


def _csv_catalogue(path: Path, stream: TextIO) -> Catalogue:
    lines = _Lines(path, stream)
    records = _csv_records(path, lines, csv.reader(lines, strict=True))
    _, names = next(records, (0, ()))
    return Catalogue(path, _header(path, [str(name) for name in names]), records)


def _csv_records(path: Path, lines: "_Lines", reader: Iterator[list[str]]) -> Iterator[tuple[int, Sequence[object]]]:
    """Yield the header as row 1, then the rows; blank lines are no rows, but are counted."""
    width = 0
    try:
        for number, values in enumerate(reader, 1):
            width = width or len(values)
            if len(values) == width:
                yield number, values
            elif values:
                raise CollectionError(
                    f"{path}: row {number}: {len(values)} fields, but the header has {width}",
                    "quote a field that has commas in it",
                )
    except csv.Error as error:
        hint = "quote a field that has commas, quotes or line breaks in it, as RFC 4180 says"
        raise CollectionError(f"{path}: line {lines.number}: {error}", hint) from None
    except UnicodeDecodeError:
        raise CollectionError(
            f"{path}: after line {lines.number}: the text is not UTF-8", "save the catalogue as UTF-8"
        ) from None
    except OSError as error:
        raise CollectionError(f"{path}: the catalogue cannot be read: {error.strerror}") from None


class _Lines:
    """The lines of a file, none longer than the bound; counts them."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self._path = path
        self._stream = stream
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(LINE_MAX_CHARACTERS + 1):
            self.number += 1
            if len(line) > LINE_MAX_CHARACTERS:
                raise CollectionError(
                    f"{self._path}: line {self.number} has more than {LINE_MAX_CHARACTERS} characters",
                    "is this a catalogue?",
                )
            yield line


def _sqlite_catalogue(path: Path, database: sqlite3.Connection) -> Catalogue:
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LINE_MAX_CHARACTERS)
    try:
        columns = [str(row[1]) for row in database.execute("PRAGMA table_info(catalogue)")]
    except _UNREADABLE as error:
        raise CollectionError(f"{path}: the catalogue cannot be read: {error}") from None
    if not columns:
        raise CollectionError(f"{path}: it has no table named 'catalogue'", "create it, or a view of that name")
    return Catalogue(path, _header(path, columns), _sqlite_records(path, database, columns))


def _sqlite_records(
    path: Path, database: sqlite3.Connection, columns: Sequence[str]
) -> Iterator[tuple[int, Sequence[object]]]:
    wanted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    number = 0
    try:
        for number, values in enumerate(database.execute(f"SELECT {wanted} FROM catalogue"), 1):
            yield number, values
    except _UNREADABLE as error:
        raise CollectionError(f"{path}: after row {number}: the catalogue cannot be read: {error}") from None


def _header(path: Path, names: Sequence[str]) -> Header:
    """Check the column names; a name that is nearly a known one is probably a slip, and is said."""
    columns = tuple(name.strip().lower() for name in names)
    for column in COLUMNS:
        if columns.count(column) > 1:
            raise CollectionError(f"{path}: the column {column!r} is there {columns.count(column)} times")
    slips = {column: near[0] for column in columns if (near := _nearest(column, set(COLUMNS) - set(columns)))}
    for column in REQUIRED:
        if column not in columns:
            slip = next((name for name, meant in slips.items() if meant == column), "")
            there = ", ".join(columns)[:200] or "nothing"
            hint = f"did you mean {slip!r}?" if slip else f"the first line names the columns; it has: {there}"
            raise CollectionError(f"{path}: the column {column!r} is missing", hint)
    notes = tuple(f"{path}: column {slip!r} is ignored; did you mean {meant!r}?" for slip, meant in slips.items())
    return Header(columns, notes)


def _nearest(column: str, known: Iterable[str]) -> list[str]:
    return [] if column in COLUMNS else difflib.get_close_matches(column, sorted(known), 1, 0.75)


def _row(number: int, values: Sequence[object], has_demand: bool) -> CatalogueRow:
    """Parse the values of ``COLUMNS``, None where the catalogue has no such column or no value."""
    path, popularity, demand, title, identifiers, rights, quality, codec = values
    name = _text(path)
    if not name:
        raise _Fault("the path is empty", "remove the row, or name its file")
    tier = _QUALITIES.get(_text(quality))
    if tier is None:
        raise _Fault(f"quality {_text(quality)[:80]!r} is unknown", "write original, reencoded or nothing")
    return CatalogueRow(
        name,
        _count(popularity, "popularity", name),
        _count(demand or 0, "demand", name) if has_demand else None,
        _text(title),
        _text(identifiers),
        _text(rights),
        tier,
        _text(codec),
        number,
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    raise _Fault(f"{str(value)[:80]!r} is not text")


def _count(value: object, column: str, path: str) -> int:
    """Parse a whole number from 0 to ``COUNT_MAX``; CSV gives text, SQLite integers or whole floats."""
    number: int | None = None
    if isinstance(value, int):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, str):
        digits = value.strip()
        if digits.removeprefix("-").isdecimal() and digits.isascii() and len(digits) <= 20:
            number = int(digits)
    if number is not None and 0 <= number <= COUNT_MAX:
        return number
    fault = "is negative" if number is not None and number < 0 else f"is not a whole number up to {COUNT_MAX}"
    given = str(value)[:80] if value is not None else ""
    raise _Fault(f"{shown(path)}: {column} {given!r} {fault}", "write 0 where it is unknown")
