"""From where on this machine the local network can be searched: its addresses on multicast interfaces.

Linux only, as the daemon is.  All calls return at once.
"""

import fcntl
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mirrord.core.limits import LOCAL_PLACES_MAX

_IPV6_TABLE: Final = Path("/proc/net/if_inet6")

# linux/sockios.h and linux/if.h: an ifreq is 16 bytes of name and 24 bytes of union.
_GET_FLAGS: Final = 0x8913
_GET_ADDRESS: Final = 0x8915
_REQUEST_BYTES: Final = 40
_NAME_MAX_BYTES: Final = 15
_UP, _LOOPBACK, _POINT_TO_POINT, _MULTICAST = 0x1, 0x8, 0x10, 0x1000


@dataclass(frozen=True, slots=True)
class Place:
    """One of our addresses: an IP literal, and the number of the interface that has it."""

    host: str
    interface: int

    @property
    def is_ipv6(self) -> bool:
        """Whether it is one of IPv6."""
        return ":" in self.host


def places_for(hosts: tuple[str, ...]) -> tuple[Place, ...]:
    """Return where to search from, for a node that listens on ``hosts`` (IP literals).

    ``0.0.0.0`` and ``::`` mean every interface that has neighbours: not loopback, and no tunnel, behind
    which is somebody else's network.  A host that was named is taken as it is, so a node that listens
    on a VPN's address alone never shows itself in the local network.
    """
    found: dict[tuple[bool, int], Place] = {}  # one for each IP and interface: groups are joined by interface
    for place in (*_ipv4_places(), *_ipv6_places()):
        everywhere = "::" if place.is_ipv6 else "0.0.0.0"
        if place.host in hosts or (everywhere in hosts and _has_neighbours(place.interface)):
            found.setdefault((place.is_ipv6, place.interface), place)
    return tuple(found.values())[:LOCAL_PLACES_MAX]


def _ipv4_places() -> Iterator[Place]:
    try:
        interfaces = socket.if_nameindex()
    except OSError:
        return  # a sandbox that hides them
    for number, name in interfaces:
        answer = _ask(_GET_ADDRESS, name)
        if answer is not None:
            yield Place(socket.inet_ntoa(answer[20:24]), number)


def _ipv6_places() -> Iterator[Place]:
    """Yield global and unique local addresses: peers cannot be told a link-local one."""
    try:
        lines = _IPV6_TABLE.read_text().splitlines()
    except OSError:
        return  # a kernel without IPv6, or a sandbox
    for line in lines:
        digits, number, *_ = line.split()
        address = ip_address(bytes.fromhex(digits))
        if not address.is_link_local:
            yield Place(str(address), int(number, 16))


def _has_neighbours(interface: int) -> bool:
    try:
        name = socket.if_indextoname(interface)
    except OSError:
        return False  # it has gone meanwhile
    answer = _ask(_GET_FLAGS, name)
    if answer is None:
        return False
    flags = int(struct.unpack_from("@H", answer, 16)[0])
    return flags & (_UP | _MULTICAST) == _UP | _MULTICAST and not flags & (_LOOPBACK | _POINT_TO_POINT)


def _ask(what: int, name: str) -> bytes | None:
    """Return the kernel's answer about an interface (netdevice(7)); None where it has none."""
    request = name.encode()[:_NAME_MAX_BYTES].ljust(_REQUEST_BYTES, b"\0")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            return fcntl.ioctl(channel, what, request)
    except OSError:
        return None  # no address of IPv4, or no such interface any more
