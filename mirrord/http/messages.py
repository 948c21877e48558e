"""What a handler gets and gives: requests, responses and the bounds of a server."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

KIB: Final = 1024


@dataclass(frozen=True, slots=True)
class Caller:
    """The process at the other end of a unix socket, as the kernel saw it when it connected.

    In a user namespace (systemd's ``PrivateUsers=yes``) every uid but our own shows as 65534.
    """

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole.

    ``path`` is percent-decoded and has no query; of a query field or header given twice, ``query``
    has the last and ``headers`` (names in lower case) both, with a comma between.  ``caller`` is
    None on anything but a unix socket.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller | None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer.  The server adds the length, the date is left out, ``headers`` come as they are."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The bounds of one server, so that no client costs more than a socket and a moment.

    ``receive_seconds`` is for one request from its first byte to its last (and for the first byte of
    a connection), ``handle_seconds`` for the handler, ``send_seconds`` for one response,
    ``idle_seconds`` for the silence between two requests, and ``drain_seconds`` for what is under way
    when the server is told to stop.
    """

    header_bytes: int = 16 * KIB
    body_bytes: int = 64 * KIB
    connections: int = 64
    receive_seconds: float = 10.0
    handle_seconds: float = 30.0
    send_seconds: float = 30.0
    idle_seconds: float = 90.0
    drain_seconds: float = 2.0


Handler = Callable[[Request], Awaitable[Response]]
Refusal = Callable[[int, str], Response]
"""Makes the answer for what never reaches a handler: a status and one sentence."""


def refuse_in_text(status: int, detail: str) -> Response:
    """Return a refusal as one line of plain text."""
    return Response(status, f"{detail}\n".encode())
