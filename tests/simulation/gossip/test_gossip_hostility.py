"""What hostile nodes send meets the real judge, and a judge that fails would be found out."""

import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from networks import SMALL, network_of, run

from mirrord.core.clock import Instant
from mirrord.core.errors import RejectReason
from mirrord.core.gossip.ledger import Ledger
from mirrord.core.records.record import open_record
from mirrord.simulation.gossip.editions import START_UNIX
from mirrord.simulation.gossip.hostility import Judgement, judge
from mirrord.simulation.gossip.network import Network
from mirrord.simulation.gossip.population import HOSTILE_ROLES, Role

NOW = Instant(0.0, START_UNIX)
HOSTILE = replace(SMALL, nodes=80, hostile=0.3)


def hostile_network() -> tuple[Network, dict[Role, int], int]:
    """Return a network, a node of each hostile role, and a victim."""
    network = network_of(HOSTILE)
    role = network.population.role
    nodes = {which: int(np.flatnonzero(role == which)[0]) for which in HOSTILE_ROLES}
    return network, nodes, int(np.flatnonzero(network.population.honest)[0])


def attacked(role: Role, times: int) -> tuple[Network, list[bool]]:
    network, nodes, victim = hostile_network()
    row = network.matrix[victim]
    return network, [network.hostility.attack(nodes[role], victim, row, NOW) for _ in range(times)]


def test_forged_records_end_the_session_and_none_is_taken() -> None:
    network, caught = attacked(Role.FORGER, 40)
    hostility = network.hostility
    assert all(caught)
    assert hostility.accepted == hostility.forged_accepted == hostility.growth_max == 0
    assert set(hostility.caught) == {RejectReason.BAD_SIGNATURE, RejectReason.WRONG_AUTHOR}
    assert hostility.caught.total() == 40


def test_old_records_are_dropped_and_the_session_goes_on() -> None:
    network, caught = attacked(Role.REPLAYER, 10)
    assert not any(caught)
    assert set(network.hostility.rejected) == {RejectReason.STALE}
    assert network.hostility.accepted == 0


def test_a_contradiction_is_proved() -> None:
    network, caught = attacked(Role.EQUIVOCATOR, 1)
    hostility = network.hostility
    assert not any(caught)
    assert hostility.rejected == {RejectReason.EQUIVOCATION: 1}
    assert len(hostility.proven) == 1
    assert hostility.growth_max == 2  # the announcement, and the proof


def test_a_flood_adds_one_record_of_its_author() -> None:
    network, caught = attacked(Role.FLOODER, 20)
    hostility = network.hostility
    assert not any(caught)
    assert hostility.growth_max == 1
    assert set(hostility.rejected) == {RejectReason.STALE, RejectReason.FOREIGN_COLLECTION}


def accept_all(ledger: Ledger, envelopes: Iterable[bytes], now: Instant) -> Judgement:
    """A judge that is broken: it takes whatever its author signed or not."""
    known = next(iter(ledger.indexes.values()))
    taken = tuple(record for record in known for _ in envelopes)
    return Judgement(taken[: len(tuple(envelopes))], None, Counter(), 0)


def test_a_judge_that_takes_everything_is_counted() -> None:
    result = run(HOSTILE, accept_all)
    assert result.forged_accepted > 0
    assert not result.caught
    assert run(HOSTILE, judge).forged_accepted == 0


def test_who_is_caught_loses_the_session() -> None:
    network, nodes, _ = hostile_network()
    network.run_until(120.0)
    forger = nodes[Role.FORGER]
    assert network.hostility.messages[Role.FORGER] > 0
    assert not [peer for peer in network.links.peers(forger) if network.population.honest[peer]]
    assert network.hostility.caught.total() == network.hostility.messages[Role.FORGER]


def test_a_real_table_under_a_long_flood_does_not_grow() -> None:
    """One ledger, thousands of useless records: counted in records and in bytes."""
    network, nodes, victim = hostile_network()
    hostility = network.hostility
    ledger = hostility.ledger_of(victim, (), network.matrix[victim], NOW)

    def flood(messages: int) -> None:
        for role in (Role.FLOODER, Role.REPLAYER, Role.EQUIVOCATOR):
            for _ in range(messages):
                judge(ledger, hostility.compose(role, nodes[role], NOW).envelopes, NOW)

    flood(100)
    before = len(next(iter(ledger.indexes.values())))
    tracemalloc.start()
    try:
        flood(10)
        begun = tracemalloc.get_traced_memory()[0]
        flood(200)
        grown = tracemalloc.get_traced_memory()[0] - begun
    finally:
        tracemalloc.stop()
    assert len(next(iter(ledger.indexes.values()))) <= before + len(network.population)
    assert grown < 500_000  # 1,400 records and more came; what the maker itself remembers is in it


@pytest.mark.parametrize("node", range(3))
def test_what_a_replayer_sends_was_signed_by_its_author(node: int) -> None:
    """The old records are genuine: it is their age alone that speaks against them."""
    network, nodes, _ = hostile_network()
    for envelope in network.hostility.compose(Role.REPLAYER, nodes[Role.REPLAYER], NOW).envelopes:
        opened = open_record(envelope)
        author = network.population.record_keys.index(opened.key)
        assert opened.sequence < network.editions.sequence(author, 1)
