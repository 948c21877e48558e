"""Fetches one small page over HTTP/1.1, within bounds: no redirect, no cookie, nothing kept open."""

import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import h11
import trio

_HEAD_MAX_BYTES: Final = 16 * 1024
_RECEIVE_BYTES: Final = 16 * 1024
_PORTS: Final = {"http": 80, "https": 443}
_FAILURES: Final = (OSError, trio.BrokenResourceError, h11.RemoteProtocolError)


class FetchError(Exception):
    """The page cannot be had; the text says why."""


async def fetch(url: str, *, agent: str, seconds: float, body_bytes: int) -> bytes:
    """Return the body of the answer to GET ``url``, which is ``http`` or ``https`` and printable ASCII.

    Raises :class:`FetchError` where there is none with status 200 and at most ``body_bytes`` within ``seconds``.  A
    redirect is not followed: the operator named this place, and no other.
    """
    body = b""
    try:
        with trio.move_on_after(seconds) as limited:
            body = await _get(url, agent, body_bytes)
    except _FAILURES as error:
        reason = error.__cause__ or error  # trio says only that the stream broke
        raise FetchError(f"no answer: {reason}") from None
    if limited.cancelled_caught:
        raise FetchError(f"no answer within {seconds:g} s")
    return body


async def _get(url: str, agent: str, body_bytes: int) -> bytes:
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or _PORTS[place.scheme]
    stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
    if place.scheme == "https":
        context = await trio.to_thread.run_sync(_tls_context)
        stream = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    async with stream:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MAX_BYTES)
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        fields = [
            ("Host", place.netloc),
            ("User-Agent", agent),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        asked = http.send(h11.Request(method="GET", target=target, headers=fields)) or b""
        await stream.send_all(asked + (http.send(h11.EndOfMessage()) or b""))
        return await _receive(stream, http, body_bytes)


def _tls_context() -> ssl.SSLContext:
    """Return a context that trusts whom this machine trusts.  Blocking.

    Where their list is one file, it is read here whatever ``SSL_CERT_FILE`` says: a daemon sets that to nothing, so
    that libtorrent, which trusts nobody, does not keep 150 authorities in memory.
    """
    context = ssl.create_default_context()
    with suppress(OSError):  # where they are in a folder, there is no such file
        context.load_verify_locations(cafile=ssl.get_default_verify_paths().openssl_cafile)
    return context


async def _receive(stream: trio.abc.Stream, http: h11.Connection, body_bytes: int) -> bytes:
    body = bytearray()
    while not isinstance(event := http.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_RECEIVE_BYTES)))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            raise FetchError(f"status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > body_bytes:
                raise FetchError(f"an answer of more than {body_bytes} bytes")
        elif isinstance(event, h11.ConnectionClosed):
            raise FetchError("the connection was closed before the answer")
    return bytes(body)
