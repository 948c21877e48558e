"""The value of one key: parsed and bounded.  Each raises UsageError; the caller knows the place."""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mirrord import sizes
from mirrord.core import limits
from mirrord.core.errors import UsageError
from mirrord.core.outside.bounds import TRACKERS_MAX
from mirrord.core.records.ids import Address, address_from_text

SOCKET_PATH_MAX_BYTES: Final = 107
"""sun_path of Linux, without its final NUL."""
_ASN_MAX: Final = 2**32 - 1
_TRACKER_MAX_CHARACTERS: Final = 500


def parse_path(text: str, folder: Path) -> Path:
    """Return a path, relative ones below ``folder``; ``~`` is the user's home."""
    if not text or "\0" in text:
        raise UsageError("a path cannot be empty", "leave the key out to have its default")
    try:
        return folder / Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(str(error), "write the whole path") from None


def parse_socket_path(text: str, folder: Path) -> Path:
    """Return the path of a unix socket, which the kernel holds in a small field."""
    path = parse_path(text, folder)
    length = len(bytes(path))
    if length > SOCKET_PATH_MAX_BYTES:
        raise UsageError(
            f"{path} has {length} bytes, and a socket's path {SOCKET_PATH_MAX_BYTES} at most",
            'give a short one, for example control_socket = "/run/mirrord/control.sock"',
        )
    return path


def parse_size(value: int | str) -> int:
    """Return bytes."""
    return sizes.parse_size(str(value))


def parse_rate(value: int | str) -> int:
    """Return bytes a second; ``5MB/s`` says the same as ``5MB``."""
    return parse_size(re.sub(r"\s*/\s*s$", "", str(value)))


def parse_addresses(texts: Sequence[str]) -> tuple[Address, ...]:
    """Return addresses whose hosts may be names."""
    if len(texts) > limits.ADDRESSES_MAX:
        raise UsageError(f"{len(texts)} addresses are too many", f"give {limits.ADDRESSES_MAX} at most")
    return tuple(address_from_text(text) for text in texts)


def parse_ip_address(text: str) -> Address:
    """Return an address whose host is an IP literal: a name could mean several, or change."""
    address = address_from_text(text)
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise UsageError(f"{address.host!r} is not an IP address", "write 127.0.0.1:7700, not a name") from None
    return address


def parse_sockets(texts: Sequence[str]) -> tuple[Address, ...]:
    """Return what to listen on: one address at least."""
    if not texts:
        raise UsageError("a node that listens nowhere serves nobody", "leave the key out to have its default")
    parse_addresses(texts)
    return tuple(parse_ip_address(text) for text in texts)


def parse_reachable(texts: Sequence[str]) -> tuple[Address, ...]:
    """Return what to tell others: never an address that means "every interface"."""
    parse_addresses(texts)
    addresses = tuple(parse_ip_address(text) for text in texts)
    for address in addresses:
        if ipaddress.ip_address(address.host).is_unspecified:
            raise UsageError(f"nobody can reach {address}", "give the address that others see")
    return addresses


def parse_trackers(texts: Sequence[str]) -> tuple[str, ...]:
    """Return where to scrape; each tracker once."""
    if len(texts) > TRACKERS_MAX:
        raise UsageError(f"{len(texts)} trackers are too many", f"give {TRACKERS_MAX} at most")
    return tuple(dict.fromkeys(_parse_tracker(text) for text in texts))


def _parse_tracker(text: str) -> str:
    hint = "write udp://HOST:PORT, or https://HOST/announce"
    shown = text[: limits.LABEL_MAX_BYTES]
    try:
        place = urlsplit(text)
        port = place.port
    except ValueError:
        raise UsageError(f"{shown!r} is not the address of a tracker", hint) from None
    is_text = text.isascii() and text.isprintable() and " " not in text and len(text) <= _TRACKER_MAX_CHARACTERS
    if not is_text or not place.hostname or place.username is not None or place.fragment:
        raise UsageError(f"{shown!r} is not the address of a tracker", hint)
    last = place.path.rpartition("/")[2]
    if place.scheme == "udp" and port:
        return text
    if place.scheme in ("http", "https") and port != 0 and last.startswith(("announce", "scrape")):
        return text
    raise UsageError(f"{shown!r} is not a tracker that can be scraped", hint)


def parse_word(text: str, words: Sequence[str]) -> str:
    """Return ``text`` where it is one of ``words``."""
    if text not in words:
        raise UsageError(f"there is no {text[: limits.LABEL_MAX_BYTES]!r}", f"choose from {', '.join(words)}")
    return text


def parse_label(text: str) -> str:
    """Return what a node says of itself; bounded as an announcement bounds it."""
    if not text.isprintable() or len(text.encode()) > limits.LABEL_MAX_BYTES:
        raise UsageError("not a label", f"printable text of {limits.LABEL_MAX_BYTES} bytes at most")
    return text


def parse_country(text: str) -> str:
    """Return two capitals, or nothing."""
    if text and not re.fullmatch(r"[A-Za-z]{2}", text):
        raise UsageError(f"{text[: limits.LABEL_MAX_BYTES]!r} is not a country's code", "two letters: NL, JP, BR")
    return text.upper()


def parse_asn(number: int) -> int:
    """Return the number of an autonomous system; 0 is none."""
    if not 0 <= number <= _ASN_MAX:
        raise UsageError(f"{number} is not the number of an autonomous system", f"0 to {_ASN_MAX}")
    return number


def parse_fragments(texts: Sequence[str]) -> tuple[str, ...]:
    """Return texts to look for in a longer one."""
    if not all(text.strip() for text in texts):
        raise UsageError("an empty text is part of every rights statement", "take it out")
    return tuple(texts)


def parse_shard_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Return names of shards, as manifests may give them: `mirrord shards` shows them."""
    for text in texts:
        if not text.strip() or len(text.encode()) > limits.NAME_MAX_BYTES or text.startswith(".") or "/" in text:
            shown = text[: limits.LABEL_MAX_BYTES]
            raise UsageError(f"{shown!r} is not the name of a shard", "take it as `mirrord shards` shows it")
    return tuple(texts)
