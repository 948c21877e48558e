"""Open a database and leave it in the way that is named; the process must end by itself.

Usage: leave.py WAY FILE
"""

import os
import signal
import sys
from pathlib import Path

import trio

from mirrord.core.errors import MirrordError
from mirrord.store.database import Transaction, open_database
from mirrord.store.migrations import SCHEMA_VERSION, migrate


async def work_without_end(transaction: Transaction) -> None:
    await transaction.execute("CREATE TABLE never (x)")
    print("in the transaction", flush=True)  # noqa: T201
    await trio.sleep_forever()


async def main(way: str, path: Path) -> None:
    async with open_database(path, SCHEMA_VERSION) as database:
        await migrate(database)
        match way:
            case "normally":
                pass
            case "with an exception":
                raise RuntimeError("on purpose")
            case "cancelled":
                with trio.move_on_after(0.05):
                    await trio.sleep_forever()
                with trio.CancelScope() as scope:
                    scope.cancel()
                    async with open_database(path, SCHEMA_VERSION):
                        await trio.sleep_forever()
            case "cancelled inside a transaction":
                with trio.move_on_after(0.05):
                    await database.run(work_without_end)
            case "by control-C":
                os.kill(os.getpid(), signal.SIGINT)
                await database.run(work_without_end)
            case "with a wrong statement":
                await database.run(lambda transaction: transaction.execute("SELECT nonsense"))
            case "by sys.exit":
                sys.exit(7)
            case _:
                raise AssertionError(way)
    print("left", flush=True)  # noqa: T201


try:
    trio.run(main, sys.argv[1], Path(sys.argv[2]))
except MirrordError as error:
    sys.exit(f"{error.message} | {error.hint}")
