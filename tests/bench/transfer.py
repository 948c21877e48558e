"""How fast a shard goes from one daemon to another, against two bare libtorrent sessions.

Same torrent, same settings, two processes over loopback TCP.  Both downloads are timed in the same
way, by what the files on disk occupy: from their first block to their last.  So what comes before
(announcing, claiming) and after (the daemon reads all again) is left out, and no daemon is asked
anything while it works.

Before a bare session fetches, it waits as long as the daemons had waited since the round before was
deleted.  A virtual machine gives free memory back to its host after some seconds: **measured**, a
download straight after a deletion is up to twice as fast as one five seconds later.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.collections.reading import CollectionFolder, read_collection_folder
from mirrord.core.limits import MIB
from mirrord.core.records.invitation import Invitation, format_invitation
from tests.bench.bench import Bench, say, write_random_files
from tests.bench.figures import Figure, Reach, ratio_figure
from tests.bench.synthetic import RIGHTS
from tests.command_line import ROOT, clean_environment, mirrord
from tests.integration.daemon.running_nodes import RunningNode, free_port

_FILES: Final = 16
_FILE_BYTES: Final = 32 * MIB
_SHARD_BYTES: Final = _FILES * _FILE_BYTES
_ROUNDS: Final = 5
_WAIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.002
_BLOCK_BYTES: Final = 512
"""Of ``st_blocks``, on every file system."""


@dataclass(frozen=True)
class _Shard:
    source: Path
    folder: CollectionFolder

    @property
    def torrent(self) -> Path:
        return self.folder.torrents[0]

    @property
    def name(self) -> str:
        return self.folder.body.shards[0].name


@dataclass(frozen=True)
class _Fetched:
    """Rates in MB/s, and the seconds from the start of the round to its first block.

    ``read_again`` is the daemon's: it reads all that it has fetched.
    """

    rate: float
    read_again: float
    waited_seconds: float


def measure(bench: Bench) -> Iterator[Figure]:
    say(f"transfer: a shard of {_SHARD_BYTES // MIB} MiB, {_ROUNDS} rounds each")
    shard = _make_shard(bench.root / "transfer")
    ours, theirs = [], []
    with ExitStack() as ending:
        origin = _start_origin(bench, shard)
        seeder = _start_bare_seeder(ending, bench.root / "bare-seeder", shard)
        for number in range(_ROUNDS):
            ours.append(_between_daemons(bench, shard, origin, f"volunteer-{number}"))
            time.sleep(ours[-1].waited_seconds)
            theirs.append(_between_bare_sessions(bench.root / f"bare-{number}", shard, seeder))
        origin.stop()
    downloads = [each.rate for each in ours]
    yield ratio_figure("bulk transfer over bare libtorrent", downloads, theirs, Reach(0.95), "MB/s")
    yield Figure("bulk transfer", statistics.median(downloads), "MB/s")
    yield Figure("bulk transfer: reading all of it again", statistics.median(e.read_again for e in ours), "MB/s")


def _make_shard(root: Path) -> _Shard:
    source, out = root / "source", root / "collection"
    write_random_files(source, _FILES, _FILE_BYTES)
    copies = ("--target-min", "2", "--target-max", "2")
    built = mirrord(
        *("collection", "build", str(source), "--out", str(out), "--name", "measured", "--rights", RIGHTS),
        *("--shards", "1", *copies),
    )
    assert built.code == 0, built.err
    os.sync()
    return _Shard(source, read_collection_folder(out))


def _start_origin(bench: Bench, shard: _Shard) -> RunningNode:
    origin = bench.nodes.make("origin", 2 * _SHARD_BYTES).start()
    origin.do("collection", "join", str(shard.folder.root), "--adopt", str(shard.source))
    origin.wait_for_role("held", 0)
    return origin


def _start_bare_seeder(ending: ExitStack, folder: Path, shard: _Shard) -> int:
    """Return its port.  Like the origin it serves every round, as the first is slower than the rest."""
    folder.mkdir()
    (folder / shard.name).symlink_to(shard.source)
    port = free_port()
    _start_bare(ending, "seed", shard, folder, port)
    return port


def _between_daemons(bench: Bench, shard: _Shard, origin: RunningNode, name: str) -> _Fetched:
    began = time.monotonic()
    volunteer = bench.nodes.make(name, 2 * _SHARD_BYTES).start()
    collection = shard.folder.collection
    invitation = format_invitation(Invitation(collection, (origin.address,), shard.folder.body.name))
    volunteer.do("collection", "join", invitation)
    rate = _rate_of_arrival(volunteer.shard_folder(collection, shard.name))
    complete = time.monotonic()
    volunteer.wait_for_role("held", 0)
    read_again = _SHARD_BYTES / (time.monotonic() - complete) / 10**6
    volunteer.stop()
    shutil.rmtree(volunteer.folder)
    return _Fetched(rate, read_again, complete - began - _SHARD_BYTES / rate / 10**6)


def _between_bare_sessions(folder: Path, shard: _Shard, seeder: int) -> float:
    folder.mkdir()
    with ExitStack() as ending:
        _start_bare(ending, "fetch", shard, folder, free_port(), seeder)
        rate = _rate_of_arrival(folder / shard.name)
    shutil.rmtree(folder)
    return rate


def _start_bare(ending: ExitStack, role: str, shard: _Shard, folder: Path, *ports: int) -> None:
    """Start a session in a process of its own, and wait until it runs; it ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare_session", role, shard.torrent, folder, *map(str, ports)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # the kernel shares cores out by session, and each daemon has its own
    )
    ending.callback(process.wait, _WAIT_SECONDS)
    assert process.stdin is not None
    assert process.stdout is not None
    ending.callback(process.stdin.close)
    assert process.stdout.readline(), f"the bare session ended: {role}"


def _rate_of_arrival(folder: Path) -> float:
    """Return MB/s between the first block that is written below ``folder`` and the last."""
    _wait_for_bytes(folder, 1)
    began, before = time.monotonic(), _written_bytes(folder)
    _wait_for_bytes(folder, _SHARD_BYTES)
    return (_SHARD_BYTES - before) / (time.monotonic() - began) / 10**6


def _wait_for_bytes(folder: Path, wanted: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while _written_bytes(folder) < wanted:
        assert time.monotonic() < deadline, f"{folder} does not fill up"
        time.sleep(_LOOK_SECONDS)


def _written_bytes(folder: Path) -> int:
    try:
        return sum(entry.stat().st_blocks * _BLOCK_BYTES for entry in os.scandir(folder))
    except FileNotFoundError:
        return 0
