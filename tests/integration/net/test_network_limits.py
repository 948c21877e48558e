"""What one peer may cost: each bound ends the session that breaks it, and no other."""

import resource
import socket

import pytest
import trio
import trio.testing
from loopback import (
    HELLO,
    Node,
    assert_lets_in,
    connected,
    node_by_hand,
    node_server_context,
    read_messages,
    running,
    tcp,
    wait_for_end,
)

from mirrord.core import limits
from mirrord.core.events import MessageReceived, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address, SessionId, Sha256
from mirrord.core.wire.encoding import encode_message
from mirrord.core.wire.framing import frame
from mirrord.core.wire.messages import BlobChunk, BlobMissing, Goodbye, GoodbyeCode
from mirrord.net.reached import NetLimit
from mirrord.net.settings import Patience

CHUNK = BlobChunk(Sha256(bytes(32)), 0, bytes(limits.BLOB_CHUNK_BYTES))
SMALL = BlobMissing(Sha256(bytes(32)))


async def _silent_reader(node: Node) -> tuple[trio.SSLStream[trio.SocketStream], SessionId]:
    """A peer that greets and then reads nothing more, with a small window."""
    stream = await node_by_hand(node.address)
    stream.transport_stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await stream.send_all(frame(encode_message(HELLO)))
    await node.wait_for(MessageReceived)
    return stream, node.all_of(SessionOpened)[-1].session


