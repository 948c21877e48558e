"""The engine: starts and closes the session, routes alerts to shards, and tells how things go.

Each shard has a worker that owns it; what happens to a shard is decided there.  Here are the
tasks that there is one of: reading alerts, asking for statistics, telling the node.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from mirrord.core.effects import AddSwarmMembers, EngineEffect, OutsideEffect, PauseFetching, ResumeFetching, SeekPeers
from mirrord.core.errors import EngineError
from mirrord.core.events import DiskFilled, Event
from mirrord.core.records.ids import Sha256, ShardKey
from mirrord.torrents.alerts import (
    Alert,
    AlertsLost,
    CacheFlushed,
    DhtAnswered,
    ListeningChanged,
    ResumeReady,
    TorrentFailed,
    TorrentId,
    TransferCounted,
)
from mirrord.torrents.dht import Dht, load_dht_state
from mirrord.torrents.engine import EngineSettings, EngineStatistics
from mirrord.torrents.listening import Listening, check_free
from mirrord.torrents.orders import Order
from mirrord.torrents.outside import Outside
from mirrord.torrents.resume import ResumeFolder
from mirrord.torrents.session import Session
from mirrord.torrents.shard_worker import ShardWorker
from mirrord.torrents.workshop import Workshop

_BUSY_TICK_SECONDS: Final = 0.5
"""Between two looks at the progress of fetches."""

_IDLE_TICK_SECONDS: Final = 1.0
"""... and where nothing is fetched: an idle node should cost nothing."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_LISTEN_SECONDS: Final = 30.0
"""libtorrent opens sockets in milliseconds; a machine that swaps may take seconds."""

_SAVE_SECONDS: Final = 5.0
"""For writing down what is half fetched.  What is not written in time is read again at the next start."""

_DROP_SECONDS: Final = 2.5
"""For libtorrent's threads to end; with the above less than the 8 s that a stop may take."""


