"""Whom this node dials, and when; made so that nobody who has many addresses has all our sessions.

Rules:

- The sessions that count are those that we dialled: who calls us may come in any number.
- Of every four dials one goes to the *anchor*, the proved contact that we have known longest, one to
  anybody at all, two to proved contacts.  The first dials of a run go to anchors: an attacker who waits for
  our restart, as in Heilman et al. 2015, meets those who were there before him.  Precedent: Bitcoin's
  ``anchors.dat``.
- At most one dialled session has its other end in a neighbourhood (a /16 or /32 of the public internet).
  Where everybody else that we know is in those that we have, one *visitor* may come in beside, so that
  a network whose nodes all stand at one hoster does not fall apart; the next one takes its place.
- Where sessions are lacking, a dial that fails is followed by another at once, within bounds: a book full of
  addresses where nobody answers, which anybody can announce, costs a new node minutes and not hours.
- A node with enough sessions trades the oldest now and then, but never its anchors.
- What we only heard of is dialled where a node like ours can stand: in the public internet, and in those
  scopes that we ourselves announce an address of.
"""

from collections import Counter
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Dial, Effect
from mirrord.core.events import AddressSource
from mirrord.core.gossip.addressbook import AddressBook, Contact, Wish
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.gossip.scopes import Neighbourhood, Scope, canonical_host, neighbourhood_of, scope_of
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, NodeId
from mirrord.core.timing import TimingProfile

SESSIONS_WANTED: Final = 8
"""Sessions that a node opens itself and keeps; push reaches everybody over a few hops of eight.  Those that
others opened do not count, or whoever calls often enough would be all that we hear.  Precedent: Bitcoin keeps 8."""

ANCHORS_KEPT: Final = 2
"""Of these, the ones known longest are never traded.  Precedent: Bitcoin keeps two anchors."""

_ROTATE_ROUNDS: Final = 5
"""Every so many rounds a node with enough sessions trades one for a new peer.  Otherwise the graph
freezes: two halves of a network that was cut in two would each be content with itself for ever."""

_REDIALS_A_PERIOD: Final = 12
"""Dials in a gossip period that follow a failed one, after the burst."""

_GOLDEN: Final = 0.618
"""Spreads one throw of the dice over many dials."""

_WISHES: Final = (Wish.ANCHOR, Wish.PROVED, Wish.ANYBODY, Wish.PROVED)


