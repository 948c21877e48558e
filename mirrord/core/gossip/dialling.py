"""Whom this node dials, and when."""

from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Dial, Effect
from mirrord.core.gossip.addressbook import AddressBook
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, NodeId
from mirrord.core.timing import TimingProfile

SESSIONS_WANTED: Final = 8
"""Sessions that a node opens itself and keeps; push reaches everybody over a few hops of eight.  Those that
others opened do not count, or whoever calls often enough would be all that we hear.  Precedent: Bitcoin keeps 8."""

_ROTATE_ROUNDS: Final = 5
"""Every so many rounds a node with enough sessions trades one for a new peer.  Otherwise the graph
freezes: two halves of a network that was cut in two would each be content with itself for ever."""


class Dialling:
    """The address book, and the number of sessions to keep."""

    def __init__(self, own: NodeId, sessions: Sessions, timing: TimingProfile) -> None:
        self._own = own
        self._sessions = sessions
        self.book = AddressBook(timing)

    def learn(self, addresses: tuple[Address, ...], pinned: bool) -> None:
        """Remember addresses to dial."""
        for address in addresses:
            self.book.learn(address, pinned=pinned)

    def surplus(self, newest: Session) -> Session | None:
        """Return the session that must go because ``newest`` was dialled, if there are too many of ours now."""
        dialled = self._sessions.dialled()
        return dialled[0] if len(dialled) > SESSIONS_WANTED and dialled[0] is not newest else None

    def dial(self, rounds: int, now: Instant, dice: float, out: list[Effect]) -> None:
        """Dial whom we lack; every few rounds somebody new in any case."""
        wanted = SESSIONS_WANTED - len(self._sessions.dialled())
        if rounds % _ROTATE_ROUNDS == 0:
            wanted = max(1, wanted)
        room = min(wanted, limits.DIALS_MAX) - self.book.dialling()
        for attempt in range(max(0, room)):
            turned = (dice + attempt / limits.DIALS_MAX) % 1.0
            address = self.book.choose(now, turned, self._sessions.peers() | {self._own})
            if address is None:
                break
            self.book.dialled(address)
            out.append(Dial(address))
