"""Lists the files of a folder in byte order of their paths, one at a time, and says what is left out.

Symbolic links are not followed: a link can lead out of the folder, or twice to the same file.
It is left out and said, as are empty folders, which a torrent cannot carry.  A name that cannot be
carried and anything that is neither file nor folder is unfit; who calls decides what that means.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mirrord.collections.paths import ClashCheck, fault_of_path, shown
from mirrord.core.errors import CollectionError


class Why(Enum):
    """Why something is not among the files."""

    LINK = "symbolic links"
    EMPTY_FOLDER = "empty folders"
    UNFIT = "files or folders with names that cannot be carried"
    SPECIAL = "devices, pipes or sockets"
    MISSING = "rows of the catalogue without a file"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A regular file: its path below the folder, its size, and when it was last modified."""

    path: str
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something at ``path`` that is not among the files; ``reason`` completes "path: ..."."""

    path: str
    why: Why
    reason: str


Found = ScannedFile | LeftOut


def walk_folder(root: Path) -> Iterator[Found]:
    """Yield everything below ``root``; files in byte order of their paths.

    A folder that cannot be listed raises :class:`CollectionError`: leaving its files out in
    silence would lose them.  One folder's names are in memory at a time, for each level.
    """
    check = ClashCheck()
    levels = [iter(_listed(root, ""))]
    while levels:
        entry = next(levels[-1], None)
        if entry is None:
            levels.pop()
            continue
        path, found = entry
        if isinstance(found, LeftOut):
            yield found
            continue
        fault = fault_of_path(path) or _fault_of_clash(check, path)
        if fault:
            whole = " (and everything in it)" if found is None else ""
            yield LeftOut(path, Why.UNFIT, fault + whole)
        elif found is not None:
            yield found
        else:
            below = _listed(root, path + "/")
            if not below:
                yield LeftOut(path, Why.EMPTY_FOLDER, "the folder is empty")
            levels.append(iter(below))


def pick_files(root: Path, paths: Iterable[str]) -> Iterator[Found]:
    """Yield what lies at each of ``paths``, which come in byte order, without looking at anything else."""
    check = ClashCheck()
    folders = _PlainFolders(root)
    for path in paths:
        fault = fault_of_path(path) or _fault_of_clash(check, path)
        if fault:
            yield LeftOut(path, Why.UNFIT, fault)
        elif not folders.hold(path):
            yield LeftOut(path, Why.MISSING, "there is no such file in the folder")
        else:
            try:
                result = (root / path).lstat()
            except (FileNotFoundError, NotADirectoryError):
                yield LeftOut(path, Why.MISSING, "there is no such file in the folder")
            else:
                yield _found(path, result)


def _fault_of_clash(check: ClashCheck, path: str) -> str:
    clash = check.clash_of(path)
    return f"the name clashes with {shown(clash)}: some file systems take the two for one" if clash else ""


class _PlainFolders:
    """Whether every folder on the way to a path is a folder and no link; remembers the last way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._way: list[str] = []

    def hold(self, path: str) -> bool:
        way = path.split("/")[:-1]
        for depth, name in enumerate(way):
            if self._way[depth : depth + 1] == [name]:
                continue
            del self._way[depth:]
            folder = self._root.joinpath(*way[: depth + 1])
            if folder.is_symlink() or not folder.is_dir():
                return False
            self._way.append(name)
        return True


def _listed(root: Path, prefix: str) -> list[tuple[str, Found | None]]:
    """Return the entries of one folder in the byte order of the paths below it; None marks a folder."""
    entries: list[tuple[str, str, Found | None]] = []
    try:
        with os.scandir(root / prefix) as listing:
            for entry in listing:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    entries.append((entry.name + "/", path, None))
                else:
                    entries.append((entry.name, path, _found(path, entry.stat(follow_symlinks=False))))
    except OSError as error:
        raise CollectionError(
            f"{shown(prefix or str(root))}: the folder cannot be listed: {error.strerror}",
            "let the user that builds read it, or move it out of the folder",
        ) from None
    entries.sort(key=lambda entry: entry[0])
    return [(path, found) for _, path, found in entries]


def _found(path: str, result: os.stat_result) -> Found:
    if stat.S_ISREG(result.st_mode):
        return ScannedFile(path, result.st_size, result.st_mtime_ns)
    if stat.S_ISLNK(result.st_mode):
        return LeftOut(path, Why.LINK, "it is a symbolic link, and links are not followed")
    if stat.S_ISDIR(result.st_mode):
        return LeftOut(path, Why.MISSING, "it is a folder; a row names one file")
    return LeftOut(path, Why.SPECIAL, "it is neither a file nor a folder (a device, a pipe or a socket)")
