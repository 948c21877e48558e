"""The proof at the end: every file of every held shard has the SHA-256 of its source."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mirrord.core.records.ids import CollectionId, from_text
from mirrord.demo.machines import Machine
from mirrord.torrents.engine import collection_folder


@dataclass(frozen=True, slots=True)
class FileCheck:
    """How many files were read, and which were not what they should be."""

    files: int
    bad: tuple[str, ...]


def check_files(machines: Iterable[Machine], source: Path, files_of: Mapping[str, tuple[str, ...]]) -> FileCheck:
    """Read every file that a machine says it holds.

    ``files_of`` maps the name of a shard to the paths of its files below ``source``.
    """
    digests: dict[str, bytes | None] = {}
    files = 0
    bad: list[str] = []
    for machine in machines:
        for shard in machine.last.shards if machine.last is not None else ():
            if shard.role != "held":
                continue
            folder = collection_folder(machine.data_folder, CollectionId(from_text(shard.collection))) / shard.name
            for path in files_of[shard.name]:
                files += 1
                if path not in digests:
                    digests[path] = _digest(source / path)
                if digests[path] is None or _digest(folder / path) != digests[path]:
                    bad.append(f"{machine.name}: {shard.name}/{path}")
    return FileCheck(files, tuple(bad))


def _digest(path: Path) -> bytes | None:
    """Return the SHA-256 of a file, or None where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return None
