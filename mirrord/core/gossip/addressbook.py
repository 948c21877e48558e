"""The addresses that we were told, with what became of them, and which of them to dial next.

Rules:

- A contact is *proved* once a node there spoke with us, in this run or an earlier one, until it has
  failed ``CONTACT_FAILURES_MAX`` times in a row.
- Announcements and what is found under a rendezvous are hearsay, and nobody talks us out of a good
  address: hearsay takes the place of a contact that failed and is not proved, or none.  Who answers at
  an address is what it proved, not what a third party says.
- Nobody fills the book: one neighbourhood (see :mod:`scopes`), all that is not public, and all that only
  a rendezvous told us have a share each.
- Failed dials double the wait up to an hour's worth; a peer that spoke with us resets it.
- A random contact is that of a random neighbourhood: thousands of addresses in one count as one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.events import AddressSource
from mirrord.core.gossip.scopes import Neighbourhood, Scope, neighbourhood_of, scope_of
from mirrord.core.records.ids import Address, NodeId
from mirrord.core.timing import TimingProfile

_DOUBLINGS_MAX: Final = 6
_TRUST: Final = (
    AddressSource.DHT,
    AddressSource.ANNOUNCEMENT,
    AddressSource.REMEMBERED,
    AddressSource.LOCAL_NETWORK,
    AddressSource.BOOTSTRAP,
)
"""From the source that says least for an address to the one that says most."""

_RENDEZVOUS: Final = (AddressSource.DHT, AddressSource.LOCAL_NETWORK)


class Wish(Enum):
    """Whom to dial: the one known longest, one that is proved, or anybody."""

    ANCHOR = auto()
    PROVED = auto()
    ANYBODY = auto()


Share = str
"""Contacts that may only be so many together: those of one neighbourhood, by its name, or one of the following."""

_NOT_PUBLIC: Final = "not public"
_FOUND: Final = "found"
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Contact:
    """One address.  ``node`` is who answered there last; before that, who first announced it.

    ``first_seen_at`` is the unix second at which that node first spoke with us there, 0 for never.
    """

    address: Address
    source: AddressSource
    scope: Scope | None
    neighbourhood: Neighbourhood | None
    node: NodeId | None = None
    first_seen_at: int = 0
    failures: int = 0
    next_dial_at: float = 0.0
    dialling: bool = False

    @property
    def is_pinned(self) -> bool:
        """Whether our operator named it: such a contact is never thrown out, and counts for no share."""
        return self.source is AddressSource.BOOTSTRAP

    @property
    def is_proved(self) -> bool:
        """Whether a node spoke with us there, and has not been silent for too long."""
        return self.first_seen_at > 0 and self.failures < limits.CONTACT_FAILURES_MAX

    @property
    def shares(self) -> tuple[Share, ...]:
        """The shares that it counts for."""
        if self.is_pinned:
            return ()
        place = self.neighbourhood or _NOT_PUBLIC
        return (place, _FOUND) if self.source in _RENDEZVOUS and not self.is_proved else (place,)


class AddressBook:
    """A bounded set of contacts; pinned ones (bootstrap) are never thrown out.

    ``found`` counts the addresses that were new, by who told us; ``limits_reached`` how often a bound kept one out.
    """

    def __init__(self, timing: TimingProfile, limits_reached: Counter[str]) -> None:
        self._timing = timing
        self._limits_reached = limits_reached
        self._contacts: dict[Address, Contact] = {}
        self._counts: Counter[Share] = Counter()
        # Contacts that may be thrown out, by share and all together, the longest failing first.
        self._failing: dict[Share, dict[Address, None]] = {}
        self.found: Counter[AddressSource] = Counter()

    def __len__(self) -> int:
        """Return how many addresses are known."""
        return len(self._contacts)

    def get(self, address: Address) -> Contact | None:
        """Return what is known of an address."""
        return self._contacts.get(address)

    @property
    def proved(self) -> int:
        """How many contacts are proved."""
        return sum(contact.is_proved for contact in self._contacts.values())

    def learn(
        self, address: Address, source: AddressSource, node: NodeId | None = None, first_seen_at: int = 0
    ) -> bool:
        """Remember an address; what is known of it stays.  A pinned one is due at once.

        False where it is not kept.
        """
        known = self._contacts.get(address)
        if known is not None:
            self._heard_again(known, source, node)
            return True
        pinned = source is AddressSource.BOOTSTRAP
        if len(self._contacts) >= limits.ADDRESS_BOOK_MAX and not self._failing.get(_ALL) and not pinned:
            return self._refused("ADDRESS_BOOK_MAX")  # at once: a node that starts is told of ten thousand
        contact = Contact(address, source, scope_of(address.host), neighbourhood_of(address.host), node, first_seen_at)
        kept = _may_be_kept(contact) and self._has_room(contact)
        if kept:
            self._put(contact)
            self.found[source] += 1
        return kept

    def _heard_again(self, known: Contact, source: AddressSource, node: NodeId | None) -> None:
        better = _TRUST.index(source) > _TRUST.index(known.source)
        pinned = source is AddressSource.BOOTSTRAP
        if not (better or pinned or (known.node is None and node is not None)):
            return
        due = 0.0 if pinned else known.next_dial_at
        source = source if better else known.source
        self._put(replace(known, node=known.node or node, source=source, next_dial_at=due))

    def _has_room(self, contact: Contact) -> bool:
        """Whether a new contact may come in, after who failed has made room for it in each of its shares."""
        for share in (*contact.shares, _ALL):
            if self._count(share) >= _most(share) and not self._make_room(share, contact):
                return self._refused_for(share)
        return True

    def _refused_for(self, share: Share) -> bool:
        if share == _ALL:
            return self._refused("ADDRESS_BOOK_MAX")
        if share == _NOT_PUBLIC:
            return self._refused("ADDRESSES_NOT_PUBLIC_MAX")
        if share == _FOUND:
            return self._refused("ADDRESSES_FOUND_MAX")
        return self._refused("ADDRESSES_PER_NEIGHBOURHOOD_MAX")

    def _refused(self, limit: str) -> bool:
        self._limits_reached[limit] += 1
        return False

    def _make_room(self, share: Share, contact: Contact) -> bool:
        """Throw out who has failed longest; for what our operator names, anybody who is not proved."""
        victim = next(iter(self._failing.get(share, ())), None)
        if victim is None and contact.is_pinned:
            others = (c.address for c in self._contacts.values() if not c.is_pinned)
            victim = min(others, key=lambda address: self._contacts[address].is_proved, default=None)
        if victim is None:
            return False
        self._drop(self._contacts[victim])
        return True

    def _count(self, share: Share) -> int:
        return len(self._contacts) if share == _ALL else self._counts[share]

    def choose(self, wish: Wish, now: Instant, dice: float, may_dial: Callable[[Contact], bool]) -> Contact | None:
        """Pick a contact that is due and that ``may_dial`` lets through; None where there is none.

        Where nobody fits the wish, it is anybody.
        """
        due = [
            contact
            for contact in self._contacts.values()
            if not contact.dialling and contact.next_dial_at <= now.monotonic_seconds and may_dial(contact)
        ]
        if wish is Wish.ANCHOR and (known := [contact for contact in due if contact.is_proved]):
            return min(known, key=lambda contact: (contact.first_seen_at, contact.address))
        if wish is not Wish.ANYBODY:
            due = [contact for contact in due if contact.is_proved or contact.is_pinned] or due
        places: dict[Neighbourhood | None, list[Contact]] = {}
        for contact in due:
            places.setdefault(contact.neighbourhood, []).append(contact)
        if not places:
            return None
        place = dice * len(places)
        some = list(places.values())[int(place)]
        return some[int((place - int(place)) * len(some))]

    def dialling(self) -> list[Contact]:
        """Return the contacts whose dials are under way."""
        return [contact for contact in self._contacts.values() if contact.dialling]

    def dialled(self, address: Address) -> None:
        """A dial was asked for."""
        if (contact := self._contacts.get(address)) is not None:
            self._put(replace(contact, dialling=True))

    def answered(self, address: Address, node: NodeId) -> None:
        """A node proved its key there; whether it is of use, its Hello will tell."""
        if (contact := self._contacts.get(address)) is not None:
            first_seen_at = contact.first_seen_at if contact.node == node else 0
            self._put(replace(contact, node=node, first_seen_at=first_seen_at, dialling=False))

    def welcomed(self, address: Address, now: Instant) -> Contact | None:
        """A node there spoke with us; return what is known of it now."""
        if (contact := self._contacts.get(address)) is None:
            return None
        first_seen_at = contact.first_seen_at or int(now.unix_seconds)
        contact = replace(contact, first_seen_at=first_seen_at, failures=0, next_dial_at=0.0)
        self._put(contact)
        return contact

    def failed(self, address: Address, now: Instant) -> None:
        """Nobody useful answered; wait longer each time."""
        if (contact := self._contacts.get(address)) is not None:
            wait = self._timing.dial_retry_seconds * 2 ** min(contact.failures, _DOUBLINGS_MAX)
            next_dial_at = now.monotonic_seconds + wait
            self._put(replace(contact, dialling=False, failures=contact.failures + 1, next_dial_at=next_dial_at))

    def busy(self, address: Address, now: Instant) -> None:
        """A node is there and has no time for us now: ask again after the shortest wait, however often."""
        if (contact := self._contacts.get(address)) is not None:
            next_dial_at = now.monotonic_seconds + self._timing.dial_retry_seconds
            self._put(replace(contact, dialling=False, next_dial_at=next_dial_at))

    def _put(self, contact: Contact) -> None:
        """Enter a contact in place of what was known of its address."""
        old = self._contacts.get(contact.address)
        self._contacts[contact.address] = contact
        before, after = old.shares if old is not None else (), contact.shares
        if before != after:
            for share in before:
                self._leave(share, contact.address)
            for share in after:
                self._counts[share] += 1
        may_go = contact.failures > 0 and not contact.is_proved and not contact.is_pinned
        for share in (*after, _ALL):
            if may_go:
                self._failing.setdefault(share, {}).setdefault(contact.address)
            elif share in self._failing:
                self._failing[share].pop(contact.address, None)

    def _drop(self, contact: Contact) -> None:
        del self._contacts[contact.address]
        for share in contact.shares:
            self._leave(share, contact.address)
        if _ALL in self._failing:
            self._failing[_ALL].pop(contact.address, None)

    def _leave(self, share: Share, address: Address) -> None:
        """Count a contact no more; of a share that nobody counts for, nothing is remembered."""
        self._counts[share] -= 1
        if share in self._failing:
            self._failing[share].pop(address, None)
        if self._counts[share] <= 0:
            del self._counts[share]
            self._failing.pop(share, None)


def _most(share: Share) -> int:
    """Return how many contacts may count for a share."""
    if share == _ALL:
        return limits.ADDRESS_BOOK_MAX
    if share == _NOT_PUBLIC:
        return limits.ADDRESSES_NOT_PUBLIC_MAX
    return limits.ADDRESSES_FOUND_MAX if share == _FOUND else limits.ADDRESSES_PER_NEIGHBOURHOOD_MAX


def _may_be_kept(contact: Contact) -> bool:
    """Whether an address can ever be dialled on the word of its source."""
    if contact.is_pinned or contact.source is AddressSource.REMEMBERED:
        return True
    if contact.scope in (None, Scope.NOWHERE) or contact.address.port < limits.HEARSAY_PORT_MIN:
        return False
    return contact.scope is not Scope.LINK_LOCAL or contact.source is AddressSource.LOCAL_NETWORK
