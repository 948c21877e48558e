"""Forty nodes that lose messages, are cut in two, and end up with the same records."""

from dataclasses import replace

from mirrord.core.errors import RejectReason
from mirrord.core.events import PledgeChanged
from mirrord.core.records.record import RecordKey
from mirrord.core.timing import LAN
from tests.simulation.virtual_network import Machine, VirtualNetwork, make_body

QUIET = replace(LAN, refresh_seconds=100_000)
"""Nodes that speak only where something changes, so that there is an end to what they have to learn."""


def network_of(count: int, loss: float, seed: int) -> VirtualNetwork:
    """Nodes that have nothing to fetch; each knows one that came before it."""
    network = VirtualNetwork(seed=seed, timing=QUIET, loss=loss)
    for number in range(count):
        known = () if number == 0 else (network.random.choice(network.machines).address,)
        network.add(0, known)
        network.run(0.5)
    return network


def agree(network: VirtualNetwork, machines: list[Machine]) -> bool:
    """Whether all of them offer the same records, the newest of each of them."""
    newest = {m.own_key: m.node.state.sequence for m in machines}
    first = network.contents(machines[0])
    return newest.items() <= first.items() and all(network.contents(m) == first for m in machines[1:])


def announcements(network: VirtualNetwork, machine: Machine) -> int:
    return sum(key.kind.name == "ANNOUNCEMENT" for key in network.contents(machine))


def test_forty_nodes_with_lost_messages_and_a_cut_that_heals_end_with_the_same_records() -> None:
    network = network_of(40, loss=0.1, seed=11)
    everybody = network.machines
    assert network.run(600, lambda: network.seconds % 5 < 0.1 and agree(network, everybody))
    assert announcements(network, everybody[0]) == 40

    left, right = everybody[:20], everybody[20:]
    network.part(left, right)
    network.publish(left[3], make_body(3))
    for machine in (*left[::2], *right[::3]):
        network.tell(machine, PledgeChanged(1000 + machine.name))
    network.run(1_200)
    assert agree(network, left) and agree(network, right), "each side goes on by itself"
    assert not agree(network, everybody)

    network.heal()
    assert network.run(1_800, lambda: network.seconds % 5 < 0.1 and agree(network, everybody))
    heads = [key for key in network.contents(right[0]) if key == RecordKey(key.kind, network.collection)]
    assert len(heads) == 1, "the manifest of the left is known on the right"
    assert network.run(300, lambda: all(m.node.shards_of(network.collection) for m in everybody)), "and its shards"


def test_a_cut_that_heals_is_found_by_nodes_that_have_all_the_sessions_they_want() -> None:
    network = network_of(24, loss=0.0, seed=5)
    left, right = network.machines[:12], network.machines[12:]
    network.part(left, right)
    network.run(900)
    assert all(len(machine.node.state.gossip.sessions) >= 8 for machine in network.machines)
    network.tell(left[0], PledgeChanged(77))
    network.heal()
    assert network.run(1_800, lambda: network.seconds % 5 < 0.1 and agree(network, network.machines))


def test_skewed_clocks_do_not_hand_a_dying_record_to_and_fro() -> None:
    timing = replace(LAN, lifetime_seconds=4_000, refresh_seconds=3_000)
    network = VirtualNetwork(seed=2, timing=timing)
    gone = network.add(0)
    watchers = [network.add(0, (gone.address,), skew_seconds=skew) for skew in (-500, 0, 500)]
    network.run(60)
    network.kill(gone)
    network.run(3_000 - 60)
    before = sum(m.node.state.gossip.counts["records_accepted"] for m in watchers)
    network.run(3_000)
    accepted = sum(m.node.state.gossip.counts["records_accepted"] for m in watchers) - before
    # Each watcher refreshes itself once or twice, and two others hear of it; the dead one is heard of no more.
    assert accepted <= len(watchers) * 2 * 2
    assert all(gone.own_key not in network.contents(machine) for machine in watchers)
    rejected = [m.node.state.gossip.rejected for m in watchers]
    assert not any(counter[RejectReason.EXPIRED] for counter in rejected), "nobody offered what another took for dead"
