"""Real nodes for tests: a folder and a ``mirrord run`` process each, asked over their control sockets."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mirrord.control.client import Client
from mirrord.control.shapes import Peers, PeerShape, Plan, PlannedShardShape, Shards, ShardShape, Status
from mirrord.core.errors import RecordError, UnreachableError
from mirrord.core.records.ids import Address, CollectionId, NodeId, from_text
from mirrord.core.records.kinds import Announcement, Kind
from mirrord.core.records.record import open_record
from mirrord.core.records.signing import SigningKey
from mirrord.store.keyfile import load_key
from mirrord.store.store import DATABASE_NAME
from mirrord.torrents.engine import collection_folder
from tests.command_line import COMMAND, ROOT, Ended, clean_environment, mirrord

WAIT_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
"""What a clean stop is promised to take at most."""

_COUNTERS_LAG_SECONDS: Final = 2.2
"""An idle engine counts every two seconds."""

_POLL_SECONDS: Final = 0.02
_PORTS_EACH: Final = 1_000
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 17
_PORTS: Final = range(15_000 + _WORKER * _PORTS_EACH, 15_000 + (_WORKER + 1) * _PORTS_EACH)
"""Below those that outgoing connections take, and no other test process's, so that nobody grabs one between two lives
of a node."""

_taken: set[int] = set()


class TookTooLongError(AssertionError):
    """What was waited for did not come; the message says what, and what the node said last."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on, and that this never returned before."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _taken:
            _taken.add(port)
            return port


