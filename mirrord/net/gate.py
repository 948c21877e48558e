"""Who may start a handshake, and who makes room: the bounds on what a stranger can cost us.

Rules:

- A connection that is not a session yet occupies one of ``HANDSHAKES_MAX`` places, and TLS has a
  time limit, so half-open connections cost a bounded number of sockets for a bounded time.
- When the places are full, the newest connection always gets one: the oldest handshake of the
  network with the most places loses its own.  An honest handshake takes a few round trips and is
  never the oldest for long; refusing the newest would let 64 silent sockets close the door.
- A network is a /24 (IPv4) or a /64 (IPv6), what one customer gets.  Addresses that are not public
  (loopback, a home network, a VPN) count as no network and have no limits of their own.
- Connections from one network are limited in rate, each network by itself.
- Who has not said a byte yet waits for no turn and takes none.
- TLS work for strangers is paced for all networks together, which bounds the processor time.

Nothing here decides about peers: at this point nobody has proved who they are.
"""

import ipaddress
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final, NewType

import trio

from mirrord.core import limits
from mirrord.net.reached import NetLimit

NetworkName = NewType("NetworkName", str)

_IPV4_BITS: Final = 24
_IPV6_BITS: Final = 64


def network_of(host: str) -> NetworkName | None:
    """Return the network that an IP literal belongs to; None where it is not a public address."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return None
    bits = _IPV4_BITS if address.version == 4 else _IPV6_BITS
    return NetworkName(str(ipaddress.ip_network((address, bits), strict=False)))


@dataclass(slots=True, eq=False)
class Place:
    """One handshake under way.  Whoever runs it enters ``scope``; cancelled means crowded out."""

    network: NetworkName | None
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Gate:
    """The places and the rates of one listener (or several: the bounds are the node's).

    ``reached`` counts the limits that bite.
    """

    def __init__(self, reached: Counter[NetLimit]) -> None:
        self._reached = reached
        self._places: dict[Place, None] = {}  # a dict, because it remembers who came first
        self._ready_at: OrderedDict[NetworkName, float] = OrderedDict()
        self._turn_at = float("-inf")
        self._turns = trio.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, network: NetworkName | None, now_seconds: float) -> Place | None:
        """Give a new connection a place, or None where its network comes too often."""
        if network is not None and not self._within_rate(network, now_seconds):
            self._reached[NetLimit.NETWORK_HANDSHAKES_PER_SECOND] += 1
            return None
        if len(self._places) >= limits.HANDSHAKES_MAX:
            self._reached[NetLimit.HANDSHAKES_MAX] += 1
            self.make_room()
        place = Place(network)
        self._places[place] = None
        return place

    def leave(self, place: Place) -> None:
        """Give a place back: its handshake is over, well or badly."""
        self._places.pop(place, None)

    def make_room(self) -> None:
        """Crowd out the oldest handshake of the network that has the most, if there is any."""
        if not self._places:
            return
        crowds = Counter(place.network for place in self._places)
        most = max(crowds.values())
        victim = next(place for place in self._places if crowds[place.network] == most)
        del self._places[victim]
        victim.scope.cancel()

    async def wait_turn(self) -> None:
        """Wait until one more handshake fits into the processor time that strangers may use."""
        async with self._turns:
            now = trio.current_time()
            interval = 1 / limits.HANDSHAKES_PER_SECOND
            self._turn_at = max(self._turn_at, now - interval * limits.HANDSHAKES_BURST) + interval
            if self._turn_at > now:
                self._reached[NetLimit.HANDSHAKES_PER_SECOND] += 1
            await trio.sleep_until(self._turn_at)

    def _within_rate(self, network: NetworkName, now_seconds: float) -> bool:
        """The generic cell rate algorithm (ITU-T I.371): one number a network.

        ``ready_at`` is when the network has paid for all that it used; it may run into the future
        by as much as a burst.
        """
        interval = 1 / limits.NETWORK_HANDSHAKES_PER_SECOND
        ready_at = max(self._ready_at.get(network, now_seconds), now_seconds) + interval
        if ready_at - now_seconds > interval * limits.NETWORK_HANDSHAKES_BURST:
            return False
        self._ready_at[network] = ready_at
        self._ready_at.move_to_end(network)
        if len(self._ready_at) > limits.NETWORKS_TRACKED_MAX:
            self._ready_at.popitem(last=False)
            self._reached[NetLimit.NETWORKS_TRACKED_MAX] += 1
        return True