def test_a_peer_that_never_reads_loses_its_session_alone() -> None:
    async def scenario() -> None:
        async with running(1) as node, running(2, listen=()) as honest:
            stream, slow = await _silent_reader(node)
            ours, theirs = await connected(honest, node)
            for _ in range(limits.SESSION_QUEUE_MAX_BYTES // limits.BLOB_CHUNK_BYTES + 1):
                node.send(slow, CHUNK)
            assert "reads too slowly" in await node.wait_closed(slow)
            assert node.reached(NetLimit.SESSION_QUEUE_MAX_BYTES) == 1
            assert node.network.statistics().queued_bytes == 0
            node.send(theirs, HELLO)
            await honest.wait_until(lambda: honest.messages(ours) == [HELLO])
            await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_the_number_of_queued_frames_is_bounded_too() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream, slow = await _silent_reader(node)
            for _ in range(limits.SESSION_QUEUE_MAX_FRAMES):
                node.send(slow, SMALL)
            assert not node.all_of(SessionClosed)
            node.send(slow, SMALL)
            assert "reads too slowly" in await node.wait_closed(slow)
            assert node.reached(NetLimit.SESSION_QUEUE_MAX_FRAMES) == 1
            await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_a_frame_that_nobody_takes_for_too_long_ends_the_session() -> None:
    async def scenario() -> None:
        async with running(1, patience=Patience(send_seconds=0.3)) as node:
            stream, slow = await _silent_reader(node)
            for _ in range(60):  # more than the kernel takes in the reader's stead
                node.send(slow, CHUNK)
            assert "did not read for 0.3 s" in await node.wait_closed(slow)
            assert node.reached(NetLimit.SEND_TIMEOUT_SECONDS) == 1
            await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_stopping_does_not_wait_for_a_peer_that_never_reads() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream, slow = await _silent_reader(node)
            for _ in range(60):
                node.send(slow, CHUNK)
            node.scope.cancel()
            with trio.fail_after(limits.NETWORK_STOP_SECONDS + 0.5):
                await node.stopped.wait()
            assert "stopping" in await node.wait_closed(slow)
            await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_a_session_without_a_first_frame_is_closed_with_a_reason() -> None:
    async def scenario() -> None:
        async with running(1, patience=Patience(handshake_seconds=0.3)) as node:
            stream = await node_by_hand(node.address)
            opened = await node.wait_for(SessionOpened)
            node.send(opened.session, SMALL)  # what we say ourselves does not count as the peer's greeting
            assert await read_messages(stream) == [SMALL, Goodbye(GoodbyeCode.UNSPECIFIED, "no frame for 0.3 s")]
            await trio.aclose_forcefully(stream)
            assert "no frame for 0.3 s" in await node.wait_closed(opened.session)
            assert node.reached(NetLimit.HANDSHAKE_TIMEOUT_SECONDS) == 1

    trio.run(scenario)


def test_an_idle_session_is_closed_and_a_busy_one_is_not() -> None:
    async def scenario() -> None:
        patience = Patience(idle_seconds=0.5)
        async with running(1, patience=patience) as node, running(2) as peer:
            ours, theirs = await connected(peer, node)
            idle_ours, idle = await connected(peer, node)
            began = trio.current_time()
            peer.send(ours, HELLO)
            peer.send(idle_ours, HELLO)
            # A busy session: each answer asks for the next, until the idle one has ended.
            answered = 0
            while not peer.all_of(SessionClosed):
                node.send(theirs, SMALL)
                answered += 1
                await peer.wait_until(lambda: len(peer.messages(ours)) == answered)  # noqa: B023
            assert "no frame for 0.5 s" in await node.wait_closed(idle)
            assert node.reached(NetLimit.SESSION_IDLE_SECONDS) == 1
            assert trio.current_time() - began >= 0.5
            assert node.network.statistics().sessions_open == 1

    trio.run(scenario)


def test_a_frame_that_dribbles_in_ends_the_session() -> None:
    async def scenario() -> None:
        async with running(1, patience=Patience(frame_seconds=0.3)) as node:
            stream = await node_by_hand(node.address)
            greeting = frame(encode_message(HELLO))
            await stream.send_all(greeting + greeting[:1])
            await node.wait_for(MessageReceived)
            await stream.send_all(greeting[1:3])
            (goodbye,) = await read_messages(stream)
            assert goodbye == Goodbye(GoodbyeCode.PROTOCOL, "a frame took more than 0.3 s")
            assert node.reached(NetLimit.FRAME_RECEIVE_SECONDS) == 1
            await trio.aclose_forcefully(stream)
            await node.wait_for(SessionClosed)

    trio.run(scenario)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((limits.FRAME_MAX_BYTES + 1).to_bytes(4, "big"), "a frame of"),
        (b"\xff\xff\xff\xff", "a frame of"),
        (bytes(4), "a frame of 0 bytes"),
        (frame(b"\xff" * 100), "not a message"),
        (frame(b"\x7a\x00"), "does not know"),
    ],
    ids=["oversized", "huge", "empty", "garbage", "unknown kind"],
)
def test_a_frame_that_the_protocol_forbids_ends_the_session_with_a_reason(data: bytes, says: str) -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream = await node_by_hand(node.address)
            await stream.send_all(data)  # of an oversized frame only the length: nothing more is waited for
            (goodbye,) = await read_messages(stream)
            await trio.aclose_forcefully(stream)
            assert isinstance(goodbye, Goodbye)
            assert goodbye.code is GoodbyeCode.PROTOCOL and says in goodbye.reason
            assert "the peer broke the protocol" in (await node.wait_for(SessionClosed)).detail
            assert node.network.statistics().protocol_breaches == 1
            too_long = int.from_bytes(data[:4], "big") > limits.FRAME_MAX_BYTES
            assert node.reached(NetLimit.FRAME_MAX_BYTES) == too_long
            assert not node.all_of(MessageReceived)
            await assert_lets_in(node)

    trio.run(scenario)


def test_a_frame_cut_short_by_the_end_of_the_connection_is_no_message() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream = await node_by_hand(node.address)
            whole = frame(encode_message(HELLO))
            await stream.send_all(whole + whole[:-1])
            await node.wait_for(MessageReceived)
            await trio.aclose_forcefully(stream)
            assert "in the middle of a frame" in (await node.wait_for(SessionClosed)).detail
            assert len(node.all_of(MessageReceived)) == 1

    trio.run(scenario)


