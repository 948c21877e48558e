"""One shard in the engine: carries out one order after the other, and tells what came of it.

The procedures below are the rules for trusting a disk:

- what a clean stop left written of a half-fetched shard is believed until the shard is read as a whole;
- a shard is reported as verified only when every piece of it has been read back from the disk;
- a shard that was verified before is seeded without reading it;
- a shard that is not being fetched never changes on disk;
- where a write failed for want of room, what libtorrent remembers of the shard is not believed.
  **Measured**: the v1 and v2 hashes of a piece then disagree, and libtorrent forgets every piece.
"""

from collections import deque
from contextlib import suppress

import libtorrent as lt
import trio

from mirrord.core.effects import CheckShard, FetchShard, RemoveShard, SeedShard
from mirrord.core.errors import EngineError
from mirrord.core.events import FetchFailed, FetchProgressed, HoldingFailed, HoldingVerified, ShardRemoved
from mirrord.core.records.ids import ShardKey
from mirrord.torrents.alerts import Activity, Alert, StatusKnown, TorrentFailed
from mirrord.torrents.disk import delete_shard, drop_link
from mirrord.torrents.engine import TransferState
from mirrord.torrents.live_torrent import InDoubt, OutOfRoom
from mirrord.torrents.orders import Order, ReadAgain, StartOver, TorrentOrder, is_answered_by
from mirrord.torrents.shard_place import ShardPlace
from mirrord.torrents.torrent_file import TorrentFile
from mirrord.torrents.workshop import Workshop


