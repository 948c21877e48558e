"""Print the figures of decision record 0001.

Usage: python tests/integration/store/measure.py [FOLDER], where FOLDER is on the disk to measure.
Times are medians; the tables are filled once, so the figures belong to one machine and one run.
"""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import trio
from store_effects import announcement, batch

from mirrord.core.effects import PersistEffect, PersistSequence
from mirrord.store.database import open_database
from mirrord.store.database_file import prepare_database_file
from mirrord.store.migrations import SCHEMA_VERSION
from mirrord.store.store import DATABASE_NAME, open_store

# Run in a process of its own: prints the seconds and the bytes of memory that the last line costs.
IMPORT = """
import resource, sys, time
from pathlib import Path
{before}
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
was, start = rss(), time.perf_counter()
{measured}
print(time.perf_counter() - start, rss() - was)
"""
OPEN = """
import resource, sys, trio
from pathlib import Path
from mirrord.store.store import open_store
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
async def main():
    was = rss()
    async with open_store(Path(sys.argv[1])):
        print(rss() - was)
trio.run(main)
"""
SHARED = "import logging, sqlite3, structlog, trio, mirrord.core.stored, mirrord.core.effects"


def show(name: str, value: float, unit: str) -> None:
    print(f"{name:<72} {value:>9.2f} {unit}", flush=True)  # noqa: T201


def cost_of(before: str, measured: str) -> tuple[float, float]:
    """Return the median milliseconds and MiB of a line."""
    program = IMPORT.format(before=before, measured=measured)
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(9)
    ]
    seconds, rss_bytes = (statistics.median(float(run[column]) for run in runs) for column in (0, 1))
    return seconds * 1e3, rss_bytes / 2**20


async def time_of(repeat: int, call: Callable[[int], Awaitable[object]]) -> float:
    """Return the median milliseconds of a call."""
    times = []
    for number in range(repeat):
        start = perf_counter()
        await call(number)
        times.append(perf_counter() - start)
    return statistics.median(times) * 1e3


def imports() -> None:
    for name, before, measured in (
        ("import aiosqlite and trio_asyncio, trio and sqlite3 being there", SHARED, "import aiosqlite, trio_asyncio"),
        ("  import asyncio alone, which structlog brings in anyway", "import trio", "import asyncio"),
        ("import mirrord.store.store, the core being there", SHARED, "import mirrord.store.store"),
    ):
        milliseconds, mebibytes = cost_of(before, measured)
        show(name, milliseconds, "ms")
        show("  memory", mebibytes, "MiB")


def memory(folder: Path, name: str) -> None:
    """Show the memory of an open store, in a process of its own that has imported it already."""
    command = [sys.executable, "-c", OPEN, str(folder)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    show(name, float(out) / 2**20, "MiB")


async def small_transactions(folder: Path) -> None:
    """Compare one small transaction through aiosqlite with the same one through a trio thread."""

    async def persist_one(number: int) -> None:
        await store.persist([PersistSequence(number)])

    memory(folder, "memory of an open, empty store, on top of the import")
    async with open_store(folder) as store:
        show("one small transaction (synchronous FULL)", await time_of(300, persist_one), "ms")

    async def persist_nothing(number: int) -> None:
        await database.run(lambda transaction: transaction.fetch_all("SELECT 1"))

    async with open_database(folder / "empty", 0) as database:
        show("  of which without any change: three trips through asyncio", await time_of(300, persist_nothing), "ms")

    for synchronous in ("FULL", "NORMAL"):
        with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None, check_same_thread=False)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
            plain.execute(f"PRAGMA synchronous = {synchronous}")

            def write(number: int, connection: sqlite3.Connection = plain) -> None:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("UPDATE own_sequence SET sequence = ?", (number,))
                connection.execute("COMMIT")

            async def in_a_thread(number: int, call: Callable[[int], None] = write) -> None:
                await trio.to_thread.run_sync(call, number)

            name = f"the same in one trio.to_thread call, sqlite3 alone, {synchronous}"
            show(name, await time_of(300, in_a_thread), "ms")


async def bulk(folder: Path) -> None:
    thousands: list[list[PersistEffect]] = [
        [announcement(thousand * 1000 + n) for n in range(1000)] for thousand in range(10)
    ]

    async def persist_thousand(number: int) -> None:
        await store.persist(thousands[number])

    async def persist_batch(number: int) -> None:
        await store.persist(batch(100_000 + number))

    async with open_store(folder) as store:
        show("persist 1,000 new announcements of 1 kB, one transaction", await time_of(10, persist_thousand), "ms")
        show("persist 1,000 known announcements of 1 kB, one transaction", await time_of(10, persist_thousand), "ms")
    show("the file with 10,000 announcements of 1 kB", (folder / DATABASE_NAME).stat().st_size / 2**20, "MiB")

    async def open_and_load(number: int) -> None:
        async with open_store(folder) as store:
            assert len(store.stored.records) == 10_000

    async def check(number: int) -> None:
        await trio.to_thread.run_sync(prepare_database_file, folder / DATABASE_NAME, SCHEMA_VERSION)

    show("open, check and load 10,000 announcements of 1 kB, close", await time_of(9, open_and_load), "ms")
    show("  of which quick_check", await time_of(9, check), "ms")
    memory(folder, "memory of an open store that has loaded them")

    async with open_store(folder) as store:
        show("a batch of 6 records, 25 kB, a sequence and a shard", await time_of(100, persist_batch), "ms")


async def disk(folder: Path) -> None:
    descriptor = os.open(folder / "probe", os.O_RDWR | os.O_CREAT, 0o600)

    async def sync(number: int) -> None:
        os.pwrite(descriptor, b"x" * 4096, number * 4096)
        os.fdatasync(descriptor)

    show("write 4 KiB and fdatasync on this disk", await time_of(300, sync), "ms")
    os.close(descriptor)


async def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        for part, call in (("disk", disk), ("small", small_transactions), ("bulk", bulk)):
            folder = Path(name, part)
            folder.mkdir()  # noqa: ASYNC240
            await call(folder)


if __name__ == "__main__":
    imports()
    trio.run(main)
