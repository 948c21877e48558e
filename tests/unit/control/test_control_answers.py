"""What a request may ask for, and how it is told that it may not."""

import pytest

from mirrord.control.answers import parse_wish
from mirrord.control.wishes import JoinWish
from mirrord.core.errors import UsageError


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"a": "\xe1"}', b"\xff", b'{"invitation": 3}', b'{"invitation": "\\ud800"}', b"[" * 5_000],
    ids=["torn", "a list", "no UTF-8 in a text", "no UTF-8", "a number", "half a character", "deep"],
)
def test_what_does_not_fit_is_an_error_of_the_asker(body: bytes) -> None:
    with pytest.raises(UsageError, match="does not fit"):
        parse_wish(body, JoinWish)
