"""Write blob after blob, and print the hash of each one once it is stored.

Usage: write_blobs_forever.py FOLDER.  Meant to be killed.
"""

import hashlib
import os
import sys
from pathlib import Path

import trio

from mirrord.core.records.ids import Sha256
from mirrord.store.blobs import open_blobs


async def main(folder: Path) -> None:
    blobs = open_blobs(folder)
    print("opening", flush=True)  # noqa: T201
    while True:
        data = os.urandom(300_000)
        sha256 = Sha256(hashlib.sha256(data).digest())
        await blobs.write_blob(sha256, data)
        print(sha256.hex(), flush=True)  # noqa: T201


trio.run(main, Path(sys.argv[1]))
