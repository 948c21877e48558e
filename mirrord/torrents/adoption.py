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


def place_of(torrent: bytes, folder: Path) -> Path | None:
    """Return the folder that has all of a shard's files, with their sizes: ``folder/<name>`` or ``folder``."""
    info = parse_torrent(torrent)
    return next((place for place in (folder / info.name, folder) if _has_all(info, place)), None)


def _has_all(info: TorrentInfo, place: Path) -> bool:
    for file in info.files:
        try:
            found = (place / file.path).stat()
        except OSError:
            return False
        if found.st_size != file.bytes:
            return False
    return True


def link_shard(data_folder: Path, key: ShardKey, name: str, place: Path) -> bool:
    """Make the shard's folder lead to ``place``; False where something else is in its way already.

    A link of ours that leads elsewhere is replaced, a real folder never is.  Raises
    :class:`StorageError` where the disk refuses.
    """
    where = collection_folder(data_folder, key.collection) / name
    place = place.resolve()
    try:
        if where.is_symlink():
            where.unlink()
        elif where.exists():
            return where.resolve() == place
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(place, target_is_directory=True)
    except OSError as error:
        raise StorageError(f"cannot link {where} to {place}: {error.strerror}", "can the daemon write there?") from None
    return True
