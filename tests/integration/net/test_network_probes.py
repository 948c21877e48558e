"""Dialling a peer back over loopback: who is found there, and what it costs the one that is probed."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from mirrord.core.effects import ProbeAddress
from mirrord.core.events import AddressProbed, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.net.meter import Traffic
from mirrord.net.probing import answers
from mirrord.net.settings import Patience
from mirrord.net.tls import node_id_from_seed, probe_context
from tests.integration.net.loopback import HELLO, LOOPBACK, Node, assert_lets_in, connected, running, seed_of

IPV6_LOOPBACK = Address("::1", 0)


def has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
        try:
            trial.bind(IPV6_LOOPBACK)
        except OSError:
            return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")


async def probe(prober: Node, address: Address, node: NodeId) -> bool:
    """Have an address probed and return what came of it."""
    before = len(prober.all_of(AddressProbed))
    prober.network.carry_out(ProbeAddress(SessionId(7), address, node))
    event = await prober.wait_for(AddressProbed, before + 1)
    assert (event.session, event.address) == (SessionId(7), address)
    return event.reached


def test_a_node_is_found_where_it_listens_and_its_session_stays() -> None:
    async def scenario() -> None:
        async with running(1) as asker, running(2) as prober:
            ours, theirs = await connected(asker, prober)
            asker.send(ours, HELLO)
            prober.send(theirs, HELLO)
            for _ in range(3):
                assert await probe(prober, asker.address, asker.id)
            await asker.wait_until(lambda: asker.messages(ours) == [HELLO])
            prober.send(theirs, HELLO)
            await asker.wait_until(lambda: asker.messages(ours) == [HELLO, HELLO])
            assert len(asker.all_of(SessionOpened)) == len(prober.all_of(SessionOpened)) == 1
            assert not asker.all_of(SessionClosed) and not prober.all_of(SessionClosed)
            statistics = asker.network.statistics()
            assert not any(statistics.handshakes_failed.values()), "a probe is no failure of anybody"

    trio.run(scenario)


def test_another_node_at_that_address_is_not_the_one_that_asked() -> None:
    async def scenario() -> None:
        async with running(1) as other, running(2) as prober:
            assert not await probe(prober, other.address, node_id_from_seed(seed_of(9)))
            await assert_lets_in(other)

    trio.run(scenario)


def test_nobody_at_the_address() -> None:
    async def scenario() -> None:
        async with running(1) as gone:
            address = gone.address
        async with running(2) as prober:
            assert not await probe(prober, address, gone.id)

    trio.run(scenario)


@asynccontextmanager
async def something_else(greeting: bytes) -> AsyncIterator[Address]:
    """Listen as a program that says something else than TLS, or nothing."""

    async def handle(stream: trio.SocketStream) -> None:
        if greeting:
            await stream.send_all(greeting)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield Address("127.0.0.1", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("greeting", [b"220 mail.example.org ESMTP\r\n", b""], ids=["a mail server", "silence"])
def test_something_else_at_the_address_is_not_the_node(greeting: bytes) -> None:
    async def scenario() -> None:
        async with something_else(greeting) as address, running(2, patience=Patience(handshake_seconds=0.3)) as prober:
            assert not await probe(prober, address, node_id_from_seed(seed_of(9)))

    trio.run(scenario)


def test_a_probe_leaves_nothing_behind_where_it_is_cancelled() -> None:
    async def scenario() -> None:
        async with something_else(b"") as address:
            with trio.move_on_after(0.05) as scope:
                await answers(address, node_id_from_seed(seed_of(9)), probe_context(seed_of(1)), None, 10.0, Traffic())
            assert scope.cancelled_caught

    trio.run(scenario)


@pytest.mark.parametrize(
    "listen",
    [pytest.param(LOOPBACK, id="IPv4"), pytest.param(IPV6_LOOPBACK, id="IPv6", marks=NEEDS_IPV6)],
)
def test_each_end_knows_where_the_others_packets_come_from(listen: Address) -> None:
    async def scenario() -> None:
        async with running(1, listen=(listen,)) as called, running(2, listen=()) as caller:
            await connected(caller, called)
            theirs, ours = (await called.wait_for(SessionOpened)).remote, (await caller.wait_for(SessionOpened)).remote
            assert ours == called.address
            assert theirs is not None and theirs.host == listen.host
            assert await probe(caller, called.address, called.id)

    trio.run(scenario)


@NEEDS_IPV6
def test_ipv4_inside_ipv6_is_ipv4() -> None:
    async def scenario() -> None:
        async with running(1) as called, running(2, listen=()) as caller:
            caller.dial(Address("::ffff:127.0.0.1", called.address.port))
            opened = await caller.wait_for(SessionOpened)
            assert opened.remote == called.address

    trio.run(scenario)
