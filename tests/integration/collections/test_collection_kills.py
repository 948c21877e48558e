"""A build or a publication that is killed, at whatever point, goes on to the same bytes.

Each run happens in a child process that kills itself with SIGKILL at the n-th thing it asks of the
operating system (an audit event: open, rename, remove, mkdir, a database), for many n.
"""

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mirrord.collections.builder import BuildReport, BuildRequest, KeyFile, build_collection
from mirrord.collections.catalogue import CatalogueRow, write_catalogue
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Quiet
from mirrord.collections.publishing import PublishRequest, publish
from mirrord.collections.reading import read_collection_folder
from mirrord.core.errors import CollectionError
from mirrord.store.keyfile import create_key, load_key

NOW = 1_700_000_000
EVENTS = ("open", "os.", "sqlite3.", "pathlib.", "fcntl.")
OWN = {"build.sqlite", "lock"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    for i in range(12):
        path = source / f"album{i % 3}/track{i:02d}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]) * (9_000 + i))
    rows = [CatalogueRow(str(path.relative_to(source)), 50 // (i + 1)) for i, path in enumerate(source.rglob("*.ogg"))]
    write_catalogue(tmp_path / "catalogue.csv", rows)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/extra.ogg").write_bytes(b"e" * 20_000)
    create_key(tmp_path / "curator.key")
    return source


def build(root: Path, out: Path) -> BuildReport:
    phase = PhaseRequest(root / "source", root / "catalogue.csv", shard_bytes=30_000, rights="CC0")
    request = BuildRequest("Killed", "", 3, 10, phase, out, NOW)
    return build_collection(request, KeyFile(root / "curator.key", load_key, None), Quiet())


def publish_more(root: Path, out: Path) -> BuildReport:
    phase = PhaseRequest(root / "new", None, shard_bytes=30_000, rights="CC-BY")
    request = PublishRequest(out, phase, (1,), "asked for", NOW + 1)
    return publish(request, KeyFile(root / "curator.key", load_key, None), Quiet())


def survives(work: Callable[[], object], deadly_event: int) -> bool:
    """Run ``work`` in a child that kills itself at its n-th event; whether it came to its end before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            count = 0

            def hook(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal count
                if event.startswith(EVENTS):
                    count += 1
                    if count == deadly_event:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            work()
            status = 0
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    assert result in (0, signal.SIGKILL), f"the child ended with {result}"
    return result == 0


def in_a_process_of_its_own(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """Run a test that forks where no other test has left threads behind."""

    @functools.wraps(test)
    def run(source: Path) -> None:
        program = "import pathlib, sys; import {0} as module; module.{1}.__wrapped__(pathlib.Path(sys.argv[1]))"
        command = [sys.executable, "-c", program.format(Path(__file__).stem, test.__name__), str(source)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    return run


def tree(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in OWN
    }


@in_a_process_of_its_own
def test_a_build_killed_anywhere_goes_on_to_the_same_bytes(source: Path) -> None:
    root = source.parent
    whole = root / "whole"
    build(root, whole)
    expected = tree(whole)
    kills = 0
    for deadly_event in range(1, 1_000):
        out = root / f"out{deadly_event}"
        if survives(lambda out=out: build(root, out), deadly_event):  # type: ignore[misc]
            break
        kills += 1
        report = build(root, out)
        assert report.hashed_bytes + 9_000 * 3 * report.reused_shards <= report.bytes + 1_000
        assert tree(out) == expected
    assert kills >= 50


@in_a_process_of_its_own
def test_a_build_killed_again_and_again_gets_there(source: Path) -> None:
    root = source.parent
    whole, out = root / "whole", root / "out"
    build(root, whole)
    deadly_event = 1
    while not survives(lambda: build(root, out), deadly_event):
        deadly_event += 1
        assert deadly_event < 1_000, "it makes no headway between kills"
    assert deadly_event > 10
    assert tree(out) == tree(whole)


@in_a_process_of_its_own
def test_finished_shards_are_not_hashed_again(source: Path) -> None:
    root = source.parent
    out = root / "out"
    deadly_event = 1
    while len(list((out / "torrents").glob("*.torrent")) if out.exists() else []) < 3:
        survives(lambda: build(root, out), deadly_event)
        deadly_event += 10
    finished = {path: path.stat().st_ino for path in (out / "torrents").glob("*.torrent")}
    report = build(root, out)
    assert report.reused_shards >= len(finished) - 1
    kept = [path for path, inode in finished.items() if path.stat().st_ino == inode]
    assert len(kept) == report.reused_shards


@in_a_process_of_its_own
def test_a_changed_file_makes_only_its_own_shard_be_hashed_again(source: Path) -> None:
    root = source.parent
    out = root / "out"
    deadly_event = 400
    while not survives(lambda: build(root, out), deadly_event):
        deadly_event += 50
    (out / "manifest.head").unlink()  # as if the kill had come at the last moment
    path = source / "album0/track00.ogg"
    path.write_bytes(b"\xff" * path.stat().st_size)
    os.utime(path, ns=(5, 5))
    report = build(root, out)
    assert report.reused_shards == report.shards - 1
    assert report.hashed_bytes in {shard.bytes for shard in read_collection_folder(out).body.shards}


@in_a_process_of_its_own
def test_a_publication_killed_anywhere_leaves_the_old_version_or_the_new_one(source: Path) -> None:
    root = source.parent
    whole = root / "whole"
    build(root, whole)
    publish_more(root, whole)
    expected = tree(whole)
    kills, versions = 0, set()
    for deadly_event in range(1, 1_000, 2):
        out = root / f"out{deadly_event}"
        build(root, out)
        done = survives(lambda out=out: publish_more(root, out), deadly_event)  # type: ignore[misc]
        kills += not done
        version = read_collection_folder(out).head.version
        versions.add(version)
        if version == 1:
            publish_more(root, out)
            assert tree(out) == expected
        if done:
            break
    assert kills >= 20
    assert versions == {1, 2}


def test_a_file_that_changes_while_it_is_hashed_is_named(source: Path) -> None:
    class Meddler(Quiet):
        def advance(self, amount: int) -> None:
            if amount >= 9_000:
                for path in source.rglob("*.ogg"):
                    os.utime(path, ns=(7, 7))

    phase = PhaseRequest(source, None, shard_bytes=30_000, rights="CC0")
    request = BuildRequest("Meddled", "", 3, 10, phase, source.parent / "out", NOW)
    with pytest.raises(CollectionError, match=r"\.ogg' changed while the collection was built"):
        build_collection(request, KeyFile(source.parent / "curator.key", load_key, None), Meddler())
    assert list((source.parent / "out/torrents").iterdir()) == []
