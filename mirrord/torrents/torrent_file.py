"""Reads a .torrent that a stranger may have made, and refuses what must not reach a disk or a session.

libtorrent is the parser, because it is libtorrent that will write the files: what counts is the
paths that it makes of the bytes.  The one layout rule is checked here: every file of a shard lies
below one folder, which has the torrent's name, whether there is one file or thousands.
"""

from dataclasses import dataclass
from typing import Final

import libtorrent as lt

from mirrord.core import limits
from mirrord.core.errors import EngineError
from mirrord.torrents.alerts import TorrentId, torrent_id
from mirrord.torrents.merkle import BLOCK_BYTES

_LOAD_LIMITS: Final = {
    "max_buffer_size": limits.TORRENT_MAX_BYTES,
    "max_pieces": 0x200000,  # libtorrent's own bound for a piece picker
    "max_decode_depth": 100,
    "max_decode_tokens": 6_000_000,  # a 32 MiB .torrent of many files needs more than the default 2.5 million
}
_LAYERS_KEY: Final = b"12:piece layers"
_HINT: Final = "the curator has to build this shard again"


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file of a shard: its path below the shard's folder, ``/`` between components, and its size."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class TorrentInfo:
    """What a .torrent says.  Padding is left out of ``files`` and ``payload_bytes``, but ``pieces`` counts it.

    ``info_hash_v1`` (20 bytes) or ``info_hash_v2`` (32 bytes) is empty where the torrent lacks that version.
    """

    name: str
    files: tuple[TorrentFile, ...]
    piece_bytes: int
    pieces: int
    payload_bytes: int
    info_hash_v1: bytes
    info_hash_v2: bytes

    @property
    def wire_bytes(self) -> int:
        """What crosses the network when the whole shard is fetched once.

        In a hybrid torrent a block of 16 KiB is asked for whole, although a small file fills only
        a part of it (measured): 1,000 files of 1 kB are 16 MB.
        """
        if not (self.info_hash_v1 and self.info_hash_v2) or len(self.files) == 1:
            return self.payload_bytes
        return sum(-(-file.bytes // BLOCK_BYTES) * BLOCK_BYTES for file in self.files)


@dataclass(frozen=True, slots=True)
class LoadedTorrent:
    """A parsed .torrent, and libtorrent's parameters for adding it; for use inside this package only."""

    info: TorrentInfo
    params: lt.add_torrent_params

    @property
    def torrent(self) -> TorrentId:
        """How alerts name this torrent."""
        return torrent_id(self.params.info_hashes)


def parse_torrent(data: bytes) -> TorrentInfo:
    """Parse the bytes of a .torrent, or raise :class:`EngineError` that says what is wrong with them."""
    return load_torrent(data).info


def load_torrent(data: bytes) -> LoadedTorrent:
    """Parse a .torrent for the session: without its trackers, web seeds and DHT nodes.

    Those would let a curator make every volunteer connect wherever the curator likes.
    """
    if len(data) > limits.TORRENT_MAX_BYTES:
        raise EngineError(f"a .torrent of {len(data)} bytes is over {limits.TORRENT_MAX_BYTES}", _HINT)
    try:
        params = lt.load_torrent_buffer(data, _LOAD_LIMITS)  # type: ignore[call-overload]  # wrong in its stub
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise EngineError(f"not a usable .torrent: {error}", _HINT) from None
    torrent = params.ti
    if torrent is None or not torrent.is_valid():
        raise EngineError("the .torrent has no list of files", _HINT)
    _refuse_links_to_elsewhere(torrent)
    info = _describe(torrent)
    _refuse_renamed_files(torrent.layout(), params.renamed_files)
    if info.info_hash_v2 and _LAYERS_KEY not in data and any(file.bytes > info.piece_bytes for file in info.files):
        raise EngineError("the .torrent lacks the hashes of its pieces ('piece layers')", _HINT)
    params.trackers = []
    params.url_seeds = []
    params.dht_nodes = []
    return LoadedTorrent(info, params)


def _refuse_links_to_elsewhere(torrent: lt.torrent_info) -> None:
    """Refuse what makes libtorrent take files from other torrents, or speak another transport."""
    try:
        refers, is_special = torrent.similar_torrents() or torrent.collections(), torrent.ssl_cert() or torrent.is_i2p()
    except UnicodeDecodeError:
        raise EngineError("the .torrent has text that is not UTF-8", _HINT) from None
    if refers:
        raise EngineError("the .torrent refers to files of other torrents", _HINT)
    if is_special:
        raise EngineError("the .torrent asks for its own TLS certificate or for I2P", _HINT)


def _refuse_renamed_files(layout: lt.file_storage, renamed: dict[int, str]) -> None:
    """Refuse names that are equal, or equal but for the case of ASCII letters: libtorrent numbers those."""
    for index, new_path in renamed.items():
        if not layout.file_flags(index) & lt.file_storage.flag_pad_file:
            raise EngineError(
                f"{layout.file_path(index)[:200]!r} in the torrent would become {new_path[:200]!r}", _HINT
            )


def _describe(torrent: lt.torrent_info) -> TorrentInfo:
    name = torrent.name()
    if not is_plain_name(name):
        raise EngineError(f"the torrent's name {name[:80]!r} is not the name of a folder", _HINT)
    layout = torrent.layout()
    files = tuple(
        TorrentFile(_path_below(name, layout, index), layout.file_size(index))
        for index in range(layout.num_files())
        if not layout.file_flags(index) & lt.file_storage.flag_pad_file
    )
    payload_bytes = sum(file.bytes for file in files)
    if not payload_bytes:
        raise EngineError("the torrent has no content", _HINT)
    hashes = torrent.info_hashes()
    return TorrentInfo(
        name=name,
        files=files,
        piece_bytes=layout.piece_length(),
        pieces=layout.num_pieces(),
        payload_bytes=payload_bytes,
        info_hash_v1=hashes.v1.to_bytes() if hashes.has_v1() else b"",
        info_hash_v2=hashes.v2.to_bytes() if hashes.has_v2() else b"",
    )


def _path_below(name: str, layout: lt.file_storage, index: int) -> str:
    full_path = layout.file_path(index)
    if layout.file_flags(index) & lt.file_storage.flag_symlink or layout.file_absolute_path(index):
        raise EngineError(f"{full_path[:200]!r} in the torrent points out of its folder", _HINT)
    folder, _, path = full_path.partition("/")
    if folder != name or not path:
        raise EngineError(f"{full_path[:200]!r} in the torrent lies outside its folder {name!r}", _HINT)
    if len(path.encode()) > limits.PATH_MAX_BYTES or not all(is_plain_name(part) for part in path.split("/")):
        raise EngineError(f"{path[:200]!r} in the torrent is not a path that can be written safely", _HINT)
    return path


def is_plain_name(name: str) -> bool:
    """Whether ``name`` is one component of a path: it neither climbs nor descends, and a file system takes it."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and "\0" not in name
        and len(name.encode("utf-8", "surrogateescape")) <= limits.PATH_COMPONENT_MAX_BYTES
    )
