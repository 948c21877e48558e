"""Where BitTorrent listens: whether it can, and what libtorrent says came of it."""

import errno
import socket
from contextlib import closing
from typing import Final

import trio

from mirrord.core.errors import EngineError
from mirrord.core.records.ids import Address
from mirrord.torrents.alerts import ListeningChanged
from mirrord.torrents.engine import places_of

_ANSWER_SECONDS: Final = 10.0
"""libtorrent opens sockets in milliseconds; a machine that swaps may take seconds."""

_NOT_TO_BE_HAD: Final = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EPERM})
"""Where an address is not there (no IPv6, a VPN that is down) another of the list may do, as at the start."""

_HINT: Final = "choose an address of this machine and a port from 1024 to 65535 that is free"


class Listening:
    """Follows libtorrent's alerts about one wish at a time; ``port`` is the TCP port that it listens on."""

    def __init__(self) -> None:
        self.port = 0
        self._wanted: frozenset[int] = frozenset()
        self._places = 0
        self._is_open = False
        self._failures: list[str] = []
        self._settled = trio.Event()
        self._interfaces = ""

    def expect(self, interfaces: str) -> None:
        """Expect libtorrent to say what comes of ``interfaces``, which it is about to be told."""
        places = places_of(interfaces)
        self._interfaces, self._places = interfaces, len(places)
        self._wanted = frozenset(place.port for place in places)
        self._is_open, self._failures, self._settled = False, [], trio.Event()

    def take_in(self, alert: ListeningChanged) -> None:
        """Note what libtorrent says; an alert about an earlier wish says nothing about this one."""
        if self._settled.is_set() or (0 not in self._wanted and alert.port not in self._wanted):
            return
        if alert.error:
            self._failures.append(alert.error)
        else:
            self.port, self._is_open = alert.port, True
        if self._is_open or len(self._failures) >= self._places:
            self._settled.set()

    @property
    def is_settled(self) -> bool:
        """Whether one socket listens, or all have failed."""
        return self._settled.is_set()

    async def wait(self) -> None:
        """Wait until it is settled, or for as long as libtorrent may take; then :meth:`check`."""
        with trio.move_on_after(_ANSWER_SECONDS):
            await self._settled.wait()

    def check(self) -> None:
        """Raise EngineError unless a socket listens."""
        if not self._is_open:
            why = "; ".join(self._failures) or "libtorrent does not say why"
            raise EngineError(f"cannot listen for BitTorrent on {self._interfaces}: {why}", _HINT)


def check_free(interfaces: str, since: str) -> None:
    """Raise EngineError where a port is not to be had.  What is in both lists is ours already.

    libtorrent lets go of the old places before it asks for the new ones; asking first leaves it where
    it is.
    """
    for place in places_of(interfaces):
        if place not in places_of(since):
            _try_to_bind(place, socket.SOCK_STREAM)
            _try_to_bind(place, socket.SOCK_DGRAM)


def _try_to_bind(place: Address, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        with closing(socket.socket(family, kind)) as probe:
            if kind is socket.SOCK_STREAM:  # as libtorrent does: connections that have ended are no matter
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((place.host, place.port))
    except OSError as error:
        if error.errno not in _NOT_TO_BE_HAD:
            return
        of_kind = "TCP" if kind is socket.SOCK_STREAM else "UDP"
        raise EngineError(f"cannot listen for BitTorrent on {place} ({of_kind}): {error.strerror}", _HINT) from None
