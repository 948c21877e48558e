"""The one message of the local network: what we write, and whatever else may come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.errors import RemoteProtocolError
from mirrord.core.limits import LOCAL_COOKIE_MAX_BYTES, LOCAL_SEARCH_MAX_BYTES
from mirrord.discovery.search import GROUP_IPV4, GROUP_IPV6, Search, decode_search, encode_searches

RENDEZVOUS = bytes(range(20))
# As libtorrent 2 sends it, and BEP 14 shows it.
OF_A_CLIENT = (
    b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n"
    b"Infohash: 000102030405060708090a0b0c0d0e0f10111213\r\ncookie: 1f3a\r\n\r\n\r\n"
)


def test_a_search_is_written_as_bep_14_shows_it() -> None:
    assert list(encode_searches(GROUP_IPV4, 6881, [RENDEZVOUS], b"1f3a")) == [OF_A_CLIENT]


def test_a_search_of_another_program_is_read() -> None:
    assert decode_search(OF_A_CLIENT) == Search(6881, (RENDEZVOUS,), b"1f3a")


def test_headers_come_in_any_case_and_order_and_unknown_ones_are_ignored() -> None:
    text = b"BT-SEARCH * HTTP/1.1\r\nX-New: 1\r\ninfoHASH:000102030405060708090A0B0C0D0E0F10111213\r\nPORT: 1\r\n\r\n"
    assert decode_search(text) == Search(1, (RENDEZVOUS,))


@given(
    st.integers(1, 65_535),
    st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=150, unique=True),
    st.sampled_from([GROUP_IPV4, GROUP_IPV6]),
)
def test_however_many_are_sought_each_datagram_is_short_and_nothing_is_lost(
    port: int, rendezvous: list[bytes], group: object
) -> None:
    datagrams = list(encode_searches(group, port, rendezvous, b"0123456789abcdef"))  # type: ignore[arg-type]
    assert all(len(datagram) <= LOCAL_SEARCH_MAX_BYTES for datagram in datagrams)
    searches = [decode_search(datagram) for datagram in datagrams]
    assert [found for search in searches for found in search.rendezvous] == rendezvous
    assert {(search.port, search.cookie) for search in searches} == {(port, b"0123456789abcdef")}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"BT-SEARCH", b"M-SEARCH"),
        (b"Port: 6881", b"Port: 0"),
        (b"Port: 6881", b"Port: 65536"),
        (b"Port: 6881", b"Port: -1"),
        (b"Port: 6881", b"Port: 6_8"),
        (b"Port: 6881", b"Port: 6881\r\nPort: 6882"),
        (b"Port: 6881\r\n", b""),
        (b"0102", b"01"),
        (b"0102", b"zz02"),
        (b"cookie: 1f3a", b"cookie: " + b"c" * (LOCAL_COOKIE_MAX_BYTES + 1)),
        (b"\r\n\r\n\r\n", b"\r\n" * LOCAL_SEARCH_MAX_BYTES),
        (b"Port: 6881", "Port: ٦٨٨١".encode()),
    ],
)
def test_what_is_not_a_search_is_refused(was: bytes, becomes: bytes) -> None:
    assert was in OF_A_CLIENT
    with pytest.raises(RemoteProtocolError):
        decode_search(OF_A_CLIENT.replace(was, becomes, 1))


@st.composite
def nearly_searches(draw: st.DrawFn) -> bytes:
    """Return a real search with a few bytes of it changed, doubled or cut."""
    text = bytearray(OF_A_CLIENT)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(text) * draw(st.integers(1, 2))


@given(st.one_of(st.binary(max_size=2 * LOCAL_SEARCH_MAX_BYTES), nearly_searches()))
def test_any_datagram_is_a_search_or_refused(datagram: bytes) -> None:
    try:
        search = decode_search(datagram)
    except RemoteProtocolError:
        return
    assert 0 < search.port < 65_536
    assert search.rendezvous and all(len(found) == 20 for found in search.rendezvous)
    assert len(search.cookie) <= LOCAL_COOKIE_MAX_BYTES
