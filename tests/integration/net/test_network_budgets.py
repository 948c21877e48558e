"""Who asks too much is heard more slowly, then parted with; nobody else notices, and calling again pays nothing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import pytest
import trio
import trio.testing
from loopback import (
    HELLO,
    Node,
    assert_lets_in,
    connected,
    node_by_hand,
    read_messages,
    running,
)

from mirrord.core import limits
from mirrord.core.events import MessageReceived, SessionClosed, SessionOpened
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.wire.encoding import encode_message
from mirrord.core.wire.framing import frame
from mirrord.core.wire.messages import BlobChunk, BlobMissing, BlobRequest, Goodbye, GoodbyeCode
from mirrord.net import network
from mirrord.net.gate import NetworkName
from mirrord.net.handshake import HandshakeFailure
from mirrord.net.reached import NetLimit
from mirrord.net.settings import Patience

FLOODER = 66
CHUNK = BlobChunk(Sha256(bytes(32)), 0, bytes(limits.BLOB_CHUNK_BYTES))
SMALL = frame(encode_message(BlobMissing(Sha256(bytes(32)))))
GREETING = frame(encode_message(HELLO))
FLOOD_SECONDS = 1.0


@asynccontextmanager
async def flood(node: Node, data: bytes, number: int = FLOODER) -> AsyncIterator[None]:
    """Send ``data`` again and again, as fast as it is taken, for as long as the block lasts."""
    stream = await node_by_hand(node.address, number)
    await stream.send_all(GREETING)

    async def send() -> None:
        with suppress(trio.BrokenResourceError):  # parted with: that is the point
            while True:
                await stream.send_all(data)

    async def read() -> None:
        with suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                pass

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            nursery.start_soon(read)
            yield
            nursery.cancel_scope.cancel()
    finally:
        await trio.aclose_forcefully(stream)


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second of work at once, then half a core."""
    monkeypatch.setattr(limits, "PEER_WORK_BURST_SECONDS", 0.1)
    monkeypatch.setattr(limits, "PEER_WORK_SECONDS_PER_SECOND", 0.5)


def work_done(node: Node) -> float:
    return len(node.all_of(MessageReceived)) * node.work_seconds


def test_work_is_bounded_to_a_burst_and_a_rate_and_others_are_heard_at_once(little_work: None) -> None:
    async def scenario() -> None:
        async with running(1) as node, flood(node, SMALL * 1_000):
            node.work_seconds = 0.01
            began = trio.current_time()
            await node.wait_for(MessageReceived, 11)  # the burst, at once
            assert trio.current_time() - began < 0.5
            with trio.fail_after(1):
                await assert_lets_in(node)
            await node.wait_until(lambda: trio.current_time() - began > FLOOD_SECONDS)
            elapsed = trio.current_time() - began
            most = limits.PEER_WORK_BURST_SECONDS + limits.PEER_WORK_SECONDS_PER_SECOND * elapsed
            assert work_done(node) <= most + 3 * node.work_seconds  # a Hello and the one that is under way
            assert node.network.statistics().sessions_slowed == 1
            assert node.reached(NetLimit.PEER_WORK_SECONDS_PER_SECOND) > 5

    trio.run(scenario)


def test_received_bytes_are_bounded_to_a_burst_and_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PEER_RECEIVED_BURST_BYTES", 2 * limits.MIB)
    monkeypatch.setattr(limits, "PEER_RECEIVED_BYTES_PER_SECOND", 4 * limits.MIB)

    async def scenario() -> None:
        async with running(1) as node, flood(node, frame(encode_message(CHUNK))):
            began = trio.current_time()
            await node.wait_until(lambda: trio.current_time() - began > FLOOD_SECONDS)
            elapsed = trio.current_time() - began
            most = limits.PEER_RECEIVED_BURST_BYTES + limits.PEER_RECEIVED_BYTES_PER_SECOND * elapsed
            assert most / 2 < node.network.statistics().received_bytes < most + limits.MIB
            assert node.reached(NetLimit.PEER_RECEIVED_BYTES_PER_SECOND)

    trio.run(scenario)


def test_answers_are_bounded_to_a_burst_and_a_rate_although_requests_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PEER_SENT_BURST_BYTES", 2 * limits.MIB)
    monkeypatch.setattr(limits, "PEER_SENT_BYTES_PER_SECOND", 4 * limits.MIB)
    request = frame(encode_message(BlobRequest(CHUNK.sha256, 0)))

    async def scenario() -> None:
        async with running(1) as node, flood(node, request * 100):
            node.chunk = CHUNK
            began = trio.current_time()
            await node.wait_until(lambda: trio.current_time() - began > FLOOD_SECONDS)
            elapsed = trio.current_time() - began
            most = limits.PEER_SENT_BURST_BYTES + limits.PEER_SENT_BYTES_PER_SECOND * elapsed
            assert most / 2 < node.network.statistics().sent_bytes < most + limits.MIB
            assert node.reached(NetLimit.PEER_SENT_BYTES_PER_SECOND)
            assert not node.all_of(SessionClosed)

    trio.run(scenario)


