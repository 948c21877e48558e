"""The database as the rest of the program sees it: whole transactions, plain errors, no leftovers."""

import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from mirrord.core.errors import StorageError
from mirrord.store.database import Database, Row, Transaction, open_database

SECONDS = 20


async def make_table(transaction: Transaction) -> None:
    await transaction.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")


async def insert(number: int, transaction: Transaction) -> None:
    await transaction.execute("INSERT INTO numbers VALUES (?)", (number,))


async def numbers(database: Database) -> list[Row]:
    return await database.run(lambda transaction: transaction.fetch_all("SELECT n FROM numbers ORDER BY n"))


def test_a_transaction_is_there_after_reopening(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                await database.run(partial(insert, 1))
            async with open_database(tmp_path / "db", 0) as database:
                assert await numbers(database) == [(1,)]

    trio.run(main)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db"]  # the log is gone after a clean end


def test_a_transaction_that_raises_changes_nothing_and_its_error_arrives_as_it_was(tmp_path: Path) -> None:
    async def insert_and_fail(transaction: Transaction) -> None:
        await insert(2, transaction)
        raise KeyError("on purpose")

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                await database.run(partial(insert, 1))
                with pytest.raises(KeyError):
                    await database.run(insert_and_fail)
                await database.run(partial(insert, 3))
                assert await numbers(database) == [(1,), (3,)]

    trio.run(main)


def test_a_refused_statement_is_a_storage_error_and_changes_nothing(tmp_path: Path) -> None:
    async def insert_twice(transaction: Transaction) -> None:
        await insert(2, transaction)
        await insert(2, transaction)

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                with pytest.raises(StorageError, match="UNIQUE constraint"):
                    await database.run(insert_twice)
                assert await numbers(database) == []

    trio.run(main)


def test_cancelling_between_statements_rolls_back_and_leaves_the_connection_usable(tmp_path: Path) -> None:
    async def insert_and_wait(inserted: trio.Event, transaction: Transaction) -> None:
        await insert(1, transaction)
        inserted.set()
        await trio.sleep_forever()

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                inserted = trio.Event()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(database.run, partial(insert_and_wait, inserted))
                    await inserted.wait()
                    nursery.cancel_scope.cancel()
                assert await numbers(database) == []
                await database.run(partial(insert, 2))
                assert await numbers(database) == [(2,)]

    trio.run(main)


def test_cancelling_inside_a_long_statement_rolls_back_and_leaves_the_connection_usable(tmp_path: Path) -> None:
    rows = [(n,) for n in range(300_000)]

    async def insert_many(started: trio.Event, transaction: Transaction) -> None:
        started.set()
        await transaction.executemany("INSERT INTO numbers VALUES (?)", rows)
        raise AssertionError("the statement was not cancelled")

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                started = trio.Event()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(database.run, partial(insert_many, started))
                    await started.wait()
                    nursery.cancel_scope.cancel()
                assert await numbers(database) == []
                await database.run(partial(insert, 2))
                assert await numbers(database) == [(2,)]

    trio.run(main)


def test_a_cancelled_caller_gets_a_whole_transaction_or_none(tmp_path: Path) -> None:
    """Cancel after every number of scheduler turns there is, from before BEGIN to after COMMIT."""

    async def turns(count: int, scope: trio.CancelScope) -> None:
        for _ in range(count):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async def main() -> None:
        outcomes = set()
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                number, count = 0, 0
                while "done" not in outcomes or count < 60:
                    number, count = number + 1, count * 5 // 4 + 1
                    returned = False
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(turns, count, nursery.cancel_scope)
                        await database.run(partial(insert, number))
                        returned = True
                    assert ((number,) in await numbers(database)) is returned
                    outcomes.add("done" if returned else "cancelled")
        assert outcomes == {"done", "cancelled"}

    trio.run(main)


def test_callers_take_turns(tmp_path: Path) -> None:
    async def read_wait_write(transaction: Transaction) -> None:
        [(highest,)] = await transaction.fetch_all("SELECT coalesce(max(n), 0) FROM numbers")
        assert isinstance(highest, int)
        await trio.lowlevel.checkpoint()
        await insert(highest + 1, transaction)

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                async with trio.open_nursery() as nursery:
                    for _ in range(20):
                        nursery.start_soon(database.run, read_wait_write)
                assert await numbers(database) == [(n,) for n in range(1, 21)]

    trio.run(main)


def test_a_task_from_before_the_database_was_opened_can_use_it(tmp_path: Path) -> None:
    async def wait_and_insert(opened: trio.Event, finished: trio.Event, holder: list[Database]) -> None:
        await opened.wait()
        await holder[0].run(partial(insert, 1))
        finished.set()

    async def main() -> None:
        opened, finished, holder = trio.Event(), trio.Event(), list[Database]()
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait_and_insert, opened, finished, holder)
                await trio.testing.wait_all_tasks_blocked()
                async with open_database(tmp_path / "db", 0) as database:
                    await database.run(make_table)
                    holder.append(database)
                    opened.set()
                    await finished.wait()
                    assert await numbers(database) == [(1,)]

    trio.run(main)


