"""A process that fetches one shard, prints what happens as JSON lines, and may be killed at any moment.

Arguments: its folder, the .torrent, the shard's name, the port to fetch from, and a rate limit.  With a
limit it waits to be killed; with 0 it ends when the shard is verified.
"""

import hashlib
import json
import sys
from pathlib import Path

import trio

from mirrord.core.effects import FetchShard
from mirrord.core.events import Event, FetchProgressed, HoldingVerified
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex, ShardKey
from mirrord.torrents.engine import EngineSettings
from mirrord.torrents.libtorrent_engine import LibtorrentEngine


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201


async def fetch(folder: Path, torrent: bytes, name: str, port: int, rate: int) -> None:
    verified = trio.Event()
    key = ShardKey(CollectionId(bytes(range(32))), ShardIndex(0))
    sha256 = Sha256(hashlib.sha256(torrent).digest())

    async def emit(event: Event) -> None:
        match event:
            case FetchProgressed(bytes_done=done):
                say(progress=done)
            case HoldingVerified():
                verified.set()
            case _:
                say(strange=repr(event))

    async def read_torrent(_sha256: Sha256) -> bytes:
        return torrent

    settings = EngineSettings(
        folder / "data",
        folder / "resume",
        listen_interfaces="127.0.0.1:0",
        enable_utp=False,
        download_rate_limit=rate,
        reconnect_seconds=1,
    )
    engine = LibtorrentEngine(settings, read_torrent, emit)
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        await engine.carry_out(FetchShard(key, name, sha256, (Address("127.0.0.1", port),)))
        await verified.wait()
        statistics = await engine.wait_for_statistics()
        say(verified=True, downloaded=statistics.downloaded_payload_bytes)
        if rate:
            await trio.sleep_forever()  # whoever limits the rate wants to kill it
        await engine.stop()


if __name__ == "__main__":
    trio.run(fetch, Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
