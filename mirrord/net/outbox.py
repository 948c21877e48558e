"""The frames that wait for one peer: bounded in number and in bytes, one reader, never blocking."""

from collections import deque
from dataclasses import dataclass

import trio

from mirrord.core import limits
from mirrord.net.reached import NetLimit


@dataclass(slots=True)
class Queued:
    """The bytes that wait in all outboxes of one network together."""

    size_bytes: int = 0


class Outbox:
    """A queue that refuses instead of growing.

    A frame is refused where ``SESSION_QUEUE_MAX_FRAMES`` or ``SESSION_QUEUE_MAX_BYTES`` would be
    passed, and also where all sessions together have reached ``QUEUES_MAX_BYTES`` and this one
    already has a frame's worth of it: then it is the slow readers that pay.
    """

    def __init__(self, queued: Queued) -> None:
        self._queued = queued
        self._frames: deque[bytes] = deque()
        self._own_bytes = 0
        self._last: bytes | None = None
        self._finished = False
        self._changed = trio.Event()

    @property
    def finished(self) -> bool:
        """Whether the last frame has been named, or the session is over: nothing may follow."""
        return self._finished

    def put(self, data: bytes) -> NetLimit | None:
        """Queue a frame and return None, or return the limit that it would pass.  Not after :meth:`finish`."""
        own_bytes = self._own_bytes + len(data)
        if len(self._frames) >= limits.SESSION_QUEUE_MAX_FRAMES:
            return NetLimit.SESSION_QUEUE_MAX_FRAMES
        if own_bytes > limits.SESSION_QUEUE_MAX_BYTES:
            return NetLimit.SESSION_QUEUE_MAX_BYTES
        if self._queued.size_bytes + len(data) > limits.QUEUES_MAX_BYTES and own_bytes > limits.FRAME_MAX_BYTES:
            return NetLimit.QUEUES_MAX_BYTES
        self._frames.append(data)
        self._own_bytes = own_bytes
        self._queued.size_bytes += len(data)
        self._changed.set()
        return None

    def finish(self, last: bytes) -> None:
        """Name the frame that goes out after all others; it always has room.  The first call counts."""
        if not self._finished:
            self._last = last
            self._finished = True
            self._changed.set()

    async def get(self) -> bytes | None:
        """Wait for the next frame; None once the last one has been handed out."""
        while not self._frames and not self._finished:
            self._changed = trio.Event()
            await self._changed.wait()
        if self._frames:
            data = self._frames.popleft()
            self._own_bytes -= len(data)
            self._queued.size_bytes -= len(data)
            return data
        data_or_none, self._last = self._last, None
        return data_or_none

    def discard(self) -> None:
        """Drop what is left, when the session is over; give its bytes back to the others."""
        self._finished = True
        self._queued.size_bytes -= self._own_bytes
        self._own_bytes = 0
        self._frames.clear()
