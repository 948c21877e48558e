"""Makes a .torrent from files that stay where they are: the same bytes from the same input, always.

The torrent is a hybrid: volunteers verify it by the v2 trees (audits need their 16 KiB leaves), and
any BitTorrent client, however old, can still take it.  Each file starts on a piece of its own.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import libtorrent as lt

from mirrord.core import limits
from mirrord.core.errors import CollectionError, EngineError
from mirrord.core.records.ids import Sha256
from mirrord.torrents.hashing import FileHashes, hash_files
from mirrord.torrents.merkle import BLOCK_BYTES
from mirrord.torrents.torrent_file import TorrentFile, TorrentInfo, is_plain_name, parse_torrent

ShardFile = TorrentFile
"""A file to put into a shard: its path relative to ``source`` and to the shard's folder, and its size."""

PIECE_MAX_BYTES: Final = 16 * limits.MIB
"""What one bad byte makes a volunteer fetch again, at worst; some clients refuse larger pieces."""

_PIECE_GROWTH_BYTES: Final = 2_684_355
"""Shards up to this size have pieces of 16 KiB, and pieces double each time this quadruples, so that
list and pieces grow alike: 100 GB get 25,000 pieces of 4 MiB.  libtorrent's own rule."""

_NAME_HINT: Final = "rename it; a torrent could not give every volunteer the same name"


@dataclass(frozen=True, slots=True)
class BuiltTorrent:
    """A .torrent and what a manifest says of it.  ``payload_bytes`` leaves the padding out."""

    torrent: bytes
    info_hash_v1: bytes
    info_hash_v2: bytes
    sha256: Sha256
    piece_bytes: int
    payload_bytes: int


def build_torrent(
    name: str,
    files: Sequence[ShardFile],
    source: Path,
    *,
    progress: Callable[[int], None] | None = None,
    piece_bytes: int | None = None,
) -> BuiltTorrent:
    """Read ``source/<path>`` of each file, and return the .torrent whose folder is called ``name``.

    Blocks for as long as the disk takes: call it in a thread.  ``progress`` is called in that
    thread, about once a MiB, with the bytes read since its last call; what it raises stops the
    work and passes through.  ``piece_bytes`` is a power of two from 16 KiB.  Raises
    :class:`CollectionError` that names a file which cannot be read, changes meanwhile, or has a
    name that libtorrent would alter.
    """
    ordered = _in_tree_order(name, files)
    payload_bytes = sum(file.bytes for file in ordered)
    if not payload_bytes:
        raise CollectionError(f"the shard {name!r} would have no content", "put a file that is not empty into it")
    piece_bytes = piece_bytes or piece_bytes_for(payload_bytes)
    if piece_bytes & (piece_bytes - 1) or not BLOCK_BYTES <= piece_bytes <= PIECE_MAX_BYTES:
        raise CollectionError(f"a piece of {piece_bytes} bytes", "a power of two from 16 KiB to 16 MiB is needed")
    hashes = hash_files(
        ordered, source, piece_bytes, pad_last_pieces=len(ordered) > 1, progress=progress or (lambda _bytes: None)
    )
    torrent = _encode(name, ordered, hashes, piece_bytes)
    info = _read_back(name, ordered, torrent)
    return BuiltTorrent(
        torrent=torrent,
        info_hash_v1=info.info_hash_v1,
        info_hash_v2=info.info_hash_v2,
        sha256=Sha256(sha256(torrent).digest()),
        piece_bytes=piece_bytes,
        payload_bytes=payload_bytes,
    )


def piece_bytes_for(payload_bytes: int) -> int:
    """Return the size of a piece that suits a shard of that size."""
    piece_bytes, fits_bytes = BLOCK_BYTES, _PIECE_GROWTH_BYTES
    while payload_bytes > fits_bytes and piece_bytes < PIECE_MAX_BYTES:
        piece_bytes, fits_bytes = 2 * piece_bytes, 4 * fits_bytes
    return piece_bytes


