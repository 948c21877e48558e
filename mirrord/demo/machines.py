"""The demo's machines: one folder and one ``mirrord run`` process each."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mirrord.control.client import Client
from mirrord.control.shapes import Shards, ShardShape, Status
from mirrord.core.errors import MirrordError, ShellError, UnreachableError

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 12.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one daemon said of itself and of the network at one moment."""

    status: Status
    shards: tuple[ShardShape, ...]

    @property
    def held(self) -> frozenset[int]:
        """The shards that this node holds."""
        return frozenset(shard.index for shard in self.shards if shard.role == "held")


@dataclass(slots=True)
class Machine:
    """One node.  ``fetched_before`` is what earlier processes of it fetched, in bytes."""

    name: str
    folder: Path
    pledge_bytes: int
    coordination_port: int
    bittorrent_port: int
    metrics_port: int
    process: "subprocess.Popen[bytes] | None" = None
    fetched_before: int = 0
    claims_before: tuple[int, int] = (0, 0)
    last: Snapshot | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def client(self) -> Client:
        """A client of its control socket."""
        return Client(self.folder / "control.sock")

    @property
    def data_folder(self) -> Path:
        """Where its shards lie."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return self.folder.parent / f"{self.folder.name}.log"

    @property
    def fetched_bytes(self) -> int:
        """Payload fetched so far, by all of its processes."""
        return self.fetched_before + (self.last.status.transfer.downloaded_bytes if self.last is not None else 0)

    @property
    def claims(self) -> tuple[int, int]:
        """Claims made and yielded so far, by all of its processes."""
        made, yielded = self.claims_before
        if self.last is not None:
            made += self.last.status.counters.claims_made
            yielded += self.last.status.counters.claims_yielded
        return made, yielded

    def init(self) -> None:
        """Make its folder with ``mirrord init``, and the few settings that a network on loopback needs."""
        loopback = "127.0.0.1"
        run_command(
            *("init", str(self.folder), "--pledge", str(self.pledge_bytes), "--operator", self.name),
            *("--listen", f"{loopback}:{self.coordination_port}"),
            *("--bittorrent-listen", f"{loopback}:{self.bittorrent_port}"),
            *("--metrics-listen", f"{loopback}:{self.metrics_port}"),
        )
        with (self.folder / "mirrord.toml").open("a") as config:
            config.write("\n# The demo wants to heal within seconds, over TCP, which loopback carries best.\n")
            config.write('timing = "demo"\nutp = false\n')
            config.write("\n# Its machines know each other's addresses; nobody else is to be troubled.\n")
            config.write("dht = false\nlocal_discovery = false\n")

    def start(self) -> None:
        """Start ``mirrord run`` and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mirrord", "run", str(self.folder), "--log-format", "text"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to hear; we stop the machines in order
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.look():
            if not self.alive or time.monotonic() > deadline:
                raise ShellError(f"{self.name} did not start: {_last_line(self.log)}", f"its log is {self.log}")
            time.sleep(_POLL_SECONDS)

    def look(self) -> bool:
        """Ask the daemon how it stands; False where it does not answer."""
        if not self.alive:
            return False
        try:
            status, shards = self.client.get("status", Status), self.client.get("shards", Shards)
        except UnreachableError:
            return False
        self.last = Snapshot(status, shards.shards)
        return True

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing flushed."""
        self.look()
        self._signal(signal.SIGKILL)
        self._forget_process()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not work in time."""
        self._signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._forget_process()

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.alive:
            os.kill(self.process.pid, number)

    def _forget_process(self) -> None:
        if self.process is not None:
            self.process.wait(_STOP_SECONDS)
        self.fetched_before, self.claims_before = self.fetched_bytes, self.claims
        self.process = self.last = None


def run_command(*arguments: str) -> str:
    """Run a mirrord command and return what it printed; raise what it complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "mirrord", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        complaint = done.stderr.strip().splitlines() or ["no reason given"]
        raise MirrordError(f"mirrord {arguments[0]} failed: {complaint[0]}", " ".join(complaint[1:]))
    return done.stdout


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
