"""Before a node signs its first announcement of a run it asks a peer for the last one.

Whoever lost a disk, or took an old copy of it back, remembers a sequence that others have long passed.
An announcement below that would be dropped by everybody.
"""

from mirrord.core.clock import Instant


class Recall:
    """Whether the question for our own record has been answered, or has waited long enough."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._began_at: float | None = None
        self._is_over = False

    def answered(self) -> None:
        """A peer told us what it has."""
        self._is_over = True

    def is_over(self, now: Instant, may_ask: bool) -> bool:
        """Whether we may speak now; ``may_ask``: there is somebody, or an address, to ask."""
        if self._began_at is None:
            self._began_at = now.monotonic_seconds
        waited = now.monotonic_seconds >= self._began_at + self._patience_seconds
        self._is_over = self._is_over or waited or not may_ask
        return self._is_over