def _in_tree_order(name: str, files: Sequence[ShardFile]) -> list[ShardFile]:
    """Sort files as a v2 tree lists them, folder by folder and by bytes; refuse what makes no tree."""
    if not is_plain_name(name):
        raise CollectionError(f"{name!r} cannot be the name of a shard", "it has to be the name of a folder")
    for file in files:
        try:
            size = len(file.path.encode("utf-8"))
        except UnicodeEncodeError:
            raise CollectionError(f"{file.path!r}: the name is not UTF-8", _NAME_HINT) from None
        if size > limits.PATH_MAX_BYTES or not all(is_plain_name(part) for part in file.path.split("/")):
            raise CollectionError(f"{file.path!r} is not a path below the shard's folder", _NAME_HINT)
    ordered = sorted(files, key=lambda file: [part.encode("utf-8") for part in file.path.split("/")])
    for earlier, later in itertools.pairwise(ordered):
        if later.path == earlier.path or later.path.startswith(earlier.path + "/"):
            raise CollectionError(f"{later.path!r} is listed twice, or as a file and as a folder")
    if len(ordered) == 1 and ordered[0].path == name:
        raise CollectionError(
            f"the shard {name!r} holds one file of the same name, which BitTorrent cannot tell from a bare file",
            "give the shard another name",
        )
    return ordered


def _encode(name: str, files: list[ShardFile], hashes: list[FileHashes], piece_bytes: int) -> bytes:
    tree: dict[bytes, object] = {}
    list_v1: list[dict[bytes, object]] = []
    layers: dict[bytes, bytes] = {}
    for file, of_file in zip(files, hashes, strict=True):
        *folders, leaf = file.path.encode("utf-8").split(b"/")
        branch = tree
        for folder in folders:
            below = branch.setdefault(folder, {})
            assert isinstance(below, dict)
            branch = below
        entry: dict[bytes, object] = {b"length": file.bytes}
        if of_file.root:
            entry[b"pieces root"] = of_file.root
        branch[leaf] = {b"": entry}
        list_v1.append({b"length": file.bytes, b"path": [*folders, leaf]})
        padding = -file.bytes % piece_bytes
        if padding and len(files) > 1:
            list_v1.append({b"attr": b"p", b"length": padding, b"path": [b".pad", str(padding).encode("ascii")]})
        if file.bytes > piece_bytes:
            layers[of_file.root] = b"".join(of_file.pieces_v2)
    info = {
        b"file tree": tree,
        b"files": list_v1,
        b"meta version": 2,
        b"name": name.encode("utf-8"),
        b"piece length": piece_bytes,
        b"pieces": b"".join(piece for of_file in hashes for piece in of_file.pieces_v1),
    }
    return lt.bencode({b"info": info, b"piece layers": layers})  # type: ignore[arg-type]  # its entries nest


def _read_back(name: str, files: list[ShardFile], torrent: bytes) -> TorrentInfo:
    """Let libtorrent read the torrent, and refuse a name that it would not keep to the letter."""
    if len(torrent) > limits.TORRENT_MAX_BYTES:
        raise CollectionError(
            f"the .torrent of {name!r} has {len(torrent)} bytes and may have {limits.TORRENT_MAX_BYTES}",
            "use smaller shards or larger pieces",
        )
    try:
        info = parse_torrent(torrent)
    except EngineError as error:
        raise CollectionError(f"the shard {name!r} does not make a torrent: {error.message}", _NAME_HINT) from None
    if info.name != name:
        raise CollectionError(f"the shard's name {name!r} would become {info.name!r}", _NAME_HINT)
    for wanted, found in zip(files, info.files, strict=True):
        if found != wanted:
            raise CollectionError(f"the name {wanted.path!r} would become {found.path!r}", _NAME_HINT)
    return info
