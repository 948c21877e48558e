"""Reads a collection's folder as a stranger would: nothing is believed before its hash or signature holds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.collections.layout import OutputFolder, disk_error
from mirrord.collections.versions import read_current
from mirrord.core.errors import CollectionError
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import ManifestBody, ManifestHead, Shard

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CollectionFolder:
    """A whole collection on disk, checked.

    ``envelope`` is the signed head, ``body_blob`` the deflated body whose SHA-256 it names;
    ``torrents[i]`` is the .torrent of shard ``i``.
    """

    root: Path
    envelope: bytes
    head: ManifestHead
    body_blob: bytes
    body: ManifestBody
    torrents: tuple[Path, ...]

    @property
    def collection(self) -> CollectionId:
        """The collection's id: the key that signed its manifest."""
        return self.head.collection


def read_collection_folder(path: Path, *, check_torrents: bool = True) -> CollectionFolder:
    """Read the folder that a build made, or a copy of it; raise :class:`CollectionError` with the damaged file.

    ``check_torrents`` reads every .torrent (gigabytes for 3,000 shards) and compares its SHA-256.
    """
    out = OutputFolder(path)
    current = read_current(out)
    if current is None:
        hint = "give the --out folder of `mirrord collection build`" if path.is_dir() else "check the path"
        raise CollectionError(f"{path} holds no collection: there is no {out.head.name}", hint)
    torrents = tuple(out.torrent(shard.name) for shard in current.body.shards)
    if check_torrents:
        for shard, torrent in zip(current.body.shards, torrents, strict=True):
            _check_torrent(shard, torrent)
    return CollectionFolder(path, current.envelope, current.head, current.body_blob, current.body, torrents)


def _check_torrent(shard: Shard, path: Path) -> None:
    hint = "copy the file again from where the collection was published"
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError:
        raise CollectionError(f"{path}: the torrent of shard {shard.index} is missing", hint) from None
    except OSError as error:
        raise disk_error("read", path, error) from None
    if digest.digest() != shard.torrent_sha256:
        raise CollectionError(f"{path} is not the torrent that the manifest names for shard {shard.index}", hint)
