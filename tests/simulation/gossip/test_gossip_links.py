"""Sessions of the simulator keep to the daemon's habits and limits."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from mirrord.core import limits
from mirrord.core.gossip.dialling import SESSIONS_WANTED
from mirrord.core.timing import WAN
from mirrord.simulation.gossip.links import Links
from mirrord.simulation.gossip.population import Population, Role, make_population
from mirrord.simulation.gossip.wishes import GossipWishes, Habits, Partner

WISHES = GossipWishes(nodes=200)


def links_of(wishes: GossipWishes, habits: Habits | None = None) -> tuple[Links, Population]:
    population = make_population(wishes)
    return Links(population, habits or Habits(), Random(1)), population


def online(population: Population) -> list[int]:
    nodes: list[int] = np.flatnonzero(population.online).tolist()
    return nodes


def test_everybody_dials_as_many_as_wanted_and_only_who_can_be_dialled() -> None:
    links, population = links_of(WISHES)
    for turn in range(1, 30):
        for node in online(population):
            links.dial(node, turn, now=60.0 * turn)
    for node in online(population):
        assert len(links.dialled(node)) == SESSIONS_WANTED
        for link in links.of(node):
            assert population.reachable[link.acceptor] and population.online[link.acceptor]
            assert link in links.of(link.peer_of(node))
    assert links.counts["unanswered"] > 0


def test_a_node_accepts_no_more_than_it_may() -> None:
    links, population = links_of(GossipWishes(nodes=2_000, reachable=0.02))
    for turn in range(1, 10):
        for node in online(population):
            links.dial(node, turn, now=60.0 * turn)
    most = limits.SESSIONS_MAX - limits.SESSIONS_DIALLED_RESERVE
    accepted = [len(links.of(n)) - len(links.dialled(n)) for n in online(population)]
    assert max(accepted) == most
    assert links.counts["refused"] > 0


def test_every_few_rounds_the_oldest_session_makes_room_for_a_new_one() -> None:
    links, population = links_of(GossipWishes(nodes=200, offline=0.0))
    node = online(population)[0]
    for turn in range(6, 9):
        links.dial(node, turn, now=60.0 * turn)
    before = links.dialled(node)
    links.dial(node, 9, now=540.0)
    assert links.dialled(node) == before
    new = links.dial(node, 10, now=600.0)
    assert len(new) == 1
    assert links.dialled(node) == [*before[1:], *new]


def test_an_address_that_failed_is_left_alone_longer_each_time() -> None:
    links, population = links_of(GossipWishes(nodes=200, reachable=0.1, offline=0.5))
    node = online(population)[0]
    for address in np.flatnonzero(population.reachable).tolist():
        links.failed(node, address, now=0.0)
        links.failed(node, address, now=0.0)
    assert not links.dial(node, 1, now=2 * WAN.dial_retry_seconds - 1)
    assert links.dial(node, 2, now=2 * WAN.dial_retry_seconds + 1)


def test_a_session_in_which_nothing_is_said_is_closed() -> None:
    links, population = links_of(WISHES)
    node = online(population)[0]
    opened = links.dial(node, 1, now=0.0)
    opened[0].used_at = 5.0
    links.drop_idle(node, limits.SESSION_IDLE_SECONDS + 1)
    assert links.of(node) == [opened[0]]
    assert not links.of(opened[1].acceptor)


@pytest.mark.parametrize("partner", Partner)
def test_a_round_is_opened_with_whom_the_habit_says(partner: Partner) -> None:
    links, population = links_of(replace(WISHES, offline=0.0), Habits(partner=partner))
    for node in online(population):
        for link in links.dial(node, 1, now=0.0):
            link.used_at = float(node)
    for node in online(population):
        chosen = links.choose(node, dice=0.99, in_vain=[])
        assert chosen is not None
        if partner is not Partner.ANY:
            assert chosen.dialler == node
        if partner is Partner.DIALLED_IN_TURN:
            assert chosen.used_at == min(link.used_at for link in links.dialled(node))


def test_a_flooder_takes_all_the_sessions_that_a_node_may_have() -> None:
    links, population = links_of(GossipWishes(nodes=1_000, hostile=0.2))
    flooder = int(np.flatnonzero(population.role == Role.FLOODER)[0])
    links.dial(flooder, 1, now=0.0)
    assert SESSIONS_WANTED < len(links.dialled(flooder)) <= limits.SESSIONS_MAX
