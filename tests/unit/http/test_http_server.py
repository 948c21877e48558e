"""The shared HTTP server against well-behaved, slow, greedy and hostile clients, on real sockets."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
import trio

from mirrord.http.messages import HttpLimits, Request, Response
from mirrord.http.server import serve_http

QUICK = HttpLimits(
    header_bytes=2048,
    body_bytes=1000,
    connections=4,
    receive_seconds=0.3,
    handle_seconds=0.3,
    send_seconds=0.5,
    idle_seconds=0.3,
    drain_seconds=0.3,
)
PATIENT = HttpLimits(body_bytes=1000, connections=4)


async def echo(request: Request) -> Response:
    if request.path == "/slow":
        await trio.sleep_forever()
    if request.path == "/broken":
        raise RuntimeError("a secret in the message")
    if request.path == "/large":
        return Response(200, bytes(20_000_000))
    query = ",".join(f"{name}={value}" for name, value in request.query.items())
    return Response(200, f"{request.method} {request.path} [{query}] {len(request.body)}".encode())


class Client:
    """A client that can misbehave: it sends bytes as they are."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.unread = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_response(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self.unread:
            data = await self.stream.receive_some()
            if not data:
                raise AssertionError(f"closed after {self.unread!r}")
            self.unread += data
        head, _, rest = self.unread.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(rest) < length:
            rest += await self.stream.receive_some()
        self.unread = rest[length:]
        return int(head.split()[1]), rest[:length]

    async def read_to_end(self) -> bytes:
        data = self.unread
        while more := await self.stream.receive_some():
            data += more
        return data

    async def get(self, path: str) -> tuple[int, bytes]:
        await self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return await self.read_response()


class Server:
    def __init__(self, port: int, stop: trio.Event) -> None:
        self.port = port
        self.stop = stop

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            yield Client(stream)


def with_server(test: Callable[[Server], Awaitable[None]], limits: HttpLimits = PATIENT) -> None:
    """Run ``test`` against a server that must end by itself within a moment of being told to."""

    async def main() -> None:
        with trio.fail_after(10):
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(serve_http, listeners, echo, limits=limits, stop=stop))
                await test(Server(listeners[0].socket.getsockname()[1], stop))
                stop.set()

    trio.run(main)


async def wait_until_served(server: Server) -> None:
    """Ask until the answer is not a refusal; the test's own deadline bounds it."""
    while True:
        async with server.client() as client:
            if (await client.get("/"))[0] == 200:
                return


def test_requests_on_one_connection_are_answered_in_turn() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            assert await client.get("/a%20b?x=1&y=&x=2") == (200, b"GET /a b [x=2,y=] 0")
            await client.send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            assert await client.read_response() == (200, b"POST /p [] 5")

    with_server(test)


def test_pipelined_requests_are_all_answered() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.read_response())[1] == b"GET /1 [] 0"
            assert (await client.read_response())[1] == b"GET /2 [] 0"

    with_server(test)


def test_a_head_request_gets_the_length_and_no_body() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await client.read_to_end()
            assert answer.startswith(b"HTTP/1.1 200") and b"content-length: 12" in answer.lower()
            assert answer.endswith(b"\r\n\r\n")

    with_server(test)


def test_what_is_wrong_after_a_head_request_is_refused_with_a_body() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            answer = await client.read_to_end()
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"HTTP/1.1 400" in answer and answer.endswith(b"\n")

    with_server(test)


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 100")
            await client.send(b"ok")
            assert await client.read_response() == (200, b"POST / [] 2")

    with_server(test)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /?" + b"a=1&" * 40 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 5000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + b"a" * 1001, 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1ff\r\n" + b"a" * 511 + b"\r\n" +
         b"1ff\r\n" + b"a" * 511 + b"\r\n", 413),
    ],
    ids=["tls", "no-host", "not-ascii", "many-fields", "bad-length", "bad-chunk", "long-header", "endless-header",
         "large-body", "huge-length", "large-chunks"],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_the_next_client_is_served(sent: bytes, status: int) -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(sent)
            answer = await client.read_to_end()
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
            assert b"connection: close" in answer.lower()
        async with server.client() as client:
            assert (await client.get("/still-here"))[0] == 200

    with_server(test, QUICK)


def test_a_client_that_leaves_in_the_middle_costs_nothing() -> None:
    async def test(server: Server) -> None:
        for part in (b"", b"GET", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe", b"\0" * 100):
            async with server.client() as client:
                await client.send(part)
        async with server.client() as client:
            assert (await client.get("/"))[0] == 200

    with_server(test)


def test_a_slow_request_is_cut_off() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"GET / HTTP/1.1\r\n")
            assert (await client.read_to_end()).startswith(b"HTTP/1.1 408 ")
        async with server.client() as client:
            assert await client.read_to_end() == b""  # nothing asked, nothing answered

    with_server(test, QUICK)


def test_an_idle_connection_is_closed_after_its_time() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            assert (await client.get("/"))[0] == 200
            assert await client.read_to_end() == b""

    with_server(test, QUICK)


def test_a_slow_handler_is_cut_off_and_a_broken_one_keeps_its_secret() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            assert await client.get("/slow") == (503, b"no answer within 0.3 s\n")
            assert await client.get("/broken") == (500, b"internal error\n")
            assert (await client.get("/fine"))[0] == 200

    with_server(test, QUICK)


def test_a_client_that_does_not_read_loses_its_place() -> None:
    async def test(server: Server) -> None:
        async with server.client() as client:
            await client.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await wait_until_served(server)  # there is one place, and this client no longer has it
            assert len(await client.read_to_end()) < 20_000_000

    with_server(test, replace(QUICK, connections=1))


def test_clients_past_the_limit_are_refused_and_welcome_later() -> None:
    async def test(server: Server) -> None:
        async with server.client() as a, server.client() as b, server.client() as c, server.client() as d:
            for client in (a, b, c, d):
                assert (await client.get("/"))[0] == 200
            async with server.client() as fifth:
                assert (await fifth.read_response()) == (503, b"too many connections\n")
                assert await fifth.read_to_end() == b""
        await wait_until_served(server)

    with_server(test)


def test_a_stop_closes_idle_connections_finishes_answers_and_refuses_new_ones() -> None:
    async def main() -> None:
        entered, go_on, stop = trio.Event(), trio.Event(), trio.Event()

        async def handler(request: Request) -> Response:
            if request.path == "/wait":
                entered.set()
                await go_on.wait()
            return Response(200, b"done")

        with trio.fail_after(5):
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(serve_http, listeners, handler, stop=stop))
                server = Server(listeners[0].socket.getsockname()[1], stop)
                async with server.client() as idle, server.client() as busy:
                    assert (await idle.get("/"))[0] == 200
                    await busy.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
                    await entered.wait()
                    stop.set()
                    assert await idle.read_to_end() == b""
                    with pytest.raises(OSError, match="all attempts to connect"):
                        await trio.open_tcp_stream("127.0.0.1", server.port)
                    go_on.set()
                    assert await busy.read_response() == (200, b"done")
                    assert await busy.read_to_end() == b""

    trio.run(main)


def test_a_stop_refuses_what_takes_too_long() -> None:
    async def test(server: Server) -> None:
        async with server.client() as slow, server.client() as half:
            await half.send(b"GET / HTTP/1.1\r\n")
            await slow.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            async with server.client() as other:
                assert (await other.get("/"))[0] == 200  # both of the above have been read by now
            server.stop.set()
            assert await slow.read_response() == (503, b"the server is stopping\n")
            assert await half.read_response() == (503, b"the server is stopping\n")

    with_server(test, HttpLimits(drain_seconds=0.2))


def test_garbage_does_not_end_a_tls_listener() -> None:
    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate no handshake succeeds
        plain = await trio.open_tcp_listeners(0, host="127.0.0.1")
        listeners = [trio.SSLListener(listener, context) for listener in plain]
        stop = trio.Event()
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(serve_http, listeners, echo, limits=QUICK, stop=stop))
                server = Server(plain[0].socket.getsockname()[1], stop)
                for _ in range(3):
                    async with server.client() as client:
                        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(100))
                        with pytest.raises((AssertionError, trio.BrokenResourceError)):
                            await client.read_response()
                stop.set()

    trio.run(main)
