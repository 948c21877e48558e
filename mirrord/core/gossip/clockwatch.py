"""Whether it is our own clock that is wrong: what the clocks of many peers say, at the median.

Only peers whom we dialled are asked, because who dials us can come in any number.  A peer's clock is
read from its Hello and from each announcement that it signs and sends us at once.  It is kept as a
distance from our monotonic clock, so that a clock that is set right is right again at once.
"""

from collections import OrderedDict
from statistics import median

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.records.ids import NodeId


class ClockWatch:
    """The newest reading of each peer's clock."""

    def __init__(self) -> None:
        self._ahead_of_monotonic: OrderedDict[NodeId, float] = OrderedDict()
        self._median: float | None = None  # asked for after every event, and changed by few of them

    def note(self, peer: NodeId, unix_seconds: int, now: Instant) -> None:
        """A peer's clock showed ``unix_seconds`` just now."""
        self._ahead_of_monotonic[peer] = unix_seconds - now.monotonic_seconds
        self._ahead_of_monotonic.move_to_end(peer)
        if len(self._ahead_of_monotonic) > limits.CLOCK_PEERS_MAX:
            self._ahead_of_monotonic.popitem(last=False)
        if len(self._ahead_of_monotonic) >= limits.CLOCK_PEERS_MIN:
            self._median = median(self._ahead_of_monotonic.values())

    def offset_seconds(self, now: Instant) -> float | None:
        """Return by how much our clock is ahead of the median peer's; None with too few to tell."""
        if self._median is None:
            return None
        return now.unix_seconds - (self._median + now.monotonic_seconds)

    def is_wrong(self, now: Instant) -> bool:
        """Whether our clock is off by more than ``CLOCK_SKEW_SECONDS``, by what many peers say."""
        offset = self.offset_seconds(now)
        return offset is not None and abs(offset) > limits.CLOCK_SKEW_SECONDS
