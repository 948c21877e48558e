"""Persist batch after batch, and print the number of each one once it is acknowledged.

Usage: persist_forever.py FOLDER.  Goes on behind what the folder holds.  Meant to be killed.
"""

import sys
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from store_effects import batch

from mirrord.store.store import open_store


async def main(folder: Path) -> None:
    print("opening", flush=True)  # noqa: T201
    async with open_store(folder) as store:
        number = store.stored.sequence
        while True:
            await store.persist(batch(number))
            number += 1
            print(number, flush=True)  # noqa: T201


trio.run(main, Path(sys.argv[1]))
