"""One SQLite database, one transaction a call.

This is the only file that knows aiosqlite, trio_asyncio and asyncio; the rest of the program sees
:class:`Database` and :class:`Transaction`, which are plain trio.  The file knows no table either.

How it holds together:

- aiosqlite runs every call, first come first served, in one thread of its own.  That thread is
  not a daemon thread: a connection that is not closed keeps the process alive.  So connecting and
  closing are shielded from cancellation, and closing is on every path.
- A cancelled call ends for its caller at once, but runs to its end in the thread.  The rollback
  queues up behind it, shielded, so the connection is at rest when the caller goes on.
- COMMIT is shielded: either :meth:`Database.run` returns and the change is on disk, or it raises
  and nothing is.
- ``trio_asyncio.open_loop`` is a nursery, and wraps what leaves it in exception groups.  Nothing
  leaves it here: a failure is carried across and raised outside, as it was.

Why aiosqlite, and at what price: ``docs/decisions/0001-sqlite-through-aiosqlite.md``.
"""

import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite
import trio
import trio_asyncio  # type: ignore[import-untyped]

from mirrord.core.errors import StorageError
from mirrord.store.database_file import address_of, prepare_database_file, sqlite_error

Value = int | float | str | bytes | None
Row = tuple[Value, ...]
Parameters = Sequence[Value]
T = TypeVar("T")

BUSY_TIMEOUT_SECONDS: Final = 2.0
"""How long a transaction waits for another program's lock; the folder's lock makes that rare."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    # FULL syncs the log at each commit, NORMAL only now and then.  We persist before we promise.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 16777216",
)


class _Connection:
    """aiosqlite as trio sees it: every call waits in trio, and every refusal is a StorageError."""

    def __init__(self, path: Path, loop: Any) -> None:
        self.path = path
        # Kept, and not looked up: a task that was there before the loop has no current loop.
        self._loop = loop
        self._aio: aiosqlite.Connection | None = None

    async def connect(self) -> None:
        async def connect() -> aiosqlite.Connection:
            address = address_of(self.path, "mode=rw")
            return await aiosqlite.connect(address, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)

        self._aio = await self._call(connect)

    async def close(self) -> None:
        aio, self._aio = self._aio, None
        if aio is not None:
            await self._call(aio.close)

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        rows: list[Row] = await self._call(self._open().execute_fetchall, sql, parameters)
        return rows

    async def executemany(self, sql: str, rows: Sequence[Parameters]) -> None:
        await self._call(self._open().executemany, sql, rows)

    async def rollback(self) -> None:
        """Undo the open transaction, if SQLite has not done that already."""
        if self._aio is not None:
            await self._call(self._aio.rollback)

    def _open(self) -> aiosqlite.Connection:
        if self._aio is None:
            raise StorageError(f"{self.path} is closed: mirrord is stopping")
        return self._aio

    async def _call(self, call: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        try:
            return await trio_asyncio.aio_as_trio(call, loop=self._loop)(*arguments)
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise  # our own bug
        except sqlite3.Error as error:
            raise sqlite_error(self.path, error) from error


class Transaction:
    """What the function given to :meth:`Database.run` may do, until it returns.

    Each call is one trip to the database's thread, so a thousand rows belong in one
    :meth:`executemany`.
    """

    def __init__(self, connection: _Connection) -> None:
        self._connection: _Connection | None = connection

    async def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """Run one statement and drop what it returns."""
        await self._in_time().fetch_all(sql, parameters)

    async def executemany(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement that returns nothing, once for each of ``rows``."""
        await self._in_time().executemany(sql, rows)

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run one query and return all its rows; the caller bounds them."""
        return await self._in_time().fetch_all(sql, parameters)

    def end(self) -> None:
        """Refuse every later call, which would land in somebody else's transaction."""
        self._connection = None

    def _in_time(self) -> _Connection:
        assert self._connection is not None, "a transaction was used after its end"
        return self._connection


class Database:
    """An open database; :func:`open_database` makes and closes it."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._turn = trio.Lock()

    @property
    def path(self) -> Path:
        """Where the file is, for error messages."""
        return self._connection.path

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run ``work`` as one transaction, after those that were asked for before.

        When this returns, the change is on disk.  When it raises (``work``'s own error, a
        :class:`StorageError`, or a cancellation), nothing has changed, and the next call finds a
        usable connection.  ``work`` must not wait for other tasks, nor call ``run``.
        """
        async with self._turn:
            transaction = Transaction(self._connection)
            try:
                await transaction.execute("BEGIN IMMEDIATE")
                result = await work(transaction)
                with trio.CancelScope(shield=True):
                    await transaction.execute("COMMIT")
            except BaseException:
                with trio.CancelScope(shield=True):
                    await self._connection.rollback()
                raise
            finally:
                transaction.end()
        return result


@asynccontextmanager
async def open_database(path: Path, newest_version: int) -> AsyncIterator[Database]:
    """Open the database at ``path``, making it first where there is none, and close it at the end.

    ``newest_version`` is the highest ``user_version`` that the caller understands.  Raises
    :class:`ConfigError` or :class:`StorageError` before anything is changed where the file is
    torn, not ours or too new.  The caller holds the folder's lock.
    """
    path = await trio.to_thread.run_sync(prepare_database_file, path, newest_version)
    # At DEBUG, aiosqlite prints the parameters of every statement: a megabyte a transaction.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    failure: BaseException | None = None
    async with trio_asyncio.open_loop() as loop:
        try:
            async with _connected(_Connection(path, loop)) as connection:
                yield Database(connection)
        except BaseException as error:
            # A cancellation is carried across too: the scope that it belongs to is outside.
            failure = error
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # it refers to this frame, which refers to it


@asynccontextmanager
async def _connected(connection: _Connection) -> AsyncIterator[_Connection]:
    with trio.CancelScope(shield=True):
        await connection.connect()
    try:
        for pragma in _PRAGMAS:
            await connection.fetch_all(pragma)
        yield connection
    finally:
        with trio.CancelScope(shield=True):
            await connection.close()
