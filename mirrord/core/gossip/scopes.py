"""How far an address can be reached from, and which addresses are neighbours.

What a stranger tells us is only dialled where a node like ours could stand: else an announcement could
aim every volunteer at somebody's printer, or at a service that only listens on its own machine.

A *neighbourhood* is a /16 (IPv4) or a /32 (IPv6) of the public internet.  Addresses within one come
cheap by the thousand, many neighbourhoods do not.  Heilman et al., "Eclipse Attacks on Bitcoin's
Peer-to-Peer Network" (USENIX Security 2015), have the measurements; Bitcoin groups by the same prefixes.
"""

import ipaddress
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType

Neighbourhood = NewType("Neighbourhood", str)

_IPV4_PARTS: Final = 4
_BYTES: Final = frozenset(map(str, range(256)))
_ORDINARY: Final = _BYTES - {"0", "10", "100", "127", "169", "172", "192", "198", "203", *map(str, range(224, 256))}
"""What an IPv4 literal begins with if nothing in its /8 is special: IANA's registry of special-purpose addresses."""

_IPV4_BITS: Final = 16
_IPV6_BITS: Final = 32
_REMEMBERED: Final = 4_096
"""Hosts whose scope is remembered: each stands in many records, one after the other."""


class Scope(StrEnum):
    """From where an address can be reached.  Nothing that lies outside of the public internet is GLOBAL."""

    LOOPBACK = "loopback"
    LINK_LOCAL = "link_local"
    PRIVATE = "private"
    GLOBAL = "global"
    NOWHERE = "nowhere"


def canonical_host(host: str) -> str:
    """Return an IP literal as it is compared: no zone, and IPv4 inside IPv6 as IPv4; a host name as it is."""
    ip = _parsed(host)
    return host if ip is None else str(ip)


@lru_cache(maxsize=_REMEMBERED)
def scope_of(host: str) -> Scope | None:
    """Return the scope of an IP literal; None for a host name, which only an operator can have given."""
    if _ordinary_parts(host):
        return Scope.GLOBAL
    ip = _parsed(host)
    if ip is None:
        return None
    if ip.is_loopback:
        return Scope.LOOPBACK
    if ip.is_link_local:
        return Scope.LINK_LOCAL
    if ip.is_multicast or ip.is_unspecified or (ip.version == 4 and ip.is_reserved):
        return Scope.NOWHERE
    return Scope.GLOBAL if ip.is_global else Scope.PRIVATE


@lru_cache(maxsize=_REMEMBERED)
def neighbourhood_of(host: str) -> Neighbourhood | None:
    """Return where a public IP literal lies; None for one that is not public, and for a host name."""
    if parts := _ordinary_parts(host):
        return Neighbourhood(f"{parts[0]}.{parts[1]}.0.0/{_IPV4_BITS}")
    if scope_of(host) is not Scope.GLOBAL:
        return None
    ip = ipaddress.ip_address(canonical_host(host))
    bits = _IPV4_BITS if ip.version == 4 else _IPV6_BITS
    return Neighbourhood(str(ipaddress.ip_network((ip, bits), strict=False)))


def ip_version(host: str) -> int | None:
    """Return 4 or 6; None for a host name."""
    ip = _parsed(host)
    return None if ip is None else ip.version


def _ordinary_parts(host: str) -> list[str] | None:
    """Return the four numbers of most IPv4 literals, None for all else.

    A node that starts is told ten thousand addresses, and ``ipaddress`` takes ten times as long for one.
    """
    parts = host.split(".")
    if len(parts) != _IPV4_PARTS or parts[0] not in _ORDINARY:
        return None
    return parts if _BYTES.issuperset(parts) else None


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip
