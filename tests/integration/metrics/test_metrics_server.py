"""The metrics over real sockets: what Prometheus, its own linter and a load balancer would see."""

import os
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from mirrord.core.errors import ConfigError, RejectReason, ShellError
from mirrord.core.statistics import Counters, NetworkStatistics, Statistics, Transfer
from mirrord.daemon.guard import MetricsGuard
from mirrord.metrics.access import Access, load_token
from mirrord.metrics.server import MetricsOptions, open_metrics_listeners, serve_metrics
from tests.builders import NETWORK, make_collection, make_node, make_shard, make_statistics


class Source:
    """Answers with one snapshot, or raises."""

    def __init__(self, statistics: Statistics) -> None:
        self.snapshot = statistics
        self.raises: Exception | None = None

    def statistics(self) -> Statistics:
        if self.raises:
            raise self.raises
        return self.snapshot

    def network(self) -> NetworkStatistics:
        return NETWORK

    def transfer(self) -> Transfer:
        return Transfer(uploaded_bytes=2, downloaded_bytes=1)


Get = Callable[..., Awaitable[tuple[int, str]]]


def with_server(source: Source, test: Callable[[Get], Awaitable[None]], bearer_token: str = "") -> None:
    async def main() -> None:
        listeners = await open_metrics_listeners("127.0.0.1", 0)
        port = listeners[0].socket.getsockname()[1]
        stop = trio.Event()

        def fetch(path: str, authorization: str = "", method: str = "GET") -> tuple[int, str]:
            headers = {"Authorization": authorization} if authorization else {}
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=5) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        async def get(*arguments: str) -> tuple[int, str]:
            return await trio.to_thread.run_sync(partial(fetch, *arguments))

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                serve = partial(serve_metrics, options=MetricsOptions("0.1.0", Access(bearer_token)), stop=stop)
                await nursery.start(serve, listeners, source)
                await test(get)
                stop.set()

    trio.run(main)


@pytest.mark.parametrize(
    "statistics",
    [make_statistics(), make_statistics([], []), make_statistics([make_collection([make_shard(0)], 'q"\\\n')])],
    ids=["usual", "empty", "hostile-name"],
)
def test_promtool_finds_nothing_to_say(statistics: Statistics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")

    async def test(get: Get) -> None:
        status, page = await get("/metrics")
        assert status == 200
        done = await trio.run_process(
            [promtool, "check", "metrics"], stdin=page.encode(), capture_stdout=True, capture_stderr=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    with_server(Source(statistics), test)


def test_a_dead_collector_shows_as_an_error_and_the_next_page_is_whole_again() -> None:
    source = Source(make_statistics())

    async def test(get: Get) -> None:
        source.raises = ZeroDivisionError("secret")
        for errors in (1, 2):
            status, page = await get("/metrics")
            assert status == 200
            assert "mirrord_scrape_failed 1.0" in page
            assert f"mirrord_scrape_errors_total {errors}.0" in page
            assert "mirrord_shards" not in page and "secret" not in page
        source.raises = None
        status, page = await get("/metrics")
        assert "mirrord_scrape_failed 0.0" in page
        assert "mirrord_scrape_errors_total 2.0" in page
        assert 'mirrord_nodes{liveness="alive"} 3.0' in page

    with_server(source, test)


def test_ready_means_listening_and_every_manifest_known() -> None:
    source = Source(make_statistics())

    async def test(get: Get) -> None:
        assert await get("/readyz") == (200, "ready\n")
        source.snapshot = make_statistics([make_collection([], manifest_version=0), make_collection([], number=2)])
        assert await get("/readyz") == (503, "waiting for the manifests of 1 of 2 collections\n")
        source.snapshot = make_statistics(node=make_node(coordination=()))
        assert await get("/readyz") == (503, "not listening for peers yet\n")
        source.snapshot = make_statistics(node=make_node(stopping=True))
        assert (await get("/readyz"))[0] == 503
        assert await get("/healthz") == (200, "ok\n")

    with_server(source, test)


def test_other_paths_and_methods_are_refused() -> None:
    async def test(get: Get) -> None:
        status, text = await get("/")
        assert status == 404 and "/metrics" in text
        assert (await get("/metrics", "", "POST"))[0] == 405
        assert (await get("/metrics", "", "HEAD")) == (200, "")

    with_server(Source(make_statistics()), test)


def test_a_bearer_token_guards_the_metrics_and_leaves_the_probes_open() -> None:
    async def test(get: Get) -> None:
        for wrong in ("", "Bearer ", "Bearer tokeN", "Basic token", "Bearer t\u00f6ken"):
            assert (await get("/metrics", wrong))[0] == 401
        assert (await get("/metrics", "Bearer token"))[0] == 200
        assert (await get("/healthz"))[0] == 200

    with_server(Source(make_statistics()), test, bearer_token="token")


def test_a_busy_port_is_said_with_what_to_do() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with pytest.raises(ShellError, match="cannot listen for metrics") as caught:
            trio.run(open_metrics_listeners, "127.0.0.1", busy.getsockname()[1])
    assert "metrics_listen" in caught.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of root")
def test_a_token_as_systemd_hands_it_out_is_fine_and_one_that_a_group_reads_is_not(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    path.chmod(0o440)
    assert load_token(path) == "secret"
    os.chown(path, 0, 1)
    with pytest.raises(ConfigError, match="may be read by others"):
        load_token(path)


@pytest.mark.parametrize(("host", "is_local"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False)])
def test_only_this_machine_is_listened_to_where_the_sockets_say_so(host: str, is_local: bool) -> None:
    async def main() -> bool:
        try:
            listeners = await open_metrics_listeners(host, 0)
        except ShellError:
            pytest.skip(f"there is no {host} here")
        guard = MetricsGuard()
        guard.listeners(listeners)
        for listener in listeners:
            await listener.aclose()
        return guard.access.is_local

    assert trio.run(main) is is_local


class Witness(dict[RejectReason, int]):
    """Counters that remember in which threads they were read."""

    def __init__(self) -> None:
        super().__init__({RejectReason.STALE: 1})
        self.threads: set[int] = set()

    def get(self, key: RejectReason, default: int = 0) -> int:  # type: ignore[override]
        self.threads.add(threading.get_ident())
        return super().get(key, default)


def test_a_page_is_made_outside_the_loop() -> None:
    """Because the page of a large network takes half a second, and the daemon has other things to do."""
    witness = Witness()

    async def test(get: Get) -> None:
        assert (await get("/metrics"))[0] == 200

    with_server(Source(make_statistics(counters=Counters(records_rejected=witness))), test)
    assert witness.threads and threading.get_ident() not in witness.threads
