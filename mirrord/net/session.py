"""One session: frames of one peer to events, and messages for it to frames.

Rules:

- The reader waits until the node has handled a message before it takes the next, and longer for a
  peer that is over its budget: so the peer waits for us, and no peer has two messages in the node's
  queue, however fast it is.
- Nothing that the node asks for waits: messages go to a bounded outbox, and a peer that does not
  drain it loses the session, alone.
- The first frame must come soon, a frame that has begun must become whole, and a session without
  frames ends.
- A goodbye is the last frame of its direction.  Who sends it closes that direction, then reads and
  drops what still comes until the peer closes too, so that no reset overtakes the goodbye.
- Whoever ends it, ``run`` returns once, with a sentence for people, and the socket is closed.

Which messages make sense when is the core's to judge.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from mirrord.core import limits
from mirrord.core.errors import LocalProtocolError, RemoteProtocolError
from mirrord.core.events import Event, MessageReceived
from mirrord.core.records.ids import NodeId, SessionId, to_short_text
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import FrameReader, OversizedFrameError, frame
from mirrord.core.wire.messages import Goodbye, GoodbyeCode, Message
from mirrord.net.budgets import PeerBudget, Resource
from mirrord.net.handshake import SecureStream
from mirrord.net.outbox import Outbox, Queued
from mirrord.net.reached import NetLimit
from mirrord.net.settings import Patience

Emit = Callable[[Event], Awaitable[None]]
"""Puts an event on the node's queue; may wait, must not raise."""

Deliver = Callable[[MessageReceived], Awaitable[float]]
"""Puts a message on the node's queue, waits until it has been handled, and returns the processor
seconds that this took; must not raise."""

