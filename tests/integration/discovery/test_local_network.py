"""Nodes on one machine find each other by multicast on loopback, and strangers' datagrams do no harm."""

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from mirrord.core import limits
from mirrord.core.effects import SeekPeers
from mirrord.core.events import AddressesFound, AddressSource, Event
from mirrord.core.records.ids import Address
from mirrord.discovery.local_network import LocalNetwork
from mirrord.discovery.places import Place, places_for
from mirrord.discovery.search import GROUP_IPV4, encode_searches

LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 20.0
QUIET_SECONDS = 0.2


@dataclass
class Neighbour:
    """One node's local network, and what it found."""

    network: LocalNetwork
    found: list[Event] = field(default_factory=list)
    news: trio.Event = field(default_factory=trio.Event)

    async def wait_for_news(self) -> Event:
        """Wait until something was found, and return it."""
        with trio.fail_after(WAIT_SECONDS):
            while not self.found:
                await self.news.wait()
        return self.found.pop(0)


@asynccontextmanager
async def neighbour(*hosts: str) -> AsyncIterator[Neighbour]:
    async def emit(event: Event) -> None:
        made.found.append(event)
        made.news.set()
        made.news = trio.Event()

    made = Neighbour(LocalNetwork(hosts or (LOOPBACK,), emit))
    async with trio.open_nursery() as nursery:
        await nursery.start(made.network.run)
        yield made
        nursery.cancel_scope.cancel()


def at(port: int) -> AddressesFound:
    return AddressesFound((Address(LOOPBACK, port),), AddressSource.LOCAL_NETWORK)


def say(datagram: bytes) -> None:
    """Send to the group on loopback, as some other program does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
        mouth.sendto(datagram, tuple(GROUP_IPV4))


def test_who_comes_second_is_found_by_the_first_and_finds_it() -> None:
    rendezvous = secrets.token_bytes(20)

    async def main() -> None:
        async with neighbour() as first, neighbour() as second:
            first.network.seek(SeekPeers(rendezvous, 7001, announce=True))
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            assert not first.found, "its own search, which multicast brings back"
            second.network.seek(SeekPeers(rendezvous, 7002, announce=True))
            assert await first.wait_for_news() == at(7002)
            assert not second.found, "the first one has searched less than a minute ago"

    trio.run(main)


def test_who_hears_somebody_new_answers_unless_it_spoke_a_minute_ago() -> None:
    rendezvous = secrets.token_bytes(20)

    async def main() -> None:
        async with neighbour() as old, neighbour() as young:
            old.network.seek(SeekPeers(rendezvous, 7001, announce=True))
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            clock.jump(limits.LOCAL_SEARCH_SECONDS + 1)
            young.network.seek(SeekPeers(rendezvous, 7002, announce=True))
            assert await old.wait_for_news() == at(7002)
            assert await young.wait_for_news() == at(7001)

    clock = trio.testing.MockClock(rate=1.0)
    trio.run(main, clock=clock)


def test_a_wish_that_comes_too_early_waits_until_the_minute_is_over() -> None:
    rendezvous = secrets.token_bytes(20)

    async def main() -> None:
        async with neighbour() as one, neighbour() as other:
            other.network.seek(SeekPeers(rendezvous, 0, announce=False))
            for port in (7001, 7002):
                one.network.seek(SeekPeers(rendezvous, port, announce=True))
                await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            assert await other.wait_for_news() == at(7001)
            assert not other.found
            clock.jump(limits.LOCAL_SEARCH_SECONDS + 1)
            assert await other.wait_for_news() == at(7002), "the port has changed"

    clock = trio.testing.MockClock(rate=1.0)
    trio.run(main, clock=clock)


def test_who_is_not_to_be_found_hears_and_never_speaks() -> None:
    rendezvous = secrets.token_bytes(20)

    async def main() -> None:
        async with neighbour() as hidden, neighbour() as other:
            hidden.network.seek(SeekPeers(rendezvous, 0, announce=False))
            other.network.seek(SeekPeers(rendezvous, 7002, announce=True))
            assert await hidden.wait_for_news() == at(7002)
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            assert not other.found

    trio.run(main)


def test_other_collections_other_programs_and_nonsense_are_nothing_to_us() -> None:
    rendezvous = secrets.token_bytes(20)
    torrent = secrets.token_bytes(20)

    async def main() -> None:
        async with neighbour() as node:
            node.network.seek(SeekPeers(rendezvous, 7001, announce=True))
            say(b"M-SEARCH * HTTP/1.1\r\n\r\n")
            say(b"\xff" * 2 * limits.LOCAL_SEARCH_MAX_BYTES)
            for datagram in encode_searches(GROUP_IPV4, 6881, [torrent], b""):
                say(datagram)
            for datagram in encode_searches(GROUP_IPV4, 7002, [torrent, rendezvous], b""):
                say(datagram)
            assert await node.wait_for_news() == at(7002), "the only thing that was said about us"

    trio.run(main)


def test_a_flood_is_read_at_a_pace() -> None:
    rendezvous = secrets.token_bytes(20)
    burst = limits.LOCAL_SEARCHES_BURST

    async def main() -> None:
        async with neighbour() as node:
            node.network.seek(SeekPeers(rendezvous, 7001, announce=True))
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            for port in range(8_000, 8_000 + 3 * burst):
                for datagram in encode_searches(GROUP_IPV4, port, [rendezvous], b""):
                    say(datagram)
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            assert burst // 2 <= len(node.found) <= burst

    clock = trio.testing.MockClock()  # time stands still, so that nothing comes back
    trio.run(main, clock=clock)


def test_a_machine_without_multicast_is_no_reason_to_fail(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with neighbour("198.51.100.1") as nowhere:  # an address that this machine does not have
            nowhere.network.seek(SeekPeers(secrets.token_bytes(20), 7001, announce=True))
            await trio.testing.wait_all_tasks_blocked(QUIET_SECONDS)
            assert not nowhere.found

    trio.run(main)


def test_loopback_is_searched_only_where_it_was_named() -> None:
    assert [place.host for place in places_for((LOOPBACK,))] == [LOOPBACK]
    everywhere = places_for(("0.0.0.0", "::"))
    assert not {LOOPBACK, "::1"} & {place.host for place in everywhere}
    assert all(isinstance(place, Place) and place.interface > 0 for place in everywhere)
    assert places_for(()) == ()
