"""Whom to call next: addresses that we were told, with what became of them.

An address comes from the operator's bootstrap list, from an earlier run, or from an announcement.
Failed dials double the wait up to an hour's worth; a peer with whom Hellos were exchanged resets it.

Announcements are hearsay, so nobody can talk us out of a good address: where the book is full, a
new one only takes the place of one that failed, and who answers at an address is what it proved,
not what a third party says.
"""

from dataclasses import dataclass, replace
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.records.ids import Address, NodeId
from mirrord.core.timing import TimingProfile

_DOUBLINGS_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class Contact:
    """One address.  ``node`` is who answered there last; before that, who first announced it."""

    address: Address
    node: NodeId | None
    pinned: bool
    failures: int = 0
    next_dial_at: float = 0.0
    dialling: bool = False


class AddressBook:
    """A bounded set of contacts; pinned ones (bootstrap) are never thrown out."""

    def __init__(self, timing: TimingProfile) -> None:
        self._timing = timing
        self._contacts: dict[Address, Contact] = {}
        self._failing: dict[Address, None] = {}

    def __len__(self) -> int:
        """Return how many addresses are known."""
        return len(self._contacts)

    def learn(self, address: Address, node: NodeId | None = None, pinned: bool = False) -> None:
        """Remember an address; what is known of it stays.  A pinned one is due at once."""
        known = self._contacts.get(address)
        if known is None:
            if len(self._contacts) >= limits.ADDRESS_BOOK_MAX and not self._make_room():
                return
            self._contacts[address] = Contact(address, node, pinned)
        else:
            due = 0.0 if pinned else known.next_dial_at
            self._contacts[address] = replace(
                known, node=known.node or node, pinned=known.pinned or pinned, next_dial_at=due
            )
            if pinned:
                self._failing.pop(address, None)

    def _make_room(self) -> bool:
        longest_failing = next(iter(self._failing), None)
        if longest_failing is None:
            return False
        del self._failing[longest_failing]
        del self._contacts[longest_failing]
        return True

    def choose(self, now: Instant, dice: float, avoid: frozenset[NodeId]) -> Address | None:
        """Pick a random contact that is due, leaving out nodes in ``avoid`` (connected, or ourselves).

        Nor is a node dialled at two addresses at once: its end could keep the session that ours drops.
        """
        avoided = avoid | {c.node for c in self._contacts.values() if c.dialling and c.node is not None}
        due = [
            contact.address
            for contact in self._contacts.values()
            if not contact.dialling and contact.node not in avoided and contact.next_dial_at <= now.monotonic_seconds
        ]
        return due[int(dice * len(due))] if due else None

    def dialling(self) -> int:
        """Return how many dials are under way."""
        return sum(contact.dialling for contact in self._contacts.values())

    def dialled(self, address: Address) -> None:
        """A dial was asked for."""
        self._update(address, dialling=True)

    def answered(self, address: Address, node: NodeId) -> None:
        """A node proved its key there; whether it is of use, its Hello will tell."""
        self._update(address, node=node, dialling=False)

    def welcomed(self, address: Address) -> None:
        """A node there spoke with us."""
        self._update(address, failures=0, next_dial_at=0.0)
        self._failing.pop(address, None)

    def failed(self, address: Address, now: Instant) -> None:
        """Nobody useful answered; wait longer each time."""
        contact = self._contacts.get(address)
        if contact is not None:
            wait = self._timing.dial_retry_seconds * 2 ** min(contact.failures, _DOUBLINGS_MAX)
            self._update(
                address,
                dialling=False,
                failures=contact.failures + 1,
                next_dial_at=now.monotonic_seconds + wait,
            )
            if not contact.pinned:
                self._failing.setdefault(address)

    def _update(self, address: Address, **changes: object) -> None:
        contact = self._contacts.get(address)
        if contact is not None:
            self._contacts[address] = replace(contact, **changes)  # type: ignore[arg-type]
