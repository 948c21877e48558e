"""/metrics, /healthz and /readyz, and the pages that others mount beside them.

What makes the pages is loaded for the first of them: prometheus_client brings a web server and a web
client along, and many an operator runs no Prometheus (**measured**: 3 MB of a daemon's memory).
"""

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
import trio

from mirrord.core.errors import ShellError
from mirrord.core.statistics import Statistics
from mirrord.http.messages import Handler, HttpLimits, Request, Response
from mirrord.http.server import Listeners, serve_http
from mirrord.metrics.access import Access
from mirrord.metrics.source import MetricsSource

LIMITS: Final = HttpLimits(body_bytes=0, connections=16, handle_seconds=10.0)
"""Prometheus itself waits ten seconds for a page."""

_EXPOSITION: Final = "mirrord.metrics.exposition"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """How metrics are served.

    ``access`` guards /metrics and ``pages``, which are handlers by path; ``every_shard`` gives each shard a series.
    """

    version: str
    access: Access = field(default_factory=Access)
    every_shard: bool = False
    pages: Mapping[str, Handler] = field(default_factory=dict)


class MetricsServer:
    """Answers requests from ``source``."""

    def __init__(self, source: MetricsSource, options: MetricsOptions) -> None:
        self._source = source
        self._options = options
        self._errors = 0
        self._one_at_a_time = trio.CapacityLimiter(1)
        self._guarded: dict[str, Handler] = {**options.pages, "/metrics": self._metrics}
        self._open: dict[str, Handler] = {"/healthz": self._healthz, "/readyz": self._readyz}

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        routes = {**self._guarded, **self._open}
        route = routes.get(request.path)
        if route is None:
            return Response(404, f"here are {', '.join(sorted(routes))}\n".encode())
        if request.method not in ("GET", "HEAD"):
            return Response(405, b"only GET works here\n", headers={"allow": "GET, HEAD"})
        if request.path in self._guarded and (refusal := self._options.access.refusal(request)) is not None:
            return refusal
        return await route(request)

    async def _metrics(self, request: Request) -> Response:
        await trio.to_thread.run_sync(importlib.import_module, _EXPOSITION)  # once; the loop does not wait for it
        from mirrord.metrics.exposition import CONTENT_TYPE

        return Response(200, await self._page(), CONTENT_TYPE)

    async def _page(self) -> bytes:
        from mirrord.metrics.exposition import About, FailureCollector, Snapshot, SnapshotCollector, write_page

        started = time.perf_counter()
        options = self._options
        try:
            snapshot = Snapshot(self._source.statistics(), self._source.network(), self._source.transfer())
            collector = SnapshotCollector(snapshot, About(options.version, self._errors, options.every_shard), started)
            return await trio.to_thread.run_sync(write_page, collector, limiter=self._one_at_a_time)
        except Exception:
            # A dead collector must show as such on the page: an error gauge, and no old values.
            _log.exception("metrics could not be collected")
            self._errors += 1
            return write_page(FailureCollector(About(options.version, self._errors, options.every_shard)))

    async def _healthz(self, request: Request) -> Response:
        """Say yes: whoever reads this has seen the loop take a request."""
        return Response(200, b"ok\n")

    async def _readyz(self, request: Request) -> Response:
        missing = missing_for_readiness(self._source.statistics())
        if missing:
            return Response(503, "".join(f"{line}\n" for line in missing).encode())
        return Response(200, b"ready\n")


def missing_for_readiness(statistics: Statistics) -> tuple[str, ...]:
    """Return what this node still lacks before peers can count on it, a line each."""
    missing = []
    if statistics.node.stopping:
        missing.append("stopping")
    if not statistics.node.coordination:
        missing.append("not listening for peers yet")
    waiting = sum(not collection.manifest_version for collection in statistics.collections)
    if waiting:
        missing.append(f"waiting for the manifests of {waiting} of {len(statistics.collections)} collections")
    return tuple(missing)


async def open_metrics_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Listen on ``host:port``, or raise :class:`ShellError`."""
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        message = f"cannot listen for metrics on {host}:{port}: {error.strerror or error}"
        raise ShellError(message, "choose another metrics_listen, or stop what listens there") from None


async def serve_metrics(
    listeners: Listeners,
    source: MetricsSource,
    options: MetricsOptions,
    *,
    limits: HttpLimits = LIMITS,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``source`` on ``listeners`` (which this closes; wrap them for TLS) until ``stop`` is set."""
    server = MetricsServer(source, options)
    serve = partial(serve_http, listeners, server.handle, limits=limits, stop=stop)
    await serve(task_status=task_status)
