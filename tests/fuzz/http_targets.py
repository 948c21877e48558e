"""Requests to the control socket, to /metrics and to the page: whatever arrives is answered, and never with a 500."""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Final

import structlog.testing
import trio
import trio.testing
from hypothesis import strategies as st

from mirrord.control.answers import refuse_in_json
from mirrord.control.server import LIMITS, ControlServer
from mirrord.control.wishes import Wish
from mirrord.core.records.ids import to_text
from mirrord.core.statistics import Happening, NetworkStatistics, Statistics, Transfer
from mirrord.http.connection import Connection
from mirrord.http.messages import Caller, Handler, Refusal, Request, Response, refuse_in_text
from mirrord.http.phases import Phases
from mirrord.metrics.access import Access, is_loopback
from mirrord.metrics.server import LIMITS as METRICS_LIMITS
from mirrord.metrics.server import MetricsOptions, MetricsServer
from mirrord.page.server import StatusPage
from tests.builders import NETWORK, make_statistics
from tests.control_server import ScriptedDaemon
from tests.fuzz.target import Take, Target, encoded

_TOKEN: Final = "a-long-token"


class _Source:
    """What the metrics are made of."""

    def statistics(self) -> Statistics:
        return make_statistics()

    def network(self) -> NetworkStatistics:
        return NETWORK

    def transfer(self) -> Transfer:
        return Transfer(1, 1, 1, 1)

    def happenings(self) -> Sequence[Happening]:
        return ()


def _kept(handle: Callable[[Request], Awaitable[Response]], failures: list[Exception]) -> Handler:
    """Keep what a handler raises: the server would make a 500 of it."""

    async def handler(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            failures.append(error)
            raise

    return handler


async def _converse(data: bytes, handler: Handler, refuse: Refusal, caller: Caller | None, metrics: bool) -> bytes:
    """Return all that a client hears which sends ``data`` and no more."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(data)
    await theirs.send_eof()
    limits = METRICS_LIMITS if metrics else LIMITS
    await Connection(ours, caller, handler, limits, refuse, Phases()).serve()
    await ours.aclose()
    answer = bytearray()
    async for part in theirs:
        answer += part
    return bytes(answer)


def _take(metrics: bool) -> Take:
    @cache
    def handle() -> Callable[[Request], Awaitable[Response]]:
        if metrics:
            pages = {"/": StatusPage(_Source(), "0").handle}
            return MetricsServer(_Source(), MetricsOptions("0", Access(_TOKEN), pages=pages)).handle
        return ControlServer(ScriptedDaemon(), "0", 1000).handle

    def take(data: bytes) -> bool:
        failures: list[Exception] = []
        refuse = refuse_in_text if metrics else refuse_in_json
        caller = None if metrics else Caller(1, 1000, 1000)
        with structlog.testing.capture_logs():  # a refused request is logged, a thousand a second here
            answer = trio.run(_converse, data, _kept(handle(), failures), refuse, caller, metrics)
        if failures:
            raise failures[0]
        assert not answer or answer.startswith(b"HTTP/1.1 "), "what is said is HTTP"
        assert not answer.startswith(b"HTTP/1.1 500")
        return answer.startswith(b"HTTP/1.1 2")

    return take


def _take_host(data: bytes) -> bool:
    """Whether a Host header names this machine; a header is Latin-1."""
    return is_loopback(data.decode("latin-1"))


_STRANGE_PATHS: Final = ("/", "/%ff", "//[", "*", "http://[::1", "/x y")
_PATHS: Final = {
    "metrics": ("/", "/metrics", "/healthz", "/readyz"),
    "control": tuple(ControlServer(ScriptedDaemon(), "0", 0)._routes),  # so that a new route is fuzzed, too
}
_QUERY_VALUES: Final = st.sampled_from(["", "books", "0", "-1", "9" * 5000, "%00", "%ff", "a" * 100, "²", "1e9", "٣"])
_QUERIES: Final = st.lists(
    st.builds("{}={}".format, st.sampled_from(["collection", "shard", "pledge_bytes", "x"]), _QUERY_VALUES), max_size=3
).map(lambda parts: "?" + "&".join(parts) if parts else "")
_VALUES: Final[st.SearchStrategy[object]] = st.sampled_from(
    [
        *("books", "", "0", "/x", "/\0", "y", "mirrord://x", to_text(bytes(32)), "1" * 5000),
        *(0, 1, -1, 70_000, 10**30, 1.5, True, None, [0, "1", -1], [to_text(bytes(32))], ["1" * 5000], {"a": []}),
    ]
)
_FIELDS: Final = sorted({field for wish in Wish.__subclasses__() for field in wish.__struct_fields__})
_BROKEN_JSON: Final = st.sampled_from(["[]", "null", "{", "[" * 5000, '"\\ud800"', '{"pledge_bytes": 1e400}'])
_JSON: Final = st.one_of(
    st.sampled_from(Wish.__subclasses__()).flatmap(
        lambda wish: st.fixed_dictionaries({}, optional=dict.fromkeys(wish.__struct_fields__, _VALUES)).map(json.dumps)
    ),
    st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=3).map(json.dumps),
    _BROKEN_JSON,
)
_HEADERS: Final = st.sampled_from(
    [
        *(
            "Host: x\r\n",
            "",
            "Authorization: Bearer \xe9\r\n",
            f"Authorization: Bearer {_TOKEN}\r\n",
            "Expect: 100-continue\r\n",
        ),
        *(
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: -1\r\n",
            f"Content-Length: {'9' * 5000}\r\n",
            "Connection: close\r\n",
        ),
    ]
)


@st.composite
def requests(draw: st.DrawFn, paths: tuple[str, ...]) -> str:
    """Return one request after another, mostly well-formed."""
    path = st.one_of(st.sampled_from(paths), st.sampled_from(paths + _STRANGE_PATHS))
    said = []
    for _ in range(draw(st.integers(1, 2))):
        method = draw(st.sampled_from(["GET", "POST", "HEAD", "PUT"]))
        body = draw(_JSON) if method == "POST" else ""
        length = f"Content-Length: {len(body.encode())}\r\n" if body else ""
        headers = "Host: x\r\n" + length + "".join(draw(st.one_of(st.just([]), st.lists(_HEADERS, max_size=2))))
        said.append(f"{method} {draw(path)}{draw(_QUERIES)} HTTP/1.1\r\n{headers}\r\n{body}")
    return "".join(said)


_HOSTS: Final = ("127.0.0.1", "localhost:7780", "[::1]:7780", "mirrord.localhost", "127.1.2.3:1")

TARGETS: Final = (
    *(
        Target(
            family="http",
            name=name,
            take=_take(metrics=name == "metrics"),
            valid=encoded(requests(_PATHS[name])),
            weight=20,
            input_max_bytes=16_384,
        )
        for name in ("control", "metrics")
    ),
    Target(family="http", name="host", take=_take_host, valid=encoded(st.sampled_from(_HOSTS)), input_max_bytes=1_024),
)
