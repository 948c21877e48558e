"""Every wait of a server, with its deadline, so that one call can end them all.

A connection is always in one phase: idle, receiving, handling or sending.  Each phase has a time
limit of its own and a second, shorter one for when the server stops: nothing for a client that has
asked nothing, a moment for an answer that is being made.
"""

from types import TracebackType

import trio


class Phases:
    """The open phases of all connections of one server."""

    def __init__(self) -> None:
        self._open: set[Phase] = set()
        self._stopped_at: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether the server has been told to stop, so that no further request is taken."""
        return self._stopped_at is not None

    def limited(self, seconds: float, drain_seconds: float) -> "Phase":
        """Return a context that runs for ``seconds``, and at most ``drain_seconds`` from a stop on."""
        return Phase(self, seconds, drain_seconds)

    def stop(self) -> None:
        """Shorten every open phase and every later one."""
        self._stopped_at = trio.current_time()
        for phase in self._open:
            phase.shorten(self._stopped_at)

    def enter(self, phase: "Phase") -> None:
        """Watch over a phase from now on."""
        self._open.add(phase)
        if self._stopped_at is not None:
            phase.shorten(self._stopped_at)

    def leave(self, phase: "Phase") -> None:
        """Watch over it no longer."""
        self._open.discard(phase)


class Phase:
    """One wait; ends silently when its time is up, and then ``out_of_time`` is true."""

    def __init__(self, phases: Phases, seconds: float, drain_seconds: float) -> None:
        self._phases = phases
        self._seconds = seconds
        self._drain_seconds = drain_seconds
        self._scope = trio.CancelScope()

    @property
    def out_of_time(self) -> bool:
        """Whether the block was cut short."""
        return self._scope.cancelled_caught

    def shorten(self, stopped_at: float) -> None:
        """Leave only the drain time of a stop that came at ``stopped_at``."""
        self._scope.deadline = min(self._scope.deadline, stopped_at + self._drain_seconds)

    def __enter__(self) -> "Phase":
        self._scope.deadline = trio.current_time() + self._seconds
        self._scope.__enter__()
        self._phases.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._phases.leave(self)
        return bool(self._scope.__exit__(kind, error, trace))
