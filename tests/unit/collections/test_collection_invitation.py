"""An invitation is one line that survives a copy and paste, or is refused with what is wrong."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import Address, CollectionId, to_text
from mirrord.core.records.invitation import Invitation, format_invitation, parse_invitation

COLLECTION = CollectionId(bytes(range(32)))
KEY = to_text(COLLECTION)

hosts = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,10}){0,2}", fullmatch=True),
)
names = st.text(max_size=60).filter(lambda name: name.isprintable() and len(name.encode()) <= limits.NAME_MAX_BYTES)
invitations = st.builds(
    Invitation,
    st.binary(min_size=32, max_size=32).map(CollectionId),
    st.lists(st.builds(Address, hosts, st.integers(1, 65_535)), max_size=limits.ADDRESSES_MAX).map(tuple),
    names,
)


@settings(deadline=None)
@given(invitations)
def test_what_is_written_is_read_back(invitation: Invitation) -> None:
    line = format_invitation(invitation)
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line
    assert parse_invitation(line) == invitation
    assert parse_invitation(f"  {line}\n") == invitation


def test_the_line_looks_as_documented() -> None:
    invitation = Invitation(COLLECTION, (Address("203.0.113.7", 7700), Address("::1", 7701)), "Naïve & Co")
    expected = f"mirrord://{KEY}?bootstrap=203.0.113.7:7700&bootstrap=[::1]:7701&name=Na%C3%AFve%20%26%20Co"
    assert format_invitation(invitation) == expected


@pytest.mark.parametrize("line", [f"MIRRORD://{KEY.upper()}", f"mirrord://{KEY}/", f"mirrord://{KEY}?"])
def test_harmless_differences_are_read(line: str) -> None:
    assert parse_invitation(line) == Invitation(COLLECTION)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "not an invitation"),
        ("https://example.org", "not an invitation"),
        ("mirrord://", "not an identity"),
        (f"mirrord://{KEY[:-1]}", "not an identity"),
        (f"mirrord://{KEY}?bootstrap=nowhere", "not an address"),
        (f"mirrord://{KEY}?bootstrap=host:0", "not an address"),
        (f"mirrord://{KEY}?bootstrap=host:70000", "not an address"),
        (f"mirrord://{KEY}?bootstrap=::1:7700", "brackets"),
        (f"mirrord://{KEY}?bootstrap=a%20b:7700", "is not an address"),
        (f"mirrord://{KEY}?bootstrap=[zz::1]:7700", "not a host"),
        (f"mirrord://{KEY}?boostrap=host:1", "unknown part 'boostrap'"),
        (f"mirrord://{KEY}?name", "cannot be read"),
        (f"mirrord://{KEY}?name=a&name=b", "more than one name"),
        (f"mirrord://{KEY}?name=%FF", "cannot be read"),
        (f"mirrord://{KEY}?name=a%0Ab", "control characters"),
        (f"mirrord://{KEY}?name={'x' * 129}", "name in the invitation"),
        (f"mirrord://{KEY}?" + "&".join(["bootstrap=h:1"] * 9), "9 addresses"),
        (f"mirrord://{KEY}?" + "&".join(["bootstrap=h:1"] * 99), "cannot be read"),
        (f"mirrord://{KEY}?name=" + "x" * 5_000, "too long"),
    ],
)
def test_a_broken_invitation_is_refused_with_what_is_wrong(line: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_invitation(line)
    assert complaint in caught.value.message or complaint in caught.value.hint
    assert caught.value.hint


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_an_invitation_or_a_usage_error(text: str) -> None:
    for line in (text, f"mirrord://{text}", f"mirrord://{KEY}?{text}", f"mirrord://{KEY}?name={text}"):
        with suppress(UsageError):
            parse_invitation(line)


def test_an_invitation_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(UsageError, match="not a host"):
        format_invitation(Invitation(COLLECTION, (Address("two words", 1),)))
