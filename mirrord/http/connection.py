"""One connection: requests in, responses out, in turn, until either side has had enough.

h11 knows the protocol; this file moves the bytes and keeps the time.  Whatever a client does, it
loses only its own connection: what it did wrong is answered where that is still possible.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import structlog
import trio

from mirrord.http.messages import Caller, Handler, HttpLimits, Refusal, Request, Response
from mirrord.http.phases import Phases

_RECEIVE_BYTES: Final = 64 * 1024
_QUERY_FIELDS_MAX: Final = 32
_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1024 * 1024

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """This request goes no further, and neither does its connection."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Connection:
    """Serves one stream; whoever made it closes the stream."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        caller: Caller | None,
        handler: Handler,
        limits: HttpLimits,
        refuse: Refusal,
        phases: Phases,
    ) -> None:
        self._stream = stream
        self._caller = caller
        self._handler = handler
        self._limits = limits
        self._refuse = refuse
        self._phases = phases
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self._served = 0
        self._bodiless = False

    async def serve(self) -> None:
        """Answer requests until the connection ends; raises only what the stream raises."""
        while True:
            try:
                request = await self._receive()
            except h11.RemoteProtocolError as error:
                await self.refuse(error.error_status_hint, f"this is not acceptable HTTP/1.1: {error}")
                return
            except _RefusedError as refused:
                await self.refuse(refused.status, refused.detail)
                return
            if request is None:
                return
            response = await self._handle(request)
            await self._send(response, close=self._phases.stopping)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()
            self._served += 1

    async def refuse(self, status: int, detail: str) -> None:
        """Say no, then read on for a moment: closing over unread bytes would destroy the answer."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        await self._send(self._refuse(status, detail), close=True)
        with self._phases.limited(_LINGER_SECONDS, _LINGER_SECONDS / 5):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            unread = _LINGER_BYTES
            while unread > 0 and (data := await self._stream.receive_some(_RECEIVE_BYTES)):
                unread -= len(data)

    async def _receive(self) -> Request | None:
        """Return the next request, or None where the client has nothing more to ask."""
        self._bodiless = False
        event = self._http.next_event()
        if event is h11.NEED_DATA and not self._http.trailing_data[0]:
            seconds = self._limits.idle_seconds if self._served else self._limits.receive_seconds
            with self._phases.limited(seconds, 0) as silence:
                await self._read()
            if silence.out_of_time:
                return None
            event = self._http.next_event()
        with self._phases.limited(self._limits.receive_seconds, 0):
            while event is h11.NEED_DATA:
                await self._read()
                event = self._http.next_event()
            if isinstance(event, h11.ConnectionClosed):
                return None
            if not isinstance(event, h11.Request):
                raise _RefusedError(400, "a request was expected")
            self._bodiless = event.method == b"HEAD"
            self._check_head(event)
            return self._request(event, await self._receive_body(event))
        if self._phases.stopping:
            raise _RefusedError(503, "the server is stopping")
        raise _RefusedError(408, f"the request did not arrive within {self._limits.receive_seconds:g} s")

    async def _receive_body(self, head: h11.Request) -> bytes:
        too_large = _RefusedError(413, f"the body is larger than {self._limits.body_bytes} bytes")
        for name, value in head.headers:
            if name == b"content-length" and int(value) > self._limits.body_bytes:
                raise too_large
        body = bytearray()
        while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                    await self._stream.send_all(go_on or b"")
                await self._read()
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes:
                    raise too_large
            else:
                raise _RefusedError(400, "the body broke off")
        return bytes(body)

    async def _read(self) -> None:
        self._http.receive_data(bytes(await self._stream.receive_some(_RECEIVE_BYTES)))

    def _check_head(self, head: h11.Request) -> None:
        """Apply the bound to a head that came in one piece, too: h11 applies it to waiting ones only."""
        size = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
        if size > self._limits.header_bytes:
            raise _RefusedError(431, f"the head is larger than {self._limits.header_bytes} bytes")

    def _request(self, head: h11.Request, body: bytes) -> Request:
        try:
            target = urlsplit(head.target.decode("ascii"))
            query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX))
        except ValueError as error:
            raise _RefusedError(400, f"the request's target makes no sense: {error}") from None
        return Request(
            method=head.method.decode("ascii"),
            path=unquote(target.path),
            query=query,
            headers=_header_fields(head),
            body=body,
            caller=self._caller,
        )

    async def _handle(self, request: Request) -> Response:
        limits = self._limits
        try:
            with self._phases.limited(limits.handle_seconds, limits.drain_seconds):
                return await self._handler(request)
        except Exception:
            # The last line of defence: the client learns that it is our fault, the log learns why.
            _log.exception("request failed", method=request.method, path=request.path)
            return self._refuse(500, "internal error")
        if self._phases.stopping:
            return self._refuse(503, "the server is stopping")
        return self._refuse(503, f"no answer within {limits.handle_seconds:g} s")

    async def _send(self, response: Response, *, close: bool) -> None:
        fields = {"content-type": response.content_type, **response.headers, "content-length": str(len(response.body))}
        if close:
            fields["connection"] = "close"
        reason = HTTPStatus(response.status).phrase.encode("ascii")
        head = h11.Response(status_code=response.status, headers=list(fields.items()), reason=reason)
        parts = [self._http.send(head)]
        if response.body and not self._bodiless:
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        with self._phases.limited(self._limits.send_seconds, self._limits.drain_seconds) as sending:
            await self._stream.send_all(b"".join(part for part in parts if part))
        if sending.out_of_time:
            raise trio.BrokenResourceError("the client does not read its answer")


def _header_fields(head: h11.Request) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
