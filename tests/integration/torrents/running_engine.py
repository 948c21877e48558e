"""Real engines on loopback for the tests of this folder, and real shards for them to move."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio

from mirrord.core.effects import AddSwarmMembers, CheckShard, FetchShard, RemoveShard, SeedShard
from mirrord.core.events import Event, FetchFailed, HoldingVerified
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex, ShardKey
from mirrord.torrents.builder import BuiltTorrent, ShardFile, build_torrent
from mirrord.torrents.engine import EngineSettings, EngineStatistics, ShardTransfer, collection_folder
from mirrord.torrents.libtorrent_engine import LibtorrentEngine

COLLECTION = CollectionId(bytes(range(32)))
PIECE = 32 * 1024
WAIT_SECONDS = 60.0

E = TypeVar("E")


def key_of(index: int, collection: CollectionId = COLLECTION) -> ShardKey:
    return ShardKey(collection, ShardIndex(index))


@dataclass(frozen=True)
class MadeShard:
    """A shard whose files lie in ``source``."""

    key: ShardKey
    name: str
    source: Path
    files: tuple[ShardFile, ...]
    built: BuiltTorrent

    @property
    def sha256(self) -> Sha256:
        return self.built.sha256

    def fetch(self, *members: "Member") -> FetchShard:
        return FetchShard(self.key, self.name, self.sha256, tuple(member.address for member in members))

    def seed(self) -> SeedShard:
        return SeedShard(self.key, self.name, self.sha256)

    def check(self) -> CheckShard:
        return CheckShard(self.key, self.name, self.sha256)

    def remove(self, *, delete_files: bool) -> RemoveShard:
        return RemoveShard(self.key, self.name, self.sha256, delete_files)

    def more(self, *members: "Member") -> AddSwarmMembers:
        return self.more_at(*(member.address for member in members))

    def more_at(self, *addresses: Address) -> AddSwarmMembers:
        return AddSwarmMembers(self.key, addresses)

    def content(self, folder: Path) -> dict[str, bytes]:
        """Return the shard's files as they are in ``folder``."""
        return {file.path: (folder / file.path).read_bytes() for file in self.files}


def make_shard(source: Path, sizes: dict[str, int], *, index: int = 0, piece_bytes: int = PIECE) -> MadeShard:
    """Write files of noise, and build a shard of them."""
    noise = random.Random(index)
    for path, size in sizes.items():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(noise.randbytes(size))
    files = tuple(ShardFile(path, size) for path, size in sizes.items())
    name = f"shard {index}"
    return MadeShard(key_of(index), name, source, files, build_torrent(name, files, source, piece_bytes=piece_bytes))


@dataclass
class Member:
    """A running engine, what it has told, and its folder."""

    engine: LibtorrentEngine
    folder: Path
    torrents: dict[Sha256, bytes]
    events: list[Event] = field(default_factory=list)
    deaf: bool = False
    cancel: Callable[[], None] = lambda: None
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.engine.listening_port)

    def folder_of(self, shard: MadeShard) -> Path:
        return collection_folder(self.folder / "data", shard.key.collection) / shard.name

    def place(self, shard: MadeShard) -> None:
        """Link the shard's files into the data folder, as an operator does who has them already."""
        where = self.folder_of(shard)
        if where.is_symlink():
            return
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(shard.source)

    def know(self, shard: MadeShard) -> None:
        """Store a shard's .torrent."""
        self.torrents[shard.sha256] = shard.built.torrent

    async def read_torrent(self, sha256: Sha256) -> bytes | None:
        return self.torrents.get(sha256)

    async def emit(self, event: Event) -> None:
        if self.deaf:
            await trio.sleep_forever()
        self.events.append(event)
        self._news.set()
        self._news = trio.Event()

    async def wait_for(self, kind: type[E], *, after: int = 0, where: Callable[[E], bool] = lambda _event: True) -> E:
        """Wait for an event of a kind that comes behind the first ``after`` events."""
        with trio.move_on_after(WAIT_SECONDS):
            while True:
                for event in self.events[after:]:
                    if isinstance(event, kind) and where(event):
                        return event
                    if isinstance(event, FetchFailed) and kind is not FetchFailed:
                        raise AssertionError(event)
                await self._news.wait()
        raise AssertionError(f"no {kind.__name__} within {WAIT_SECONDS} s among {self.events[after:]}")

    async def do(self, effect: Any) -> int:
        """Carry out an effect; return how many events there were before it."""
        before = len(self.events)
        await self.engine.carry_out(effect)
        return before

    async def wait_for_any(self, *kinds: type[Event], after: int = 0) -> Event:
        """Wait for the first event of some kinds."""
        with trio.fail_after(WAIT_SECONDS):
            while True:
                for event in self.events[after:]:
                    if isinstance(event, kinds):
                        return event
                await self._news.wait()

    async def until_verified(self, effect: Any) -> None:
        after = await self.do(effect)
        await self.wait_for(HoldingVerified, after=after)

    def transfer(self, shard: MadeShard) -> ShardTransfer:
        (found,) = [line for line in self.engine.statistics().shards if line.shard == shard.key]
        return found

    async def wait_until(self, is_so: Callable[[EngineStatistics], bool]) -> EngineStatistics:
        """Wait for what no event tells, but the statistics show."""
        with trio.fail_after(WAIT_SECONDS):
            while not is_so(statistics := await self.engine.wait_for_statistics()):
                pass
        return statistics


@asynccontextmanager
async def member(folder: Path, *shards: MadeShard, **settings: Any) -> AsyncIterator[Member]:
    """Run an engine that has the .torrents of some shards; it is stopped cleanly at the end."""
    torrents = {shard.sha256: shard.built.torrent for shard in shards}

    async def read_torrent(sha256: Sha256) -> bytes | None:
        return torrents.get(sha256)

    found: Member

    async def emit(event: Event) -> None:
        await found.emit(event)

    make_folders(folder)
    engine = LibtorrentEngine(loopback_settings(folder, **settings), read_torrent, emit)
    found = Member(engine, folder, torrents)
    async with trio.open_nursery() as nursery:
        found.cancel = nursery.cancel_scope.cancel
        await nursery.start(engine.run)
        yield found
        with trio.fail_after(8):
            await engine.stop()


def make_folders(folder: Path) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)


def loopback_settings(folder: Path, **settings: Any) -> EngineSettings:
    chosen = {
        "resume_folder": folder / "resume",
        "listen_interfaces": "127.0.0.1:0",
        "enable_utp": False,
        "reconnect_seconds": 1,
        **settings,
    }
    return EngineSettings(folder / "data", **chosen)


@asynccontextmanager
async def origin(folder: Path, *shards: MadeShard, **settings: Any) -> AsyncIterator[Member]:
    """Run an engine that seeds shards which it has linked in and read."""
    async with member(folder, *shards, **settings) as found:
        for shard in shards:
            found.place(shard)
            await found.until_verified(shard.check())
            found.events.clear()
        yield found


def flip_byte(path: Path, position: int) -> None:
    """Change one byte of a file, without changing its size."""
    with path.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1]))
