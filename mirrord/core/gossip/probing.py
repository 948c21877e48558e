"""What we do for a peer that asks whether others can reach it.

Rules, which are those of libp2p's AutoNAT, and for the same reason (nobody may have us dial somebody else):

- Only the address from which the peer's session comes is dialled, at the port that it names.
- Only where hearsay may lead us at all (see :mod:`dialling`), and only so often.
- A question that we do not care to answer stays without an answer: silence says nothing about the peer.
"""

from collections import Counter
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, ProbeAddress, SendMessage
from mirrord.core.events import AddressProbed
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.gossip.dialling import Dialling
from mirrord.core.gossip.scopes import canonical_host
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.timing import TimingProfile
from mirrord.core.wire.messages import Probe, ProbeResult

_A_PERIOD: Final = 5
"""Probes made in a gossip period for all peers together, after the burst."""


class Probing:
    """The probes under way for others, and how many more we are good for."""

    def __init__(
        self, sessions: Sessions, dialling: Dialling, timing: TimingProfile, limits_reached: Counter[str]
    ) -> None:
        self._sessions = sessions
        self._dialling = dialling
        self._period_seconds = timing.gossip_period_seconds
        self._limits_reached = limits_reached
        self._in_all: Allowance | None = None
        self._under_way: set[SessionId] = set()

    def asked(self, session: Session, question: Probe, now: Instant, out: list[Effect]) -> None:
        """Dial a peer back, or stay silent."""
        if session.remote is None:
            return
        address = Address(canonical_host(session.remote.host), question.port)
        if self._dialling.may_aim_at(address) and self._may_probe(session, now):
            self._under_way.add(session.session)
            out.append(ProbeAddress(session.session, address, session.peer))

    def _may_probe(self, session: Session, now: Instant) -> bool:
        """Whether this costs no more than we owe anybody.  The session's own measure comes first."""
        if session.probes is None:
            each = limits.PROBE_PERIODS_MIN * self._period_seconds
            session.probes = Allowance(limits.SESSION_PROBES_BURST, each, now)
        if self._in_all is None:
            self._in_all = Allowance(limits.PROBES_BURST, self._period_seconds / _A_PERIOD, now)
        if not session.probes.take(now):
            return self._refused("SESSION_PROBES_BURST")
        if session.session in self._under_way or len(self._under_way) >= limits.PROBES_MAX:
            return self._refused("PROBES_MAX")
        return self._in_all.take(now) or self._refused("PROBES_BURST")

    def _refused(self, limit: str) -> bool:
        self._limits_reached[limit] += 1
        return False

    def probed(self, event: AddressProbed, out: list[Effect]) -> None:
        """Tell the peer what came of it, if it is still there."""
        self._under_way.discard(event.session)
        if self._sessions.get(event.session) is not None:
            out.append(SendMessage(event.session, ProbeResult(event.address.port, event.reached)))
