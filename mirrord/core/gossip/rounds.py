"""When a node opens a round of anti-entropy by itself, and with whom.

One round a period with a random session would do, were everybody honest.  A round with a peer that tells
nothing is lost, and the last nodes to hear of a change are those that lose several in a row.  So a round
that brought no record of anybody but the peer itself is followed by another within the period, with a
session that was not tried yet.  With a fifth of the nodes hostile a change then takes a quarter longer to
reach everybody, and not three quarters (``mirrord simulate gossip --hostile 0.2``).
"""

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.gossip.sessions import Session
from mirrord.core.records.ids import SessionId
from mirrord.core.timing import TimingProfile


class Rounds:
    """The rounds that we open.  ``next_at`` is when (monotonic seconds), ``periods`` how many have begun."""

    def __init__(self, timing: TimingProfile) -> None:
        self._period_seconds = timing.gossip_period_seconds
        self.next_at = 0.0
        self.periods = 0
        self._period_ends_at = 0.0
        self._tried: list[SessionId] = []

    def hurry(self, now: Instant) -> None:
        """Begin a period at once: something is there that was not."""
        self.next_at = self._period_ends_at = min(self._period_ends_at, now.monotonic_seconds)

    def begins_period(self, now: Instant, dice: float) -> bool:
        """Whether a new period begins; its length is jittered by a fifth, or all nodes would speak at once."""
        if now.monotonic_seconds < self._period_ends_at:
            return False
        self._period_ends_at = now.monotonic_seconds + self._period_seconds * (0.8 + 0.4 * dice)
        self._tried.clear()
        self.periods += 1
        return True

    def choose(self, sessions: list[Session], now: Instant, dice: float) -> Session | None:
        """Return the session of this round; None where every one has been tried in this period."""
        untried = [session for session in sessions if session.session not in self._tried]
        self.next_at = self._period_ends_at
        if not untried:
            return None
        chosen = untried[int(dice * len(untried))]
        self._tried.append(chosen.session)
        if len(self._tried) < limits.ROUND_TRIES_MAX:
            again_at = now.monotonic_seconds + self._period_seconds / (limits.ROUND_TRIES_MAX + 1)
            self.next_at = min(self._period_ends_at, again_at)
        return chosen

    def brought_something(self, session: SessionId) -> None:
        """A session told us of somebody else; if it is the one that we asked last, this period has its round."""
        if self._tried and self._tried[-1] == session:
            self.next_at = self._period_ends_at