def test_what_the_body_raises_leaves_as_it_was(tmp_path: Path) -> None:
    error = LookupError("on purpose")

    async def main() -> None:
        async with open_database(tmp_path / "db", 0):
            raise error

    with pytest.raises(LookupError) as caught:
        trio.run(main)
    assert caught.value is error


def test_a_cancellation_from_outside_ends_at_its_own_scope(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS), trio.CancelScope() as scope:
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(make_table)
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught

    trio.run(main)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db"]  # closed, not abandoned


def test_a_transaction_kept_past_its_end_is_refused(tmp_path: Path) -> None:
    kept = list[Transaction]()

    async def keep(transaction: Transaction) -> None:
        kept.append(transaction)

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                await database.run(keep)
                with pytest.raises(AssertionError, match="after its end"):
                    await kept[0].execute("CREATE TABLE late (x)")

    trio.run(main)


def test_a_closed_database_refuses_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                pass
            with pytest.raises(StorageError, match="closed"):
                await database.run(make_table)

    trio.run(main)


def test_two_opens_of_one_file_wait_for_each_other_and_then_say_who_is_in_the_way(tmp_path: Path) -> None:
    async def hold(holding: trio.Event, transaction: Transaction) -> None:
        await insert(1, transaction)
        holding.set()
        await trio.sleep_forever()

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as first, open_database(tmp_path / "db", 0) as second:
                await first.run(make_table)
                await second.run(partial(insert, 7))
                assert await numbers(first) == [(7,)]
                holding = trio.Event()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(first.run, partial(hold, holding))
                    await holding.wait()
                    with pytest.raises(StorageError, match="locked by another program"):
                        await second.run(partial(insert, 8))
                    nursery.cancel_scope.cancel()
                await second.run(partial(insert, 9))
                assert await numbers(first) == [(7,), (9,)]

    trio.run(main)


def test_each_commit_is_synced_and_references_are_enforced(tmp_path: Path) -> None:
    async def pragmas(transaction: Transaction) -> list[Row]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "application_id")
        return [(await transaction.fetch_all(f"PRAGMA {name}"))[0] for name in names]

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(tmp_path / "db", 0) as database:
                full = 2
                assert await database.run(pragmas) == [("wal",), (full,), (1,), (2000,), (0x6D697272,)]

    trio.run(main)


def test_the_file_is_its_owners_alone_and_is_found_behind_a_link_with_an_odd_name(tmp_path: Path) -> None:
    odd = tmp_path / "100% näme?mode=memory#x"
    odd.mkdir()
    link = tmp_path / "link"
    link.symlink_to(odd / "db")

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with open_database(link, 0) as database:
                await database.run(make_table)
                modes = {path.name: path.stat().st_mode & 0o777 for path in odd.iterdir()}
                assert modes == {"db": 0o600, "db-wal": 0o600, "db-shm": 0o600}

    trio.run(main)
    with closing(sqlite3.connect(odd / "db")) as connection:
        assert connection.execute("SELECT count(*) FROM numbers").fetchall() == [(0,)]


def test_cancelling_while_it_opens_or_closes_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancel after every number of scheduler turns there is, from before the file is made to after the close."""
    before = set(threading.enumerate())
    died = list[object]()
    monkeypatch.setattr(threading, "excepthook", died.append)

    async def turns(count: int, scope: trio.CancelScope) -> None:
        for _ in range(count):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async def main() -> None:
        outcomes = set()
        count = 0
        with trio.fail_after(SECONDS):
            while "done" not in outcomes or count < 200:
                count = count * 5 // 4 + 1
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(turns, count, nursery.cancel_scope)
                    async with open_database(tmp_path / "db", 0) as database:
                        await numbers_of_tables(database)
                    outcomes.add("done")
                outcomes.add("ended")

    async def numbers_of_tables(database: Database) -> None:
        await database.run(lambda transaction: transaction.fetch_all("SELECT count(*) FROM sqlite_schema"))

    trio.run(main)
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:  # trio's own threads are, aiosqlite's are not
            thread.join(SECONDS)
            assert not thread.is_alive(), f"{thread} keeps the process alive"
    assert died == []
