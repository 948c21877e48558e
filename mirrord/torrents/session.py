"""The one owner of a libtorrent session: its calls that do not block, and its alerts.

A call that waits for libtorrent's network thread (``handle.status``, ``is_valid``, ``listen_port``)
would stop the whole program, so none is made: what they would return comes back as alerts.
"""

import socket
from collections.abc import Iterable
from typing import Final

import libtorrent as lt
import trio

from mirrord.core.errors import EngineError
from mirrord.core.records.ids import Address
from mirrord.torrents.alerts import Alert, copy_alert
from mirrord.torrents.engine import EngineSettings
from mirrord.torrents.session_settings import keep_rate_limits_on_local_networks, session_settings

_NO_COSTLY_FIELDS: Final = 0
"""Of a status: bitfields and counts whose making takes time on the network thread."""

_FROM_ANNOUNCEMENT: Final = 1
"""libtorrent's source "tracker": the only one that takes a failed attempt off a member's count."""

_DHT_STATE: Final = lt.save_state_flags_t.save_dht_state

_WAKE_BYTES: Final = 4096


class Session:
    """A running libtorrent session.  Whoever makes it calls :meth:`close`, and then nothing else.

    ``dht_state`` is what :meth:`dht_state` returned in an earlier run, if there was one.
    """

    def __init__(self, settings: EngineSettings, dht_state: bytes | None = None) -> None:
        # The writer must not block: libtorrent writes to it from its own threads, with its queue locked.
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        try:
            params = lt.read_session_params(dht_state, _DHT_STATE) if dht_state else lt.session_params()
            params.settings = session_settings(settings)  # type: ignore[assignment]  # a plain dict
            self._lt: lt.session | None = lt.session(params)
        except (RuntimeError, OverflowError, TypeError) as error:
            self._reader.close()
            self._writer.close()
            raise EngineError(f"libtorrent does not start: {error}", "check the addresses to listen on") from None
        keep_rate_limits_on_local_networks(self._lt)
        self._lt.set_alert_fd(self._writer.fileno())

    @property
    def _session(self) -> lt.session:
        if self._lt is None:
            raise EngineError("the session is closed")
        return self._lt

    async def receive_alerts(self) -> list[Alert]:
        """Wait for alerts and return copies of them, oldest first.  Only one task may call this.

        libtorrent wakes us when its queue turns from empty to not empty, and only then: so the
        descriptor is drained before the queue, never after.
        """
        await trio.lowlevel.wait_readable(self._reader)
        try:
            while self._reader.recv(_WAKE_BYTES):
                pass
        except BlockingIOError:
            pass
        return [copy for alert in self._session.pop_alerts() for copy in copy_alert(alert)]

    def add(self, params: lt.add_torrent_params) -> None:
        """Ask for a torrent to be added; answered by Added, then FilesChecked.

        ``params.ti`` must come from libtorrent itself: one that Python has set is freed without the
        interpreter's lock when libtorrent drops it.
        """
        self._session.async_add_torrent(params)

    def remove(self, handle: lt.torrent_handle) -> None:
        """Let go of a torrent, leave its files; answered by TorrentRemoved once they are closed."""
        self._session.remove_torrent(handle)

    def ask_for_statistics(self) -> None:
        """Ask for TransferCounted, and for StatusKnown of each torrent that has changed."""
        self._session.post_torrent_updates(_NO_COSTLY_FIELDS)
        self._session.post_session_stats()

    def listen_on(self, interfaces: str) -> None:
        """Listen there and no longer where it did, without a DHT; answered by ListeningChanged for each socket.

        On a socket that it is given while it runs, libtorrent's DHT knows nobody and asks nobody (measured).
        """
        self._session.apply_settings({"enable_dht": False, "listen_interfaces": interfaces})

    def start_dht(self, known: Iterable[Address]) -> None:
        """Take part in the DHT on the sockets that listen now; ``known`` are DHT nodes to ask beside the routers."""
        self._session.apply_settings({"enable_dht": True})
        for node in known:
            self._session.add_dht_node((node.host, node.port))

    def look_up(self, info_hash: bytes, port: int) -> None:
        """Look in the DHT who is under ``info_hash`` (20 bytes), and put ``port`` of this machine there unless it is 0.

        Answered by any number of DhtAnswered.
        """
        target = lt.sha1_hash(info_hash)
        if port:
            self._session.dht_announce(target, port, 0)
        else:
            self._session.dht_get_peers(target)

    async def dht_state(self) -> bytes:
        """Return what the DHT knows of others; in a thread, as it waits for libtorrent's network thread."""
        session = self._session

        def read() -> bytes:
            return lt.write_session_params_buf(session.session_state(_DHT_STATE), _DHT_STATE)

        return await trio.to_thread.run_sync(read, abandon_on_cancel=True)

    def pause(self) -> None:
        """Disconnect everybody; no torrent gains a piece any more."""
        self._session.pause()

    async def close(self) -> None:
        """Drop the session, in a thread because that waits for libtorrent's threads."""
        session, self._lt = [self._lt], None
        # Abandoned when time is up: then the descriptors stay open, since libtorrent may still write to them.
        await trio.to_thread.run_sync(session.clear, abandon_on_cancel=True)
        self._writer.close()
        self._reader.close()


def ask_for_status(handle: lt.torrent_handle) -> None:
    """Ask for StatusKnown of one torrent, changed or not."""
    handle.post_status(_NO_COSTLY_FIELDS)


def connect_member(handle: lt.torrent_handle, member: Address) -> None:
    """Make a swarm member known, or known again; ``member.host`` is an IP literal."""
    handle.connect_peer((member.host, member.port), _FROM_ANNOUNCEMENT)


def set_downloading(handle: lt.torrent_handle, allowed: bool) -> None:
    """Let a torrent download, or make it only upload and check."""
    if allowed:
        handle.unset_flags(lt.torrent_flags.upload_mode)
    else:
        handle.set_flags(lt.torrent_flags.upload_mode)


def revive(handle: lt.torrent_handle) -> None:
    """Clear what stopped a torrent after an error; without effect on one that runs."""
    handle.clear_error()
    handle.resume()
