"""Says how far long work has come: a bar on a terminal, plain lines elsewhere, nothing when asked for quiet.

All of it goes to standard error, so that standard output carries data alone.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol, TextIO, TypeVar

from mirrord.sizes import format_size

_T = TypeVar("_T")
_STEP: Final = 1_000
_LINE_SECONDS: Final = 10.0
"""A plain line this often: readable in a journal, and alive to whoever waits."""


class Progress(Protocol):
    """What a build tells while it works."""

    def begin(self, work: str, unit: str, total: int = 0) -> None:
        """A stage of work begins; ``unit`` is what it counts, and "bytes" is shown as sizes."""

    def advance(self, amount: int) -> None:
        """The stage came this much further."""

    def say(self, text: str) -> None:
        """Tell people one thing."""


class Quiet:
    """Says nothing."""

    def begin(self, work: str, unit: str, total: int = 0) -> None:
        """Say nothing."""

    def advance(self, amount: int) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


class PlainLines:
    """One line when a stage begins, one every ten seconds, one for each statement."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._work, self._unit, self._total, self._done = "", "", 0, 0
        self._began = self._said = 0.0

    def begin(self, work: str, unit: str, total: int = 0) -> None:
        """Start counting anew and say what begins."""
        self._work, self._unit, self._total, self._done = work, unit, total, 0
        self._began = self._said = self._clock()
        self.say(f"{work}: {self._amount(total)}" if total else work)

    def advance(self, amount: int) -> None:
        """Count, and say how far it is where the last line is old."""
        self._done += amount
        now = self._clock()
        if now - self._said >= _LINE_SECONDS:
            self._said = now
            self.say(f"{self._work}: {self._far(now - self._began)}")

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self._stream, flush=True)

    def _amount(self, amount: int) -> str:
        return format_size(amount) if self._unit == "bytes" else f"{amount:,} {self._unit}"

    def _far(self, seconds: float) -> str:
        rate = self._done / seconds
        text = f"{self._amount(self._done)}, {self._amount(round(rate))} a second"
        if not self._total or not rate:
            return text
        left = max(0, self._total - self._done) / rate
        return f"{text}, {100 * self._done // self._total} %, about {_span(left)} left"


@contextmanager
def _rich_bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    class RichBar:
        """One bar, that each stage takes over."""

        def __init__(self, bar: Bar) -> None:
            self._bar = bar
            self._task: TaskID | None = None

        def begin(self, work: str, unit: str, total: int = 0) -> None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(work, total=total or None, unit=unit, figures="")

        def advance(self, amount: int) -> None:
            if self._task is not None:
                self._bar.advance(self._task, amount)
                task = self._bar.tasks[-1]
                self._bar.update(self._task, figures=_figures(int(task.completed), task.fields["unit"], task.speed))

        def say(self, text: str) -> None:
            self._bar.console.print(text, markup=False, highlight=False)

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield RichBar(bar)


def progress_on(stream: TextIO, quiet: bool = False) -> AbstractContextManager[Progress]:
    """Return what fits ``stream`` (standard error): a bar for a terminal, plain lines otherwise."""
    if quiet:
        return _just(Quiet())
    return _rich_bar() if stream.isatty() else _just(PlainLines(stream))


def counted(things: Iterable[_T], progress: Progress) -> Iterator[_T]:
    """Yield ``things``, advancing ``progress`` by one each, in steps."""
    count = 0
    for count, thing in enumerate(things, 1):
        yield thing
        if not count % _STEP:
            progress.advance(_STEP)
    progress.advance(count % _STEP)


@contextmanager
def _just(progress: Progress) -> Iterator[Progress]:
    yield progress


def _figures(done: int, unit: str, rate: float | None) -> str:
    if unit == "bytes":
        return f"{format_size(done)}" + (f", {format_size(int(rate))}/s" if rate else "")
    return f"{done:,} {unit}"


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    if hours:
        return f"{hours} h {rest // 60} min"
    return f"{rest // 60} min" if rest >= 120 else f"{rest} s"