class Dialling:
    """The address book, and the number of sessions to keep."""

    def __init__(self, own: NodeId, sessions: Sessions, timing: TimingProfile, limits_reached: Counter[str]) -> None:
        self._own = own
        self._sessions = sessions
        self._scopes: frozenset[Scope | None] = frozenset({Scope.GLOBAL})
        self._timing = timing
        self._dials = 0
        self._dice = 0.0
        self._again: Allowance | None = None
        self.sought: frozenset[NodeId] = frozenset()
        """Nodes that have what we lack and nobody we are connected with gave us: dialled before all others."""
        self.book = AddressBook(timing, limits_reached)

    def learn(self, addresses: tuple[Address, ...], source: AddressSource, node: NodeId | None = None) -> int:
        """Remember addresses to dial; return how many of them are in the book now."""
        return sum(self.book.learn(address, source, node) for address in addresses)

    def listening(self, addresses: tuple[Address, ...]) -> None:
        """Others reach us at these addresses: so far may hearsay lead us."""
        self._scopes = frozenset({Scope.GLOBAL, *(scope_of(address.host) for address in addresses)})

    def may_aim_at(self, address: Address) -> bool:
        """Whether a stranger's word is enough to open a connection to an address."""
        scope = scope_of(address.host)
        is_far = scope is Scope.LINK_LOCAL or scope not in self._scopes
        return address.port >= limits.HEARSAY_PORT_MIN and not is_far

    def surplus(self, newest: Session) -> Session | None:
        """Return the session that must go because ``newest`` was dialled, if there are too many of ours now."""
        dialled = self._sessions.dialled()
        visitors = _visitors(dialled)
        if newest in visitors and len(visitors) > 1:
            return visitors[0] if visitors[0] is not newest else visitors[1]
        if len(dialled) <= SESSIONS_WANTED:
            return None
        anchors = self._anchors(dialled)
        return next((session for session in dialled if session is not newest and session not in anchors), None)

    def _anchors(self, dialled: list[Session]) -> list[Session]:
        known = [(at, session) for session in dialled if (at := self._first_seen_at(session)) > 0]
        return [session for _, session in sorted(known, key=lambda pair: pair[0])[:ANCHORS_KEPT]]

    def _first_seen_at(self, session: Session) -> int:
        contact = self.book.get(session.dialled) if session.dialled is not None else None
        return contact.first_seen_at if contact is not None and contact.is_proved else 0

    def dial(self, rounds: int, now: Instant, dice: float, out: list[Effect]) -> None:
        """Dial whom we lack; every few rounds somebody new in any case."""
        rotates = rounds % _ROTATE_ROUNDS == 0
        is_due = rotates or bool(self.sought - self._sessions.peers())
        lacking = max(self._lacking, 1) if is_due else self._lacking
        room = min(lacking, limits.DIALS_MAX) - len(self.book.dialling())
        for attempt in range(max(0, room)):
            self._dice = (dice + attempt / limits.DIALS_MAX) % 1.0
            if not self._dial(now, rotates and attempt == 0, out):
                break

    def dial_again(self, now: Instant, out: list[Effect]) -> None:
        """A dial failed: where we lack sessions, try another address at once, but only so often."""
        if self._again is None:
            self._again = Allowance(limits.REDIALS_BURST, self._timing.gossip_period_seconds / _REDIALS_A_PERIOD, now)
        if self._lacking > len(self.book.dialling()) and self._again.take(now):
            self._dice = (self._dice + _GOLDEN) % 1.0
            self._dial(now, False, out)

    @property
    def _lacking(self) -> int:
        return max(0, SESSIONS_WANTED - len(self._sessions.dialled()))

    def _dial(self, now: Instant, may_visit: bool, out: list[Effect]) -> bool:
        contact = self._choose(now, self._dice, may_visit)
        if contact is None:
            return False
        self._dials += 1
        self.book.dialled(contact.address)
        out.append(Dial(contact.address))
        return True

    def _choose(self, now: Instant, dice: float, may_visit: bool) -> Contact | None:
        wish = Wish.ANCHOR if self._dials < ANCHORS_KEPT else _WISHES[self._dials % len(_WISHES)]
        under_way = self.book.dialling()
        nodes = {contact.node for contact in under_way if contact.node is not None}
        taken = {contact.neighbourhood for contact in under_way}
        taken |= {_neighbourhood(session) for session in self._sessions.dialled()}
        met = {session.peer: session for session in self._sessions.all()}

        def may_meet(contact: Contact) -> bool:
            return self._may_dial(contact) and contact.node not in nodes and not self._is_met(contact, met)

        def is_elsewhere(contact: Contact) -> bool:
            return (contact.neighbourhood is None or contact.neighbourhood not in taken) and may_meet(contact)

        def is_sought(contact: Contact) -> bool:
            return contact.node in self.sought and may_meet(contact)

        if self.sought and (contact := self.book.choose(Wish.ANYBODY, now, dice, is_sought)) is not None:
            return contact
        contact = self.book.choose(wish, now, dice, is_elsewhere)
        if contact is None and may_visit:
            contact = self.book.choose(Wish.ANYBODY, now, dice, may_meet)
        return contact

    def _may_dial(self, contact: Contact) -> bool:
        """Whether its source and scope let us dial a contact."""
        if contact.source in (AddressSource.BOOTSTRAP, AddressSource.LOCAL_NETWORK) or contact.scope is None:
            return True
        return contact.scope is not Scope.LINK_LOCAL and contact.scope in self._scopes

    def _is_met(self, contact: Contact, met: dict[NodeId, Session]) -> bool:
        """Whether a contact is ourselves, or a node at the other end of a session.

        Who announced an address that nobody has proved need not be there, so it must also be where that session
        comes from: else whoever is connected could hide others' addresses from us by announcing them first.
        """
        if contact.node is None:
            return False
        if contact.node == self._own:
            return True
        session = met.get(contact.node)
        if session is None or contact.is_proved or session.remote is None:
            return session is not None
        return canonical_host(session.remote.host) == canonical_host(contact.address.host)


def _visitors(dialled: list[Session]) -> list[Session]:
    """Return the sessions into a neighbourhood where an older one leads already, oldest first."""
    places: set[Neighbourhood] = set()
    visitors: list[Session] = []
    for session in dialled:
        place = _neighbourhood(session)
        if place is not None and place in places:
            visitors.append(session)
        elif place is not None:
            places.add(place)
    return visitors


def _neighbourhood(session: Session) -> Neighbourhood | None:
    """Return where a session leads: to where its packets come from; a name that we dialled says nothing."""
    there = session.remote or session.dialled
    return neighbourhood_of(there.host) if there is not None else None