_LOG: Final[structlog.stdlib.BoundLogger] = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of one network share; ``reached`` counts the limits that bite."""

    deliver: Deliver
    patience: Patience
    queued: Queued
    reached: Counter[NetLimit]


class Session:
    """A secured stream to ``peer``; :meth:`run` owns the stream from here on and closes it."""

    def __init__(
        self, session: SessionId, peer: NodeId, stream: SecureStream, budget: PeerBudget, house: House
    ) -> None:
        self.id: Final = session
        self.peer: Final = peer
        self.broke_protocol = False
        self._stream = stream
        self._budget = budget
        self._deliver = house.deliver
        self._patience = house.patience
        self._reached = house.reached
        self._outbox = Outbox(house.queued)
        self._life = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._flushed = trio.Event()
        self._greeted = False
        self._detail = ""

    def send(self, message: Message, *, is_answer: bool = False) -> None:
        """Queue a message.  Never waits; a full outbox ends the session.  Ignored after a goodbye, or the end.

        The peer pays for an answer, and not for what it is told unasked: else whoever makes us talk
        to all our peers would use up their budgets.
        """
        if self._outbox.finished or self._life.cancel_called:
            return
        if isinstance(message, Goodbye):
            self.close(message.code, message.reason)
            return
        try:
            data = frame(encode_message(message))
        except LocalProtocolError as error:
            kind = type(message).__name__
            _LOG.error("message_unsendable", peer=to_short_text(self.peer), kind=kind, error=error.message)
            self._note(f"a fault on our side: {error.message}")
            self.close(GoodbyeCode.UNSPECIFIED, "a fault on this side")
            return
        limit = self._outbox.put(data)
        if limit is None and is_answer:
            self._budget.charge(Resource.SENT_BYTES, len(data))
        elif limit is not None:
            self._reached[limit] += 1
            self._abort("the peer reads too slowly: its queue is full")

    def close(self, code: GoodbyeCode, reason: str) -> None:
        """Say goodbye behind all that is queued, then close; takes ``goodbye_seconds`` at most."""
        if self._outbox.finished:
            return
        self._note(f"we said goodbye: {code.name.lower()}: {reason}")
        self._outbox.finish(goodbye_frame(code, reason))
        self._life.deadline = trio.current_time() + self._patience.goodbye_seconds
        self._reading.cancel()

    async def run(self) -> str:
        """Serve the session to its end and return why it ended."""
        try:
            with self._life:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    if self._outbox.finished:
                        await self._flushed.wait()
                        await drain(self._stream)
                    nursery.cancel_scope.cancel()
            if trio.current_time() >= self._life.deadline:
                self._reached[NetLimit.GOODBYE_SECONDS] += 1
        finally:
            self._outbox.discard()
            await trio.aclose_forcefully(self._stream)
        return self._detail or "the session was cut off"

    async def _read(self) -> None:
        """Read until the end, then leave a goodbye in the outbox if one is due."""
        self._reading.deadline = trio.current_time() + self._patience.handshake_seconds
        try:
            with self._reading:
                await self._read_frames()
        except RemoteProtocolError as error:
            self.broke_protocol = True
            self._reached[NetLimit.FRAME_MAX_BYTES] += isinstance(error, OversizedFrameError)
            self._note(f"the peer broke the protocol: {error.message}")
            self.close(GoodbyeCode.PROTOCOL, error.message)
        except trio.BrokenResourceError as error:
            self._note(f"the connection broke: {_root_cause(error)}")
        if self._reading.cancelled_caught and not self._outbox.finished:
            waited = self._patience.idle_seconds if self._greeted else self._patience.handshake_seconds
            limit = NetLimit.SESSION_IDLE_SECONDS if self._greeted else NetLimit.HANDSHAKE_TIMEOUT_SECONDS
            self._reached[limit] += 1
            self.close(GoodbyeCode.UNSPECIFIED, f"no frame for {waited:g} s")

    async def _read_frames(self) -> None:
        reader = FrameReader()
        waited_seconds = 0.0
        while True:
            unfinished = reader.buffered_bytes > 0
            began = trio.current_time()
            left_seconds = self._patience.frame_seconds - waited_seconds if unfinished else float("inf")
            with trio.move_on_after(left_seconds) as dribble:
                data = await self._stream.receive_some()
            if dribble.cancelled_caught:
                self._reached[NetLimit.FRAME_RECEIVE_SECONDS] += 1
                raise RemoteProtocolError(f"a frame took more than {self._patience.frame_seconds:g} s")
            if not data:
                torn = ", in the middle of a frame" if unfinished else ""
                self._note(f"the peer hung up without a goodbye{torn}")
                return
            self._budget.charge(Resource.RECEIVED_BYTES, len(data))
            payloads = reader.feed(bytes(data))
            waited_seconds = waited_seconds + trio.current_time() - began if unfinished and not payloads else 0.0
            for payload in payloads:
                await self._may_go_on()
                if isinstance(message := await self._take(payload), Goodbye):
                    self._note(f"the peer said goodbye: {message.code.name.lower()}: {message.reason}")
                    return

    async def _may_go_on(self) -> None:
        """Wait until the peer has paid for what it had; part with one that is in debt for too long.

        Its first frame is free: else who calls again in debt would seem to have nothing to say.
        """
        if not self._greeted:
            return
        if self._budget.is_overspent:
            self._reached[NetLimit.PEER_OVERSPENT_SECONDS] += 1
            self.close(GoodbyeCode.OVERLOADED, "you have asked too much of this node for too long")
            await trio.lowlevel.checkpoint_if_cancelled()
        await self._budget.wait_until_even()

    async def _take(self, payload: bytes) -> Message:
        """Have the node handle one frame, at the peer's expense."""
        began = time.thread_time()
        message = decode_message(payload)
        work_seconds = time.thread_time() - began
        self._greeted = True
        self._frame_moved()
        work_seconds += await self._deliver(MessageReceived(self.id, message))
        self._budget.charge(Resource.WORK_SECONDS, work_seconds + limits.FRAME_OVERHEAD_SECONDS)
        return message

    async def _write(self) -> None:
        try:
            while (data := await self._outbox.get()) is not None:
                with trio.fail_after(self._patience.send_seconds):
                    await self._stream.send_all(data)
                self._frame_moved()
            await self._stream.transport_stream.send_eof()
        except trio.TooSlowError:
            self._reached[NetLimit.SEND_TIMEOUT_SECONDS] += 1
            self._abort(f"the peer did not read for {self._patience.send_seconds:g} s")
        except trio.BrokenResourceError as error:
            self._abort(f"the connection broke: {_root_cause(error)}")
        else:
            self._flushed.set()

    def _frame_moved(self) -> None:
        # Our own frames keep nobody alive that never sent one.
        if self._greeted:
            self._reading.deadline = trio.current_time() + self._patience.idle_seconds

    def _note(self, detail: str) -> None:
        """Keep the first reason: what follows from it explains less."""
        self._detail = self._detail or detail

    def _abort(self, detail: str) -> None:
        self._note(detail)
        self._life.cancel()


async def refuse(stream: SecureStream, code: GoodbyeCode, reason: str, timeout_seconds: float) -> None:
    """Say goodbye to a peer that becomes no session, as politely as to one that was.

    Does not close the stream; a peer that is gone already or does not read changes nothing.
    """
    with trio.move_on_after(timeout_seconds):
        try:
            await stream.send_all(goodbye_frame(code, reason))
            await stream.transport_stream.send_eof()
        except trio.BrokenResourceError:
            return  # it hung up first: there is nobody left to tell
        await drain(stream)


async def drain(stream: SecureStream) -> None:
    """Read and drop until the peer closes.  Raw bytes: nobody wants to know what they mean."""
    try:
        while await stream.transport_stream.receive_some():
            pass
    except trio.BrokenResourceError:
        return  # a reset is an end too


def goodbye_frame(code: GoodbyeCode, reason: str) -> bytes:
    """Return a goodbye as a frame; whatever cannot be printed in ``reason`` becomes a question mark."""
    # A peer takes a text with control characters for a breach of the protocol.
    printable = "".join(char if char.isprintable() else "?" for char in reason)
    return frame(encode_message(Goodbye(code, printable)))


def _root_cause(error: BaseException) -> str:
    cause = error.__cause__
    return str(cause or error) or type(error).__name__
