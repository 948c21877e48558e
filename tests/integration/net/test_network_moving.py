"""A network that listens elsewhere while it runs: sessions stay, and what cannot be had changes nothing."""

import socket
from contextlib import closing

import pytest
import trio
from loopback import HELLO, LOOPBACK, running

from mirrord.core.errors import ShellError
from mirrord.core.events import DialFailed, MessageReceived, SessionClosed, SessionOpened
from mirrord.core.records.ids import Address


def free_address() -> Address:
    with socket.socket() as probe:
        probe.bind((LOOPBACK.host, 0))
        return Address(*probe.getsockname()[:2])


def test_sessions_stay_and_only_the_new_port_is_open() -> None:
    async def main() -> None:
        async with running(1) as node, running(2) as early, running(3) as late:
            before, after = node.address, free_address()
            early.dial(before)
            mine = await early.wait_for(SessionOpened)
            theirs = await node.wait_for(SessionOpened)
            await node.network.listen_on((after,))
            assert node.network.listening == (after,)
            late.dial(before)
            assert (await late.wait_for(DialFailed)).address == before
            late.dial(after)
            await late.wait_for(SessionOpened)
            early.send(mine.session, HELLO)
            node.send(theirs.session, HELLO)
            await node.wait_for(MessageReceived)
            await early.wait_for(MessageReceived)
            assert not node.all_of(SessionClosed)

    trio.run(main)


def test_a_port_that_is_in_use_is_an_error_and_the_old_one_stays() -> None:
    async def main() -> None:
        async with running(1) as node, running(2) as peer:
            before = node.address
            with closing(socket.socket()) as other:
                other.bind((LOOPBACK.host, 0))
                other.listen()
                taken = Address(*other.getsockname()[:2])
                with pytest.raises(ShellError, match="in use"):
                    await node.network.listen_on((free_address(), taken))
            assert node.network.listening == (before,)
            peer.dial(before)
            await peer.wait_for(SessionOpened)

    trio.run(main)


def test_an_address_that_stays_is_never_closed() -> None:
    async def main() -> None:
        stays, goes, comes = free_address(), free_address(), free_address()
        async with running(1, listen=(stays, goes)) as node, running(2) as peer:
            await node.network.listen_on((stays, comes))
            assert node.network.listening == (stays, comes)
            for count, address in enumerate((stays, comes), start=1):
                peer.dial(address)
                await peer.wait_for(SessionOpened, count)
            peer.dial(goes)
            await peer.wait_for(DialFailed)
            await node.network.listen_on(())
            assert node.network.listening == ()

    trio.run(main)
