"""Asks a tracker how many seeders it knows: one scrape, over UDP (BEP 15) or HTTP (BEP 48), and never an announce.

libtorrent can scrape, too, but one torrent of its own session at a time, once for each of its sockets, and only with a
torrent that it would also announce were it not paused (measured).  Here 74 hashes share one packet, and nothing can
be announced, because nobody here knows how to.
"""

import secrets
import struct
from typing import Any, Final
from urllib.parse import quote_from_bytes, urlsplit, urlunsplit

import libtorrent as lt
import trio

from mirrord.core.effects import ScrapeTracker
from mirrord.core.errors import EngineError
from mirrord.core.outside.bounds import SCRAPE_REPLY_MAX_BYTES
from mirrord.http.fetch import FetchError, fetch

_AGENT: Final = "mirrord"
_SECONDS: Final = 30.0
"""For a whole scrape: a tracker that is slower than that is overloaded, and left alone for longer."""

_RESEND_SECONDS: Final = 10.0
"""A packet may be lost once or twice; BEP 15 waits 15 s, and then ever longer."""

_PROTOCOL: Final = 0x41727101980
_CONNECT, _SCRAPE, _ERROR = 0, 2, 3
_PACKET_MAX_BYTES: Final = 2_048
_ANNOUNCE, _SCRAPE_WORD = "announce", "scrape"


async def scrape(effect: ScrapeTracker) -> tuple[int, ...]:
    """Return the seeders of each swarm, by the tracker's word: of two hashes' the more, as one client tells both.

    Raises :class:`EngineError` where the tracker does not answer as it should.
    """
    hashes = tuple(dict.fromkeys(one for swarm in effect.swarms for one in swarm.hashes))
    ask = _scrape_udp if urlsplit(effect.tracker).scheme == "udp" else _scrape_http
    known = await ask(effect.tracker, hashes)
    return tuple(max((known.get(one, 0) for one in swarm.hashes), default=0) for swarm in effect.swarms)


def scrape_url(tracker: str) -> str:
    """Return where a tracker is scraped over HTTP: ``announce`` becomes ``scrape`` in the last part of its path."""
    place = urlsplit(tracker)
    folder, slash, last = place.path.rpartition("/")
    if last.startswith(_ANNOUNCE):
        last = _SCRAPE_WORD + last.removeprefix(_ANNOUNCE)
    return urlunsplit(place._replace(path=f"{folder}{slash}{last}"))


async def _scrape_http(tracker: str, hashes: tuple[bytes, ...]) -> dict[bytes, int]:
    place = urlsplit(scrape_url(tracker))
    asked = "&".join(f"info_hash={quote_from_bytes(one, safe='')}" for one in hashes)
    url = urlunsplit(place._replace(query=f"{place.query}&{asked}" if place.query else asked))
    try:
        body = await fetch(url, agent=_AGENT, seconds=_SECONDS, body_bytes=SCRAPE_REPLY_MAX_BYTES)
    except FetchError as error:
        raise EngineError(str(error)) from None
    return read_scrape(body)


def read_scrape(body: bytes) -> dict[bytes, int]:
    """Return the seeders by hash out of the answer to a scrape over HTTP, or raise :class:`EngineError`."""
    try:
        answer: Any = lt.bdecode(body)
    except (RuntimeError, ValueError, UnicodeError):
        raise EngineError("the answer is not bencoded") from None
    if not isinstance(answer, dict):
        raise EngineError("the answer is not a dictionary")
    if b"failure reason" in answer:
        raise EngineError("the tracker says that it failed")
    files = answer.get(b"files")
    if not isinstance(files, dict):
        raise EngineError("the answer has no files")
    said = {one: file.get(b"complete") for one, file in files.items() if isinstance(file, dict)}
    return {one: seeders for one, seeders in said.items() if isinstance(seeders, int) and seeders >= 0}


async def _scrape_udp(tracker: str, hashes: tuple[bytes, ...]) -> dict[bytes, int]:
    place = urlsplit(tracker)
    try:
        with trio.move_on_after(_SECONDS) as limited:
            found = await trio.socket.getaddrinfo(place.hostname, place.port, type=trio.socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with trio.socket.socket(family, kind, protocol) as sock:
                await sock.connect(address)
                connection = (await _ask(sock, struct.pack(">QI", _PROTOCOL, _CONNECT), b"", _CONNECT, 8))[:8]
                asked = connection + struct.pack(">I", _SCRAPE)
                rows = await _ask(sock, asked, b"".join(hashes), _SCRAPE, 12 * len(hashes))
                return {one: struct.unpack_from(">I", rows, 12 * i)[0] for i, one in enumerate(hashes)}
    except OSError as error:
        raise EngineError(f"no answer: {error}") from None
    assert limited.cancelled_caught
    raise EngineError(f"no answer within {_SECONDS:g} s")


async def _ask(sock: trio.socket.SocketType, head: bytes, rest: bytes, action: int, length: int) -> bytes:
    """Send a packet, again and again, until the answer to it is here; return what follows its head."""
    mark = secrets.token_bytes(4)
    expected = struct.pack(">I", action) + mark
    while True:
        await sock.send(head + mark + rest)
        with trio.move_on_after(_RESEND_SECONDS):
            while True:
                answer = await sock.recv(_PACKET_MAX_BYTES)
                if answer[:8] == expected and len(answer) >= 8 + length:
                    return answer[8:]
                if answer[:8] == struct.pack(">I", _ERROR) + mark:
                    raise EngineError("the tracker says that it failed")
