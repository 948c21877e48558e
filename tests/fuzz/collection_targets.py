"""What a curator hands in: a catalogue as CSV or as an SQLite file, often made by somebody else's program."""

import csv
import io
import sqlite3
from contextlib import closing
from typing import Final

from hypothesis import strategies as st

from mirrord.collections.catalogue import COLUMNS, CatalogueRow, open_catalogue
from mirrord.core.errors import CollectionError
from tests.fuzz.config_targets import put, scratch
from tests.fuzz.target import Target, decoder

_TABLE_MAX_ROWS: Final = 3


def _read(data: bytes) -> list[CatalogueRow]:
    with open_catalogue(put("catalogue", data)) as catalogue:
        return list(catalogue.rows())


_NAMES: Final = st.sampled_from([*COLUMNS, "Path ", "popularty", "", "\u0661", "x" * 200])
_CELLS: Final = st.sampled_from(
    [
        *("a/b", "../b", "/b", "a\0b", "", "0", "7", "-1", "1e3", "1" * 5000, "9" * 19, "\u0661", "0x1", "nan"),
        *("CC0-1.0", "original", "reencoded", "maybe", '"', "a,b", "a\nb", "\ufeff", "x" * 5000, " 7 ", "1_0"),
    ]
)


@st.composite
def csv_catalogues(draw: st.DrawFn) -> bytes:
    """Return a catalogue with the columns that it must have, and others."""
    header = ["path", "popularity", *draw(st.lists(_NAMES, max_size=4))]
    rows = [
        [f"f{number}", str(number), *draw(st.lists(_CELLS, max_size=4))] for number in range(draw(st.integers(0, 3)))
    ]
    rows += draw(st.lists(st.lists(_CELLS, max_size=6), max_size=2))
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode("utf-8", "surrogateescape")


@st.composite
def sqlite_catalogues(draw: st.DrawFn) -> bytes:
    """Return a database with a table of items, whose cells have any type."""
    cells = st.one_of(_CELLS, st.integers(-1, 2**63 - 1), st.floats(), st.binary(max_size=4), st.none())
    path = scratch() / "made.sqlite3"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute(
            f"CREATE TABLE {draw(st.sampled_from(['items', 'catalogue', 'x']))} (path, popularity, demand)"
        )
        [(table,)] = database.execute("SELECT name FROM sqlite_master").fetchall()
        for _ in range(draw(st.integers(0, _TABLE_MAX_ROWS))):
            database.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", [draw(cells), draw(cells), draw(cells)])
        database.commit()
    return path.read_bytes()


TARGETS: Final = (
    Target(
        family="collections",
        name="catalogue",
        take=decoder(_read, CollectionError),
        valid=st.one_of(csv_catalogues(), sqlite_catalogues()),
        weight=40,
        input_max_bytes=16_384,
    ),
)
