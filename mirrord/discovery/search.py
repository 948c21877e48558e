"""The one message of the local network: "who else is here?" (BEP 14, local service discovery).

::

    BT-SEARCH * HTTP/1.1
    Host: 239.192.152.143:6771
    Port: 7700
    Infohash: 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83
    cookie: 5d41402abc4b2a76

An info-hash is a rendezvous here.  BitTorrent clients send the same for their torrents; what they
say parses, and is about nothing that we know.  Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mirrord.core.errors import RemoteProtocolError
from mirrord.core.limits import LOCAL_COOKIE_MAX_BYTES, LOCAL_SEARCH_MAX_BYTES
from mirrord.core.records.ids import Address

GROUP_IPV4: Final = Address("239.192.152.143", 6771)
GROUP_IPV6: Final = Address("ff15::efc0:988f", 6771)

_REQUEST_LINE: Final = b"BT-SEARCH * HTTP/1.1"
_LINE_END: Final = b"\r\n"
_PORT: Final = re.compile(rb"[0-9]{1,5}")
_INFOHASH: Final = re.compile(rb"[0-9A-Fa-f]{40}")
_PORT_MAX: Final = 65_535
_INFOHASH_LINE_BYTES: Final = len("Infohash: ") + 40 + len(_LINE_END)


@dataclass(frozen=True, slots=True)
class Search:
    """Somebody at TCP port ``port`` looks for others under each ``rendezvous`` (20 bytes).

    ``cookie`` lets a sender know its own search again; empty where it sent none.
    """

    port: int
    rendezvous: tuple[bytes, ...]
    cookie: bytes = b""


def encode_searches(group: Address, port: int, rendezvous: Sequence[bytes], cookie: bytes) -> Iterator[bytes]:
    """Yield datagrams to ``group`` that together search for every rendezvous; none is longer than BEP 14 allows."""
    head = [_REQUEST_LINE, f"Host: {group}".encode(), f"Port: {port}".encode()]
    tail = [b"cookie: " + cookie, b"", b"", b""]
    fixed_bytes = len(_LINE_END.join(head + tail)) + len(_LINE_END)
    each = (LOCAL_SEARCH_MAX_BYTES - fixed_bytes) // _INFOHASH_LINE_BYTES
    for first in range(0, len(rendezvous), each):
        hashes = [b"Infohash: " + found.hex().encode() for found in rendezvous[first : first + each]]
        yield _LINE_END.join(head + hashes + tail)


def decode_search(datagram: bytes) -> Search:
    """Parse any datagram, or raise RemoteProtocolError; headers that BEP 14 does not know are ignored."""
    if len(datagram) > LOCAL_SEARCH_MAX_BYTES:
        raise RemoteProtocolError(f"a search of {len(datagram)} bytes")
    first, *lines = datagram.split(_LINE_END)
    if first != _REQUEST_LINE:
        raise RemoteProtocolError("not a search")
    ports: list[int] = []
    rendezvous: dict[bytes, None] = {}
    cookie = b""
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.strip()
        match name.strip().lower():
            case b"port":
                ports.append(_port(value))
            case b"infohash":
                rendezvous[_infohash(value)] = None
            case b"cookie":
                cookie = value[: LOCAL_COOKIE_MAX_BYTES + 1]
            case _:
                pass
    if len(ports) != 1 or not rendezvous or len(cookie) > LOCAL_COOKIE_MAX_BYTES:
        raise RemoteProtocolError("a search needs one port, at least one info-hash and no long cookie")
    return Search(ports[0], tuple(rendezvous), cookie)


def _port(text: bytes) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) <= _PORT_MAX:
        raise RemoteProtocolError("a search from no port")
    return int(text)


def _infohash(text: bytes) -> bytes:
    if not _INFOHASH.fullmatch(text):
        raise RemoteProtocolError("a search for no info-hash")
    return bytes.fromhex(text.decode("ascii"))
