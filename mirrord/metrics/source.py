"""What the metrics need of a daemon.  The daemon implements it."""

from dataclasses import dataclass
from typing import Protocol

from mirrord.core.statistics import Statistics


@dataclass(frozen=True, slots=True)
class EngineTotals:
    """Payload bytes since the start of the process."""

    fetched_bytes: int = 0
    uploaded_bytes: int = 0


class MetricsSource(Protocol):
    """The daemon, as the metrics see it; both are called in the loop and must be quick."""

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        ...

    def engine_totals(self) -> EngineTotals:
        """Return what the engine has moved."""
        ...
