"""The simulated network as a whole: the same again under a seed, and the same whether rounds are spoken or not."""

from dataclasses import replace

import numpy as np
import pytest
from networks import SMALL, network_of, run

from mirrord.core.errors import UsageError
from mirrord.simulation.gossip.network import PERIOD
from mirrord.simulation.gossip.tracers import Tracers
from mirrord.simulation.gossip.wire import Sort
from mirrord.simulation.gossip.wishes import GossipWishes, Habits, check_gossip_wishes


def test_a_seed_is_a_run() -> None:
    wishes = replace(SMALL, nodes=60, hostile=0.2)
    assert run(wishes) == run(wishes)
    assert run(wishes) != run(replace(wishes, seed=2))


def test_rounds_that_are_not_spoken_come_to_the_same() -> None:
    """Every round spoken by the real code, or nearly none: the same matrix, and the same bytes but for sampling."""
    wishes = replace(SMALL, nodes=300)
    spoken = network_of(replace(wishes, exact=1.0))
    sampled = network_of(replace(wishes, exact=0.05))
    for network in (spoken, sampled):
        network.run_until(10 * PERIOD)
    assert np.array_equal(spoken.matrix, sampled.matrix)
    assert spoken.mismatches == sampled.mismatches == 0
    assert spoken.meter.spoken == spoken.meter.exchanges == sampled.meter.exchanges
    assert sampled.meter.spoken < spoken.meter.spoken / 4
    for sort in (Sort.DIGESTS, Sort.LISTINGS, Sort.RECORDS):
        ours, theirs = (network.meter.bill().unreachable[sort] for network in (spoken, sampled))
        assert theirs == pytest.approx(ours, rel=0.2)


def test_a_refresh_reaches_everybody_who_is_online_and_nobody_else() -> None:
    network = network_of(SMALL)
    network.run_until(5 * PERIOD)
    node = int(np.flatnonzero(network.population.online)[0])
    edition = network.publish(node)
    network.run_until(15 * PERIOD)
    have = network.matrix[:, node] >= edition
    assert np.array_equal(have, network.population.online)


def test_an_urgent_change_goes_from_session_to_session_at_once() -> None:
    network = network_of(SMALL)
    network.run_until(5 * PERIOD)
    tracers = Tracers(network)
    node = int(np.flatnonzero(network.population.online)[0])
    before = network.now
    tracers.follow_urgent(node, network.publish_urgent(node, claims=1))
    assert network.now == before
    (tracer,) = tracers.urgent
    assert tracer.half_seconds is not None and 0 < tracer.half_seconds < 10
    assert network.urgent_bytes > 0


def test_what_changes_nothing_for_others_is_not_passed_on() -> None:
    network = network_of(SMALL)
    network.run_until(5 * PERIOD)
    node = int(np.flatnonzero(network.population.online)[0])
    heard = network.publish_urgent(node, claims=0)
    assert len(heard) == 1 + sum(network.population.honest[peer] for peer in network.links.peers(node))


def test_the_hostile_part_slows_the_others_down_and_no_more() -> None:
    result = run(replace(SMALL, nodes=100, hostile=0.2))
    assert result.calm is not None and result.calm.hostile == 0.0
    assert result.slowdown == pytest.approx(result.periods_to_999 / result.calm.periods_to_999, abs=0.001)  # type: ignore[operator]
    assert result.slowdown < 2.5
    assert (result.honest_nodes, result.online_nodes) == (64, 80)
    assert result.forged_accepted == result.mismatches == 0
    assert sum(result.hostile_messages.values()) > 100


def test_trying_again_after_a_round_in_vain_helps_against_who_passes_nothing_on() -> None:
    wishes = replace(SMALL, nodes=80, hostile=0.4)
    patient, eager = (run(replace(wishes, habits=Habits(tries=tries))) for tries in (1, 3))
    assert eager.periods_to_999 is not None and patient.periods_to_999 is not None
    assert eager.periods_to_999 < patient.periods_to_999


def test_the_steady_state_is_cheap_and_adds_up() -> None:
    result = run(replace(SMALL, nodes=300, periods=8))
    assert result.bytes_per_second_per_node == pytest.approx(sum(result.bytes_per_second_by_sort.values()))
    assert set(result.bytes_per_second_by_sort) == set(Sort)
    assert result.payload_bytes_per_second == pytest.approx(2 * result.record_bytes * 240 / 3_600)
    moved = result.bytes_per_second_by_sort["records"] + result.bytes_per_second_by_sort["pushes"]
    assert result.payload_bytes_per_second < moved < 3 * result.payload_bytes_per_second
    assert result.bytes_per_second_unreachable < result.bytes_per_second_reachable


@pytest.mark.parametrize(
    "wishes",
    [
        GossipWishes(nodes=19),
        GossipWishes(nodes=20_001),
        GossipWishes(periods=4),
        GossipWishes(reachable=1.1),
        GossipWishes(reachable=0.0),
        GossipWishes(offline=-0.1),
        GossipWishes(offline=1.0),
        GossipWishes(hostile=0.95),
        GossipWishes(exact=0.0),
        GossipWishes(hostile=float("nan")),
        GossipWishes(nodes=30, offline=0.9),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes: GossipWishes) -> None:
    with pytest.raises(UsageError) as caught:
        check_gossip_wishes(wishes)
    assert caught.value.hint
