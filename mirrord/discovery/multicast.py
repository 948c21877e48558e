"""The sockets of one IP version in the group of BEP 14: hearing everybody, and speaking from a place."""

import socket
import struct
from collections.abc import Iterable
from typing import Final

import structlog
import trio

from mirrord.core.limits import LOCAL_SEARCH_MAX_BYTES
from mirrord.core.records.ids import Address
from mirrord.discovery.places import Place
from mirrord.discovery.search import GROUP_IPV4, GROUP_IPV6

# linux/in.h and linux/in6.h, which Python does not name: hear only what was joined on this very socket.
_IP_MULTICAST_ALL: Final = 49
_IPV6_MULTICAST_ALL: Final = 29

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class MulticastSockets:
    """Hears and speaks to the group of one IP version.  Whoever makes it calls :meth:`close`.

    The hearing socket is bound to the group's own address, so nobody outside the local network can
    send it anything.  Raises OSError where this machine has no such IP.
    """

    def __init__(self, *, is_ipv6: bool) -> None:
        self.is_ipv6 = is_ipv6
        self.group: Final = GROUP_IPV6 if is_ipv6 else GROUP_IPV4
        self._joined: set[Place] = set()
        self._refused: set[Place] = set()
        family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        self._ear = trio.socket.socket(family, socket.SOCK_DGRAM)
        self._mouth = trio.socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._open_ear()
        except OSError:
            self.close()
            raise

    def _open_ear(self) -> None:
        # BitTorrent clients on this machine listen on the same port; each gets its own copy.
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.is_ipv6:
            self._ear.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
        else:
            self._ear.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)

    async def bind(self) -> None:
        """Begin to hear; raises OSError where the port is taken by somebody who does not share it."""
        await self._ear.bind(tuple(self.group))

    def join(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """Take part at these places from now on, and no longer at others; return those that work.

        A place that refuses is logged once.
        """
        wanted = {place for place in places if place.is_ipv6 == self.is_ipv6}
        self._refused &= wanted
        for gone in self._joined - wanted:
            self._joined.discard(gone)
            self._set(gone, leave=True)
        for place in sorted(wanted - self._joined, key=str):
            if self._set(place, leave=False):
                self._joined.add(place)
        return tuple(sorted(self._joined, key=str))

    def _set(self, place: Place, *, leave: bool) -> bool:
        try:
            if self.is_ipv6:
                option = socket.IPV6_LEAVE_GROUP if leave else socket.IPV6_JOIN_GROUP
                self._ear.setsockopt(socket.IPPROTO_IPV6, option, _group_ipv6(place))
            else:
                option = socket.IP_DROP_MEMBERSHIP if leave else socket.IP_ADD_MEMBERSHIP
                self._ear.setsockopt(socket.IPPROTO_IP, option, _group_ipv4(place))
        except OSError as error:
            if not leave:  # an interface that has gone took its membership with it
                self._complain(place, error)
            return False
        return True

    async def speak(self, place: Place, datagram: bytes) -> None:
        """Send to the group from a place; where that does not work it is logged once.  One call at a time."""
        try:
            if self.is_ipv6:
                self._mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, place.interface)
            else:
                self._mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _group_ipv4(place))
            await self._mouth.sendto(datagram, tuple(self.group))
        except OSError as error:
            self._complain(place, error)

    async def hear(self) -> tuple[bytes, Address]:
        """Wait for a datagram; return it (one byte more than allowed where it is too long) and who sent it."""
        datagram, source = await self._ear.recvfrom(LOCAL_SEARCH_MAX_BYTES + 1)
        return datagram, Address(source[0], source[1])

    def close(self) -> None:
        """Hear and speak no more."""
        self._ear.close()
        self._mouth.close()

    def _complain(self, place: Place, error: OSError) -> None:
        if place not in self._refused:
            self._refused.add(place)
            _log.info("the local network cannot be searched from here", address=place.host, detail=error.strerror)


def _group_ipv4(place: Place) -> bytes:
    """Return a ``struct ip_mreqn``."""
    return struct.pack("@4s4si", socket.inet_aton(GROUP_IPV4.host), socket.inet_aton(place.host), place.interface)


def _group_ipv6(place: Place) -> bytes:
    """Return a ``struct ipv6_mreq``."""
    return socket.inet_pton(socket.AF_INET6, GROUP_IPV6.host) + struct.pack("@I", place.interface)
