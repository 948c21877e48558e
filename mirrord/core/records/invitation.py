"""An invitation: the one line with which a node joins a collection.  Pure.

``mirrord://KEY?bootstrap=host:port&bootstrap=...&name=...`` where KEY is the collection's id in
base32.  The name is for people; the key alone decides what is joined.
"""

import difflib
import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from mirrord.core import limits
from mirrord.core.errors import RecordError, UsageError
from mirrord.core.records.bounds import text
from mirrord.core.records.ids import Address, CollectionId, address_from_text, from_text, to_text

SCHEME: Final = "mirrord://"
INVITATION_MAX_CHARACTERS: Final = 4_096
_PARAMETERS: Final = ("bootstrap", "name")
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?"
)
_SHAPE: Final = "an invitation looks like mirrord://KEY?bootstrap=host:port&name=NAME; was it cut off?"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A collection, where to ask for it first, and what its curator calls it (may be empty)."""

    collection: CollectionId
    bootstrap: tuple[Address, ...] = ()
    name: str = ""


def format_invitation(invitation: Invitation) -> str:
    """Return the line; raise :class:`UsageError` for what :func:`parse_invitation` would refuse."""
    _check(invitation)
    parameters = [("bootstrap", str(address)) for address in invitation.bootstrap]
    if invitation.name:
        parameters.append(("name", invitation.name))
    query = urlencode(parameters, safe=":[]", quote_via=quote)
    return SCHEME + to_text(invitation.collection) + (f"?{query}" if query else "")


def parse_invitation(line: str) -> Invitation:
    """Parse the line, or raise :class:`UsageError` that says what is wrong with it."""
    line = line.strip()
    if len(line) > INVITATION_MAX_CHARACTERS:
        raise UsageError(f"an invitation of {len(line)} characters is too long", _SHAPE)
    if not line.lower().startswith(SCHEME):
        raise UsageError(f"{line[:60]!r} is not an invitation", _SHAPE)
    key, _, query = line[len(SCHEME) :].partition("?")
    collection = CollectionId(from_text(key.removesuffix("/")))
    bootstrap: list[Address] = []
    names: list[str] = []
    for parameter, value in _parameters(query):
        if parameter == "bootstrap":
            bootstrap.append(address_from_text(value))
        elif parameter == "name":
            names.append(value)
        else:
            near = difflib.get_close_matches(parameter, _PARAMETERS, 1)
            raise UsageError(
                f"the invitation has the unknown part {parameter[:40]!r}",
                f"did you mean {near[0]!r}?" if near else "it may be for a newer mirrord",
            )
    if len(names) > 1:
        raise UsageError("the invitation has more than one name", _SHAPE)
    invitation = Invitation(collection, tuple(bootstrap), names[0] if names else "")
    _check(invitation)
    return invitation


def _parameters(query: str) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=limits.ADDRESSES_MAX + 8
        )
    except ValueError:
        raise UsageError("the part of the invitation behind the '?' cannot be read", _SHAPE) from None


def _check(invitation: Invitation) -> None:
    if len(invitation.bootstrap) > limits.ADDRESSES_MAX:
        raise UsageError(
            f"the invitation has {len(invitation.bootstrap)} addresses", f"it may have {limits.ADDRESSES_MAX}"
        )
    for address in invitation.bootstrap:
        if not _is_host(address.host):
            raise UsageError(f"{address.host[:80]!r} is not a host", "write an IP address or a host name")
    try:
        text(invitation.name, limits.NAME_MAX_BYTES, "the name in the invitation")
    except RecordError as error:
        raise UsageError(str(error), _SHAPE) from None
    except UnicodeEncodeError:
        raise UsageError("the name in the invitation is not text", _SHAPE) from None


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ":" not in host and _HOST_NAME.fullmatch(host) is not None
    return "%" not in host
