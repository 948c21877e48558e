"""What an earlier run left on disk, and a failing disk or somebody with an editor changed."""

import sqlite3
import struct
from collections.abc import Coroutine
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from hypothesis import strategies as st

from mirrord.core.announcing import NodeSettings
from mirrord.core.effects import ShardState
from mirrord.core.errors import ConfigError, StorageError
from mirrord.core.node import Node
from mirrord.core.records.ids import ShardIndex, ShardKey
from mirrord.core.stored import Stored
from mirrord.core.timing import DEMO
from mirrord.store.database import Parameters, Row, Transaction, Value
from mirrord.store.database_file import prepare_database_file
from mirrord.store.loading import load_stored
from mirrord.store.migrations import SCHEMA_VERSION
from mirrord.torrents.alerts import TorrentId
from mirrord.torrents.resume import ResumeFolder
from tests.fuzz.config_targets import put, scratch
from tests.fuzz.hostile import envelopes
from tests.fuzz.target import Target, decoder
from tests.unit.core.making import COLLECTION, NOW, signing_key

T = TypeVar("T")
_TABLES: Final = ("own_sequence", "bootstrap_addresses", "records", "collections", "shards", "peers")
_KEY: Final = ShardKey(COLLECTION, ShardIndex(7))
_TORRENT: Final = TorrentId(b"t" * 20)
_PIECES: Final = 20


class FuzzedRows(Transaction):
    """Answers each query with the rows of its table, as many columns as are asked for."""

    def __init__(self, tables: dict[str, list[Row]]) -> None:
        self._tables = tables

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        columns, _, rest = sql.removeprefix("SELECT ").partition(" FROM ")
        width = columns.count(",") + 1
        return [(*row, *(None,) * width)[:width] for row in self._tables.get(rest.split()[0], [])]


def read_rows(data: bytes) -> dict[str, list[Row]]:
    """Read rows: a table, how many values, then each by its tag: a number, a fraction, bytes, a text or nothing."""
    tables: dict[str, list[Row]] = {}
    while len(data) >= 2:
        table, count = _TABLES[data[0] % len(_TABLES)], data[1] % 8
        values, data = _read_values(data[2:], count)
        tables.setdefault(table, []).append(tuple(values))
    return tables


def _read_values(data: bytes, count: int) -> tuple[list[Value], bytes]:
    values: list[Value] = []
    for _ in range(count):
        tag, size, data = data[:1], int.from_bytes(data[1:2]), data[2:]
        raw, data = data[:size], data[size:]
        match tag:
            case b"i":
                values.append(int.from_bytes(raw[:8], signed=True))
            case b"f":
                values.append(struct.unpack("d", raw[:8].ljust(8, b"\0"))[0])
            case b"t":
                values.append(raw.decode("utf-8", "replace"))
            case b"b":
                values.append(raw)
            case _:
                values.append(None)
    return values, data


def write_rows(rows: list[tuple[str, Row]]) -> bytes:
    """Write rows as :func:`read_rows` reads them; bytes and texts of 255 at most."""
    out = bytearray()
    for table, row in rows:
        out += bytes([_TABLES.index(table), len(row)])
        for value in row:
            match value:
                case int():
                    out += b"i\x08" + value.to_bytes(8, signed=True)
                case bytes():
                    out += b"b" + bytes([min(255, len(value))]) + value[:255]
                case str():
                    raw = value.encode()[:255]
                    out += b"t" + bytes([len(raw)]) + raw
                case _:
                    out += b"-\0"
    return bytes(out)


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, without a loop."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("it waited")


def _begin(data: bytes) -> Stored:
    """Load the rows, and let a node begin its life with what they say: the core, too, must take it."""
    stored = _finished(load_stored(Path("fuzzed"), FuzzedRows(read_rows(data))))
    Node(signing_key(0), NodeSettings(DEMO, 10**9), stored, {}).start(NOW)
    return stored


@cache
def _database() -> bytes:
    """Return a small database of ours, as bytes."""
    path = scratch() / "fresh.sqlite3"
    path.unlink(missing_ok=True)
    prepare_database_file(path, SCHEMA_VERSION)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("CREATE TABLE peers (host TEXT)")
        connection.commit()
    return path.read_bytes()


def _open_database(data: bytes) -> Path:
    return prepare_database_file(put("fuzzed.sqlite3", data), SCHEMA_VERSION)


def _take_resume(data: bytes) -> bool:
    """A remembered list of pieces is whole and about this very torrent, or nothing is believed."""
    resume = ResumeFolder(scratch() / "resume")
    resume.write(_KEY, _TORRENT, [True] * _PIECES)
    [path] = (scratch() / "resume").glob("*.pieces")
    path.write_bytes(data or path.read_bytes())
    pieces = resume.take(_KEY, _TORRENT, _PIECES)
    assert pieces is None or len(pieces) == _PIECES
    assert not path.exists()
    return pieces is not None


def _resume_file() -> bytes:
    resume = ResumeFolder(scratch() / "resume")
    resume.write(_KEY, _TORRENT, [True, False] * (_PIECES // 2))
    [path] = (scratch() / "resume").glob("*.pieces")
    return path.read_bytes()


_KEYS: Final = st.sampled_from([COLLECTION, bytes(32), b"short"])
_NUMBERS: Final = st.one_of(st.integers(0, 5), st.integers(-(2**63), 2**63 - 1))
_ROWS: Final = st.one_of(
    st.tuples(st.just("own_sequence"), st.tuples(_NUMBERS)),
    st.tuples(st.just("records"), st.tuples(st.integers(0, 5), _KEYS, _NUMBERS, envelopes())),
    st.tuples(st.just("bootstrap_addresses"), st.tuples(_KEYS, st.just("192.0.2.1"), _NUMBERS)),
    st.tuples(st.just("collections"), st.tuples(_KEYS, _NUMBERS, _NUMBERS, st.integers(0, 1))),
    st.tuples(st.just("shards"), st.tuples(_KEYS, _NUMBERS, st.sampled_from([*ShardState, "x"]), _NUMBERS)),
    st.tuples(st.just("peers"), st.tuples(st.just("::1"), st.integers(0, 70_000), _KEYS, _NUMBERS, _NUMBERS)),
)

TARGETS: Final = (
    Target(
        family="store",
        name="rows",
        take=decoder(_begin, StorageError),
        valid=st.lists(_ROWS, max_size=4).map(write_rows),
        weight=150,
    ),
    Target(
        family="store",
        name="database-file",
        take=decoder(_open_database, (StorageError, ConfigError)),
        valid=st.builds(_database),
        weight=60,
        input_max_bytes=16_384,
    ),
    Target(
        family="store",
        name="resume-file",
        take=_take_resume,
        valid=st.builds(_resume_file),
        weight=20,
    ),
)
