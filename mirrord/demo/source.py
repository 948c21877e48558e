"""What the demo shares: the Python standard library, or a folder of the operator's choice."""

import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.collections.catalogue import write_catalogue
from mirrord.collections.reading import CollectionFolder, read_collection_folder
from mirrord.collections.stdlib import PYTHON_RIGHTS, python_library_catalogue
from mirrord.core.errors import UsageError
from mirrord.demo.machines import run_command
from mirrord.demo.network import TARGET
from mirrord.torrents.torrent_file import parse_torrent

SHARDS: Final = 24
CATALOGUE_NAME: Final = "catalogue.csv"


@dataclass(frozen=True, slots=True)
class DemoCollection:
    """The built collection: where its files are, and which shard has which."""

    source: Path
    folder: CollectionFolder
    files_of: Mapping[str, tuple[str, ...]]
    transfer_sizes: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each shard on disk, by index; ``transfer_sizes`` are the bytes that fetching it takes."""
        return tuple(shard.bytes for shard in self.folder.body.shards)


def build(root: Path, chosen: Path | None, rights: str) -> DemoCollection:
    """Build the collection in ``root`` with the curator's own command.

    Raises :class:`UsageError` where a chosen folder comes without a rights statement.
    """
    out = root / "collection"
    common = ("--out", str(out), "--shards", str(SHARDS), "--target-min", str(TARGET), "--target-max", str(TARGET))
    if chosen is None:
        source = Path(sysconfig.get_path("stdlib"))
        catalogue = root / CATALOGUE_NAME
        write_catalogue(catalogue, python_library_catalogue(source))
        name = f"Python {sys.version_info.major}.{sys.version_info.minor} library"
        what = ("--name", name, "--rights", PYTHON_RIGHTS, "--catalogue", str(catalogue), "--listed-only")
    else:
        source = chosen.resolve()
        if not rights:
            hint = 'say them, for example --rights "CC0-1.0"; what you may not share does not belong here'
            raise UsageError(f"under what terms may the files in {source} be shared?", hint)
        own = source / CATALOGUE_NAME
        popularity = ("--catalogue", str(own)) if own.is_file() else ("--popularity-from", "size")
        what = ("--name", source.name, "--rights", rights, *popularity, "--skip-unfit")
    run_command("collection", "build", str(source), *common, *what)
    folder = read_collection_folder(out)
    torrents = [parse_torrent(path.read_bytes()) for path in folder.torrents]
    files_of = {torrent.name: tuple(file.path for file in torrent.files) for torrent in torrents}
    return DemoCollection(source, folder, files_of, tuple(torrent.wire_bytes for torrent in torrents))
