"""The open sessions: who is at the other end, and which collections we share.

Two nodes that dial each other at the same moment keep the session that the lower node id dialled;
a second session dialled by the same side, or long after the first, replaces the first, which a crash or
another address may have left behind.
"""

from dataclasses import dataclass, field
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.events import SessionOpened
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId
from mirrord.core.wire.messages import PROTOCOL_VERSION, Goodbye, GoodbyeCode, Hello

VERSION_MIN: Final = PROTOCOL_VERSION
VERSION_MAX: Final = PROTOCOL_VERSION


@dataclass(slots=True)
class Session:
    """One session.  ``joined`` is what the peer's newest Hello says, ``shared`` what we joined of it.

    ``dialled`` is the address that we dialled, if it was us, and ``remote`` where the peer's packets come from.

    ``rounds`` is how much of anti-entropy we still answer, for each of these, ``relays`` how much of what it tells
    us we still pass on at once, and ``probes`` how many probes we still make.  ``seen_at`` is where the peer sees us
    come from, by its newest Hello, empty where it did not say.  ``heard_at`` is when its last message came.
    """

    session: SessionId
    peer: NodeId
    dialled: Address | None
    remote: Address | None
    opened_at: float
    relays: Allowance
    heard_at: float = 0.0
    greeted: bool = False
    joined: tuple[CollectionId, ...] = ()
    shared: tuple[CollectionId, ...] = ()
    rounds: dict[CollectionId, Allowance] = field(default_factory=dict)
    probes: Allowance | None = None
    seen_at: str = ""


class Sessions:
    """The table of open sessions."""

    def __init__(self, own: NodeId) -> None:
        self._own = own
        self._sessions: dict[SessionId, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, session: SessionId) -> Session | None:
        """Return a session that is open."""
        return self._sessions.get(session)

    def opened(self, event: SessionOpened, now: Instant) -> tuple[Session, Session | None]:
        """Enter a new session; return it and the one of the two that must go where there are two now."""
        relays = Allowance(limits.SESSION_RELAYS_BURST, 1 / limits.SESSION_RELAYS_PER_SECOND, now)
        new = Session(event.session, event.peer, event.dialled, event.remote, now.monotonic_seconds, relays)
        twin = next((s for s in self._sessions.values() if s.peer == event.peer), None)
        self._sessions[event.session] = new
        if twin is None:
            return new, None
        return new, (new if self._outranks(twin, new) else twin)

    def _outranks(self, old: Session, new: Session) -> bool:
        if (old.dialled is None) == (new.dialled is None):
            return False  # dialled by the same side: the newer one is alive for certain
        if new.opened_at - old.opened_at > limits.HANDSHAKE_TIMEOUT_SECONDS:
            return False  # no two dials at one time end so far apart: the peer has lost the old session
        dialler_of_old = self._own if old.dialled is not None else old.peer
        return dialler_of_old == min(self._own, old.peer)

    def closed(self, session: SessionId) -> Session | None:
        """Take a session out."""
        return self._sessions.pop(session, None)

    def all(self) -> list[Session]:
        """Return every open session, oldest first."""
        return list(self._sessions.values())

    def greeted(self) -> list[Session]:
        """Return the sessions that have exchanged Hellos, oldest first."""
        return [s for s in self._sessions.values() if s.greeted]

    def dialled(self) -> list[Session]:
        """Return the sessions that we ourselves opened, oldest first."""
        return [s for s in self._sessions.values() if s.dialled is not None]

    def peers(self) -> frozenset[NodeId]:
        """Return everybody at the other end of a session."""
        return frozenset(s.peer for s in self._sessions.values())

    def silent(self, now: Instant) -> list[Session]:
        """Return the sessions whose peer has not said Hello in time."""
        latest = now.monotonic_seconds - limits.HANDSHAKE_TIMEOUT_SECONDS
        return [s for s in self._sessions.values() if not s.greeted and s.opened_at < latest]


def judge_hello(hello: Hello, joined: frozenset[CollectionId]) -> Goodbye | tuple[CollectionId, ...]:
    """Return the collections that we share with a peer, or why we must part."""
    if hello.version_max < VERSION_MIN or hello.version_min > VERSION_MAX:
        older = "you" if hello.version_max < VERSION_MIN else "we"
        return Goodbye(
            GoodbyeCode.VERSION,
            f"we speak protocol version {_span(VERSION_MIN, VERSION_MAX)}, you speak "
            f"{_span(hello.version_min, hello.version_max)}: {older} must upgrade mirrord",
        )
    shared = tuple(collection for collection in hello.collections if collection in joined)
    if not shared:
        return Goodbye(GoodbyeCode.NOTHING_SHARED, "we joined no collection in common")
    return shared


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
