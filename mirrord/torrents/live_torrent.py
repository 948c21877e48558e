"""One torrent in the session, as the newest alerts describe it, and the waits for what comes next."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import libtorrent as lt
import trio

from mirrord.core.errors import EngineError
from mirrord.torrents.alerts import (
    Activity,
    Added,
    Alert,
    AllPiecesHere,
    CacheFlushed,
    FilesChecked,
    ResumeReady,
    StatusKnown,
    TorrentFailed,
    TorrentId,
    TorrentRemoved,
    TorrentStatus,
)
from mirrord.torrents.session import Session, ask_for_status
from mirrord.torrents.torrent_file import TorrentInfo

_ANSWER_SECONDS: Final = 120.0
"""libtorrent answers at once, unless it first has to write what it has in memory to a slow disk."""


class OutOfRoom(Exception):
    """The disk filled up while a torrent was being added or read; it has to be added again."""


class InDoubt(Exception):
    """Only reading the torrent's files anew tells whether the torrent is bad or libtorrent confused."""


class LiveTorrent:
    """A torrent from the moment it is added.  Alerts come in through :meth:`take_in`.

    Every wait raises :class:`EngineError` when the torrent fails, :class:`InDoubt`, or
    :class:`OutOfRoom` when it fails for want of room; only :meth:`wait_until_complete` sits that out.
    """

    def __init__(self, torrent: TorrentId, info: TorrentInfo) -> None:
        self.torrent = torrent
        self.pieces = info.pieces
        self.payload_bytes = info.payload_bytes
        self.status = TorrentStatus(Activity.CHECKING, 0, 0, 0, 0, 0)
        self._handle: lt.torrent_handle | None = None
        self._failure = ""
        self._doubt = ""
        self.out_of_room = False
        """A write has failed, so what libtorrent thinks of this torrent's pieces is not to be relied on."""
        self._checks = self._flushes = self._statuses = 0
        self._removed = False
        self._known_pieces: list[bool] = []
        self._news = trio.Event()

    @property
    def handle(self) -> lt.torrent_handle | None:
        """The session's handle, once the session has taken the torrent."""
        return self._handle

    @property
    def bad_pieces(self) -> int:
        """How many pieces are not known to be right."""
        return self.pieces - self.status.pieces_done

    def take_in(self, alert: Alert) -> None:
        """Note what an alert about this torrent says."""
        match alert:
            case Added(handle=handle, error=error):
                self._handle, self._failure = handle, error
            case StatusKnown(status=status):
                self.status = status
                self._statuses += 1
            case FilesChecked():
                self._checks += 1
            case CacheFlushed():
                self._flushes += 1
            case AllPiecesHere():
                if self._handle is not None:
                    ask_for_status(self._handle)
            case TorrentFailed(disk_full=True):
                self.out_of_room = True
            case TorrentFailed(in_doubt=True, detail=detail):
                self._doubt = detail
            case TorrentFailed(detail=detail):
                self._failure = self._failure or detail  # what fails first names the file
            case ResumeReady(pieces=list() as pieces):
                self._known_pieces = pieces
            case ResumeReady():
                self._doubt = "libtorrent does not say which pieces it has"
            case TorrentRemoved():
                self._removed = True
            case _:
                pass
        self._news.set()
        self._news = trio.Event()

    @property
    def is_reliable(self) -> bool:
        """Whether nothing has failed."""
        return not (self._failure or self._doubt or self.out_of_room)

    async def wait_until_added(self) -> lt.torrent_handle:
        """Wait until the session has the torrent."""
        await self._wait_for_answer(lambda: self._handle is not None)
        assert self._handle is not None
        return self._handle

    async def wait_until_checked(self) -> None:
        """Wait for the end of the check that follows :meth:`Session.add`, then for what it found."""
        handle = await self.wait_until_added()
        await self._wait(lambda: self._checks > 0)
        await self._wait_for_status(handle)

    async def read_again(self) -> None:
        """Read every piece from disk, trusting nothing, and wait for what that finds."""
        handle = await self.wait_until_added()
        checks = self._checks
        handle.force_recheck()
        await self._wait(lambda: self._checks > checks)
        await self._wait_for_status(handle)

    async def flush(self) -> None:
        """Wait until every block that has come is written."""
        handle = await self.wait_until_added()
        flushes = self._flushes
        handle.flush_cache()
        await self._wait_for_answer(lambda: self._flushes > flushes)

    async def ask_for_pieces(self) -> list[bool]:
        """Return which pieces are known to be right."""
        handle = await self.wait_until_added()
        self._known_pieces = []
        handle.save_resume_data(0)
        await self._wait_for_answer(lambda: bool(self._known_pieces))
        return self._known_pieces

    async def wait_until_complete(self) -> None:
        """Wait until every piece has come and was right, however long that takes."""
        await self._wait(
            lambda: self.status.activity is Activity.COMPLETE and not self.bad_pieces, sit_out_full_disk=True
        )

    async def leave(self, session: Session) -> None:
        """Take the torrent out of the session, and wait until libtorrent has closed its files."""
        with suppress(EngineError, OutOfRoom, InDoubt):  # whatever else has failed
            await self.wait_until_added()
        if self._handle is None:
            return  # the session refused it
        self._removed = False
        session.remove(self._handle)
        with trio.move_on_after(_ANSWER_SECONDS):
            while not self._removed:
                await self._news.wait()
            return
        raise EngineError("libtorrent does not let go of a torrent", "restart the daemon; the disk may hang")

    async def _wait_for_status(self, handle: lt.torrent_handle) -> None:
        """A status that comes after the check's own alert was made after the check."""
        statuses = self._statuses
        ask_for_status(handle)
        await self._wait_for_answer(lambda: self._statuses > statuses)

    async def _wait_for_answer(self, has_come: Callable[[], bool]) -> None:
        with trio.move_on_after(_ANSWER_SECONDS):
            await self._wait(has_come)
            return
        raise EngineError("libtorrent does not answer", "restart the daemon; the disk may hang")

    async def _wait(self, has_come: Callable[[], bool], *, sit_out_full_disk: bool = False) -> None:
        while True:
            if self._failure:
                raise EngineError(self._failure)
            if not (self.out_of_room and sit_out_full_disk):
                if self.out_of_room:
                    raise OutOfRoom
                if self._doubt:
                    raise InDoubt(self._doubt)
                if has_come():
                    return
            await self._news.wait()
