"""Frames: a length of four bytes, big-endian, then that many bytes of one message.  Sans-IO."""

from typing import Final

from mirrord.core import limits
from mirrord.core.errors import LocalProtocolError, RemoteProtocolError

_LENGTH_BYTES: Final = 4


class OversizedFrameError(RemoteProtocolError):
    """The peer announces a frame above ``FRAME_MAX_BYTES``."""


def frame(payload: bytes) -> bytes:
    """Return ``payload`` behind its length; raise :class:`LocalProtocolError` where it is too long to send."""
    if not 0 < len(payload) <= limits.FRAME_MAX_BYTES:
        raise LocalProtocolError(f"a frame of {len(payload)} bytes, at most {limits.FRAME_MAX_BYTES} may be sent")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


class FrameReader:
    """Cuts a stream of bytes into frames; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and return the frames that are whole now, in order.

        Raises :class:`RemoteProtocolError` as soon as a length is zero, and
        :class:`OversizedFrameError` as soon as one is above ``FRAME_MAX_BYTES``, before its bytes
        are waited for; the reader is of no use after that.
        """
        self._buffer += data
        frames: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[start : start + _LENGTH_BYTES], "big")
            if length > limits.FRAME_MAX_BYTES:
                raise OversizedFrameError(f"a frame of {length} bytes, at most {limits.FRAME_MAX_BYTES} are allowed")
            if length == 0:
                raise RemoteProtocolError("a frame of 0 bytes, and every frame has a message")
            end = start + _LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            frames.append(bytes(self._buffer[start + _LENGTH_BYTES : end]))
            start = end
        del self._buffer[:start]
        return frames

    @property
    def buffered_bytes(self) -> int:
        """How much of an unfinished frame is waiting."""
        return len(self._buffer)
