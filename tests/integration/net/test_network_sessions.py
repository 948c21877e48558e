"""Two networks over loopback: sessions open, carry messages both ways, and end."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from loopback import HELLO, LOOPBACK, Node, connected, running

from mirrord.core import limits
from mirrord.core.effects import Dial, SendMessage
from mirrord.core.errors import ConfigError, ShellError
from mirrord.core.events import DialFailed, MessageReceived, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address, SessionId, Sha256
from mirrord.core.wire.messages import BlobChunk, BlobMissing, Goodbye, GoodbyeCode
from mirrord.net.network import Network
from mirrord.net.settings import NetworkSettings, Patience

QUICK = Patience(handshake_seconds=0.5)


def chunk(offset: int, size: int = limits.BLOB_CHUNK_BYTES) -> BlobChunk:
    return BlobChunk(Sha256(bytes(32)), offset, bytes([offset % 251]) * size)


def test_two_nodes_learn_each_others_ids_and_exchange_messages() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            caller.dial(called.address)
            ours = await caller.wait_for(SessionOpened)
            theirs = await called.wait_for(SessionOpened)
            assert (ours.peer, ours.dialled) == (called.id, called.address)
            assert (theirs.peer, theirs.dialled) == (caller.id, None)

            caller.send(ours.session, HELLO)
            called.send(theirs.session, chunk(7))
            await called.wait_until(lambda: called.messages(theirs.session) == [HELLO])
            await caller.wait_until(lambda: caller.messages(ours.session) == [chunk(7)])

    trio.run(scenario)


def test_messages_arrive_whole_and_in_order_both_ways_at_once() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            sent = [chunk(number) for number in range(60)]  # 15 MiB: many TLS records, many reads
            for message in sent:
                caller.send(ours, message)
                called.send(theirs, message)
            await called.wait_until(lambda: len(called.messages(theirs)) == len(sent))
            await caller.wait_until(lambda: len(caller.messages(ours)) == len(sent))
            assert called.messages(theirs) == caller.messages(ours) == sent
            assert caller.network.statistics().queued_bytes == 0
            assert caller.network.statistics().sent_bytes > 15 * limits.MIB
            assert called.network.statistics().received_bytes > 15 * limits.MIB

    trio.run(scenario)


def test_a_goodbye_arrives_behind_everything_queued_before_it() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            for number in range(20):
                caller.send(ours, chunk(number))
            caller.close(ours, GoodbyeCode.NOTHING_SHARED, "no collection in common\n")
            caller.send(ours, HELLO)  # after the last word: nothing of it may arrive
            assert "nothing_shared" in await caller.wait_closed(ours)
            assert "the peer said goodbye: nothing_shared" in await called.wait_closed(theirs)
            received = called.messages(theirs)
            assert received[:-1] == [chunk(number) for number in range(20)]
            assert received[-1] == Goodbye(GoodbyeCode.NOTHING_SHARED, "no collection in common?")

    trio.run(scenario)


def test_a_goodbye_survives_while_the_other_side_is_still_sending() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            for number in range(30):
                called.send(theirs, chunk(number))
            caller.close(ours, GoodbyeCode.DUPLICATE, "one is enough")
            await called.wait_closed(theirs)
            assert called.messages(theirs) == [Goodbye(GoodbyeCode.DUPLICATE, "one is enough")]

    trio.run(scenario)


def test_two_goodbyes_at_once_end_the_session_without_waiting_for_a_deadline() -> None:
    async def scenario() -> None:
        patience = Patience(goodbye_seconds=60.0)
        async with running(1, patience=patience) as caller, running(2, patience=patience) as called:
            ours, theirs = await connected(caller, called)
            caller.close(ours, GoodbyeCode.DUPLICATE, "")
            called.close(theirs, GoodbyeCode.DUPLICATE, "")
            await caller.wait_closed(ours)
            await called.wait_closed(theirs)

    trio.run(scenario)


def test_a_goodbye_sent_as_a_message_closes_the_session_too() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            caller.send(ours, Goodbye(GoodbyeCode.VERSION, "we speak 2 to 3"))
            await caller.wait_closed(ours)
            assert "version: we speak 2 to 3" in await called.wait_closed(theirs)

    trio.run(scenario)


def test_a_message_that_cannot_be_sent_ends_only_its_session() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            other, _ = await connected(caller, called)
            caller.send(ours, chunk(0, size=limits.FRAME_MAX_BYTES))
            assert "a fault on our side" in await caller.wait_closed(ours)
            await called.wait_closed(theirs)
            assert caller.network.statistics().sessions_open == 1
            assert not [event for event in caller.all_of(SessionClosed) if event.session == other]

    trio.run(scenario)


def test_what_is_asked_of_a_session_that_is_gone_changes_nothing() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            ours, theirs = await connected(caller, called)
            called.close(theirs, GoodbyeCode.DUPLICATE, "")
            await caller.wait_closed(ours)
            caller.send(ours, HELLO)
            caller.close(ours, GoodbyeCode.DUPLICATE, "")
            caller.send(SessionId(12345), HELLO)
            fresh, fresh_theirs = await connected(caller, called)
            assert fresh != ours
            caller.send(fresh, HELLO)
            await called.wait_until(lambda: called.messages(fresh_theirs) == [HELLO])
            assert len(caller.all_of(SessionClosed)) == 1

    trio.run(scenario)


def test_stopping_says_goodbye_to_everybody_and_emits_each_end_once() -> None:
    async def scenario() -> None:
        async with running(1) as hub, running(2) as one, running(3) as two:
            _, from_one = await connected(one, hub)
            to_two, _ = await connected(hub, two)
            hub.scope.cancel()
            with trio.fail_after(limits.NETWORK_STOP_SECONDS):
                await hub.stopped.wait()
            for node in (one, two):
                closed = await node.wait_for(SessionClosed)
                assert "stopping: the node stops" in closed.detail
            assert sorted(event.session for event in hub.all_of(SessionClosed)) == sorted([from_one, to_two])
            one.dial(hub.address)
            await one.wait_for(DialFailed)  # nobody listens there any more
            hub.dial(one.address)  # asked in vain, and no error

    trio.run(scenario)


def test_stopping_ends_in_time_although_nobody_takes_events_any_more() -> None:
    async def scenario() -> None:
        async with running(1) as hub, running(2) as peer:
            _, ours = await connected(peer, hub)
            hub.emit_allowed = trio.Event()
            peer.send(SessionId(1), HELLO)
            hub.scope.cancel()
            with trio.fail_after(limits.NETWORK_STOP_SECONDS + 1):
                await hub.stopped.wait()
            assert not hub.messages(ours)

    trio.run(scenario)


def test_a_killed_peer_is_noticed() -> None:
    program = Path(__file__).with_name("killed_peer.py")
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())

        async def scenario() -> None:
            async with running(1, listen=()) as caller:
                caller.dial(Address("127.0.0.1", port))
                opened = await caller.wait_for(SessionOpened)
                await caller.wait_for(MessageReceived)
                process.send_signal(signal.SIGKILL)
                assert "hung up" in await caller.wait_closed(opened.session)

        trio.run(scenario)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="Python without IPv6")
def test_ipv6_works_like_ipv4() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")

    async def scenario() -> None:
        async with running(1, listen=(LOOPBACK, Address("::1", 0))) as called, running(2, listen=()) as caller:
            four, six = called.network.listening
            assert six.host == "::1" and six.port > 0 and four.host == "127.0.0.1"
            caller.dial(six)
            assert (await caller.wait_for(SessionOpened)).peer == called.id

    trio.run(scenario)


def test_a_host_name_is_dialled_by_all_its_addresses() -> None:
    async def scenario() -> None:
        async with running(1) as called, running(2, listen=(), source_address="127.0.0.1") as caller:
            caller.dial(Address("localhost", called.address.port))
            assert (await caller.wait_for(SessionOpened)).peer == called.id

    trio.run(scenario)


async def _failure(caller: Node, address: Address) -> str:
    count = len(caller.all_of(DialFailed)) + 1
    caller.dial(address)
    failed = await caller.wait_for(DialFailed, count)
    assert failed.address == address
    return failed.detail


def test_a_dial_that_fails_says_why() -> None:
    async def scenario() -> None:
        async with running(1, patience=QUICK) as caller:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                port = silent.getsockname()[1]
                assert "no TLS handshake within" in await _failure(caller, Address("127.0.0.1", port))
            assert "refused" in await _failure(caller, Address("127.0.0.1", port))
            assert "this node itself" in await _failure(caller, caller.address)
            for hostile in ("no-such-host.invalid", "a" * 300, "nul\0byte", "", "..", "\udc80"):
                assert "cannot reach" in await _failure(caller, Address(hostile, 7700))
            for port in (0, -1, 70_000):
                assert await _failure(caller, Address("127.0.0.1", port))
            assert caller.network.statistics().dials_pending == 0
            assert not caller.all_of(SessionOpened)

    trio.run(scenario)


def test_more_dials_than_allowed_at_once_fail_at_once() -> None:
    async def scenario() -> None:
        async with running(1, patience=QUICK) as caller:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                address = Address("127.0.0.1", silent.getsockname()[1])
                for _ in range(limits.DIALS_MAX + 1):
                    caller.dial(address)
                first = await caller.wait_for(DialFailed)
                assert "under way already" in first.detail
                await caller.wait_for(DialFailed, limits.DIALS_MAX + 1)
                assert sum("under way already" in event.detail for event in caller.all_of(DialFailed)) == 1

    trio.run(scenario)


def test_a_network_that_does_not_run_takes_effects_without_an_error() -> None:
    async def never(_: object) -> NoReturn:
        raise AssertionError("nothing may be emitted")

    network = Network(NetworkSettings(), bytes(32), never, never)
    network.carry_out(Dial(LOOPBACK))
    network.carry_out(SendMessage(SessionId(1), BlobMissing(Sha256(bytes(32)))))


def test_an_address_that_cannot_be_listened_on_is_named() -> None:
    async def listen(address: Address) -> None:
        async def never(_: object) -> NoReturn:
            raise AssertionError("nothing may be emitted")

        await Network(NetworkSettings(listen=(address,)), bytes(32), never, never).run()

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ShellError, match="in use"):
        trio.run(listen, Address("127.0.0.1", taken.getsockname()[1]))
    with pytest.raises(ShellError, match=r"192\.0\.2\.1"):
        trio.run(listen, Address("192.0.2.1", 7700))
    with pytest.raises(ConfigError, match=r"no-such-host\.invalid"):
        trio.run(listen, Address("no-such-host.invalid", 7700))
