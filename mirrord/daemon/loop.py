"""The loop: one task owns the node.

Take what has happened, call ``handle``, persist what must survive, carry out the rest, sleep until
the node's next deadline.  Events that wait together are one transaction.
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import MirrordError, StorageError
from mirrord.core.node import Node
from mirrord.core.planning import Reasons
from mirrord.core.records.ids import CollectionId, SessionId
from mirrord.core.statistics import Statistics
from mirrord.daemon.happenings import Happenings
from mirrord.daemon.naming import Names
from mirrord.daemon.narration import Narrator
from mirrord.net.network import Network
from mirrord.store.store import Store
from mirrord.torrents.adoption import link_shard
from mirrord.torrents.engine import Engine

_BATCH_MAX_EVENTS: Final = 64
"""Events handled before their effects are persisted together."""

_RETRY_SECONDS: Final = 2.0
"""Wait between two tries to write to a database whose disk is full."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def read_clocks() -> Instant:
    """Return this moment."""
    return Instant(time.monotonic(), time.time())


@dataclass(slots=True)
class _Item:
    """An event, and who waits for it.

    ``handled`` is set when the core has taken it, which took ``work_seconds`` of the processor;
    ``done`` when its effects have been carried out.  ``failure`` is what the core said where it refused.
    """

    event: ev.Event
    handled: trio.Event | None = None
    done: trio.Event | None = None
    failure: MirrordError | None = None
    work_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """A message to the very peer whose own message is the cause of it, and who is charged for it."""

    effect: ef.SendMessage


_Deed = ef.Effect | _Answer


def _with_answers(asked_by: SessionId, effects: Sequence[ef.Effect]) -> list[_Deed]:
    """Tell what goes back to a peer that asked from what others are told because of it."""
    return [
        _Answer(effect) if isinstance(effect, ef.SendMessage) and effect.session == asked_by else effect
        for effect in effects
    ]


