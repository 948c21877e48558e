"""Asks a daemon again and again, in a thread of its own, so that keys are heeded while it does not answer."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mirrord.cli.frames.frame import Seen
from mirrord.control.client import Client, DaemonError
from mirrord.control.coverage_shapes import CoverageAnswer, Events
from mirrord.control.shapes import Status
from mirrord.core.errors import MirrordError


@dataclass(frozen=True, slots=True)
class Wish:
    """What to ask for: a collection by its id (the first one where it is empty or gone), a heat map so wide."""

    collection: str
    columns: int


def look(client: Client, wish: Wish) -> Seen:
    """Ask once; raises what the client raises."""
    status = client.get("status", Status)
    events = client.get("events", Events).events
    known = [each.id for each in status.collections]
    chosen = wish.collection if wish.collection in known else known[0] if known else ""
    coverage = None
    if chosen:
        try:
            coverage = client.get("coverage", CoverageAnswer, collection=chosen, columns=str(wish.columns))
        except DaemonError as error:
            if error.code != "unknown_collection":  # left between the two questions
                raise
    return Seen(status, coverage, events)


@dataclass(frozen=True, slots=True)
class Failed:
    """The daemon did not answer, or not as it should."""

    message: str
    at: float


class Poller:
    """``heard`` holds what came; after each, one byte is written to ``wake``.  Ends with the process."""

    def __init__(self, client: Client, wish: Callable[[], Wish], interval_seconds: float, wake: int) -> None:
        self.heard: queue.SimpleQueue[Seen | Failed] = queue.SimpleQueue()
        self._client = client
        self._wish = wish
        self._interval_seconds = interval_seconds
        self._wake = wake
        self._at_once = threading.Event()
        self._ending = threading.Lock()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="poller")

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def ask_at_once(self) -> None:
        """Do not wait for the next turn: the wish has changed."""
        self._at_once.set()

    def end(self) -> None:
        """Ask no more, and write to ``wake`` no more; a question that is open is left to itself."""
        with self._ending:
            self._is_ended = True
        self._at_once.set()

    def _run(self) -> None:
        while True:
            self._at_once.wait(self._interval_seconds)
            self._at_once.clear()
            if self._has_ended():
                return
            try:
                self.heard.put(look(self._client, self._wish()))
            except MirrordError as error:
                self.heard.put(Failed(error.message, time.time()))
            with self._ending:
                if self._has_ended():
                    return
                with contextlib.suppress(BlockingIOError):  # it is full, so whoever reads it will wake
                    os.write(self._wake, b".")

    def _has_ended(self) -> bool:
        return self._is_ended
