"""One shard in the engine: carries out one order after the other, and tells what came of it.

The procedures below are the rules for trusting a disk:

- what a clean stop left written of a half-fetched shard is believed until the shard is read as a whole;
- a shard is reported as verified only when every piece of it has been read back from the disk;
- a shard that was verified before is seeded without reading it;
- a shard that is not being fetched never changes on disk.
"""

from collections import deque
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import libtorrent as lt
import trio

from mirrord.core.effects import CheckShard, FetchShard, RemoveShard, SeedShard
from mirrord.core.errors import EngineError
from mirrord.core.events import FetchFailed, FetchProgressed, HoldingFailed, HoldingVerified, ShardRemoved
from mirrord.core.records.ids import Address, ShardKey
from mirrord.torrents.alerts import Activity, Alert, StatusKnown, TorrentFailed, TorrentId
from mirrord.torrents.disk import cut_to_size, delete_shard, refuse_dead_link, settle, survey
from mirrord.torrents.engine import ShardTransfer, TransferState
from mirrord.torrents.live_torrent import LiveTorrent, OutOfRoom
from mirrord.torrents.orders import GiveUp, Order, ReadAgain, StartOver, TorrentOrder, is_answered_by
from mirrord.torrents.session import connect_member, revive, set_downloading
from mirrord.torrents.session_settings import TORRENT_FLAGS
from mirrord.torrents.torrent_file import LoadedTorrent
from mirrord.torrents.workshop import Workshop

MEMBERS_MAX: Final = 256
"""Swarm members remembered for one shard; libtorrent connects to far fewer."""