def test_what_a_peer_is_told_unasked_costs_it_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever makes us push to all our peers would have us turn our backs on them."""
    monkeypatch.setattr(limits, "PEER_SENT_BURST_BYTES", 1)

    async def scenario() -> None:
        async with running(1) as node, running(2, listen=()) as honest:
            ours, theirs = await connected(honest, node)
            for _ in range(10):
                node.send(theirs, CHUNK)
            await honest.wait_until(lambda: len(honest.messages(ours)) == 10)
            for count in (1, 2, 3):
                honest.send(ours, HELLO)
                await node.wait_until(partial(_has_taken, node, theirs, count))
            assert not any(node.network.statistics().limits_reached.values())

    trio.run(scenario)


def test_fresh_keys_from_one_network_share_what_it_has(little_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address of loopback is public, so this says where callers come from."""
    monkeypatch.setattr(network, "network_of", lambda host: NetworkName("203.0.113.0/24"))

    async def scenario() -> None:
        async with running(1) as node, AsyncExitStack() as crowd:
            node.work_seconds = 0.01
            began = trio.current_time()
            for number in range(limits.SESSIONS_PER_NETWORK_MAX):
                await crowd.enter_async_context(flood(node, SMALL * 1_000, FLOODER + number))
            await node.wait_until(lambda: trio.current_time() - began > FLOOD_SECONDS)
            elapsed = trio.current_time() - began
            most = limits.PEER_WORK_BURST_SECONDS + limits.PEER_WORK_SECONDS_PER_SECOND * elapsed
            under_way = 3 * limits.SESSIONS_PER_NETWORK_MAX * node.work_seconds
            assert work_done(node) <= limits.NETWORK_BUDGETS_MAX * most + under_way
            assert node.reached(NetLimit.NETWORK_BUDGETS_MAX)

    trio.run(scenario)


def _has_taken(node: Node, session: SessionId, count: int) -> bool:
    return len(node.messages(session)) == count


def test_hanging_up_and_calling_again_refills_nothing(little_work: None) -> None:
    async def scenario() -> None:
        async with running(1) as node:
            node.work_seconds = 0.01
            began = trio.current_time()
            calls = 0
            while trio.current_time() - began < FLOOD_SECONDS:
                async with flood(node, SMALL * 1_000):
                    await node.wait_for(MessageReceived, len(node.all_of(MessageReceived)) + 2)
                calls += 1
            elapsed = trio.current_time() - began
            most = limits.PEER_WORK_BURST_SECONDS + limits.PEER_WORK_SECONDS_PER_SECOND * elapsed
            free = 2 * calls * node.work_seconds  # of each call the greeting, and what was under way
            assert calls > 5
            assert work_done(node) <= most + free

    trio.run(scenario)


def test_who_lives_beyond_its_means_for_long_is_told_overloaded_and_refused_until_it_has_paid(
    little_work: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PEER_OVERSPENT_SECONDS", 0.3)
    monkeypatch.setattr(limits, "BUDGET_WAIT_MAX_SECONDS", 0.1)

    async def scenario() -> None:
        async with running(1, patience=Patience(goodbye_seconds=0.2)) as node:
            node.work_seconds = 0.5  # a second of debt for each message, and more of them than it pays for
            async with flood(node, SMALL * 1_000):
                detail = (await node.wait_for(SessionClosed)).detail
                assert "we said goodbye: overloaded" in detail
            node.work_seconds = 0.0
            stream = await node_by_hand(node.address, FLOODER)
            (goodbye,) = await read_messages(stream)
            await trio.aclose_forcefully(stream)
            assert isinstance(goodbye, Goodbye) and goodbye.code is GoodbyeCode.OVERLOADED
            failed = node.network.statistics().handshakes_failed
            assert failed[HandshakeFailure.OVERSPENT] == 1
            assert node.reached(NetLimit.PEER_OVERSPENT_SECONDS) == 2
            await assert_lets_in(node)
            with trio.fail_after(10):
                while not await _is_let_in(node):
                    pass

    async def _is_let_in(node: Node) -> bool:
        before = len(node.all_of(SessionOpened))
        stream = await node_by_hand(node.address, FLOODER)
        await trio.testing.wait_all_tasks_blocked(0.02)
        await trio.aclose_forcefully(stream)
        return len(node.all_of(SessionOpened)) > before

    trio.run(scenario)


def test_an_honest_peer_behind_a_flooder_in_the_queue_waits_for_one_message_at_most() -> None:
    async def scenario() -> None:
        async with running(1) as node, running(2, listen=()) as honest:
            ours, theirs = await connected(honest, node)
            async with flood(node, SMALL * 1_000):
                await node.wait_for(MessageReceived, 100)
                node.emit_allowed = trio.Event()
                await trio.testing.wait_all_tasks_blocked(0.05)
                before = len(node.all_of(MessageReceived))
                honest.send(ours, HELLO)
                await trio.testing.wait_all_tasks_blocked(0.05)
                node.emit_allowed.set()
                await node.wait_until(lambda: bool(node.messages(theirs)))
                sessions = [event.session for event in node.all_of(MessageReceived)]
                assert sessions.index(theirs) - before <= 1

    trio.run(scenario)


def test_an_honest_cold_start_goes_through_at_full_speed() -> None:
    """10 MB of records and the largest manifest body: forty chunks and two seconds of work."""
    chunks = 42 * limits.MIB // limits.BLOB_CHUNK_BYTES

    async def scenario() -> None:
        async with running(1) as node, running(2, listen=()) as peer:
            node.work_seconds = 2.0 / chunks
            ours, theirs = await connected(peer, node)
            for some in range(0, chunks, 28):  # what the sender's own queue has room for
                for _ in range(28):
                    peer.send(ours, CHUNK)
                await node.wait_until(partial(_has_taken, node, theirs, some + 28))
            assert not any(node.network.statistics().limits_reached.values())

    trio.run(scenario)


def test_every_limit_has_a_count_from_the_start() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            assert dict(node.network.statistics().limits_reached) == dict.fromkeys(NetLimit, 0)

    trio.run(scenario)
