"""A peer that speaks the channel well and means ill: it says whatever a test wants said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import trio

from mirrord.core.records.ids import Address, CollectionId
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, frame
from mirrord.core.wire.messages import PROTOCOL_VERSION, Goodbye, Hello, Message
from mirrord.net.tls import client_context

WAIT_SECONDS: Final = 20.0
_READ_BYTES: Final = 65_536
AnyMessage = TypeVar("AnyMessage", bound=Message)


@dataclass
class HostilePeer:
    """One session with a daemon."""

    stream: "trio.SSLStream[trio.SocketStream]"
    heard: list[Message] = field(default_factory=list)
    _frames: FrameReader = field(default_factory=FrameReader)

    async def say(self, message: Message) -> None:
        await self.say_bytes(frame(encode_message(message)))

    async def say_bytes(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def hello(
        self, *collections: CollectionId, versions: tuple[int, int] = (PROTOCOL_VERSION, PROTOCOL_VERSION)
    ) -> None:
        """Introduce ourselves, and wait until the daemon has done so too."""
        low, high = versions
        await self.say(Hello(low, high, "hostile/1", 0, tuple(sorted(collections))))
        while not any(isinstance(message, Hello) for message in self.heard):
            await self._hear()

    async def hear(self, kind: type[AnyMessage]) -> AnyMessage:
        """Wait for the next message of a kind that nobody has asked for yet."""
        while True:
            for position, message in enumerate(self.heard):
                if isinstance(message, kind):
                    del self.heard[position]
                    return message
            await self._hear()

    async def goodbye(self) -> Goodbye:
        """Return why the daemon parts with us."""
        while True:
            for message in self.heard:
                if isinstance(message, Goodbye):
                    return message
            await self._hear()

    async def _hear(self) -> None:
        data = await self.stream.receive_some(_READ_BYTES)
        assert data, (
            f"the daemon hung up without a word, after {[type(message).__name__ for message in self.heard[-9:]]}"
        )
        self.heard += [decode_message(payload) for payload in self._frames.feed(bytes(data))]


@asynccontextmanager
async def hostile_peer(address: Address, seed: bytes, wait_seconds: float = WAIT_SECONDS) -> AsyncIterator[HostilePeer]:
    """Connect to a daemon with the key of ``seed``, for ``wait_seconds`` at most."""
    with trio.fail_after(wait_seconds):
        transport = await trio.open_tcp_stream(address.host, address.port)
        stream = trio.SSLStream(transport, client_context(seed), https_compatible=True)
        try:
            await stream.do_handshake()
            yield HostilePeer(stream)
        finally:
            with trio.move_on_after(1):
                await trio.aclose_forcefully(transport)