class ShardWorker:
    """Owns one shard.  The engine calls the plain methods at any time and runs :meth:`serve` in one task."""

    def __init__(self, key: ShardKey, shop: Workshop) -> None:
        self.key = key
        self.served = False
        self._shop = shop
        self._state = TransferState.WAITING
        self._live: LiveTorrent | None = None
        self._torrent_order: TorrentOrder | None = None
        self._members: dict[Address, None] = {}
        self._pending: deque[Order] = deque()
        self._current: Order | None = None
        self._scope = trio.CancelScope()
        self._reported_bytes = -1

    # --- called by the engine, never waiting -----------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether an order waits for :meth:`serve`."""
        return bool(self._pending)

    @property
    def is_needless(self) -> bool:
        """Whether there is nothing left to remember of this shard."""
        return self._live is None and not self._pending and self._state is not TransferState.FAILED

    @property
    def is_busy(self) -> bool:
        """Whether something is being read or fetched."""
        return self._current is not None

    def accept(self, order: Order) -> None:
        """Take an order.  It stops what is being done, unless that answers it too, or is a removal."""
        if isinstance(order, FetchShard):
            self.add_members(order.members)
        last = self._pending[-1] if self._pending else self._current
        if last is not None and is_answered_by(order, last):
            return
        while self._pending and not isinstance(self._pending[-1], RemoveShard):
            self._pending.pop()
        self._pending.append(order)
        if not isinstance(self._current, RemoveShard):
            self._scope.cancel()

    def start_over(self) -> None:
        """Carry out the current order from its beginning: alerts were lost, so what it waits for need not come."""
        if self._current is not None and not isinstance(self._current, StartOver):
            self._pending.appendleft(StartOver(self._current))
            self._scope.cancel()

    def take_in(self, alert: Alert) -> None:
        """Note an alert about this shard's torrent."""
        if self._live is None:
            return
        self._live.take_in(alert)
        if self._current is None and self._state is TransferState.SEEDING:
            match alert:
                case StatusKnown(status=status) if status.activity is not Activity.COMPLETE:
                    self.accept(ReadAgain())
                case TorrentFailed(detail=detail, disk_full=False):
                    self.accept(GiveUp(detail))
                case _:
                    pass

    def add_members(self, members: tuple[Address, ...]) -> None:
        """Remember swarm members and connect to them; one that is known already is tried again."""
        handle = self._handle
        for member in members:
            if not _is_endpoint(member):
                continue  # a stranger's announcement; nothing can listen there
            self._members.pop(member, None)
            self._members[member] = None
            if handle is not None:
                connect_member(handle, member)
        while len(self._members) > MEMBERS_MAX:
            del self._members[next(iter(self._members))]

    def pause_fetching(self) -> None:
        """Stop downloading, go on uploading."""
        if self._state is TransferState.FETCHING and self._handle is not None:
            set_downloading(self._handle, False)

    def resume_fetching(self) -> None:
        """Go on downloading after a pause or a full disk; pieces that are there stay."""
        if self._live is not None:
            self._live.forgive()
        if self._state is TransferState.FETCHING:
            self._download()

    def progress(self) -> FetchProgressed | None:
        """Return how far a fetch has come, where that has changed since the last call."""
        live = self._live
        if live is None or self._state is not TransferState.FETCHING or live.status.activity is Activity.CHECKING:
            return None
        if live.status.bytes_done == self._reported_bytes:
            return None
        self._reported_bytes = live.status.bytes_done
        return FetchProgressed(self.key, self._reported_bytes, live.payload_bytes)

    def half_fetched(self) -> tuple[TorrentId, lt.torrent_handle] | None:
        """Return the torrent whose pieces are worth remembering over a stop."""
        live = self._live
        if live is None or live.handle is None or self._state is not TransferState.FETCHING:
            return None
        return (live.torrent, live.handle) if live.status.activity is not Activity.CHECKING else None

    def transfer(self) -> ShardTransfer:
        """Return this shard's line in the statistics."""
        if self._live is None:
            return ShardTransfer(self.key, self._state, 0, 0, 0, 0, 0)
        status = self._live.status
        return ShardTransfer(
            self.key,
            self._state,
            status.bytes_done,
            self._live.payload_bytes,
            status.members,
            status.download_rate,
            status.upload_rate,
        )

    # --- the one task ----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Carry out the orders that wait, and return when there is none."""
        while self._pending:
            with trio.CancelScope() as self._scope:
                self._current = self._pending.popleft()
                try:
                    await self._carry_out(self._current)
                except OutOfRoom:
                    await self._start_over_when_there_is_room(self._current)
                except EngineError as error:
                    await self._give_up(error)
            self._current = None

    async def _carry_out(self, order: Order) -> None:
        match order:
            case FetchShard():
                self._torrent_order = order
                await self._fetch(order)
            case SeedShard():
                self._torrent_order = order
                await self._seed(order)
            case CheckShard():
                self._torrent_order = order
                await self._check(order)
            case RemoveShard():
                await self._remove(order)
            case ReadAgain():
                await self._verify()
            case GiveUp(detail=detail):
                raise EngineError(detail)
            case StartOver(order=interrupted):
                await self._leave()
                await self._carry_out(interrupted)

    async def _give_up(self, error: EngineError) -> None:
        """Leave the session, so that the next order begins afresh, and tell why."""
        with suppress(EngineError):  # what failed first is the cause, and is told
            await self._leave()
        self._state = TransferState.FAILED
        await self._shop.emit(FetchFailed(self.key, _in_words(error)))

    async def _start_over_when_there_is_room(self, order: Order) -> None:
        """The disk filled up before the torrent could be read: nothing of it is lost by adding it again."""
        self._state = TransferState.WAITING
        await self._leave()
        await self._shop.room.wait()
        self._pending.appendleft(order)

    async def _fetch(self, order: FetchShard) -> None:
        if self._live is None:
            just_read = await self._enter_to_fetch(order)
        else:
            await self._live.wait_until_checked()
            just_read = False
        await self._fetch_until_whole(just_read=just_read)

    async def _seed(self, order: SeedShard) -> None:
        if self._live is not None:
            return
        live = await self._enter(await self._shop.load(order.torrent_sha256, order.name), lt.torrent_flags.seed_mode)
        if live.bad_pieces:
            await self._shop.emit(HoldingFailed(self.key, live.bad_pieces))
            await self._fetch_until_whole(just_read=False)
        self._state = TransferState.SEEDING

    async def _check(self, order: CheckShard) -> None:
        if self._live is not None:
            await self._verify()
            return
        loaded = await self._shop.load(order.torrent_sha256, order.name)
        found = await trio.to_thread.run_sync(survey, self._folder, loaded.info)
        bad_pieces = found.bad_pieces
        if not bad_pieces:  # or libtorrent would create empty files that are missing
            bad_pieces = (await self._enter_by_reading(loaded)).bad_pieces
        if not bad_pieces:
            self._state = TransferState.SEEDING
            await self._shop.emit(HoldingVerified(self.key))
            return
        await self._leave()
        await self._shop.emit(HoldingFailed(self.key, bad_pieces))

    async def _verify(self) -> None:
        live = await self._read_all()
        if live.bad_pieces:
            await self._shop.emit(HoldingFailed(self.key, live.bad_pieces))
            await self._fetch_until_whole(just_read=False)
        else:
            self._state = TransferState.SEEDING
            await self._shop.emit(HoldingVerified(self.key))

    async def _fetch_until_whole(self, *, just_read: bool) -> None:
        """Download what is missing and read everything, until nothing is wrong.

        ``just_read`` says that every piece which counts has been read since the torrent was added.
        """
        live = self._live
        assert live is not None
        while not just_read or live.bad_pieces:
            self._state = TransferState.FETCHING
            self._download()
            await live.wait_until_complete()
            await self._shop.emit(FetchProgressed(self.key, live.payload_bytes, live.payload_bytes))
            await self._read_all()
            just_read = True
        self._state = TransferState.SEEDING
        await self._shop.emit(HoldingVerified(self.key))

    async def _remove(self, order: RemoveShard) -> None:
        known = self._torrent_order
        try:
            folder = self._shop.folder_of(self.key, order.name)
            files = (await self._shop.load(known.torrent_sha256, known.name)).info.files if known else ()
            await self._leave()
            await trio.to_thread.run_sync(self._shop.resume.discard, self.key)
            if order.delete_files:
                await trio.to_thread.run_sync(delete_shard, folder, files, abandon_on_cancel=True)
        except EngineError as error:
            await self._give_up(error)
        self._state = TransferState.WAITING
        await self._shop.emit(ShardRemoved(self.key))

    # --- steps -----------------------------------------------------------------------------------

    @property
    def _handle(self) -> lt.torrent_handle | None:
        return self._live.handle if self._live is not None else None

    @property
    def _folder(self) -> Path:
        assert self._torrent_order is not None
        return self._shop.folder_of(self.key, self._torrent_order.name)

    def _download(self) -> None:
        """Let the torrent fetch, unless fetching is paused, from every member that is known."""
        handle = self._handle
        assert handle is not None
        revive(handle)
        set_downloading(handle, not self._shop.fetching_paused)
        for member in self._members:
            connect_member(handle, member)

    async def _enter_to_fetch(self, order: FetchShard) -> bool:
        """Add the torrent; return whether every piece that counts as there has been read for it."""
        loaded = await self._shop.load(order.torrent_sha256, order.name)
        found = await trio.to_thread.run_sync(survey, self._folder, loaded.info)
        await trio.to_thread.run_sync(cut_to_size, self._folder, found.too_long)
        pieces = await trio.to_thread.run_sync(self._shop.resume.take, self.key, loaded.torrent, loaded.info.pieces)
        if pieces is None and found.any_file:
            await self._enter_by_reading(loaded)
            return True
        if pieces is not None:
            loaded.params.have_pieces = pieces
        await self._enter(loaded)
        return pieces is None

    async def _enter_by_reading(self, loaded: LoadedTorrent) -> LiveTorrent:
        async with self._shop.reads:
            self._state = TransferState.CHECKING
            await trio.to_thread.run_sync(settle, self._folder, loaded.info.files, abandon_on_cancel=True)
            return await self._enter(loaded)

    async def _enter(self, loaded: LoadedTorrent, flags: int = 0) -> LiveTorrent:
        """Add the torrent so that it fetches nothing yet, and wait for what libtorrent makes of its files."""
        await trio.to_thread.run_sync(refuse_dead_link, self._folder)
        self._shop.claim(loaded.torrent, self.key)
        params = loaded.params
        params.save_path = str(self._folder.parent)
        params.flags = TORRENT_FLAGS | lt.torrent_flags.upload_mode | flags
        self._live = LiveTorrent(loaded.torrent, loaded.info)
        self._reported_bytes = -1
        self._shop.session.add(params)
        await self._live.wait_until_checked()
        return self._live

    async def _read_all(self) -> LiveTorrent:
        """Read every piece back from the disk, while nothing is fetched."""
        live, order = self._live, self._torrent_order
        assert live is not None
        assert order is not None
        self._state = TransferState.WAITING
        async with self._shop.reads:
            self._state = TransferState.CHECKING
            handle = await live.wait_until_added()
            set_downloading(handle, False)
            revive(handle)
            await live.flush()
            files = (await self._shop.load(order.torrent_sha256, order.name)).info.files
            await trio.to_thread.run_sync(settle, self._folder, files, abandon_on_cancel=True)
            await live.read_again()
        return live

    async def _leave(self) -> None:
        """Take the torrent out of the session; its files stay."""
        live = self._live
        if live is None:
            return
        try:
            await live.leave(self._shop.session)
        finally:
            self._live = None
            del self._shop.owners[live.torrent]


def _is_endpoint(member: Address) -> bool:
    try:
        ip_address(member.host)
    except ValueError:
        return False
    return 0 < member.port < 65_536


def _in_words(error: EngineError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