class LibtorrentEngine:
    """Carries out engine effects with one libtorrent session.

    ``read_torrent`` returns the bytes of a .torrent whose SHA-256 has been checked, or None;
    ``emit`` takes an event and may wait while the node is busy, which slows down only the shard
    that has something to tell.
    """

    def __init__(
        self,
        settings: EngineSettings,
        read_torrent: Callable[[Sha256], Awaitable[bytes | None]],
        emit: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._read_torrent = read_torrent
        self._emit = emit
        self._shop: Workshop | None = None
        self._nursery: trio.Nursery | None = None
        self._workers: dict[ShardKey, ShardWorker] = {}
        self._counted = TransferCounted(0, 0)
        self._alerts_dropped = 0
        self._listening = Listening()
        self._listens_on = settings.listen_interfaces
        self._dht: Dht | None = None
        self._outside: Outside | None = None
        self._disk_filled = trio.Event()
        self._work_came = trio.Event()
        self._refreshed = trio.Event()
        self._stopping = trio.Event()
        self._closed = trio.Event()

    @property
    def listening_port(self) -> int:
        """The TCP port that other swarm members connect to; 0 before :meth:`run` has started."""
        return self._listening.port

    def statistics(self) -> EngineStatistics:
        """Return a snapshot, at most a second old."""
        return EngineStatistics(
            downloaded_payload_bytes=self._counted.downloaded,
            uploaded_payload_bytes=self._counted.uploaded,
            failed_bytes=self._counted.failed,
            redundant_bytes=self._counted.redundant,
            shards=tuple(self._workers[key].place.transfer() for key in sorted(self._workers)),
            alerts_dropped=self._alerts_dropped,
            listening_port=self._listening.port,
            fetching_paused=self._shop is not None and self._shop.fetching_paused,
            dht_nodes=self._counted.dht_nodes,
        )

    async def wait_for_statistics(self) -> EngineStatistics:
        """Return a snapshot that is newer than this call; it comes within a second."""
        await self._refreshed.wait()
        return self.statistics()

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled or stopped.  Raises :class:`EngineError` where libtorrent cannot listen.

        Closing takes up to 8 s, also when cancelled: half-fetched shards are written down first.
        """
        if sys.getfilesystemencoding() != "utf-8":
            raise EngineError("file names are not UTF-8 here", "start the daemon with LC_ALL=C.UTF-8")
        settings = self._settings
        kept = await trio.to_thread.run_sync(load_dht_state, settings.dht.state) if settings.dht is not None else None
        session = Session(settings, kept)
        self._dht = Dht(settings.dht, session, self._emit)
        self._outside = Outside(self._dht, self._emit)
        resume = ResumeFolder(settings.resume_folder)
        self._shop = Workshop(session, settings.data_folder, resume, self._read_torrent, self._emit)
        try:
            await self._listen(session)
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._route_alerts, session)
                self._nursery.start_soon(self._tick, session)
                self._nursery.start_soon(self._report_progress)
                self._nursery.start_soon(self._report_full_disk, self._shop)
                self._nursery.start_soon(self._dht.report)
                self._nursery.start_soon(self._dht.save_now_and_then)
                self._dht.start()
                task_status.started()
                await self._stopping.wait()
                self._nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            with trio.CancelScope(shield=True):
                await self._close(self._shop)
            self._closed.set()

    async def stop(self) -> None:
        """Close, and return when :meth:`run` is about to."""
        self._stopping.set()
        if self._shop is not None:
            await self._closed.wait()

    async def carry_out(self, effect: EngineEffect) -> None:
        """Start on an effect and return at once; what comes of it comes back as events.

        After :meth:`stop` nothing is started any more.
        """
        shop = self._shop
        if shop is None:
            raise EngineError("the engine does not run")
        match effect:
            case PauseFetching():
                shop.fetching_paused = True
                for worker in self._workers.values():
                    worker.place.pause_downloading()
            case ResumeFetching():
                self._resume_fetching(shop)
            case AddSwarmMembers(shard=key, members=members):
                if key in self._workers:
                    self._workers[key].place.add_members(members)
            case _:
                self._give(shop, effect.shard, effect)

    def seek(self, effect: SeekPeers) -> None:
        """Look for a collection's nodes in the DHT, if there is one; what is found comes back as events."""
        if self._dht is not None and not self._stopping.is_set():
            self._dht.seek(effect)

    def ask_outside(self, effect: OutsideEffect) -> None:
        """Ask about outside seeders and return at once; the answer comes as an event."""
        if self._outside is not None and self._nursery is not None and not self._stopping.is_set():
            self._nursery.start_soon(self._outside.carry_out, effect)

    async def listen_on(self, interfaces: str) -> None:
        """Listen elsewhere from now on; connections over TCP stay.  One call at a time.

        Raises :class:`EngineError` where that cannot be; then it listens where it did.
        """
        shop, before = self._shop, self._listens_on
        if shop is None or self._stopping.is_set():
            raise EngineError("the engine does not run")
        if interfaces == before:
            return
        check_free(interfaces, before)
        known = await self._dht.known() if self._dht is not None else ()
        try:
            await self._move(shop.session, interfaces)
        except EngineError:  # somebody was quicker than we were
            await self._move(shop.session, before)
            raise
        finally:
            if self._dht is not None:
                self._dht.start(known)

    async def _move(self, session: Session, interfaces: str) -> None:
        self._listening.expect(interfaces)
        session.listen_on(interfaces)
        self._listens_on = interfaces
        await self._listening.wait()
        self._listening.check()

    # --- workers ---------------------------------------------------------------------------------

    def _give(self, shop: Workshop, key: ShardKey, order: Order) -> None:
        worker = self._workers.setdefault(key, ShardWorker(key, shop))
        worker.accept(order)
        self._see_to(worker)

    def _see_to(self, worker: ShardWorker) -> None:
        """Have a worker's orders carried out, in the one task that a worker has."""
        if worker.has_work and not worker.served and self._nursery is not None:
            worker.served = True
            self._work_came.set()
            self._nursery.start_soon(self._serve, worker)

    async def _serve(self, worker: ShardWorker) -> None:
        try:
            await worker.serve()
        finally:
            worker.served = False
        if worker.is_needless:
            del self._workers[worker.key]

    def _resume_fetching(self, shop: Workshop) -> None:
        shop.fetching_paused = False
        shop.full_disk = ""
        for worker in self._workers.values():
            worker.resume_fetching()

    # --- the tasks that there is one of ----------------------------------------------------------

    async def _listen(self, session: Session) -> None:
        """Wait until the first TCP socket listens, or all have failed; nobody else reads alerts yet."""
        self._listening.expect(self._listens_on)
        with trio.move_on_after(_LISTEN_SECONDS):
            while not self._listening.is_settled:
                for alert in await session.receive_alerts():
                    if isinstance(alert, ListeningChanged):
                        self._listening.take_in(alert)
        self._listening.check()

    async def _route_alerts(self, session: Session) -> None:
        while True:
            for alert in await session.receive_alerts():
                self._route(alert)

    def _route(self, alert: Alert) -> None:
        match alert:
            case TransferCounted():
                self._counted = alert
                if self._dht is not None:
                    self._dht.nodes = alert.dht_nodes
                self._refreshed.set()
                self._refreshed = trio.Event()
            case AlertsLost():
                self._alerts_dropped += 1
                _log.warning("libtorrent's alert queue overflowed; starting over with what is being fetched")
                for worker in self._workers.values():
                    worker.start_over()
            case ListeningChanged():
                self._listening.take_in(alert)
            case DhtAnswered():
                if self._dht is not None and self._outside is not None and not self._outside.take_in(alert):
                    self._dht.take_in(alert)
            case _:
                self._route_to_worker(alert.torrent, alert)

    def _route_to_worker(self, torrent: TorrentId, alert: Alert) -> None:
        assert self._shop is not None
        if isinstance(alert, TorrentFailed) and alert.disk_full and not self._shop.full_disk:
            self._shop.full_disk = alert.detail
            self._disk_filled.set()
        key = self._shop.owners.get(torrent)
        worker = self._workers.get(key) if key is not None else None
        if worker is not None:
            worker.take_in(alert)
            self._see_to(worker)

    async def _tick(self, session: Session) -> None:
        while True:
            session.ask_for_statistics()
            self._work_came = trio.Event()
            if any(worker.is_busy for worker in self._workers.values()):
                await trio.sleep(_BUSY_TICK_SECONDS)
                continue
            with trio.move_on_after(_IDLE_TICK_SECONDS):
                await self._work_came.wait()

    async def _report_progress(self) -> None:
        """Tell how far fetches are, after each tick; while the node is slow to listen, less often."""
        while True:
            await self._refreshed.wait()
            for worker in list(self._workers.values()):
                progress = worker.place.progress()
                if progress is not None:
                    await self._emit(progress)

    async def _report_full_disk(self, shop: Workshop) -> None:
        """Tell of a full disk once, until fetching is resumed."""
        while True:
            await self._disk_filled.wait()
            self._disk_filled = trio.Event()
            if shop.full_disk:
                await self._emit(DiskFilled(shop.full_disk))

    # --- the end ---------------------------------------------------------------------------------

    async def _close(self, shop: Workshop) -> None:
        """Write down which pieces are there and what the DHT knows, then drop the session."""
        shop.session.pause()
        with trio.move_on_after(_SAVE_SECONDS) as saving:
            await self._save_half_fetched(shop)
            if self._dht is not None:
                await self._dht.save()
        with trio.move_on_after(_DROP_SECONDS) as dropping:
            await shop.session.close()
        if saving.cancelled_caught or dropping.cancelled_caught:
            _log.warning("libtorrent did not stop in time; half-fetched shards will be read again at the next start")

    async def _save_half_fetched(self, shop: Workshop) -> None:
        """Have everything written to disk, ask which pieces that makes, and keep the answer."""
        flushing = dict(
            found for worker in self._workers.values() if (found := worker.place.half_fetched()) is not None
        )
        saving: set[TorrentId] = set()
        for handle in flushing.values():
            handle.flush_cache()
        while flushing or saving:
            for alert in await shop.session.receive_alerts():
                match alert:
                    case CacheFlushed(torrent=torrent) if torrent in flushing:
                        flushing.pop(torrent).save_resume_data(0)
                        saving.add(torrent)
                    case ResumeReady(torrent=torrent, pieces=pieces) if torrent in saving:
                        saving.remove(torrent)
                        await self._save(shop, torrent, pieces)
                    case _:
                        pass

    async def _save(self, shop: Workshop, torrent: TorrentId, pieces: list[bool] | None) -> None:
        key = shop.owners[torrent]
        try:
            if pieces is None:
                raise EngineError("libtorrent does not say which pieces it has")
            await trio.to_thread.run_sync(shop.resume.write, key, torrent, pieces)
        except EngineError as error:
            _log.warning("a half-fetched shard will be read again at the next start", detail=error.message)
