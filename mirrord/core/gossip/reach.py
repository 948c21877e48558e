"""At which addresses others reach us, and which of them we may hand on.

Rules:

- What the operator told us to announce is announced, and probed all the same, to be able to say that nobody
  gets through.
- An address that is not public and that we listen on is announced: it is of use to who shares that network.
- A public address is announced once a peer has dialled us there and found our key.  We know of it because it
  is our machine's own, or because two peers that *we* dialled, in different neighbourhoods, see us come
  from there: who calls us, or one hoster, must not be able to name somebody else's address as ours.
- Where two peers in a row, each another, do not get through, it is announced no more.
- A peer can only dial back to where our session with it comes from, so only those are asked who see us at the
  very address in question; one question at a time for an address, each to another peer, those whom we dialled
  first.

A node that nobody can reach announces nothing public and works by dialling out.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, SendMessage
from mirrord.core.gossip.scopes import Neighbourhood, Scope, canonical_host, ip_version, neighbourhood_of, scope_of
from mirrord.core.gossip.sessions import Session
from mirrord.core.records.ids import Address, NodeId, SessionId
from mirrord.core.timing import TimingProfile
from mirrord.core.wire.messages import Probe, ProbeResult

_WITNESSES: Final = 2
"""Peers in different neighbourhoods that must see us come from an address before we take it for ours; also those
that must fail to reach us there before we take it back, and that must have reached us before we ask less often."""

_DOUBLINGS_MAX: Final = 8
"""Of the pause before an address is probed again that nobody reaches."""


class Finding(StrEnum):
    """What peers found at an address of ours; also the ``finding`` label of the metric.

    LOCAL is not public, and nobody is asked about it.
    """

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    NOT_PROBED = "not_probed"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """One of our addresses.  ``reached_by`` is how many peers got through since the last time that two did not."""

    address: Address
    finding: Finding
    reached_by: int
    announced: bool


@dataclass(slots=True)
class _Candidate:
    """An address that may be ours; ``by_operator`` is announced whatever comes of it.

    ``failed_for`` are those who did not get through since the last one who did.
    """

    address: Address
    is_public: bool
    by_operator: bool
    reached_by: OrderedDict[NodeId, None] = field(default_factory=OrderedDict)
    failed_for: OrderedDict[NodeId, None] = field(default_factory=OrderedDict)
    failures: int = 0
    next_probe_at: float = 0.0

    @property
    def is_probed(self) -> bool:
        return self.by_operator or self.is_public

    @property
    def is_announced(self) -> bool:
        return self.by_operator or not self.is_public or bool(self.reached_by)

    @property
    def finding(self) -> Finding:
        if not self.is_probed:
            return Finding.LOCAL
        if self.reached_by:
            return Finding.REACHED
        return Finding.NOT_REACHED if self.failed_for else Finding.NOT_PROBED


@dataclass(frozen=True, slots=True)
class _Question:
    """A probe that a peer was asked for, and until when its answer counts (monotonic seconds)."""

    address: Address
    until: float


class Reach:
    """Our own addresses, and what peers found there."""

    def __init__(self, timing: TimingProfile) -> None:
        self._period_seconds = timing.gossip_period_seconds
        self._listening: tuple[Address, ...] = ()
        self._by_operator = False
        self._candidates: dict[Address, _Candidate] = {}
        self._seen: dict[int, Address] = {}  # by IP version: what peers say, where it is not in _listening
        self._questions: dict[SessionId, _Question] = {}

    def listening(self, coordination: tuple[Address, ...], by_operator: bool) -> None:
        """Take our addresses as they are from now on; what is known of one that stays, stays."""
        self._listening, self._by_operator = coordination[: limits.ADDRESSES_MAX], by_operator
        still = {} if by_operator or not coordination else self._seen
        self._seen = {version: Address(seen.host, self._port(version)) for version, seen in still.items()}
        self._take_stock()

    def _take_stock(self) -> None:
        before = self._candidates
        self._candidates = {}
        for address in (*self._listening, *self._seen.values()):
            is_public = scope_of(address.host) is Scope.GLOBAL
            known = before.get(address) or _Candidate(address, is_public, self._by_operator)
            known.by_operator = self._by_operator
            self._candidates[address] = known

    @property
    def announced(self) -> tuple[Address, ...]:
        """The addresses that others may be told, as many as an announcement has room for."""
        some = tuple(own.address for own in self._candidates.values() if own.is_announced)
        return some[: limits.ADDRESSES_MAX]

    @property
    def found_by_peers(self) -> tuple[Address, ...]:
        """Those of them that peers told us of, and that we do not listen on by that name."""
        return tuple(a for a in self._seen.values() if a in self.announced and a not in self._listening)

    @property
    def own_addresses(self) -> tuple[OwnAddress, ...]:
        """All of them, for people."""
        return tuple(
            OwnAddress(own.address, own.finding, len(own.reached_by), own.is_announced)
            for own in self._candidates.values()
        )

    # --- what peers see -------------------------------------------------------------------------

    def look(self, sessions: Sequence[Session], now: Instant, dice: float, out: list[Effect]) -> None:
        """Learn from where peers see us come, and have them probe what is due."""
        self._learn([session for session in sessions if session.dialled is not None])
        self._questions = {
            session: question for session, question in self._questions.items() if question.until > now.monotonic_seconds
        }
        asked = {question.address for question in self._questions.values()}
        for own in self._candidates.values():
            is_due = own.next_probe_at <= now.monotonic_seconds and own.address not in asked
            if is_due and own.is_probed:
                self._ask(own, sessions, now, dice, out)

    def _learn(self, dialled: Sequence[Session]) -> None:
        """Take over the public address, of either IP version, that the most neighbourhoods see us come from."""
        if self._by_operator or not self._listening:
            return
        witnesses: dict[str, set[Neighbourhood]] = {}
        for session in dialled:
            place = neighbourhood_of(session.remote.host) if session.remote is not None else None
            if place is not None and scope_of(session.seen_at) is Scope.GLOBAL:
                witnesses.setdefault(session.seen_at, set()).add(place)
        seen = dict(self._seen)
        for host in sorted(witnesses, key=lambda host: (len(witnesses[host]), host)):
            version = ip_version(host)
            if version is not None and len(witnesses[host]) >= _WITNESSES:
                seen[version] = Address(host, self._port(version))
        if seen != self._seen:
            self._seen = seen
            self._take_stock()

    def _port(self, version: int) -> int:
        """Return the port on which we listen for an IP version: without a router that changes it, the public one."""
        ports = [address.port for address in self._listening if ip_version(address.host) == version]
        return ports[0] if ports else self._listening[0].port

    # --- probes ---------------------------------------------------------------------------------

    def _ask(self, own: _Candidate, sessions: Sequence[Session], now: Instant, dice: float, out: list[Effect]) -> None:
        host = canonical_host(own.address.host)
        able = [s for s in sessions if s.seen_at == host and s.session not in self._questions]
        if not able:
            return

        def rank(session: Session) -> tuple[bool, bool]:
            return (session.peer in own.reached_by or session.peer in own.failed_for, session.dialled is None)

        best = min(rank(session) for session in able)
        likely = [session for session in able if rank(session) == best]
        session = likely[int(dice * len(likely))]
        self._questions[session.session] = _Question(own.address, now.monotonic_seconds + limits.PROBE_ANSWER_SECONDS)
        # Where no answer comes, another peer is asked the next time.
        own.next_probe_at = now.monotonic_seconds + limits.PROBE_PERIODS_MIN * self._period_seconds
        out.append(SendMessage(session.session, Probe(own.address.port)))

    def answered(self, session: Session, result: ProbeResult, now: Instant) -> None:
        """A peer says what it found; only what it was asked counts."""
        question = self._questions.get(session.session)
        if question is None or question.address.port != result.port or question.until <= now.monotonic_seconds:
            return
        del self._questions[session.session]
        own = self._candidates.get(question.address)
        if own is not None:
            self._judge(own, session.peer, result.reached)
            own.next_probe_at = now.monotonic_seconds + self._pause_periods(own) * self._period_seconds

    def _judge(self, own: _Candidate, peer: NodeId, reached: bool) -> None:
        peers = own.reached_by if reached else own.failed_for
        peers[peer] = None
        peers.move_to_end(peer)
        if len(peers) > limits.VERIFIERS_MAX:
            peers.popitem(last=False)
        own.failures = 0 if reached else own.failures + 1
        if reached:
            own.failed_for.clear()
        elif len(own.failed_for) >= _WITNESSES:
            own.reached_by.clear()

    def _pause_periods(self, own: _Candidate) -> int:
        """Return after how many gossip periods to ask again: soon while it is open, seldom once it is clear."""
        if own.failures == 0 and len(own.reached_by) >= _WITNESSES:
            return limits.PROBE_PERIODS_MAX
        pause = limits.PROBE_PERIODS_MIN << min(max(0, own.failures - _WITNESSES), _DOUBLINGS_MAX)
        return min(pause, limits.PROBE_PERIODS_MAX)

    def closed(self, session: SessionId) -> None:
        """A session is gone, and its answer with it."""
        self._questions.pop(session, None)