@dataclass(slots=True)
class RunningNode:
    """One node, running or not.

    ``within`` is written before the command that runs it, to run it elsewhere; ``program`` stands in
    place of ``mirrord``.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    bittorrent_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    data: Path | None = None
    within: tuple[str, ...] = ()
    program: tuple[str, ...] = COMMAND
    process: "subprocess.Popen[bytes] | None" = None

    # --- the folder ------------------------------------------------------------------------------

    def init(self, pledge: int | str, **settings: object) -> "RunningNode":
        """Make the folder with ``mirrord init``, and add what a network on loopback needs."""
        made = mirrord(
            *("init", str(self.folder), "--pledge", str(pledge)),
            *("--listen", f"127.0.0.1:{self.port}"),
            *("--bittorrent-listen", f"127.0.0.1:{self.bittorrent_port}"),
            *("--metrics-listen", f"127.0.0.1:{self.metrics_port}"),
        )
        assert made.code == 0, made.err
        alone = {"dht": False, "local_discovery": False}  # no test troubles anybody outside this machine
        self.configure(timing="demo", utp=False, data_folder=str(self.data_folder), **{**alone, **settings})
        return self

    def configure(self, **settings: object) -> None:
        """Set keys in the configuration, in place of what it says of them."""
        kept = [line for line in self.config.read_text().splitlines() if line.partition(" =")[0] not in settings]
        said = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        self.config.write_text("\n".join([*kept, *said, ""]))

    @property
    def config(self) -> Path:
        return self.folder / "mirrord.toml"

    @property
    def data_folder(self) -> Path:
        return self.data or self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.folder.name}.log"

    def log_text(self) -> str:
        """Return everything that all its processes wrote to standard error."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def id(self) -> NodeId:
        return SigningKey(load_key(self.folder / "node.key")).public

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def shard_folder(self, collection: CollectionId, name: str) -> Path:
        return collection_folder(self.data_folder, collection) / name

    # --- the process -----------------------------------------------------------------------------

    def launch(self, *flags: str) -> None:
        """Start ``mirrord run`` without waiting for anything."""
        assert not self.alive
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.within, *self.program, "run", str(self.folder), "--log-format", "json", *flags],
                cwd=ROOT,
                env=clean_environment(**self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, *flags: str) -> "RunningNode":
        """Start ``mirrord run`` and wait until it answers."""
        self.launch(*flags)
        self.wait_until(self.answers, "it answers")
        return self

    def run_to_the_end(self) -> Ended:
        """Run ``mirrord run`` where it should refuse to, and return how it ended."""
        return mirrord("run", str(self.folder))

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            self.process = None

    def stop(self) -> float:
        """SIGTERM; return the seconds until the process had ended, which must be a clean end in time."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        assert self.wait_for_end() == 0
        return time.monotonic() - began

    def wait_for_end(self, seconds: float = STOP_SECONDS) -> int:
        """Return the exit code of a process that ends by itself."""
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TookTooLongError(f"{self.folder.name} still runs after {seconds} s: {self._said_last()}") from None
        self.process = None
        return code

    # --- what it says ----------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        return Client(self.folder / "control.sock")

    def answers(self) -> bool:
        try:
            self.status()
        except UnreachableError:
            assert self.alive, f"{self.folder.name} ended: {self._said_last()}"
            return False
        return True

    def status(self) -> Status:
        return self.client.get("status", Status)

    def shards(self) -> tuple[ShardShape, ...]:
        return self.client.get("shards", Shards).shards

    def plan(self) -> tuple[PlannedShardShape, ...]:
        return self.client.get("plan", Plan).shards

    def peers(self) -> tuple[PeerShape, ...]:
        return self.client.get("peers", Peers).peers

    def peer(self, other: "RunningNode") -> PeerShape | None:
        """Return what this node knows of another."""
        return next((peer for peer in self.peers() if from_text(peer.id) == other.id), None)

    def with_role(self, role: str) -> frozenset[int]:
        """Return the indexes of the shards that have this role here."""
        return frozenset(shard.index for shard in self.shards() if shard.role == role)

    @property
    def held(self) -> frozenset[int]:
        return self.with_role("held")

    def downloaded_bytes(self) -> int:
        """Return the payload that this process fetched; up to two seconds old."""
        return self.status().transfer.downloaded_bytes

    def settled_upload_bytes(self) -> int:
        """Return the payload that this process sent, once its counters have caught up with what it did."""
        sent = -1
        while (now := self.status()).transfer.uploaded_bytes != sent:
            sent, until = now.transfer.uploaded_bytes, now.at + _COUNTERS_LAG_SECONDS
            self.wait_until(lambda until=until: self.status().at > until, "newer counters")
        return sent

    def metrics(self) -> Mapping[str, float]:
        """Return every sample of /metrics, by name and labels as they stand there."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (s.rsplit(" ", 1) for s in lines if not s.startswith("#"))}

    def command(self, *line: str) -> Ended:
        """Run a mirrord command against this node."""
        return mirrord(*line, folder=self.folder)

    def do(self, *line: str) -> str:
        """Run a mirrord command that must work, and return what it printed."""
        ended = self.command(*line)
        assert ended.code == 0, ended.err
        return ended.out

    def wait_until(self, holds: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Ask again and again until ``holds`` returns something true."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TookTooLongError(f"{self.folder.name}: not within {seconds} s: {what}; {self._said_last()}")
            time.sleep(_POLL_SECONDS)

    def wait_for_role(self, role: str, *indexes: int) -> None:
        """Wait until these shards have this role."""
        wanted = frozenset(indexes)
        self.wait_until(lambda: wanted <= self.with_role(role), f"shards {sorted(wanted)} are {role}")

    def wait_for_log(self, text: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait until it has written ``text`` to standard error."""
        self.wait_until(lambda: text in self.log_text(), f"its log says {text!r}", seconds)

    def _said_last(self) -> str:
        return "its log ends with\n" + "\n".join(self.log_text().splitlines()[-8:])

    # --- what it remembers -----------------------------------------------------------------------

    @contextmanager
    def memory(self) -> Iterator[sqlite3.Connection]:
        """Open its database to look at; the daemon may be running."""
        connection = sqlite3.connect(f"file:{self.folder / DATABASE_NAME}?mode=ro", uri=True, timeout=10)
        try:
            yield connection
        finally:
            connection.close()

    def announcement_of(self, other: NodeId) -> Announcement | None:
        """Return another node's newest announcement as this one has it."""
        with self.memory() as memory:
            query = "SELECT envelope FROM records WHERE kind = ? AND subject = ?"
            row = memory.execute(query, (int(Kind.ANNOUNCEMENT), other)).fetchone()
        try:
            content = open_record(row[0]).content if row and row[0] else None
        except RecordError as error:
            raise AssertionError(f"{self.folder.name} keeps a record that does not verify") from error
        return content if isinstance(content, Announcement) else None

    def holdings_of(self, other: NodeId, collection: CollectionId) -> frozenset[int]:
        """Return what another node announces to hold, as this one has it."""
        announcement = self.announcement_of(other)
        part = announcement.part_in(collection) if announcement is not None else None
        return frozenset(part.holdings) if part is not None else frozenset()


class Nodes:
    """Makes nodes in a folder, and ends them all."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._nodes: list[RunningNode] = []

    def make(self, name: str, pledge: int | str, data: Path | None = None, **settings: object) -> RunningNode:
        """Return a new node that does not run yet."""
        return self.add(RunningNode(self._root / name, data=data)).init(pledge, **settings)

    def add(self, node: RunningNode) -> RunningNode:
        """Take care of a node that was made elsewhere."""
        self._nodes.append(node)
        return node

    def close(self) -> None:
        """End every process, by its id."""
        for node in self._nodes:
            node.kill()

    def assert_no_traceback(self) -> None:
        """No operator ever reads a traceback, whatever happened."""
        for node in self._nodes:
            assert "Traceback" not in node.log_text(), f"{node.folder.name}: {node.log_text()[-3000:]}"
