"""Data that is there already: found by names and sizes, put in place by a link, never copied.

A shard's folder in the data folder may be a symbolic link to where its files lie: a folder of the
shard's name (as another client left it), or the very tree that the collection was built from.
Names and sizes only make it worth reading; the engine's check decides.
"""

from pathlib import Path

from mirrord.core.errors import StorageError
from mirrord.core.records.ids import ShardKey
from mirrord.torrents.engine import collection_folder
from mirrord.torrents.torrent_file import TorrentInfo, parse_torrent


def place_of(torrent: bytes | None, name: str, folder: Path) -> Path | None:
    """Return the folder that has all of a shard's files, with their sizes: ``folder/<name>`` or ``folder``.

    Without its .torrent, which a node fetches only for shards that it takes up, the name has to do.
    """
    named = folder / name
    if torrent is None:
        return named if named.is_dir() else None
    info = parse_torrent(torrent)
    return next((place for place in (named, folder) if _has_all(info, place)), None)


def _has_all(info: TorrentInfo, place: Path) -> bool:
    for file in info.files:
        try:
            found = (place / file.path).stat()
        except OSError:
            return False
        if found.st_size != file.bytes:
            return False
    return True


def may_link(data_folder: Path, key: ShardKey, name: str, place: Path) -> bool:
    """Return whether :func:`link_shard` would find nothing in its way."""
    where = _shard_folder(data_folder, key, name)
    return where.is_symlink() or not where.exists() or where.resolve() == place.resolve()


def link_shard(data_folder: Path, key: ShardKey, name: str, place: Path) -> None:
    """Make the shard's folder lead to ``place``, unless it is that very folder.

    A link that leads elsewhere is replaced, a real folder never is.  Raises :class:`StorageError`
    where the disk refuses, or something else is in the way.
    """
    where = _shard_folder(data_folder, key, name)
    place = place.resolve()
    try:
        if where.is_symlink():
            where.unlink()
        elif where.exists() and where.resolve() == place:
            return
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(place, target_is_directory=True)
    except OSError as error:
        raise StorageError(f"cannot link {where} to {place}: {error.strerror}", "can the daemon write there?") from None


def _shard_folder(data_folder: Path, key: ShardKey, name: str) -> Path:
    return collection_folder(data_folder, key.collection) / name
