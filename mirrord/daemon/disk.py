"""How much room the data folder's file system still offers."""

import os
from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.core.events import DiskMeasured
from mirrord.daemon.loop import NodeLoop

_EVERY_SECONDS: Final = 5.0
"""Often enough that room is used soon after it appears; statvfs costs microseconds."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


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
