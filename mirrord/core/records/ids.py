"""Identities: of nodes, collections, shards, blobs and sessions.

A node and a collection are named by an Ed25519 public key of 32 bytes; text shows keys and hashes
in lower-case base32 without padding (52 characters), and people see the first eight of them.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, NamedTuple, NewType

from mirrord.core.errors import UsageError

NodeId = NewType("NodeId", bytes)
CollectionId = NewType("CollectionId", bytes)
Sha256 = NewType("Sha256", bytes)
ShardIndex = NewType("ShardIndex", int)
SessionId = NewType("SessionId", int)
RecordId = bytes
"""Eight bytes that name a record: BLAKE2b of its kind and key (see ``records.record``)."""

KEY_BYTES: Final = 32
SHORT_CHARACTERS: Final = 8
_PORT_MAX_DIGITS: Final = 5


@dataclass(frozen=True, slots=True, order=True)
class ShardKey:
    """One shard of one collection; sorts by collection, then by index."""

    collection: CollectionId
    index: ShardIndex


class Address(NamedTuple):
    """Where a socket listens: an IP literal (or, in a bootstrap address, a host name), and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def to_text(identity: bytes) -> str:
    """Return a key or hash as 52 characters of lower-case base32."""
    return base64.b32encode(identity).decode("ascii").rstrip("=").lower()


def to_short_text(identity: bytes) -> str:
    """Return the first eight characters: enough for people, never for a decision."""
    return to_text(identity)[:SHORT_CHARACTERS]


def from_text(text: str) -> bytes:
    """Parse 52 characters of base32 into 32 bytes, or raise :class:`UsageError`."""
    try:
        value = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise UsageError(f"{text[:80]!r} is not an identity", "expected 52 letters and digits 2 to 7") from None
    if len(value) != KEY_BYTES or to_text(value) != text.lower():
        raise UsageError(f"{text[:80]!r} is not an identity", "expected 52 letters and digits 2 to 7")
    return value


def address_from_text(text: str) -> Address:
    """Parse ``host:port`` or ``[ipv6]:port``, or raise :class:`UsageError`."""
    host, separator, port = text.strip().rpartition(":")
    has_brackets = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if has_brackets else host
    if has_brackets != (":" in host):
        raise UsageError(f"{text[:80]!r}: an IPv6 address has brackets, and nothing else", "write [::1]:7700")
    is_host = host.isprintable() and not any(character.isspace() for character in host)
    is_number = port.isascii() and port.isdigit() and len(port) <= _PORT_MAX_DIGITS
    if not separator or not host or not is_host or not is_number or not 0 < int(port) < 65_536:
        raise UsageError(f"{text[:80]!r} is not an address", "write host:port, for example 203.0.113.7:7700")
    return Address(host, int(port))
