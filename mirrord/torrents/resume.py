"""Which pieces of a half-fetched shard are on disk, kept from a clean stop to the next start.

A file is written only while the engine stops, and deleted before its content is used: after a
kill there is none, and the engine reads the shard instead of trusting it.  Blocking: call it in a
thread.
"""

from pathlib import Path
from typing import Final

from mirrord.core.errors import EngineError
from mirrord.core.records.ids import ShardKey, to_text
from mirrord.torrents.alerts import TorrentId
from mirrord.torrents.sealed_file import sync_folder, unseal, write_sealed

_MAGIC: Final = b"mirrord pieces 1\n"


class ResumeFolder:
    """One small file a shard: magic, torrent, a bit a piece (the lowest first), a checksum."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: ShardKey) -> Path:
        return self._folder / f"{to_text(key.collection)[:16]}-{key.index}.pieces"

    def write(self, key: ShardKey, torrent: TorrentId, pieces: list[bool]) -> None:
        """Write durably, or raise :class:`EngineError`; half a file is never seen under its name."""
        path = self._path(key)
        try:
            write_sealed(path, _MAGIC, torrent + _pack(pieces))
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}", "the shard will be read again at the next start") from None

    def take(self, key: ShardKey, torrent: TorrentId, pieces: int) -> list[bool] | None:
        """Return what was written for this very torrent and delete it; None where there is nothing to trust."""
        path = self._path(key)
        try:
            content = unseal(path.read_bytes(), _MAGIC)
            path.unlink()
            sync_folder(self._folder)  # or a crash right now could bring the file back
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EngineError(f"{path}: {error.strerror}", "the daemon has to read and delete it") from None
        if content is None or not content.startswith(torrent):
            return None
        bits = content[len(torrent) :]
        return _unpack(bits, pieces) if len(bits) == (pieces + 7) // 8 else None

    def discard(self, key: ShardKey) -> None:
        """Forget a shard."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(f"{self._path(key)}: {error.strerror}", "delete it by hand") from None


def _pack(pieces: list[bool]) -> bytes:
    bits = int("".join("1" if piece else "0" for piece in reversed(pieces)) or "0", 2)
    return bits.to_bytes((len(pieces) + 7) // 8, "little")


def _unpack(data: bytes, pieces: int) -> list[bool]:
    bits = int.from_bytes(data, "little")
    return [digit == "1" for digit in reversed(f"{bits:0{pieces}b}")]
