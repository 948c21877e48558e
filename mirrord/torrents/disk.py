"""A shard's files on disk, looked at and tidied around libtorrent.  Blocking: call it in a thread.

A shard's folder, or a folder below it, may be a symbolic link to where an operator keeps the same
files.  Reading and repairing go through such a link; truncating and deleting never do.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mirrord.core.errors import EngineError
from mirrord.torrents.torrent_file import TorrentFile, TorrentInfo


@dataclass(frozen=True, slots=True)
class Survey:
    """What names and sizes say of a shard's files, nothing having been read.

    ``bad_pieces`` counts the pieces that touch a file which is missing or has another size; it is
    at least 1 where there is such a file.  ``too_long`` are the files that have more bytes than they should.
    """

    any_file: bool
    bad_pieces: int
    too_long: tuple[TorrentFile, ...]


def refuse_dead_link(folder: Path) -> None:
    """Raise :class:`EngineError` where a shard's folder leads nowhere: its files are away, not lost."""
    if folder.is_symlink() and not folder.exists():
        raise EngineError(f"{folder} leads to {folder.readlink()}, which is not there", "is its disk mounted?")


def survey(folder: Path, info: TorrentInfo) -> Survey:
    """Compare the names and sizes below ``folder`` with the torrent; raise :class:`EngineError` where one cannot."""
    refuse_dead_link(folder)
    any_file, bad_pieces, faults = False, 0, 0
    too_long = []
    for file in info.files:
        try:
            found = (folder / file.path).stat()
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise EngineError(f"{folder / file.path}: {error.strerror}", "the daemon needs to read it") from None
        any_file = any_file or found is not None
        if found is None or found.st_size != file.bytes or not stat.S_ISREG(found.st_mode):
            faults += 1
            bad_pieces += -(-file.bytes // info.piece_bytes)
            if found is not None and found.st_size > file.bytes:
                too_long.append(file)
    return Survey(any_file, max(bad_pieces, min(faults, 1)), tuple(too_long))


def cut_to_size(folder: Path, files: tuple[TorrentFile, ...]) -> None:
    """Shorten files that are too long; one that lies behind a link is an :class:`EngineError` instead.

    libtorrent would leave the excess where it is, and no hash would ever tell.
    """
    for file in files:
        path = folder / file.path
        if _lies_behind_link(folder, file):
            raise EngineError(
                f"{path} has more than its {file.bytes} bytes, and it lies behind a link",
                "restore the file or remove the link",
            )
        try:
            os.truncate(path, file.bytes)
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}", "the daemon needs to write to it") from None


def _lies_behind_link(folder: Path, file: TorrentFile) -> bool:
    path = folder / file.path
    return any(part.is_symlink() for part in (path, *path.parents[: file.path.count("/") + 1]))


def settle(folder: Path, files: tuple[TorrentFile, ...]) -> None:
    """Bring what was written onto the disk, and out of the page cache, so that a re-read reads the disk.

    Missing files are left to the re-read to find.  Where the file system has no cache to drop (a
    tmpfs), or the pages are in use, the re-read sees memory; that much stays unproven.
    """
    for file in files:
        if not file.bytes:
            continue
        try:
            descriptor = os.open(folder / file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EngineError(f"{folder / file.path}: {error.strerror}", "the daemon needs to read it") from None
        try:
            os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise EngineError(f"{folder / file.path}: {error.strerror}", "the disk may be failing") from None
        finally:
            os.close(descriptor)


def drop_link(folder: Path) -> None:
    """Take away the link in place of a shard's folder, where there is one; what it leads to stays."""
    if folder.is_symlink() and (failure := _attempt(folder, unlink=True)) is not None:
        raise EngineError(f"{folder}: {failure.strerror}", "the link has to go by hand")


def delete_shard(folder: Path, files: tuple[TorrentFile, ...]) -> None:
    """Delete a shard's own files and the folders that are empty then; a link is removed, never followed.

    Files that the torrent does not name stay, with their folders.  Raises :class:`EngineError`
    with the first path that could not be deleted, after all others have been.
    """
    failure: OSError | None = None
    folders = {folder}
    links = {folder} if folder.is_symlink() else set()
    for file in files:
        above = [folder.joinpath(*parts) for parts in _folders_of(file)]
        link = next((part for part in (folder, *above) if part in links or part.is_symlink()), None)
        if link is not None:
            links.add(link)
            continue
        folders.update(above)
        failure = _attempt(folder / file.path, unlink=True) or failure
    for link in links:
        failure = _attempt(link, unlink=True) or failure
    for emptied in sorted(folders - links, key=lambda path: len(path.parts), reverse=True):
        failure = _attempt(emptied, unlink=False) or failure
    if failure is not None:
        raise EngineError(f"{failure.filename}: {failure.strerror}", "the files of this shard have to go by hand")


def _folders_of(file: TorrentFile) -> list[list[str]]:
    parts = file.path.split("/")[:-1]
    return [parts[:depth] for depth in range(1, len(parts) + 1)]


def _attempt(path: Path, *, unlink: bool) -> OSError | None:
    """Remove a file or an empty folder; what is gone already, or is not empty, is no failure."""
    try:
        if unlink:
            path.unlink()
        else:
            path.rmdir()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error if unlink or not any(path.iterdir()) else None
    return None
