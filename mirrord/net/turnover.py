"""Which session makes room where a newcomer finds all places taken.

A node that many know as their bootstrap address fills up with those that came first.  If none of them
ever left, the network would be closed to whoever knows no other address (measured: of sixty nodes that
join by one address, the last eleven stayed outside).  So:

- The youngest leaves that has stayed for ``SESSION_STAY_SECONDS``: long enough to have learnt of others.
- One leaves in ``SESSION_PARTING_SECONDS`` at most.

So no more than one part of these seconds by the other of the places turn over, however many come: whoever
was there before that keeps its place, and a flood displaces itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mirrord.core import limits


class Guest(Protocol):
    """A session that a peer opened, by when it did."""

    @property
    def opened_at(self) -> float:
        """Seconds of trio's clock."""


_Guest = TypeVar("_Guest", bound=Guest)


@dataclass(slots=True)
class Turnover:
    """How often somebody has had to leave lately."""

    _next_at: float = float("-inf")

    def leaver(self, guests: Iterable[_Guest], now_seconds: float) -> _Guest | None:
        """Return who has to leave now; None where nobody has to, and the newcomer is refused."""
        latest = now_seconds - limits.SESSION_STAY_SECONDS
        settled = [guest for guest in guests if guest.opened_at <= latest]
        if not settled or now_seconds < self._next_at:
            return None
        self._next_at = now_seconds + limits.SESSION_PARTING_SECONDS
        return max(settled, key=lambda guest: guest.opened_at)
