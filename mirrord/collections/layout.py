"""Where everything lies in a collection's folder, and how files get there whole.

::

    curator.key            the secret that signs (keep it out of what you copy to others)
    manifest.head          the signed envelope that names one body; it alone says which version holds
    manifest.body          the list of shards, deflated
    torrents/NAME.torrent  one a shard
    files/NAME.csv.gz      one a shard: path, bytes, popularity, demand, title, identifiers
    versions/N/            head and body of version N, and shards.csv: every shard's demand in the catalogue's unit
    build.sqlite           which shards are finished; may go once the manifest is there
    build.plan             scratch of a build that is under way
    lock                   held by whoever builds or publishes

The body is written before the head that names it, so whoever reads at any moment, or after a kill
at any moment, finds the old version or the new one.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mirrord.core.errors import StorageError, UsageError


class OutputFolder:
    """The paths inside one collection's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = root / "curator.key"
        self.head = root / "manifest.head"
        self.body = root / "manifest.body"
        self.torrents = root / "torrents"
        self.files = root / "files"
        self.versions = root / "versions"
        self.finished = root / "build.sqlite"
        self.plan = root / "build.plan"
        self.lock = root / "lock"

    def torrent(self, name: str) -> Path:
        """Where the .torrent of the shard ``name`` lies."""
        return self.torrents / f"{name}.torrent"

    def listing(self, name: str) -> Path:
        """Where the list of the files of the shard ``name`` lies."""
        return self.files / f"{name}.csv.gz"

    def version(self, number: int) -> Path:
        """The folder of one version."""
        return self.versions / str(number)

    def check_apart_from(self, source: Path) -> None:
        """Raise :class:`UsageError` where this folder would become part of its own collection."""
        root, above = self.root.resolve(), source.resolve()
        if root == above or above in root.parents:
            raise UsageError(
                f"{self.root} lies inside {source}, and would become part of the collection", "choose another --out"
            )

    def make(self) -> None:
        """Create the folders; raise :class:`StorageError` where that is not possible."""
        for folder in (self.root, self.torrents, self.files, self.versions):
            make_folder(folder)


def make_folder(folder: Path) -> None:
    """Create ``folder`` and what is above it, where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error("make the folder", folder, error) from None


@contextmanager
def locked(out: OutputFolder) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go of it however the process ends."""
    try:
        descriptor = os.open(out.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_error("open the lock", out.lock, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another process is building or publishing in {out.root}", "wait for it, or choose another --out"
            ) from None
        except OSError as error:
            raise disk_error("lock", out.lock, error) from None
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write ``data`` under ``path`` in place of what is there: whole, durable, or not at all."""
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise disk_error("write", path, error) from None


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, max_bytes: int) -> bytes | None:
    """Return a file's bytes, at most one more than ``max_bytes``; None where it does not exist."""
    try:
        with path.open("rb") as stream:
            return stream.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error("read", path, error) from None


def disk_error(doing: str, path: Path, error: OSError) -> StorageError:
    """Put ``error`` in words; ``doing`` fits behind "could not"."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "make room and run the same command again: it goes on where it was" if full else ""
    return StorageError(f"could not {doing} {path}: {error.strerror or error}", hint)