def test_a_node_that_takes_no_events_holds_its_peers_back() -> None:
    async def scenario() -> None:
        async with running(1) as node, running(2, listen=()) as peer:
            ours, theirs = await connected(peer, node)
            node.emit_allowed = trio.Event()
            sent = 60
            for _ in range(sent):
                peer.send(ours, CHUNK)
            await assert_stalls(peer)
            assert not node.messages(theirs)
            assert peer.network.statistics().queued_bytes > 0
            node.emit_allowed.set()
            await node.wait_until(lambda: len(node.messages(theirs)) == sent)

    async def assert_stalls(peer: Node) -> None:
        """Wait until everything that the kernel takes has been taken."""
        before = -1
        with trio.fail_after(10):
            while (now := peer.network.statistics().sent_bytes) != before:
                before = now
                await trio.testing.wait_all_tasks_blocked(0.2)

    trio.run(scenario)


def test_strangers_cannot_take_the_sessions_that_we_keep_for_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SESSIONS_MAX", 4)
    monkeypatch.setattr(limits, "SESSIONS_DIALLED_RESERVE", 2)

    async def scenario() -> None:
        async with running(1) as node, running(2) as other:
            crowd = [await node_by_hand(node.address, number) for number in range(10, 12)]
            await node.wait_for(SessionOpened, 2)
            surplus = await node_by_hand(node.address, 20)
            (goodbye,) = await read_messages(surplus)
            assert isinstance(goodbye, Goodbye) and goodbye.code is GoodbyeCode.OVERLOADED
            assert node.reached(NetLimit.SESSIONS_DIALLED_RESERVE) == 1
            await connected(node, other)
            await connected(node, other)
            assert node.network.statistics().sessions_open == 4
            node.dial(other.address)
            await node.wait_until(lambda: "4 sessions are open already" in str(node.events[-1]))
            assert node.reached(NetLimit.SESSIONS_MAX) == 1
            for stream in (*crowd, surplus):
                await trio.aclose_forcefully(stream)
            await node.wait_for(SessionClosed, 2)
            await assert_lets_in(node)

    trio.run(scenario)


