"""A real control server over a snapshot that a test made, running in a thread of its own."""

import http.client
import json
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio

from mirrord.control.server import LIMITS, serve_control
from mirrord.core.records.admissions import Admissions
from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import Admission, Grant
from mirrord.core.records.record import open_record
from mirrord.core.records.roll import Roll, call_roll
from mirrord.core.statistics import Happening, Statistics, Transfer
from mirrord.http.messages import HttpLimits
from mirrord.http.unix import socket_address
from tests.builders import ScriptedReasons, collection_id, decisions_on, make_statistics

VERSION = "0.1.0"


@dataclass
class ScriptedDaemon:
    """Answers with ``snapshots`` in turn (the last one for ever) and writes down what it is asked.

    ``supposed`` are the pledges that it was asked about, None for its own.
    """

    snapshots: list[Statistics] = field(default_factory=lambda: [make_statistics()])
    asked: list[object] = field(default_factory=list)
    raises: BaseException | None = None
    sleeps: bool = False
    stopped: trio.Event | None = None
    reasons_for: dict[CollectionId, ScriptedReasons] | None = None
    supposed: list[int | None] = field(default_factory=list)
    dht_nodes: int = 0
    words: tuple[Admission, ...] = ()
    happened: tuple[Happening, ...] = ()

    def statistics(self) -> Statistics:
        return self.snapshots.pop(0) if len(self.snapshots) > 1 else self.snapshots[0]

    def reasons(self, pledge_bytes: int | None = None) -> dict[CollectionId, Any]:
        """Return the reasons that a test made, or some that fit the next snapshot; note the pledge supposed."""
        self.supposed.append(pledge_bytes)
        if self.reasons_for is not None:
            return self.reasons_for
        joined = [each for each in self.snapshots[0].collections if each.shards and not each.parting]
        return {each.collection: ScriptedReasons(decisions_on(each.shards)) for each in joined if not each.leaving_by}

    def transfer(self) -> Transfer:
        return Transfer(
            uploaded_bytes=5_000_000_000,
            downloaded_bytes=400_000_000_000,
            upload_bytes_per_second=1_250_000,
            download_bytes_per_second=12_500_000,
            dht_nodes=self.dht_nodes,
        )

    def happenings(self) -> tuple[Happening, ...]:
        """Return what a test says has happened."""
        return self.happened

    async def _do(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.raises:
            raise self.raises
        if self.sleeps:
            await trio.sleep_forever()

    async def join(self, invitation: str) -> CollectionId:
        await self._do("join", invitation)
        return collection_id(1)

    async def import_collection(self, path: Path, adopt: Path | None) -> CollectionId:
        await self._do("import", path, adopt)
        return collection_id(1)

    async def leave(self, collection: CollectionId, delete_files: bool, within_seconds: int = 0) -> None:
        await self._do("leave", collection, delete_files, within_seconds)

    def roll(self, collection: CollectionId) -> Roll | None:
        """Return the roll of the words that a test said, about whatever collection."""
        known = Admissions(collection)
        for word in self.words:
            known.put(word)
        return call_roll(known)

    async def import_admissions(self, envelopes: tuple[bytes, ...]) -> None:
        await self._do("admit", *(open_record(envelope).content for envelope in envelopes))

    async def sign_admissions(
        self, collection: CollectionId, nodes: tuple[NodeId, ...], grant: Grant, expires_at: int, quota: int = 0
    ) -> None:
        await self._do("sign", collection, nodes, grant, expires_at, quota)

    async def verify(self, collection: CollectionId, shards: tuple[ShardIndex, ...]) -> None:
        await self._do("verify", collection, shards)

    async def adopt(self, collection: CollectionId, folder: Path) -> tuple[ShardIndex, ...]:
        await self._do("adopt", collection, folder)
        return (ShardIndex(1), ShardIndex(2))

    async def set_pledge(self, pledge_bytes: int) -> None:
        await self._do("pledge", pledge_bytes)

    async def set_port(self, coordination: int, bittorrent: int) -> None:
        await self._do("port", coordination, bittorrent)

    async def stop(self) -> None:
        await self._do("stop")
        if self.stopped is not None:
            self.stopped.set()


@contextmanager
def control_server(
    path: Path, daemon: ScriptedDaemon | None = None, admin_uid: int | None = None, limits: HttpLimits = LIMITS
) -> Iterator[ScriptedDaemon]:
    """Serve ``daemon`` at ``path`` while the block runs; its ``stop`` truly stops the server."""
    daemon = daemon or ScriptedDaemon()
    started: queue.Queue[trio.lowlevel.TrioToken | BaseException] = queue.Queue()
    stop = trio.Event()
    daemon.stopped = stop

    async def main() -> None:
        serve = partial(serve_control, path, daemon, version=VERSION, admin_uid=admin_uid, limits=limits, stop=stop)
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
            started.put(trio.lowlevel.current_trio_token())

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:
            started.put(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    token = started.get(timeout=10)
    if isinstance(token, BaseException):
        while isinstance(token, BaseExceptionGroup):
            token = token.exceptions[0]
        raise token
    try:
        yield daemon
    finally:
        if thread.is_alive():
            with _quietly_finished():
                token.run_sync_soon(stop.set)
        thread.join(timeout=10)
        assert not thread.is_alive(), "the control server did not stop"


@contextmanager
def _quietly_finished() -> Iterator[None]:
    try:
        yield
    except trio.RunFinishedError:
        return  # it ended between the question and the call


def run_until_stopped(path: Path) -> None:
    """Be a daemon that only answers: say when it listens, end when it is told to stop."""

    async def main() -> None:
        daemon = ScriptedDaemon(stopped=trio.Event())
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve_control, path, daemon, version=VERSION, stop=daemon.stopped))
            sys.stdout.write("listening\n")
            sys.stdout.flush()

    trio.run(main)


class UnixConnection(http.client.HTTPConnection):
    """An HTTP client of the standard library, over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        with socket_address(self.path) as address:
            self.sock.connect(address)


def ask(path: Path, method: str, target: str, body: object = None) -> tuple[int, Any]:
    """Send one request, as curl would, and return the status and the parsed JSON."""
    connection = UnixConnection(path)
    try:
        connection.request(method, target, None if body is None else json.dumps(body))
        response = connection.getresponse()
        assert response.headers["content-type"] == "application/json"
        return response.status, json.loads(response.read())
    finally:
        connection.close()
