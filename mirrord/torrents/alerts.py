"""The alert table: copies what we need out of libtorrent's alerts, which die at the next ``pop_alerts``.

An alert is never kept and never handed on; what leaves this file are frozen values.  A torrent is
named by the first 20 bytes of its best info-hash, as libtorrent itself names it.
"""

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

import libtorrent as lt

from mirrord.core.records.ids import Address

TorrentId = NewType("TorrentId", bytes)

_FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_SYSTEM_CATEGORIES: Final = frozenset({"system", "generic"})
"""Whose numbers are errno; libtorrent's own errors count from 1 too."""

_INCONSISTENT_HASHES: Final = 217
"""``torrent_inconsistent_hashes``, which has no name in Python."""


class Activity(StrEnum):
    """libtorrent's states, as far as they matter here."""

    CHECKING = "checking"
    DOWNLOADING = "downloading"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class TorrentStatus:
    """How a torrent stands.  Only pieces whose hash is right count as done; bytes leave padding out."""

    activity: Activity
    pieces_done: int
    bytes_done: int
    members: int
    download_rate: int
    upload_rate: int


@dataclass(frozen=True, slots=True)
class Added:
    """A torrent is in the session, or (``error`` set) could not be added."""

    torrent: TorrentId
    handle: lt.torrent_handle | None
    error: str


@dataclass(frozen=True, slots=True)
class StatusKnown:
    """A torrent's status at the moment of the alert."""

    torrent: TorrentId
    status: TorrentStatus


@dataclass(frozen=True, slots=True)
class FilesChecked:
    """The session has looked at a torrent's files; a following StatusKnown says what it found."""

    torrent: TorrentId


@dataclass(frozen=True, slots=True)
class AllPiecesHere:
    """The last wanted piece of a torrent has come; it need not be on disk yet."""

    torrent: TorrentId


@dataclass(frozen=True, slots=True)
class CacheFlushed:
    """Every block of a torrent has been written, its files are closed."""

    torrent: TorrentId


@dataclass(frozen=True, slots=True)
class TorrentRemoved:
    """A torrent is gone and its files are closed for good."""

    torrent: TorrentId


@dataclass(frozen=True, slots=True)
class TorrentFailed:
    """A file or a torrent failed; ``detail`` names the file and has the system's own words.

    ``in_doubt`` says that a piece was right by its v1 hash and wrong by its v2 hash, or the other
    way round.  That is a lie of the curator's, or what a failed write leads libtorrent to believe.
    """

    torrent: TorrentId
    detail: str
    disk_full: bool = False
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class ResumeReady:
    """Which pieces of a torrent are on disk and right; None where libtorrent would not say."""

    torrent: TorrentId
    pieces: list[bool] | None


@dataclass(frozen=True, slots=True)
class TransferCounted:
    """Payload bytes since the session started, and how many nodes of the DHT it knows now."""

    downloaded: int
    uploaded: int
    dht_nodes: int = 0
    failed: int = 0
    redundant: int = 0


@dataclass(frozen=True, slots=True)
class ListeningChanged:
    """A TCP socket listens on ``port``, or (``error`` set) one could not be opened there."""

    port: int
    error: str


@dataclass(frozen=True, slots=True)
class DhtAnswered:
    """A node of the DHT told who is under an info-hash (20 bytes) that we looked for."""

    info_hash: bytes
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class AlertsLost:
    """libtorrent's queue overflowed: what was lost is not known."""


Alert = (
    Added
    | StatusKnown
    | FilesChecked
    | AllPiecesHere
    | CacheFlushed
    | TorrentRemoved
    | TorrentFailed
    | ResumeReady
    | TransferCounted
    | ListeningChanged
    | DhtAnswered
    | AlertsLost
)

_ACTIVITIES: Final = {
    lt.torrent_status.states.checking_files: Activity.CHECKING,
    lt.torrent_status.states.checking_resume_data: Activity.CHECKING,
    lt.torrent_status.states.downloading: Activity.DOWNLOADING,
    lt.torrent_status.states.downloading_metadata: Activity.DOWNLOADING,
    lt.torrent_status.states.finished: Activity.COMPLETE,
    lt.torrent_status.states.seeding: Activity.COMPLETE,
}


