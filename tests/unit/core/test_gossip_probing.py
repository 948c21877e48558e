"""What a node does for a peer that wants to know whether it can be reached: little, and at nobody else's cost."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, ProbeAddress, SendMessage
from mirrord.core.events import AddressProbed, SessionOpened
from mirrord.core.gossip.dialling import Dialling
from mirrord.core.gossip.probing import Probing
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.timing import WAN
from mirrord.core.wire.messages import Probe, ProbeResult
from tests.unit.core.making import NOW, node_id


@dataclass
class Prober:
    """A node's probing, and the peers that ask."""

    now: Instant = NOW
    sessions: Sessions = field(default_factory=lambda: Sessions(node_id(0)))
    limits_reached: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.dialling = Dialling(node_id(0), self.sessions, WAN, self.limits_reached)
        self.probing = Probing(self.sessions, self.dialling, WAN, self.limits_reached)

    def meet(self, host: str | None = "9.9.9.9") -> Session:
        number = next(self.numbers)
        remote = Address(host, 40_000 + number) if host is not None else None
        session, _ = self.sessions.opened(SessionOpened(SessionId(number), node_id(number), None, remote), self.now)
        return session

    def ask(self, session: Session, port: int = 7700) -> list[Effect]:
        out: list[Effect] = []
        self.probing.asked(session, Probe(port), self.now, out)
        return out

    def probed(self, session: Session, reached: bool = True, port: int = 7700) -> list[Effect]:
        out: list[Effect] = []
        self.probing.probed(AddressProbed(session.session, Address("9.9.9.9", port), reached), out)
        return out


@pytest.mark.parametrize("reached", [True, False])
def test_the_peers_own_address_is_dialled_and_it_is_told_what_came_of_it(reached: bool) -> None:
    prober = Prober()
    session = prober.meet("::ffff:9.9.9.9")
    assert prober.ask(session) == [ProbeAddress(session.session, Address("9.9.9.9", 7700), session.peer)]
    assert prober.probed(session, reached) == [SendMessage(session.session, ProbeResult(7700, reached))]


@pytest.mark.parametrize(
    ("host", "port"),
    [("9.9.9.9", 25), ("9.9.9.9", 1023), ("10.0.0.9", 7700), ("127.0.0.1", 7700), ("fe80::9", 7700), (None, 7700)],
)
def test_nobody_has_us_dial_what_hearsay_may_not(host: str | None, port: int) -> None:
    prober = Prober()
    assert not prober.ask(prober.meet(host), port)


def test_who_stands_where_we_stand_is_probed_there() -> None:
    prober = Prober()
    prober.dialling.listening((Address("10.0.0.1", 7700),))
    assert prober.ask(prober.meet("10.0.0.9"))


def test_a_session_has_a_measure_that_time_brings_back() -> None:
    prober = Prober()
    session = prober.meet()
    made = 0
    for _ in range(20):
        made += len(prober.ask(session))
        prober.probed(session)
    assert made == limits.SESSION_PROBES_BURST
    assert prober.limits_reached["SESSION_PROBES_BURST"] == 20 - made
    prober.now = prober.now.later(limits.PROBE_PERIODS_MIN * WAN.gossip_period_seconds)
    assert prober.ask(session)


def test_all_peers_together_have_one_too() -> None:
    prober = Prober()
    made = 0
    for _ in range(100):
        session = prober.meet()
        made += len(prober.ask(session))
        prober.probed(session)
    assert made == limits.PROBES_BURST
    assert prober.limits_reached["PROBES_BURST"] == 100 - made
    prober.now = prober.now.later(WAN.gossip_period_seconds)
    assert prober.ask(prober.meet())


def test_few_are_under_way_at_once() -> None:
    prober = Prober()
    sessions = [prober.meet() for _ in range(5)]
    assert sum(len(prober.ask(session)) for session in sessions) == limits.PROBES_MAX
    assert prober.limits_reached["PROBES_MAX"] == 5 - limits.PROBES_MAX
    prober.probed(sessions[0])
    assert prober.ask(prober.meet())


def test_a_peer_that_has_left_is_told_nothing() -> None:
    prober = Prober()
    session = prober.meet()
    prober.ask(session)
    prober.sessions.closed(session.session)
    assert not prober.probed(session)
