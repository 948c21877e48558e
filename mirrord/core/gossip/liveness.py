"""Whether a node is there: the age of its own announcement, and nothing else.

An announcement is refreshed by its owner alone, so its age cannot be faked by a relay, and hearsay
plays no part.  The age is taken from ``issued_at``: an old record that reaches us late is still old.
"""

from enum import StrEnum

from mirrord.core.clock import Instant
from mirrord.core.records.kinds import Announcement
from mirrord.core.timing import TimingProfile


class Liveness(StrEnum):
    """This node's own opinion of a peer, from the age of the peer's announcement."""

    ALIVE = "alive"
    AWAY = "away"
    GONE = "gone"


def silent_seconds(announcement: Announcement, now: Instant) -> float:
    """Return how long the node has said nothing, at least 0."""
    return max(0.0, now.unix_seconds - announcement.issued_at)


def liveness(silent: float, timing: TimingProfile) -> Liveness:
    """Return this node's own opinion of a peer that has been silent for so many seconds."""
    if silent <= timing.alive_seconds:
        return Liveness.ALIVE
    return Liveness.AWAY if silent < timing.presence_zero_seconds else Liveness.GONE


def presence(silent: float, timing: TimingProfile) -> float:
    """Return p_j: 1 while the node is merely quiet, then linear to 0, where its copies stop counting."""
    if silent <= timing.presence_full_seconds:
        return 1.0
    span = timing.presence_zero_seconds - timing.presence_full_seconds
    return max(0.0, (timing.presence_zero_seconds - silent) / span)
