"""Lines that people paste: identities, addresses, invitations, sizes and durations."""

from typing import Final

from hypothesis import strategies as st

from mirrord.core.errors import UsageError
from mirrord.core.records.ids import Address, CollectionId, address_from_text, from_text, to_text
from mirrord.core.records.invitation import Invitation, format_invitation, parse_invitation
from mirrord.sizes import parse_size
from mirrord.times import parse_duration
from tests.fuzz.target import Target, decoder, encoded, of_text
from tests.unit.core.strategies import ADDRESSES, HASHES, LABELS

_INVITATIONS: Final = st.builds(
    Invitation, HASHES.map(CollectionId), st.lists(ADDRESSES, max_size=3).map(tuple), LABELS
)
_PUNCTUATION: Final = st.text(st.sampled_from("[]:%.0aF\u0661 "), max_size=12)
_DIGITS: Final = st.integers(0, 10**22).map(str)


def _again(address: Address) -> bytes:
    """Say an address as people do; a host that has a colon and no brackets is somebody else's to refuse."""
    return str(address).encode("utf-8", "surrogateescape")


def _address(text: str) -> Address:
    address = address_from_text(text)
    assert 0 < address.port < 65_536
    return address


TARGETS: Final = (
    Target(
        family="text",
        name="identity",
        take=decoder(of_text(from_text), UsageError, lambda value: to_text(value).encode()),
        valid=encoded(HASHES.map(to_text)),
        vectors="identities",
        weight=400,
        input_max_bytes=200,
    ),
    Target(
        family="text",
        name="address",
        take=decoder(of_text(_address), UsageError, _again),
        valid=encoded(st.one_of(ADDRESSES.map(str), st.ip_addresses(v=6).map(lambda ip: f"[{ip}]:1"))),
        junk=encoded(st.one_of(_DIGITS.map("192.0.2.1:".__add__), _PUNCTUATION)),
        weight=400,
        input_max_bytes=8192,
    ),
    Target(
        family="text",
        name="invitation",
        take=decoder(
            of_text(parse_invitation), UsageError, lambda value: format_invitation(value).encode("utf-8", "replace")
        ),
        valid=encoded(_INVITATIONS.map(format_invitation)),
        vectors="invitations",
        weight=400,
        input_max_bytes=5000,
    ),
    Target(
        family="text",
        name="size",
        take=decoder(of_text(parse_size), UsageError),
        valid=encoded(st.builds("{}{}".format, _DIGITS, st.sampled_from(["", "MB", " TiB", ".5GB", "kb"]))),
        weight=200,
        input_max_bytes=8192,
    ),
    Target(
        family="text",
        name="duration",
        take=decoder(of_text(parse_duration), UsageError),
        valid=encoded(st.builds("{}{}".format, _DIGITS, st.sampled_from(["d", "min", " h", ".5s", "w"]))),
        weight=200,
        input_max_bytes=8192,
    ),
)