class ShardWorker:
    """Owns one shard.  The engine calls the plain methods at any time and runs :meth:`serve` in one task."""

    def __init__(self, key: ShardKey, shop: Workshop) -> None:
        self.key = key
        self.place = ShardPlace(key, shop)
        self.served = False
        self._shop = shop
        self._pending: deque[Order] = deque()
        self._current: Order | None = None
        self._scope = trio.CancelScope()
        self._torrent_order: TorrentOrder | None = None
        self._may_fetch = False  # whether the shard is the node's to complete, not just to look at

    # --- called by the engine, never waiting -----------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether an order waits for :meth:`serve`."""
        return bool(self._pending)

    @property
    def is_busy(self) -> bool:
        """Whether an order is being carried out."""
        return self._current is not None

    @property
    def is_needless(self) -> bool:
        """Whether there is nothing left to remember of this shard."""
        return self.place.live is None and not self._pending and self.place.state is not TransferState.FAILED

    def accept(self, order: Order) -> None:
        """Take an order.  It stops what is being done, unless that answers it too, or is a removal."""
        if isinstance(order, FetchShard):
            self.place.add_members(order.members)
        last = self._pending[-1] if self._pending else self._current
        if last is not None and is_answered_by(order, last):
            return
        while self._pending and not isinstance(self._pending[-1], RemoveShard):
            self._pending.pop()
        self._pending.append(order)
        if not isinstance(self._current, RemoveShard):
            self._scope.cancel()

    def start_over(self) -> None:
        """Interrupt what is being done, and go on from what the disk says."""
        current = self._current
        if current is not None and not isinstance(current, RemoveShard):
            self._pending.appendleft(current if isinstance(current, StartOver) else StartOver(current))
            self._scope.cancel()

    def resume_fetching(self) -> None:
        """Go on after a pause or a full disk."""
        live = self.place.live
        if live is not None and not live.is_reliable:
            self.start_over()
        elif self.place.state is TransferState.FETCHING:
            self.place.download()

    def take_in(self, alert: Alert) -> None:
        """Note an alert about this shard's torrent."""
        if self.place.live is None:
            return
        self.place.live.take_in(alert)
        if self._current is None and self.place.state is TransferState.SEEDING:
            match alert:
                case StatusKnown(status=status) if status.activity is not Activity.COMPLETE:
                    self.accept(ReadAgain())
                case TorrentFailed():
                    self.accept(StartOver(ReadAgain()))
                case _:
                    pass

    # --- the one task ----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Carry out the orders that wait, and return when there is none."""
        while self._pending:
            with trio.CancelScope() as self._scope:
                self._current = self._pending.popleft()
                await self._attempt(self._current)
            self._current = None

    async def _attempt(self, order: Order) -> None:
        try:
            await self._carry_out(order)
        except OutOfRoom:
            await self._wait_for_room()
        except InDoubt as doubt:
            if self._shop.full_disk:
                await self._wait_for_room()
            elif isinstance(order, StartOver):
                await self._give_up(EngineError(str(doubt), "the curator has to build this shard again"))
            else:
                self._pending.appendleft(StartOver(order))
        except EngineError as error:
            await self._give_up(error)

    async def _wait_for_room(self) -> None:
        """Wait for the engine to interrupt this when fetching is resumed, or for another order."""
        self.place.state = TransferState.WAITING
        await trio.sleep_forever()

    async def _give_up(self, error: EngineError) -> None:
        """Leave the session, so that the next order begins afresh, and tell why."""
        with suppress(EngineError):  # what failed first is the cause, and is told
            await self.place.leave()
        self.place.state = TransferState.FAILED
        detail = f"{error.message} ({error.hint})" if error.hint else error.message
        await self._shop.emit(FetchFailed(self.key, detail))

    async def _carry_out(self, order: Order) -> None:
        if isinstance(order, TorrentOrder):
            self._torrent_order = order
        live = self.place.live
        if live is not None and not live.is_reliable and not isinstance(order, RemoveShard):
            order = StartOver(order)
        match order:
            case FetchShard():
                await self._fetch(order)
            case SeedShard():
                await self._seed(order)
            case CheckShard():
                await self._check(order)
            case RemoveShard():
                await self._remove(order)
            case ReadAgain():
                await self._verify()
            case StartOver(order=interrupted):
                await self._start_over(interrupted)

    async def _fetch(self, order: FetchShard) -> None:
        self._may_fetch = True
        if self.place.live is None:
            just_read = await self.place.enter_to_fetch(order)
        else:
            await self.place.live.wait_until_checked()
            just_read = False
        await self._fetch_until_whole(just_read=just_read)

    async def _seed(self, order: SeedShard) -> None:
        self._may_fetch = True
        if self.place.live is not None:
            return
        live = await self.place.enter(await self.place.load(order), lt.torrent_flags.seed_mode)
        if live.bad_pieces:
            await self._shop.emit(HoldingFailed(self.key, live.bad_pieces))
            await self._fetch_until_whole(just_read=False)
        self.place.state = TransferState.SEEDING

    async def _check(self, order: CheckShard) -> None:
        if self.place.live is not None and self._may_fetch:
            await self._verify()
            return
        await self.place.leave()
        loaded = await self.place.load(order)
        bad_pieces = (await self.place.look(loaded)).bad_pieces
        if not bad_pieces:  # or libtorrent would create empty files that are missing
            bad_pieces = (await self.place.enter_by_reading(loaded)).bad_pieces
        if not bad_pieces:
            self._may_fetch = True
            self.place.state = TransferState.SEEDING
            await self._shop.emit(HoldingVerified(self.key))
            return
        await self.place.leave()
        self.place.state = TransferState.WAITING
        await self._shop.emit(HoldingFailed(self.key, bad_pieces))

    async def _verify(self) -> None:
        assert self._torrent_order is not None
        live = await self.place.read_all(self._torrent_order)
        if live.bad_pieces:
            await self._shop.emit(HoldingFailed(self.key, live.bad_pieces))
            await self._fetch_until_whole(just_read=False)
        else:
            self.place.state = TransferState.SEEDING
            await self._shop.emit(HoldingVerified(self.key))

    async def _start_over(self, interrupted: Order) -> None:
        """A shard that may be fetched is read and fetched, whatever was being done; others are begun anew."""
        await self.place.leave()
        if not self._may_fetch or self._torrent_order is None:
            await self._carry_out(interrupted)
            return
        just_read = await self.place.enter_to_fetch(self._torrent_order)
        live = self.place.live
        if live is not None and live.bad_pieces and not isinstance(interrupted, FetchShard):
            await self._shop.emit(HoldingFailed(self.key, live.bad_pieces))
        await self._fetch_until_whole(just_read=just_read)

    async def _fetch_until_whole(self, *, just_read: bool) -> None:
        """Download what is missing and read everything, until nothing is wrong.

        ``just_read`` says that every piece which counts has been read since the torrent was added.
        """
        live = self.place.live
        assert live is not None
        assert self._torrent_order is not None
        while not just_read or live.bad_pieces:
            self.place.download()
            await live.wait_until_complete()
            await live.flush()
            await self._shop.emit(FetchProgressed(self.key, live.payload_bytes, live.payload_bytes))
            live = await self.place.read_all(self._torrent_order)
            just_read = True
        self.place.state = TransferState.SEEDING
        await self._shop.emit(HoldingVerified(self.key))

    async def _files_to_delete(self, order: RemoveShard) -> tuple[TorrentFile, ...]:
        """Return the shard's files; none where its .torrent never came, so that nothing was written."""
        try:
            return (await self.place.load(order)).info.files
        except EngineError:
            if self._torrent_order is None:
                return ()
            raise

    async def _remove(self, order: RemoveShard) -> None:
        try:
            folder = self._shop.folder_of(self.key, order.name)
            files = await self._files_to_delete(order) if order.delete_files else ()
            await self.place.leave()
            await trio.to_thread.run_sync(self._shop.resume.discard, self.key)
            if order.delete_files:
                await trio.to_thread.run_sync(delete_shard, folder, files, abandon_on_cancel=True)
            else:
                await trio.to_thread.run_sync(drop_link, folder)
        except EngineError as error:
            await self._give_up(error)
        self._may_fetch = False
        self.place.state = TransferState.WAITING
        await self._shop.emit(ShardRemoved(self.key))