def copy_alert(alert: lt.alert) -> Iterable[Alert]:
    """Return what an alert says, as values of our own; nothing for an alert that we do not need."""
    copier = _COPIERS.get(type(alert))
    return copier(alert) if copier else ()


def torrent_id(hashes: lt.info_hash_t) -> TorrentId:
    """Return the name of a torrent, as libtorrent shortens it."""
    return TorrentId(hashes.get_best().to_bytes())


# libtorrent's stubs know the attributes of each alert class, but not that a table keyed by class fits.
def _of(alert: Any) -> TorrentId:
    return torrent_id(alert.handle.info_hashes())


def _copy_added(alert: Any) -> Iterable[Alert]:
    if alert.error.value():
        yield Added(torrent_id(alert.params.ti.info_hashes()), None, alert.error.message())
    else:
        yield Added(_of(alert), alert.handle, "")


def _copy_status(alert: Any) -> Iterable[Alert]:
    for status in alert.status:
        yield StatusKnown(
            torrent_id(status.info_hashes),
            TorrentStatus(
                activity=_ACTIVITIES.get(status.state, Activity.CHECKING),
                pieces_done=status.num_pieces,
                bytes_done=status.total_done,
                members=status.num_peers,
                download_rate=status.download_payload_rate,
                upload_rate=status.upload_payload_rate,
            ),
        )


def _is_full_disk(error: lt.error_code) -> bool:
    return error.category().name() in _SYSTEM_CATEGORIES and error.value() in _FULL_DISK


def _copy_file_error(alert: Any) -> Iterable[Alert]:
    detail = f"{alert.filename()}: {alert.error.message()}"
    yield TorrentFailed(_of(alert), detail, _is_full_disk(alert.error))


def _copy_torrent_error(alert: Any) -> Iterable[Alert]:
    error = alert.error
    in_doubt = error.category().name() == "libtorrent" and error.value() == _INCONSISTENT_HASHES
    yield TorrentFailed(_of(alert), error.message(), _is_full_disk(error), in_doubt)


def _copy_statistics(alert: Any) -> Iterable[Alert]:
    values = alert.values
    yield TransferCounted(
        downloaded=values["net.recv_payload_bytes"],
        uploaded=values["net.sent_payload_bytes"],
        dht_nodes=values["dht.dht_nodes"],
        failed=values["net.recv_failed_bytes"],
        redundant=values["net.recv_redundant_bytes"],
    )


def _copy_listening(alert: Any) -> Iterable[Alert]:
    if alert.socket_type == lt.socket_type_t.tcp:
        yield ListeningChanged(alert.port, "")


def _copy_listen_failure(alert: Any) -> Iterable[Alert]:
    if alert.socket_type == lt.socket_type_t.tcp:
        yield ListeningChanged(alert.port, f"{alert.listen_interface()}: {alert.error.message()}")


def _copy_dht_answer(alert: Any) -> Iterable[Alert]:
    if addresses := tuple(Address(host, port) for host, port in alert.peers() if port):
        yield DhtAnswered(alert.info_hash.to_bytes(), addresses)


_COPIERS: Final[dict[type, Callable[[Any], Iterable[Alert]]]] = {
    lt.add_torrent_alert: _copy_added,
    lt.state_update_alert: _copy_status,
    lt.torrent_checked_alert: lambda alert: (FilesChecked(_of(alert)),),
    lt.torrent_finished_alert: lambda alert: (AllPiecesHere(_of(alert)),),
    lt.cache_flushed_alert: lambda alert: (CacheFlushed(_of(alert)),),
    lt.torrent_removed_alert: lambda alert: (TorrentRemoved(torrent_id(alert.info_hashes)),),
    lt.file_error_alert: _copy_file_error,
    lt.torrent_error_alert: _copy_torrent_error,
    lt.save_resume_data_alert: lambda alert: (ResumeReady(_of(alert), list(alert.params.have_pieces)),),
    lt.save_resume_data_failed_alert: lambda alert: (ResumeReady(_of(alert), None),),
    lt.session_stats_alert: _copy_statistics,
    lt.listen_succeeded_alert: _copy_listening,
    lt.listen_failed_alert: _copy_listen_failure,
    lt.dht_get_peers_reply_alert: _copy_dht_answer,
    lt.alerts_dropped_alert: lambda _alert: (AlertsLost(),),
}
