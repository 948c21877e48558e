"""Accepting connections, within bounds, until told to stop.

A stop closes the listeners and the idle connections at once, gives answers that are being made
``drain_seconds``, and refuses whatever still arrives on an open connection.  A cancellation from
outside closes everything without a word.
"""

import socket
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog
import trio

from mirrord.http.connection import Connection
from mirrord.http.messages import Caller, Handler, HttpLimits, Refusal, refuse_in_text
from mirrord.http.phases import Phases
from mirrord.http.unix import CREDENTIALS_BYTES, credentials_to_caller

Listeners = Sequence[trio.SocketListener] | Sequence[trio.SSLListener[trio.SocketStream]]
_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

_CLOSE_SECONDS: Final = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Server:
    def __init__(self, handler: Handler, limits: HttpLimits, refuse: Refusal) -> None:
        self.phases = Phases()
        self._handler = handler
        self._limits = limits
        self._refuse = refuse
        self._open = 0

    async def serve_stream(self, stream: _Stream) -> None:
        """Own one stream from its first byte to its close, and let nothing it does get past here."""
        self._open += 1
        try:
            connection = Connection(stream, _caller(stream), self._handler, self._limits, self._refuse, self.phases)
            if self._open <= self._limits.connections:
                await connection.serve()
            elif self._open <= 2 * self._limits.connections:
                await connection.refuse(503, "too many connections")
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
            _log.debug("connection broke", detail=str(error))
        except Exception:
            # A bug in this connection must not take the listener and every other client with it.
            _log.exception("connection failed")
        finally:
            self._open -= 1
            with trio.move_on_after(_CLOSE_SECONDS):
                await trio.aclose_forcefully(stream) if self.phases.stopping else await stream.aclose()


def _caller(stream: _Stream) -> Caller | None:
    if not isinstance(stream, trio.SocketStream) or stream.socket.family != socket.AF_UNIX:
        return None
    return credentials_to_caller(stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS_BYTES))


async def serve_http(
    listeners: Listeners,
    handler: Handler,
    *,
    limits: HttpLimits | None = None,
    refuse: Refusal = refuse_in_text,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on ``listeners`` (which this closes) until ``stop`` is set.

    ``handler`` may raise: the client gets a 500 and the log the reason.  Past
    ``limits.connections`` a client gets a 503.  Raises only what a listener raises for good.
    """
    limits = limits or HttpLimits()
    stop = trio.Event() if stop is None else stop
    server = _Server(handler, limits, refuse)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            for listener in listeners:
                accept = partial(trio.serve_listeners, server.serve_stream, [listener], handler_nursery=connections)
                await accepting.start(accept)
            task_status.started()
            await stop.wait()
            accepting.cancel_scope.cancel()
        server.phases.stop()
        connections.cancel_scope.deadline = trio.current_time() + 2 * limits.drain_seconds + _CLOSE_SECONDS
