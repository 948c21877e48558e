"""How fast shards are built: read, hashed and written, against libtorrent's own builder.

Both read the same files from the page cache, with the same pieces, and make hybrid torrents.
"""

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import libtorrent as lt

from mirrord.collections.builder import BuildRequest, KeyFile, build_collection
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Quiet
from mirrord.collections.reading import read_collection_folder
from mirrord.core.limits import MIB
from mirrord.store.keyfile import create_key, load_key
from mirrord.torrents.torrent_file import TorrentInfo, parse_torrent
from tests.bench.bench import Bench, say, write_random_files
from tests.bench.figures import Figure, Reach, ratio_figure
from tests.bench.synthetic import RIGHTS

_FILES: Final = 128
_FILE_BYTES: Final = 8 * MIB
_SHARDS: Final = 4
_ROUNDS: Final = 3


def measure(bench: Bench) -> Iterator[Figure]:
    say(f"build: writing {_FILES * _FILE_BYTES // MIB} MiB of files, then {_ROUNDS} rounds each")
    source, out = bench.root / "build-source", bench.root / "build-out"
    write_random_files(source, _FILES, _FILE_BYTES)
    os.sync()  # or the disk is still busy with them while we measure
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        ours.append(_our_rate(source, out))
        theirs.append(_their_rate(source, out))
    shutil.rmtree(source)
    yield ratio_figure("building shards over libtorrent's hashing", ours, theirs, Reach(0.8), "MB/s")
    yield Figure("building shards", statistics.median(ours), "MB/s")


def _our_rate(source: Path, out: Path) -> float:
    phase = PhaseRequest(source, None, _FILES * _FILE_BYTES, parts=_SHARDS, rights=RIGHTS)
    request = BuildRequest("measured", "", 3, 10, phase, out, int(time.time()))
    began = time.perf_counter()
    report = build_collection(request, KeyFile(out / "curator.key", load_key, create_key), Quiet())
    seconds = time.perf_counter() - began
    assert report.hashed_bytes == _FILES * _FILE_BYTES
    return report.hashed_bytes / seconds / 10**6


def _their_rate(source: Path, out: Path) -> float:
    torrents = [parse_torrent(path.read_bytes()) for path in read_collection_folder(out).torrents]
    seconds = sum(_their_seconds(source, out.with_name("build-links"), torrent) for torrent in torrents)
    return sum(torrent.payload_bytes for torrent in torrents) / seconds / 10**6


def _their_seconds(source: Path, links: Path, torrent: TorrentInfo) -> float:
    """Let libtorrent build the same shard; it wants the files in a folder of the torrent's name."""
    links.mkdir()
    (links / torrent.name).symlink_to(source)
    began = time.perf_counter()
    entries = [lt.create_file_entry(f"{torrent.name}/{file.path}", file.bytes) for file in torrent.files]
    creator = lt.create_torrent(entries, torrent.piece_bytes)
    lt.set_piece_hashes(creator, str(links))
    lt.bencode(creator.generate())
    seconds = time.perf_counter() - began
    shutil.rmtree(links)
    return seconds
