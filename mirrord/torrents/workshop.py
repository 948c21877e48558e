"""What the workers of one engine share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from mirrord.core.errors import EngineError
from mirrord.core.events import Event
from mirrord.core.records.ids import Sha256, ShardKey
from mirrord.torrents.alerts import TorrentId
from mirrord.torrents.engine import collection_folder
from mirrord.torrents.resume import ResumeFolder
from mirrord.torrents.session import Session
from mirrord.torrents.torrent_file import LoadedTorrent, is_plain_name, load_torrent

_READS_AT_ONCE: Final = 2
"""Shards read from end to end at a time: more would only make one disk seek."""

_LOADS_AT_ONCE: Final = 2
"""Torrents parsed at a time: one may take 32 MiB, and thousands are added at a start."""


@dataclass(slots=True)
class Workshop:
    """The session, the folders and the bounds.  ``owners`` says which shard a torrent in the session is."""

    session: Session
    data_folder: Path
    resume: ResumeFolder
    read_torrent: Callable[[Sha256], Awaitable[bytes | None]]
    emit: Callable[[Event], Awaitable[None]]
    owners: dict[TorrentId, ShardKey] = field(default_factory=dict)
    reads: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_READS_AT_ONCE))
    loads: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(_LOADS_AT_ONCE))
    fetching_paused: bool = False
    full_disk: str = ""
    """What failed for want of room since fetching was last resumed; empty where nothing did."""

    def folder_of(self, key: ShardKey, name: str) -> Path:
        """Return a shard's folder; a name that would lead elsewhere is an :class:`EngineError`."""
        if not is_plain_name(name):
            raise EngineError(
                f"the shard's name {name[:80]!r} is not the name of a folder", "the curator has to mend it"
            )
        return collection_folder(self.data_folder, key.collection) / name

    async def load(self, sha256: Sha256, name: str) -> LoadedTorrent:
        """Read and parse a shard's .torrent, and check that it is of the folder that it should be of."""
        async with self.loads:
            data = await self.read_torrent(sha256)
            if data is None:
                raise EngineError("the shard's .torrent is not stored here", "it has to be fetched from a peer first")
            loaded = await trio.to_thread.run_sync(load_torrent, data)
        if loaded.info.name != name:
            raise EngineError(
                f"the torrent is called {loaded.info.name!r} and the shard {name!r}", "the curator has to mend it"
            )
        return loaded

    def claim(self, torrent: TorrentId, key: ShardKey) -> None:
        """Note whose a torrent is; the same torrent for a second shard is an :class:`EngineError`."""
        owner = self.owners.setdefault(torrent, key)
        if owner != key:
            raise EngineError("another shard of this node is the very same torrent", "hold it for one collection only")
