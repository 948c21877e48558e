"""Nodes and strangers on the loopback interface: real sockets, real TLS."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import trio

from mirrord.core.effects import CloseSession, Dial, SendMessage
from mirrord.core.events import DialFailed, Event, MessageReceived, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.core.wire.encoding import decode_message
from mirrord.core.wire.framing import FrameReader
from mirrord.core.wire.messages import BlobChunk, BlobRequest, GoodbyeCode, Hello, Message
from mirrord.net.certificate import authority_certificate, certificate_pem, node_certificate, private_key_pem
from mirrord.net.network import Network
from mirrord.net.reached import NetLimit
from mirrord.net.settings import NetworkSettings, Patience
from mirrord.net.tls import ALPN, client_context, node_id_from_seed, server_context

WAIT_SECONDS = 10.0
LOOPBACK = Address("127.0.0.1", 0)
HELLO = Hello(version_min=1, version_max=1, agent="test", unix_seconds=1, collections=())
AnyEvent = TypeVar("AnyEvent", bound=Event)


def seed_of(number: int) -> bytes:
    return bytes([number]) * 32


@dataclass
class Node:
    """A running network and every event that it emitted.

    ``work_seconds`` is the processor time that each message is said to have taken, ``chunk`` the
    answer to whoever asks for a blob.
    """

    network: Network
    scope: trio.CancelScope
    events: list[Event] = field(default_factory=list)
    stopped: trio.Event = field(default_factory=trio.Event)
    changed: trio.Event = field(default_factory=trio.Event)
    emit_allowed: trio.Event = field(default_factory=trio.Event)
    work_seconds: float = 0.0
    chunk: BlobChunk | None = None

    @property
    def id(self) -> NodeId:
        return self.network.node_id

    @property
    def address(self) -> Address:
        return self.network.listening[0]

    def dial(self, address: Address) -> None:
        self.network.carry_out(Dial(address))

    def send(self, session: SessionId, message: Message) -> None:
        self.network.carry_out(SendMessage(session, message))

    def close(self, session: SessionId, code: GoodbyeCode, reason: str) -> None:
        self.network.carry_out(CloseSession(session, code, reason))

    def all_of(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def messages(self, session: SessionId) -> list[Message]:
        return [event.message for event in self.all_of(MessageReceived) if event.session == session]

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that an event of this node can make true."""
        with trio.fail_after(WAIT_SECONDS):
            while not holds():
                self.changed = trio.Event()
                await self.changed.wait()

    async def wait_for(self, kind: type[AnyEvent], count: int = 1) -> AnyEvent:
        """Wait for the ``count``-th event of a kind."""
        await self.wait_until(lambda: len(self.all_of(kind)) >= count)
        return self.all_of(kind)[count - 1]

    async def wait_closed(self, session: SessionId) -> str:
        """Wait for a session's end and return its detail; there must be exactly one."""
        await self.wait_until(lambda: any(event.session == session for event in self.all_of(SessionClosed)))
        details = [event.detail for event in self.all_of(SessionClosed) if event.session == session]
        assert len(details) == 1
        return details[0]

    async def take(self, event: Event) -> None:
        await self.emit_allowed.wait()
        self.events.append(event)
        self.changed.set()
        if self.chunk is not None and isinstance(event, MessageReceived) and isinstance(event.message, BlobRequest):
            self.network.answer(SendMessage(event.session, self.chunk))

    def reached(self, limit: NetLimit) -> int:
        """How often a limit has bitten."""
        return self.network.statistics().limits_reached[limit]


@asynccontextmanager
async def running(
    number: int,
    *,
    listen: tuple[Address, ...] = (LOOPBACK,),
    patience: Patience | None = None,
    source_address: str | None = None,
) -> AsyncIterator[Node]:
    """Run the network of node ``number``; stopped when the block is left."""

    async def emit(event: Event) -> None:
        await node.take(event)

    async def deliver(message: MessageReceived) -> float:
        await node.take(message)
        return node.work_seconds

    settings = NetworkSettings(listen=listen, source_address=source_address, patience=patience or Patience())
    network = Network(settings, seed_of(number), emit, deliver)
    node = Node(network, trio.CancelScope())
    node.emit_allowed.set()

    async def run(task_status: trio.TaskStatus[None]) -> None:
        with node.scope:
            await network.run(task_status)
        node.stopped.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield node
        node.scope.cancel()
        node.emit_allowed.set()


async def connected(caller: Node, called: Node) -> tuple[SessionId, SessionId]:
    """Open a session between two nodes and return its number on either side."""
    count_caller = len(caller.all_of(SessionOpened)) + 1
    count_called = len(called.all_of(SessionOpened)) + 1
    caller.dial(called.address)
    ours = await caller.wait_for(SessionOpened, count_caller)
    theirs = await called.wait_for(SessionOpened, count_called)
    assert not caller.all_of(DialFailed)
    return ours.session, theirs.session


async def assert_lets_in(called: Node, number: int = 99) -> None:
    """An honest node gets through to ``called`` and is understood."""
    async with running(number, listen=()) as honest:
        ours, theirs = await connected(honest, called)
        honest.send(ours, HELLO)
        await called.wait_until(lambda: called.messages(theirs) == [HELLO])


def identity_context(
    folder: Path,
    *,
    server_side: bool = False,
    certificate: bytes | None = None,
    key: bytes | None = None,
    alpn: str | None = ALPN,
    trusted: bytes | None = None,
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """A stranger's TLS context: the certificate (PEM) and key (PEM) that it likes, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = maximum
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if trusted or not server_side else ssl.CERT_NONE
    context.load_verify_locations(cadata=trusted or authority_certificate())
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    if certificate is not None and key is not None:
        path = folder / "identity.pem"
        path.write_bytes(certificate + key)
        context.load_cert_chain(path)
    return context


def sound_identity(number: int) -> tuple[bytes, bytes]:
    """The right certificate and key of node ``number``, as PEM."""
    certificate = node_certificate(node_id_from_seed(seed_of(number)))
    return certificate_pem(certificate), private_key_pem(seed_of(number))


Stream = trio.SSLStream[trio.SocketStream]


async def tcp(address: Address) -> trio.SocketStream:
    return await trio.open_tcp_stream(address.host, address.port)


async def stranger(address: Address, context: ssl.SSLContext) -> Stream:
    """Connect by hand; the handshake is done as far as the client is concerned."""
    stream = trio.SSLStream(await tcp(address), context, https_compatible=True)
    await stream.do_handshake()
    return stream


async def node_by_hand(address: Address, number: int = 77) -> Stream:
    """Connect as a node with a sound certificate, to send what a Network never would."""
    return await stranger(address, client_context(seed_of(number)))


def node_server_context(number: int) -> ssl.SSLContext:
    return server_context(seed_of(number))


async def read_messages(stream: Stream) -> list[Message]:
    """Read until the other side closes its direction; return what it said."""
    reader = FrameReader()
    messages: list[Message] = []
    with trio.fail_after(WAIT_SECONDS):
        while data := await stream.receive_some():
            messages += [decode_message(payload) for payload in reader.feed(bytes(data))]
    return messages


async def wait_for_end(stream: trio.abc.ReceiveStream) -> None:
    """Wait until the other side has hung up, whichever way."""
    with trio.fail_after(WAIT_SECONDS):
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return
