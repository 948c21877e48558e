"""What one peer may cost: the bytes that it sends, the bytes that it asks for, the processor time of both.

Rules:

- A peer pays afterwards: what its last frame cost is known only when that has been handled.  Who is
  in debt waits for its next frame to be read, and so TCP slows it down; nothing is thrown away, and
  an honest peer in a hurry loses time, not its session.
- A peer pays for answers to its own messages, never for what we tell it because of others: else
  whoever makes us talk would use up the budgets of all our peers.
- Everybody starts with a burst, which an honest cold start fits into, and then lives on a rate.
- Budgets belong to a key, and four of them to a network (a /24 or a /64, see :mod:`gate`): fresh keys
  from one place share what that place has.  Addresses that are not public have no network.
- An account outlives its session, so hanging up and calling again refills nothing.
- A peer that is in debt at each of its frames for ``PEER_OVERSPENT_SECONDS`` is parted with.  Only
  its own debts count here, not those of its neighbours.

The rejected alternative is a quota a minute that ends the session: it punishes whoever has much to
tell for a good reason, and a flood begins again with each new minute.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Generic, TypeVar

import trio

from mirrord.core import limits
from mirrord.core.records.ids import NodeId
from mirrord.net.gate import NetworkName
from mirrord.net.reached import NetLimit

Name = TypeVar("Name")


class Resource(Enum):
    """What a peer uses up: bytes to us, bytes from us, seconds of our processor."""

    RECEIVED_BYTES = auto()
    SENT_BYTES = auto()
    WORK_SECONDS = auto()


@dataclass(frozen=True, slots=True)
class Allotment:
    """So much of a resource at once, and so much a second; ``limit`` is counted when it bites."""

    burst: float
    per_second: float
    limit: NetLimit


@dataclass(frozen=True, slots=True)
class Debt:
    """In how many seconds a debtor is even again, and which limit it has passed."""

    seconds: float
    limit: NetLimit


@dataclass(slots=True)
class _Account:
    """``even_at`` says when all that was used of a resource is paid for: one number, as in the gate.

    ``debtor_since`` is infinite for who was not in debt when it was last looked at.
    """

    even_at: dict[Resource, float] = field(default_factory=dict)
    debtor_since: float = float("inf")


class Accounts(Generic[Name]):
    """A bounded number of accounts by name; the one that was quiet longest is forgotten first."""

    def __init__(
        self, allotments: Mapping[Resource, Allotment], most: int, full: NetLimit, reached: Counter[NetLimit]
    ) -> None:
        self._allotments = allotments
        self._most = most
        self._full = full
        self._reached = reached
        self._accounts: OrderedDict[Name, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def charge(self, name: Name, resource: Resource, amount: float, now_seconds: float) -> None:
        """Write down what was used."""
        account = self._accounts.setdefault(name, _Account())
        self._accounts.move_to_end(name)
        begin = max(account.even_at.get(resource, now_seconds), now_seconds)
        account.even_at[resource] = begin + amount / self._allotments[resource].per_second
        if len(self._accounts) > self._most:
            self._accounts.popitem(last=False)
            self._reached[self._full] += 1

    def debt(self, name: Name, now_seconds: float) -> Debt | None:
        """Return the longest debt, or None for who has none."""
        account = self._accounts.get(name)
        if account is None:
            return None
        debts = [
            Debt(even_at - now_seconds - allotment.burst / allotment.per_second, allotment.limit)
            for resource, even_at in account.even_at.items()
            if (allotment := self._allotments[resource])
        ]
        longest = max(debts, key=lambda debt: debt.seconds, default=None)
        if longest is None or longest.seconds <= 0:
            account.debtor_since = float("inf")
            return None
        account.debtor_since = min(account.debtor_since, now_seconds)
        return longest

    def debtor_seconds(self, name: Name, now_seconds: float) -> float:
        """Return for how long a name has been in debt each time it was looked at; below zero: it is not."""
        account = self._accounts.get(name)
        return now_seconds - account.debtor_since if account is not None else float("-inf")


class Budgets:
    """The accounts of all peers and networks; ``slowed`` is how many sessions wait at this moment."""

    def __init__(self, reached: Counter[NetLimit]) -> None:
        self.slowed = 0
        self._reached = reached
        self._peers: Accounts[NodeId] = Accounts(
            _peer_allotments(), limits.PEERS_TRACKED_MAX, NetLimit.PEERS_TRACKED_MAX, reached
        )
        self._networks: Accounts[NetworkName] = Accounts(
            _network_allotments(), limits.NETWORKS_TRACKED_MAX, NetLimit.NETWORKS_TRACKED_MAX, reached
        )

    @property
    def tracked(self) -> int:
        """How many accounts are kept."""
        return len(self._peers) + len(self._networks)

    def of(self, peer: NodeId, network: NetworkName | None) -> "PeerBudget":
        """Return the budget of one session."""
        return PeerBudget(self, peer, network)

    def charge(self, peer: NodeId, network: NetworkName | None, resource: Resource, amount: float) -> None:
        """Write down what a peer has used, for it and for where it comes from."""
        now_seconds = trio.current_time()
        self._peers.charge(peer, resource, amount, now_seconds)
        if network is not None:
            self._networks.charge(network, resource, amount, now_seconds)

    def is_overspent(self, peer: NodeId) -> bool:
        """Whether a peer has lived beyond its means for so long that it is to go, or not to come again yet."""
        now_seconds = trio.current_time()
        in_debt = self._peers.debt(peer, now_seconds) is not None
        return in_debt and self._peers.debtor_seconds(peer, now_seconds) >= limits.PEER_OVERSPENT_SECONDS

    async def wait_until_even(self, peer: NodeId, network: NetworkName | None) -> None:
        """Wait while the peer or its network is in debt, ``BUDGET_WAIT_MAX_SECONDS`` at most."""
        now_seconds = trio.current_time()
        debts = [self._peers.debt(peer, now_seconds)]
        if network is not None:
            debts.append(self._networks.debt(network, now_seconds))
        longest = max((debt for debt in debts if debt is not None), key=lambda debt: debt.seconds, default=None)
        if longest is None:
            return
        self._reached[longest.limit] += 1
        self.slowed += 1
        try:
            await trio.sleep(min(longest.seconds, limits.BUDGET_WAIT_MAX_SECONDS))
        finally:
            self.slowed -= 1


@dataclass(frozen=True, slots=True)
class PeerBudget:
    """The budget that one session draws on, with others of the same key and the same network."""

    _budgets: Budgets
    _peer: NodeId
    _network: NetworkName | None

    def charge(self, resource: Resource, amount: float) -> None:
        """Write down what the peer has used."""
        self._budgets.charge(self._peer, self._network, resource, amount)

    @property
    def is_overspent(self) -> bool:
        """Whether this peer is to be parted with."""
        return self._budgets.is_overspent(self._peer)

    async def wait_until_even(self) -> None:
        """Wait until the peer may be heard again, which is at once for nearly everybody."""
        await self._budgets.wait_until_even(self._peer, self._network)


def _peer_allotments() -> dict[Resource, Allotment]:
    return {
        Resource.RECEIVED_BYTES: Allotment(
            limits.PEER_RECEIVED_BURST_BYTES,
            limits.PEER_RECEIVED_BYTES_PER_SECOND,
            NetLimit.PEER_RECEIVED_BYTES_PER_SECOND,
        ),
        Resource.SENT_BYTES: Allotment(
            limits.PEER_SENT_BURST_BYTES, limits.PEER_SENT_BYTES_PER_SECOND, NetLimit.PEER_SENT_BYTES_PER_SECOND
        ),
        Resource.WORK_SECONDS: Allotment(
            limits.PEER_WORK_BURST_SECONDS, limits.PEER_WORK_SECONDS_PER_SECOND, NetLimit.PEER_WORK_SECONDS_PER_SECOND
        ),
    }


def _network_allotments() -> dict[Resource, Allotment]:
    times: Final = limits.NETWORK_BUDGETS_MAX
    return {
        resource: Allotment(times * peers.burst, times * peers.per_second, NetLimit.NETWORK_BUDGETS_MAX)
        for resource, peers in _peer_allotments().items()
    }
