"""What the local network may say."""

from typing import Final

from hypothesis import strategies as st

from mirrord.core.errors import RemoteProtocolError
from mirrord.core.limits import LOCAL_COOKIE_MAX_BYTES, LOCAL_SEARCH_MAX_BYTES
from mirrord.core.records.ids import Address
from mirrord.discovery.search import GROUP_IPV4, GROUP_IPV6, Search, decode_search, encode_searches
from tests.fuzz.target import Target, decoder

_LINES: Final = st.sampled_from(
    [
        *(b"BT-SEARCH * HTTP/1.1", b"Host: 239.192.152.143:6771", b"Port: 7700", b"port:0", b"Port: 65536", b"Port:"),
        *(b"Infohash: " + b"aF" * 20, b"INFOHASH:" + b"0" * 40, b"Infohash: " + b"g" * 40, b"cookie: 1f", b"cookie:"),
        *(b"", b":", b"X-New: \xff\x00", b"cookie: " + b"c" * (LOCAL_COOKIE_MAX_BYTES + 1)),
    ]
)


def _search(datagram: bytes) -> Search:
    search = decode_search(datagram)
    assert 0 < search.port < 65_536
    assert search.rendezvous and all(len(found) == 20 for found in search.rendezvous)
    assert len(search.cookie) <= LOCAL_COOKIE_MAX_BYTES
    return search


def _datagram(group: Address, port: int, rendezvous: list[bytes], cookie: bytes) -> bytes:
    return next(encode_searches(group, port, rendezvous, cookie))


TARGETS: Final = (
    Target(
        family="discovery",
        name="search",
        take=decoder(_search, RemoteProtocolError),
        valid=st.builds(
            _datagram,
            st.sampled_from([GROUP_IPV4, GROUP_IPV6]),
            st.integers(1, 65_535),
            st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=30),
            st.sampled_from([b"", b"1f3a", b"c" * LOCAL_COOKIE_MAX_BYTES]),
        ),
        junk=st.lists(_LINES, max_size=12).map(b"\r\n".join),
        weight=200,
        input_max_bytes=LOCAL_SEARCH_MAX_BYTES + 100,
    ),
)
