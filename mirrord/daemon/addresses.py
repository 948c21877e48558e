"""Which addresses to tell others, where the operator named none.

A node that listens on every interface tells the address that its traffic leaves from.  Behind NAT
that is a private one, which does no harm: such a node dials out.
"""

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from mirrord.core.records.ids import Address

# Documentation ranges (RFC 5737, RFC 3849): connecting a datagram socket only asks the routing
# table, no packet leaves.
_PROBES: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def addresses_to_announce(wanted: tuple[Address, ...], listening: Iterable[Address]) -> tuple[Address, ...]:
    """Return ``wanted``, or what ``listening`` comes to with "every interface" spelled out."""
    if wanted:
        return wanted
    found: list[Address] = []
    for address in listening:
        ip = ip_address(address.host)
        if not ip.is_unspecified:
            found.append(address)
        elif (host := _outgoing_host(ip.version)) is not None:
            found.append(Address(host, address.port))
    return tuple(dict.fromkeys(found))


def _outgoing_host(version: int) -> str | None:
    family, probe = _PROBES[0 if version == 4 else 1]
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        try:
            asker.connect((probe, 9))
        except OSError:
            return None  # no route: no network, or none of this kind
        host = str(asker.getsockname()[0])
    return None if ip_address(host).is_link_local else host
