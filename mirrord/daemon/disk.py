"""The data folder: whether its disk is there, and how much room it still offers."""

import os
from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.core.effects import ShardState
from mirrord.core.errors import ConfigError, StorageError
from mirrord.core.events import DiskMeasured
from mirrord.core.stored import Stored
from mirrord.daemon.loop import NodeLoop
from mirrord.store.store import DATABASE_NAME

_EVERY_SECONDS: Final = 5.0
"""Often enough that room is used soon after it appears; statvfs costs microseconds."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def check_data_folder(folder: Path, stored: Stored) -> None:
    """Make the data folder of a new node; refuse one that has lost what the database says it holds.

    A disk that is not mounted looks like an empty folder, or like none.  Going on would announce
    shards that are not there, then fetch them all again, onto the wrong disk.  Raises
    :class:`ConfigError`, or :class:`StorageError` where the folder cannot be made or read.
    """
    held = sum(shard.state is ShardState.HELD for shard in stored.shards)
    try:
        if held and not (folder.is_dir() and any(folder.iterdir())):
            hint = f"mount it; if the data is lost, move {DATABASE_NAME} away and join the collections again"
            raise ConfigError(f"{folder} is empty, and should hold {held} shards: is its disk mounted?", hint)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot use {folder}: {error.strerror}", "can the daemon's user write there?") from None


async def watch_disk(folder: Path, loop: NodeLoop) -> None:
    """Tell the node how many bytes are free, now and every few seconds, until cancelled."""
    while True:
        try:
            free_bytes = await trio.to_thread.run_sync(_free_bytes, folder)
        except OSError as error:
            _log.error("cannot measure the disk", folder=str(folder), detail=error.strerror)
        else:
            await loop.emit(DiskMeasured(free_bytes))
        await trio.sleep(_EVERY_SECONDS)


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
