"""A daemon, watched: asks, draws, heeds keys, and goes on where the daemon does not."""

import queue
import sys
import time
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mirrord.cli.frames.frame import Around, Seen, frame
from mirrord.cli.frames.heat import columns_that_fit
from mirrord.cli.poller import Failed, Poller, Wish, look
from mirrord.cli.screen import canvas_of, console_of, print_frame, size_of, width_of_output
from mirrord.cli.terminal import Terminal, suspend, terminal
from mirrord.control.client import Client
from mirrord.control.coverage_shapes import CoverageAnswer
from mirrord.core.wording import format_age

_CLOCK_SECONDS: Final = 1.0
"""The clock of the header and the age of what is shown go on, whatever the daemon does."""


def chosen(client: Client, wanted: str) -> str:
    """Return the id of the collection that somebody names, or nothing where nobody does."""
    if not wanted:
        return ""
    return client.get("coverage", CoverageAnswer, collection=wanted, columns="1").collections[0].id


def print_once(client: Client, wanted: str) -> bool:
    """Print one frame, as high as it needs to be; return whether some shard is below its target."""
    width = width_of_output()
    console = console_of(sys.stdout, width)
    seen = look(client, Wish(chosen(client, wanted), columns_that_fit(width)))
    print_frame(console, frame(seen, Around(time.time()), canvas_of(console, width)))
    return seen.status.degraded


def watch(client: Client, wanted: str, interval_seconds: float) -> None:
    """Draw frames until somebody quits; raises what the client raises at the first question."""
    width = size_of(sys.stdout.fileno())[0]
    wish = Wish(chosen(client, wanted), columns_that_fit(width))
    first = look(client, wish)
    with terminal() as held:
        console = console_of(sys.stdout, width)
        with Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        ) as live:
            watcher = Watcher(live, console, first, wish, interval_seconds)
            poller = Poller(client, lambda: watcher.wish, interval_seconds, held.wake)
            poller.start()
            try:
                watcher.run(held, poller)
            finally:
                poller.end()


class Watcher:
    """What is shown, and what was asked for."""

    def __init__(self, live: Live, console: Console, first: Seen, wish: Wish, interval_seconds: float) -> None:
        self.wish = wish
        self._live = live
        self._console = console
        self._seen = first
        self._seen_at = time.time()
        self._failed: Failed | None = None
        self._interval_seconds = interval_seconds

    def run(self, held: Terminal, poller: Poller) -> None:
        """Draw until somebody quits."""
        while True:
            self._draw()
            keys = held.wait(_CLOCK_SECONDS - time.time() % _CLOCK_SECONDS)
            if "quit" in keys:
                return
            self._take(poller.heard)
            moved = keys.count("next") - keys.count("previous")
            if held.is_suspending:
                held.is_suspending = False
                suspend(self._live.stop, self._enter_again)
            if moved or held.is_resized:
                held.is_resized = False
                self._wish_anew(moved)
                poller.ask_at_once()

    def _enter_again(self) -> None:
        self._live.start(refresh=False)

    def _take(self, heard: "queue.SimpleQueue[Seen | Failed]") -> None:
        while not heard.empty():
            news = heard.get()
            if isinstance(news, Failed):
                self._failed = self._failed if self._failed is not None else news
            else:
                self._seen, self._seen_at, self._failed = news, time.time(), None

    def _wish_anew(self, moved: int) -> None:
        width = size_of(sys.stdout.fileno())[0]
        known = [each.id for each in self._seen.status.collections]
        collection = self.wish.collection
        if moved and known:
            shown = collection or (self._seen.collection.id if self._seen.collection is not None else "")
            place = known.index(shown) if shown in known else 0
            collection = known[(place + moved) % len(known)]
        self.wish = Wish(collection, columns_that_fit(width))

    def _draw(self) -> None:
        width, height = size_of(sys.stdout.fileno())
        self._console.size = (width, height)
        canvas = canvas_of(self._console, width, height)
        lines = frame(self._seen, self._around(), canvas)
        self._live.update(Text("\n", no_wrap=True, end="").join(lines), refresh=True)

    def _around(self) -> Around:
        now = time.time()
        joined = len(self._seen.status.collections)
        keys = "q quit" + (f"   Tab next of {joined} collections" if joined > 1 else "")
        every = f"every {self._interval_seconds:g} s"
        if self._failed is None:
            return Around(now, keys=keys, news=every)
        since = time.strftime("%H:%M:%S", time.gmtime(self._failed.at))
        age = format_age(now - self._seen_at)
        alert = f"daemon unreachable since {since} UTC, this is {age} old: {self._failed.message}"
        return Around(now, alert, keys, f"trying again {every}")
