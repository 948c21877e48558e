"""An allowance: so much at once, and then only as much as time brings back (a token bucket).

It bounds what a stranger may make this node do, where doing nothing is harmless: what is not
relayed or not answered now, the next round of anti-entropy brings.
"""

from mirrord.core.clock import Instant


class Allowance:
    """``burst`` things at once; one more comes back every ``seconds_each``."""

    __slots__ = ("_at", "_burst", "_left", "_seconds_each")

    def __init__(self, burst: int, seconds_each: float, now: Instant) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._left = float(burst)
        self._at = now.monotonic_seconds

    def take(self, now: Instant) -> bool:
        """Use one up; return whether there was one left."""
        gained = (now.monotonic_seconds - self._at) / self._seconds_each
        self._left = min(float(self._burst), self._left + gained)
        self._at = now.monotonic_seconds
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def is_whole(self, now: Instant) -> bool:
        """Whether nothing of it is used up any more, so that it may be forgotten."""
        return self._left + (now.monotonic_seconds - self._at) / self._seconds_each >= self._burst