def test_a_newcomer_finds_a_place_in_a_full_house(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SESSIONS_MAX", 4)
    monkeypatch.setattr(limits, "SESSIONS_DIALLED_RESERVE", 2)
    monkeypatch.setattr(limits, "SESSION_STAY_SECONDS", 0)

    async def scenario() -> None:
        async with running(1) as node:
            old = await node_by_hand(node.address, 10)
            await node.wait_for(SessionOpened, 1)
            young = await node_by_hand(node.address, 11)
            await node.wait_for(SessionOpened, 2)
            newcomer = await node_by_hand(node.address, 12)
            await node.wait_for(SessionOpened, 3)
            (goodbye,) = await read_messages(young)
            assert isinstance(goodbye, Goodbye) and goodbye.code is GoodbyeCode.OVERLOADED
            await node.wait_for(SessionClosed, 1)
            (goodbye,) = await read_messages(await node_by_hand(node.address, 13))  # too soon for another turn
            assert isinstance(goodbye, Goodbye) and goodbye.code is GoodbyeCode.OVERLOADED
            assert node.network.statistics().sessions_accepted == 2
            for stream in (old, young, newcomer):
                await trio.aclose_forcefully(stream)

    trio.run(scenario)


def test_the_listener_survives_running_out_of_descriptors() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            waiting = [trio.socket.socket() for _ in range(8)]
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            highest = max(sock.fileno() for sock in waiting)
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
            try:
                for sock in waiting:
                    await sock.connect(tuple(node.address))
                with trio.fail_after(10):
                    while node.network.statistics().accept_failures < 2:
                        await trio.testing.wait_all_tasks_blocked(0.05)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await assert_lets_in(node)
            for sock in waiting:
                sock.close()

    trio.run(scenario)


def test_a_reset_in_the_middle_of_everything_is_only_the_end_of_a_session() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream = await node_by_hand(node.address)
            await stream.send_all(frame(encode_message(HELLO)))
            received = await node.wait_for(MessageReceived)
            for _ in range(20):
                node.send(received.session, CHUNK)
            linger = (1).to_bytes(4, "little") + bytes(4)  # on, 0 s: close with a reset
            stream.transport_stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            await trio.aclose_forcefully(stream)
            assert "the connection broke" in await node.wait_closed(received.session)
            await assert_lets_in(node)

    trio.run(scenario)


def test_a_peer_that_answers_a_goodbye_with_more_and_more_is_cut_off() -> None:
    async def scenario() -> None:
        async with running(1, patience=Patience(goodbye_seconds=0.4)) as node:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            node.dial(Address("127.0.0.1", listener.socket.getsockname()[1]))
            stream = trio.SSLStream(await listener.accept(), node_server_context(5), server_side=True)
            await stream.do_handshake()
            opened = await node.wait_for(SessionOpened)
            node.close(opened.session, GoodbyeCode.DUPLICATE, "enough")
            began = trio.current_time()
            with pytest.raises(trio.BrokenResourceError), trio.fail_after(10):
                while True:
                    await stream.send_all(frame(encode_message(CHUNK)))
            assert trio.current_time() - began < 2
            await node.wait_closed(opened.session)
            assert not node.all_of(MessageReceived)
            await trio.aclose_forcefully(stream)
            await listener.aclose()

    trio.run(scenario)


def test_connections_that_come_and_go_leave_nothing_behind() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            for _ in range(50):
                await trio.aclose_forcefully(await tcp(node.address))
            for number in range(20):
                stream = await node_by_hand(node.address, 30 + number)
                await trio.aclose_forcefully(stream)
            await assert_lets_in(node)
            await node.wait_until(lambda: len(node.all_of(SessionClosed)) == len(node.all_of(SessionOpened)))
            statistics = node.network.statistics()
            assert statistics.sessions_open == statistics.queued_bytes == 0
            probe = await tcp(node.address)
            await trio.aclose_forcefully(probe)
            await wait_for_end(await node_by_hand_refused(node))

    async def node_by_hand_refused(node: Node) -> trio.SocketStream:
        stream = await tcp(node.address)
        await stream.send_all(b"\x00" * 64)
        return stream

    trio.run(scenario)


def test_a_goodbye_reaches_a_peer_that_speaks_on_before_it_listens() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream = await node_by_hand(node.address)
            await stream.send_all(frame(encode_message(HELLO)))
            received = await node.wait_for(MessageReceived)
            node.close(received.session, GoodbyeCode.NOTHING_SHARED, "")
            for _ in range(16):  # more than the kernel buffers: it must be taken, or this breaks with a reset
                await stream.send_all(frame(encode_message(CHUNK)))
            assert await read_messages(stream) == [Goodbye(GoodbyeCode.NOTHING_SHARED, "")]
            await trio.aclose_forcefully(stream)
            assert "nothing_shared" in await node.wait_closed(received.session)

    trio.run(scenario)


def test_nothing_counts_behind_a_peers_goodbye() -> None:
    async def scenario() -> None:
        async with running(1) as node:
            stream = await node_by_hand(node.address)
            goodbye = Goodbye(GoodbyeCode.STOPPING, "off I go")
            await stream.send_all(frame(encode_message(HELLO)) + frame(encode_message(goodbye)))
            closed = await node.wait_for(SessionClosed)  # at once, although the peer keeps its socket open
            assert "the peer said goodbye: stopping: off I go" in closed.detail
            assert node.messages(closed.session) == [HELLO, goodbye]
            await trio.aclose_forcefully(stream)

    trio.run(scenario)
