"""A Prometheus of a test's own: Debian's, on a free port, its database in a temporary folder, asked over HTTP."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.integration.daemon.running_nodes import TookTooLongError, free_port

WAIT_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.2


class QueryError(AssertionError):
    """Prometheus refused a query, or answered it with a warning."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer: its labels, and its values in the order of time; a single one of a moment."""

    labels: Mapping[str, str]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that is pending or firing now."""

    name: str
    labels: Mapping[str, str]
    state: str


@dataclass(frozen=True, slots=True)
class Target:
    """One daemon as Prometheus sees it: ``error`` says why its last scrape failed."""

    address: str
    up: bool
    error: str


def require(program: str) -> str:
    """Return where a program of the Debian package is, or skip the test."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (Debian package prometheus)")
    return found


@dataclass(slots=True)
class RunningPrometheus:
    """One Prometheus in ``folder``, running or not."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def config(self) -> Path:
        return self.folder / "prometheus.yml"

    @property
    def log(self) -> Path:
        return self.folder / "prometheus.log"

    def start(self, config: Mapping[str, Any]) -> "RunningPrometheus":
        """Write the configuration, start, and wait until queries are answered."""
        program = require("prometheus")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(dict(config), sort_keys=False))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self.config}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.format=json",
                ],
                cwd=self.folder,
                env={**os.environ, "GOMAXPROCS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until(self._is_ready, "it is ready")
        return self

    def stop(self) -> None:
        """End the process, by its id."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_SECONDS)
        self.process = None

    # --- what it says ----------------------------------------------------------------------------

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return the series of an expression, now or at a unix second.

        Raises :class:`QueryError` where it is refused, or answered with a warning.
        """
        data = self._get("query", query=expression, **({} if at is None else {"time": f"{at:.3f}"}))
        if data["resultType"] in ("scalar", "string"):
            return [Sample({}, (float(data["result"][1]),))]
        return [Sample(each["metric"], (float(each["value"][1]),)) for each in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step_seconds: float) -> list[Sample]:
        """Return the series of an expression between two unix seconds."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_seconds:g}"}
        data = self._get("query_range", query=expression, **span)
        return [Sample(each["metric"], tuple(float(value) for _, value in each["values"])) for each in data["result"]]

    def series(self, selector: str) -> list[Mapping[str, str]]:
        """Return the labels of the series that match."""
        found: list[Mapping[str, str]] = self._get("series", **{"match[]": selector})
        return found

    def label_values(self, label: str, selector: str | None = None) -> list[str]:
        """Return the values of a label, of the series that match."""
        matching = {} if selector is None else {"match[]": selector}
        found: list[str] = self._get(f"label/{label}/values", **matching)
        return found

    def alerts(self) -> list[Alert]:
        """Return what is pending or firing now."""
        found = self._get("alerts")["alerts"]
        return [Alert(each["labels"]["alertname"], each["labels"], each["state"]) for each in found]

    def targets(self) -> list[Target]:
        """Return every daemon that it scrapes."""
        found = self._get("targets", state="active")["activeTargets"]
        return [Target(each["labels"]["instance"], each["health"] == "up", each["lastError"]) for each in found]

    def rules(self) -> list[Mapping[str, Any]]:
        """Return every rule as it runs, with its ``health`` and ``lastError``."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def wait_until(self, holds: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Ask again and again until ``holds`` returns something true."""
        deadline = time.monotonic() + seconds
        while not holds():
            if self.process is not None and self.process.poll() is not None:
                raise TookTooLongError(f"Prometheus ended: {self._said_last()}")
            if time.monotonic() > deadline:
                raise TookTooLongError(f"Prometheus: not within {seconds} s: {what}; {self._said_last()}")
            time.sleep(_POLL_SECONDS)

    def fired_since(self, when: float) -> frozenset[str]:
        """Return the alerts that have fired at any moment since a unix second."""
        span = max(1, round(time.time() - when))
        found = self.query(f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{span}s]))')
        return frozenset(sample.labels["alertname"] for sample in found)

    def wait_for_alerts(self, names: Sequence[str], seconds: float = WAIT_SECONDS) -> None:
        """Wait until each of these has fired since this was called."""
        began = time.time()
        self._wait(lambda: sorted(set(names) - self.fired_since(began)), "has not fired", seconds)

    def wait_for_silence(self, seconds: float = WAIT_SECONDS, besides: Sequence[str] = ()) -> None:
        """Wait until nothing fires or is pending, ``besides`` left out."""
        self._wait(lambda: sorted({alert.name for alert in self.alerts()} - set(besides)), "still fires", seconds)

    def _wait(self, missing: Callable[[], list[str]], what: str, seconds: float) -> None:
        try:
            self.wait_until(lambda: not missing(), what, seconds)
        except TookTooLongError as error:
            raise TookTooLongError(f"{what} after {seconds} s: {', '.join(missing())}") from error

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        body = urllib.parse.urlencode(parameters)
        post = path in ("query", "query_range", "series")  # long expressions do not fit into an address
        request = urllib.request.Request(
            url if post or not body else f"{url}?{body}", data=body.encode() if post else None
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise QueryError(f"{path} {parameters}: {error.read().decode(errors='replace')}") from None
        if said["status"] != "success" or said.get("warnings"):
            raise QueryError(f"{path} {parameters}: {said}")
        return said["data"]

    def _said_last(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "its log ends with\n" + "\n".join(lines[-8:])