class NodeLoop:
    """Owns ``node``; everybody else hands it events and reads its statistics."""

    def __init__(self, node: Node, store: Store, alive: Callable[[], None]) -> None:
        self._node = node
        self._store = store
        self._alive = alive
        self._send, self._receive = trio.open_memory_channel[_Item](limits.EVENT_QUEUE_MAX)
        self._network: Network | None = None
        self._engine: Engine | None = None
        self._data_folder: Path | None = None
        self._seekers: tuple[Callable[[ef.SeekPeers], None], ...] = ()
        self._deferred: list[_Deed] = []
        self.happenings = Happenings(time.time)
        self._narrator = Narrator(Names(node), self.happenings)
        self._stop_wished = trio.Event()
        self.stopped = trio.Event()

    def connect(
        self,
        network: Network,
        engine: Engine,
        data_folder: Path,
        seekers: tuple[Callable[[ef.SeekPeers], None], ...],
    ) -> None:
        """Give the loop what carries out its effects; every one of ``seekers`` looks for peers in its own way."""
        self._network, self._engine, self._data_folder, self._seekers = network, engine, data_folder, seekers

    async def emit(self, event: ev.Event) -> None:
        """Put an event on the queue; waits while it is full, which slows down whoever emits."""
        await self._send.send(_Item(event))

    async def deliver(self, message: ev.MessageReceived) -> float:
        """Put a peer's message on the queue and wait until the core has handled it.

        Returns the processor seconds that this took, for the peer to be charged with.
        """
        item = _Item(message, handled=trio.Event())
        await self._send.send(item)
        assert item.handled is not None
        await item.handled.wait()
        return item.work_seconds

    async def tell(self, event: ev.Event) -> None:
        """Put an event on the queue and wait until its effects have been carried out.

        Raises what the core raised at it, for example a RecordError for a manifest that it refuses.
        """
        item = _Item(event, done=trio.Event())
        await self._send.send(item)
        assert item.done is not None
        await item.done.wait()
        if item.failure is not None:
            raise item.failure

    async def stop(self) -> None:
        """Have the node say its goodbyes, and return when the loop has ended.

        A memory that cannot be written does not hold this up: what it should have kept is not done.
        """
        self._stop_wished.set()
        await self.emit(ev.StopRequested())
        await self.stopped.wait()

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        return self._node.statistics(read_clocks())

    def reasons(self, pledge_bytes: int | None = None) -> dict[CollectionId, Reasons]:
        """Return why each shard is as it is now, or would be at once with another pledge."""
        return self._node.reasons(read_clocks(), pledge_bytes)

    async def run(
        self, first: Sequence[ef.Effect], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Carry out ``first``, then turn until the node has been told to stop."""
        await self._carry_out(first)
        task_status.started()
        while not self._node.state.stopping:
            items = await self._wait()
            effects, self._deferred = self._deferred, []
            for item in items:
                effects += self._handle(item)
            # Whoever floods us with events must not keep the clock from striking.
            if time.monotonic() >= self._node.next_deadline:
                effects += self._node.handle(ev.TimePassed(random.random()), read_clocks())
            await self._carry_out(effects)
            for item in items:
                if item.done is not None:
                    item.done.set()
            self._alive()
        self.stopped.set()

    async def _wait(self) -> list[_Item]:
        """Return what has happened, or nothing when the node's deadline has come."""
        seconds = self._node.next_deadline - time.monotonic()
        items = self._take_waiting()
        if items or seconds <= 0:
            await trio.lowlevel.checkpoint()
        else:
            with trio.move_on_after(seconds):
                items = [await self._receive.receive()]
                items += self._take_waiting()
        return items

    def _take_waiting(self) -> list[_Item]:
        items: list[_Item] = []
        with suppress(trio.WouldBlock):
            while len(items) < _BATCH_MAX_EVENTS:
                items.append(self._receive.receive_nowait())
        return items

    def _handle(self, item: _Item) -> list[_Deed]:
        self._narrator.narrate_event(item.event)
        began = time.thread_time()
        try:
            effects = self._node.handle(item.event, read_clocks())
        except MirrordError as error:
            if item.done is None:
                raise  # nobody's wish: the core must have an answer to whatever strangers do
            item.failure = error
            return []
        else:
            match item.event:
                case ev.MessageReceived(session, _):
                    return _with_answers(session, effects)
                case _:
                    return list(effects)
        finally:
            item.work_seconds = time.thread_time() - began
            if item.handled is not None:
                item.handled.set()

    async def _carry_out(self, effects: Sequence[_Deed]) -> None:
        lasting = [effect for effect in effects if isinstance(effect, ef.PersistEffect)]
        blobs = [effect for effect in effects if isinstance(effect, ef.StoreBlob)]
        if not await self._insist(lambda: self._persist(lasting, blobs)):
            return
        failures: list[ev.Event] = []
        for effect in effects:
            self._narrator.narrate_effect(effect.effect if isinstance(effect, _Answer) else effect)
            match effect:
                case _Answer(message):
                    assert self._network is not None
                    self._network.answer(message)
                case ef.Dial() | ef.ProbeAddress() | ef.SendMessage() | ef.CloseSession():
                    assert self._network is not None
                    self._network.carry_out(effect)
                case ef.SeekPeers():
                    for seek in self._seekers:
                        seek(effect)
                case ef.LookUpSwarm() | ef.ScrapeTracker():
                    assert self._engine is not None
                    self._engine.ask_outside(effect)
                case ef.ReadBlob():
                    await self._serve(effect)
                case ef.LinkShard():
                    failures += await self._link(effect)
                case ef.FetchShard() | ef.SeedShard() | ef.CheckShard() | ef.AddSwarmMembers() | ef.RemoveShard():
                    assert self._engine is not None
                    await self._engine.carry_out(effect)
                case ef.PauseFetching() | ef.ResumeFetching():
                    assert self._engine is not None
                    await self._engine.carry_out(effect)
                case _:
                    pass  # persisted above
        for failure in failures:  # behind the effects that build on what has failed
            self._narrator.narrate_event(failure)
            await self._carry_out(self._node.handle(failure, read_clocks()))

    async def _persist(self, lasting: Sequence[ef.PersistEffect], blobs: Sequence[ef.StoreBlob]) -> None:
        for blob in blobs:
            await self._store.blobs.write_blob(blob.sha256, blob.data)
        await self._store.persist(lasting)

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write, however long the disk stays full: nothing is promised before it is kept.

        Meanwhile the engine fetches nothing and goes on seeding.  False where the daemon is to stop
        and nothing was kept.
        """
        while True:
            try:
                await write()
                return True
            except StorageError as error:
                _log.error("cannot write the node's memory; trying again", detail=error.message, hint=error.hint)
                await self._pause(error.message)
            if self._stop_wished.is_set():
                return False
            self._alive()
            with trio.move_on_after(_RETRY_SECONDS):
                await self._stop_wished.wait()

    async def _pause(self, detail: str) -> None:
        """Stop fetching now; whatever else the node makes of a full disk waits until it can be kept."""
        for effect in self._node.handle(ev.DiskFilled(detail), read_clocks()):
            if isinstance(effect, ef.PauseFetching) and self._engine is not None:
                self._narrator.narrate_effect(effect)
                await self._engine.carry_out(effect)
            else:
                self._deferred.append(effect)

    async def _link(self, effect: ef.LinkShard) -> list[ev.Event]:
        assert self._data_folder is not None
        link = partial(link_shard, self._data_folder, effect.shard, effect.name, Path(effect.place))
        try:
            await trio.to_thread.run_sync(link)
        except StorageError as error:
            return [ev.FetchFailed(effect.shard, error.message)]
        return []

    async def _serve(self, effect: ef.ReadBlob) -> None:
        data = await self._store.blobs.read_chunk(effect.sha256, effect.offset, limits.BLOB_CHUNK_BYTES)
        event = ev.BlobServed(effect.session, effect.sha256, effect.offset, data or None)
        await self._carry_out(_with_answers(effect.session, self._node.handle(event, read_clocks())))
