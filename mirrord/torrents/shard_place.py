"""A shard's place in the session: the torrent, its files and its swarm members, and the steps with them.

What the steps are for, and in which order they come, is said in :mod:`mirrord.torrents.shard_worker`.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

import libtorrent as lt
import trio

from mirrord.core.effects import RemoveShard
from mirrord.core.events import FetchProgressed
from mirrord.core.records.ids import Address, ShardKey
from mirrord.torrents.alerts import Activity, TorrentId
from mirrord.torrents.disk import Survey, cut_to_size, refuse_dead_link, settle, survey
from mirrord.torrents.engine import ShardTransfer, TransferState
from mirrord.torrents.live_torrent import LiveTorrent
from mirrord.torrents.orders import TorrentOrder
from mirrord.torrents.session import connect_member, revive, set_downloading
from mirrord.torrents.session_settings import TORRENT_FLAGS
from mirrord.torrents.torrent_file import LoadedTorrent
from mirrord.torrents.workshop import Workshop

MEMBERS_MAX: Final = 256
"""Swarm members remembered for one shard; libtorrent connects to far fewer."""


class ShardPlace:
    """One shard in, or out of, the session.  Only the shard's worker changes it."""

    def __init__(self, key: ShardKey, shop: Workshop) -> None:
        self.key = key
        self.state = TransferState.WAITING
        self.live: LiveTorrent | None = None
        self._shop = shop
        self._members: dict[Address, None] = {}
        self._seen_bytes = self._reported_bytes = -1

    # --- at any time, never waiting --------------------------------------------------------------

    def add_members(self, members: tuple[Address, ...]) -> None:
        """Remember swarm members and connect to them; one that is known already is tried again."""
        for member in members:
            if not _is_endpoint(member):
                continue  # a stranger's announcement; nothing can listen there
            self._members.pop(member, None)
            self._members[member] = None
            if self._handle is not None:
                connect_member(self._handle, member)
        while len(self._members) > MEMBERS_MAX:
            del self._members[next(iter(self._members))]

    def download(self) -> None:
        """Let the torrent fetch, unless fetching is paused, from every member that is known."""
        handle = self._handle
        assert handle is not None
        self.state = TransferState.FETCHING
        revive(handle)
        set_downloading(handle, not self._shop.fetching_paused)
        for member in self._members:
            connect_member(handle, member)

    def pause_downloading(self) -> None:
        """Stop downloading, go on uploading."""
        if self.state is TransferState.FETCHING and self._handle is not None:
            set_downloading(self._handle, False)

    def progress(self) -> FetchProgressed | None:
        """Return how far a fetch had come at the last call, where that has changed since the one before.

        libtorrent counts a piece when its hash is right, and writes it a moment later (measured:
        a kill in between loses it).  By the next tick what was counted is on its way to the disk.
        """
        live = self.live
        if live is None or self.state is not TransferState.FETCHING or live.status.activity is Activity.CHECKING:
            return None
        written, self._seen_bytes = self._seen_bytes, live.status.bytes_done
        if written in (-1, self._reported_bytes):
            return None
        self._reported_bytes = written
        return FetchProgressed(self.key, written, live.payload_bytes)

    def half_fetched(self) -> tuple[TorrentId, lt.torrent_handle] | None:
        """Return the torrent whose pieces are worth remembering over a stop."""
        live = self.live
        if live is None or live.handle is None or self.state is not TransferState.FETCHING:
            return None
        if not live.is_reliable or live.status.activity is Activity.CHECKING:
            return None
        return live.torrent, live.handle

    def transfer(self) -> ShardTransfer:
        """Return this shard's line in the statistics."""
        if self.live is None:
            return ShardTransfer(self.key, self.state, 0, 0, 0, 0, 0)
        status = self.live.status
        return ShardTransfer(
            self.key,
            self.state,
            status.bytes_done,
            self.live.payload_bytes,
            status.members,
            status.download_rate,
            status.upload_rate,
        )

    # --- steps -----------------------------------------------------------------------------------

    async def load(self, order: TorrentOrder | RemoveShard) -> LoadedTorrent:
        """Read and parse the shard's .torrent."""
        return await self._shop.load(order.torrent_sha256, order.name)

    async def look(self, loaded: LoadedTorrent) -> Survey:
        """Compare the names and sizes on disk with the torrent."""
        return await trio.to_thread.run_sync(survey, self._folder(loaded), loaded.info)

    async def enter(self, loaded: LoadedTorrent, flags: int = 0) -> LiveTorrent:
        """Add the torrent so that it fetches nothing yet, and wait for what libtorrent makes of its files."""
        folder = self._folder(loaded)
        await trio.to_thread.run_sync(refuse_dead_link, folder)
        self._shop.claim(loaded.torrent, self.key)
        params = loaded.params
        params.save_path = str(folder.parent)
        params.flags = TORRENT_FLAGS | lt.torrent_flags.upload_mode | flags
        self.live = LiveTorrent(loaded.torrent, loaded.info)
        self._seen_bytes = self._reported_bytes = -1
        self._shop.session.add(params)
        await self.live.wait_until_checked()
        return self.live

    async def enter_by_reading(self, loaded: LoadedTorrent) -> LiveTorrent:
        """Add the torrent and believe the disk alone: every byte that is there is read."""
        async with self._shop.reads:
            self.state = TransferState.CHECKING
            await self._settle(loaded)
            return await self.enter(loaded)

    async def enter_to_fetch(self, order: TorrentOrder) -> bool:
        """Add the torrent with what is there; return whether all of that has been read, nothing just believed."""
        loaded = await self.load(order)
        found = await self.look(loaded)
        await trio.to_thread.run_sync(cut_to_size, self._folder(loaded), found.too_long)
        pieces = await trio.to_thread.run_sync(self._shop.resume.take, self.key, loaded.torrent, loaded.info.pieces)
        if pieces is not None:
            loaded.params.have_pieces = pieces
            await self.enter(loaded)
        elif found.any_file:
            await self.enter_by_reading(loaded)
        else:
            await self.enter(loaded)
        return pieces is None

    async def read_all(self, order: TorrentOrder) -> LiveTorrent:
        """Read every piece back from the disk, while nothing is fetched."""
        live = self.live
        assert live is not None
        self.state = TransferState.WAITING
        async with self._shop.reads:
            self.state = TransferState.CHECKING
            handle = await live.wait_until_added()
            set_downloading(handle, False)
            revive(handle)
            await live.flush()
            loaded = await self.load(order)
            await self._settle(loaded)
            await live.read_again()
        return await self._enter_again(loaded, live) if live.bad_pieces else live

    async def _enter_again(self, loaded: LoadedTorrent, live: LiveTorrent) -> LiveTorrent:
        """Add a torrent anew that was whole and is not any more, with the pieces that have just been read.

        **Measured**, libtorrent 2.1.1: otherwise it never again calls a member that it knows to be
        whole, because it counts its candidates as the finished torrent that it was.
        """
        loaded.params.have_pieces = await live.ask_for_pieces()
        await self.leave()
        return await self.enter(loaded)

    async def leave(self) -> None:
        """Take the torrent out of the session; its files stay."""
        live = self.live
        if live is None:
            return
        try:
            await live.leave(self._shop.session)
        finally:
            self.live = None
            del self._shop.owners[live.torrent]

    # ---------------------------------------------------------------------------------------------

    @property
    def _handle(self) -> lt.torrent_handle | None:
        return self.live.handle if self.live is not None else None

    def _folder(self, loaded: LoadedTorrent) -> Path:
        return self._shop.folder_of(self.key, loaded.info.name)

    async def _settle(self, loaded: LoadedTorrent) -> None:
        # Abandoned at a stop: a slow disk may take minutes to write everything down.
        folder, files = self._folder(loaded), loaded.info.files
        await trio.to_thread.run_sync(settle, folder, files, abandon_on_cancel=True)


def _is_endpoint(member: Address) -> bool:
    try:
        ip_address(member.host)
    except ValueError:
        return False
    return 0 < member.port < 65_536
