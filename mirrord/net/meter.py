"""Counts what really crosses the wire: TCP payload, with TLS and its handshakes in it.

Short gossip sessions spend as many bytes on handshakes as on records, so a transfer cap that
counted frames alone would lie.
"""

from dataclasses import dataclass

import trio


@dataclass(slots=True)
class Traffic:
    """Bytes since the start of the program; shared by all connections of one network."""

    received_bytes: int = 0
    sent_bytes: int = 0


class MeteredStream(trio.abc.HalfCloseableStream):
    """A TCP stream that counts; whoever owns it closes it."""

    def __init__(self, stream: trio.SocketStream, traffic: Traffic) -> None:
        self._stream = stream
        self._traffic = traffic

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, and count the whole once it is handed to the kernel."""
        await self._stream.send_all(data)
        self._traffic.sent_bytes += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See :class:`trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Close our direction; the other one stays open."""
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and count."""
        data = await self._stream.receive_some(max_bytes)
        self._traffic.received_bytes += len(data)
        return data

    async def aclose(self) -> None:
        """Close the socket at once."""
        await self._stream.aclose()
