"""A network that does not count everybody: listed, vouched for, revoked, and told the same everywhere."""

import pytest

from mirrord.core import events as ev
from mirrord.core.records.codec import encode_admission
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Admission, Grant, Kind, Policy
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.statistics import ShardRole
from tests.simulation.virtual_network import Machine, VirtualNetwork, make_body

SHARDS, TARGET = 8, 3
MB = 1_000_000
YEAR = 365 * 86_400


def said(
    network: VirtualNetwork, author: SigningKey, subject: bytes, grant: Grant = Grant.MEMBER, quota: int = 0
) -> bytes:
    now = int(network.now.unix_seconds)
    word = Admission(network.collection, author.public, NodeId(subject), now, now, now + YEAR, grant, quota)
    return sign(Kind.ADMISSION, encode_admission(word), author)


def policy(network: VirtualNetwork, chosen: Policy) -> bytes:
    now = int(network.now.unix_seconds)
    curator = network.curator
    word = Admission(
        network.collection, curator.public, curator.public, now, now, now + YEAR, Grant.NONE, policy=chosen
    )
    return sign(Kind.ADMISSION, encode_admission(word), curator)


def tell(network: VirtualNetwork, machine: Machine, *envelopes: bytes) -> None:
    network.tell(machine, ev.AdmissionsImported(envelopes))


def closed_network(chosen: Policy, members: int = 3, strangers: int = 1) -> tuple[VirtualNetwork, list[Machine]]:
    """Return a network whose first machine has everything; the last ``strangers`` are not listed."""
    network = VirtualNetwork(seed=11)
    origin = network.add(100 * MB)
    machines = [origin, *(network.add(100 * MB, (origin.address,)) for _ in range(members + strangers))]
    listed = [said(network, network.curator, machine.key.public) for machine in machines[: 1 + members]]
    tell(network, origin, policy(network, chosen), *listed)
    network.publish(origin, make_body(SHARDS, TARGET))
    return network, machines


def counted_by(network: VirtualNetwork, machine: Machine) -> set[NodeId]:
    return {node for node, _ in machine.node.state.gossip.records.announcements(network.collection)}


def held_by(network: VirtualNetwork, machine: Machine) -> int:
    return len(machine.node.state.custody.indexes(network.collection, ShardRole.HELD))


def test_a_stranger_reads_but_is_never_counted_until_it_is_listed() -> None:
    network, machines = closed_network(Policy.LISTED)
    origin, stranger = machines[0], machines[-1]
    seen: set[NodeId] = set()

    def shared() -> bool:
        for machine in machines:
            if machine.node.state.gossip.records.admissions(network.collection).policy is Policy.LISTED:
                seen.update(counted_by(network, machine))
        return min(network.copies(), default=0) >= TARGET

    assert network.run(120, shared)
    network.run(20, lambda: shared() and False)
    assert stranger.key.public not in seen
    assert held_by(network, stranger) == 0 and stranger.node.state.custody.used_bytes == 0
    assert len(stranger.node.shards_of(network.collection)) == SHARDS, "it has read the manifest"
    assert counted_by(network, stranger) == {machine.key.public for machine in machines[:-1]}, "and the others' records"

    network.kill(machines[1])
    tell(network, origin, said(network, network.curator, stranger.key.public))
    assert network.run(120, lambda: held_by(network, stranger) > 0), "it begins by itself"
    assert network.run(20, lambda: stranger.key.public in counted_by(network, origin))


@pytest.mark.parametrize("chosen", [Policy.VOUCHED, Policy.LISTED])
def test_a_voucher_lets_others_in_where_vouches_count(chosen: Policy) -> None:
    network, machines = closed_network(chosen, members=2, strangers=2)
    origin, voucher, newcomer, other = machines[0], machines[1], machines[-2], machines[-1]
    network.run(3)
    tell(network, origin, said(network, network.curator, voucher.key.public, Grant.VOUCHER, quota=1))
    until = int(network.now.unix_seconds) + YEAR

    def may_vouch() -> bool:
        return voucher.node.state.gossip.records.admissions(network.collection).quota_of(voucher.key.public) == 1

    assert network.run(20, may_vouch)
    network.tell(voucher, ev.AdmissionRequested(network.collection, (newcomer.key.public,), Grant.MEMBER, until))
    comes_in = network.run(20, lambda: all(newcomer.key.public in counted_by(network, m) for m in machines))
    assert comes_in == (chosen is Policy.VOUCHED)
    assert other.key.public not in counted_by(network, origin)


def test_who_is_revoked_counts_nowhere_any_more_and_keeps_its_copies() -> None:
    network, machines = closed_network(Policy.OPEN, members=4, strangers=0)
    assert network.run(120, lambda: min(network.copies(), default=0) >= TARGET)
    gone = max(machines[1:], key=lambda machine: held_by(network, machine))
    held = held_by(network, gone)
    network.run(2)
    revoked = said(network, network.curator, gone.key.public, Grant.REVOKED)
    tell(network, machines[0], revoked)
    assert network.run(30, lambda: all(gone.key.public not in counted_by(network, m) for m in machines))

    def replaced() -> bool:
        return min(network.copies(), default=0) >= TARGET and sum(network.copies()) >= SHARDS * TARGET + held

    assert network.run(120, replaced), "the others make their own copies"
    assert held_by(network, gone) == held
    assert gone.node.state.custody.used_bytes == held * MB


def test_two_halves_that_heard_different_curators_agree_when_they_meet() -> None:
    network, machines = closed_network(Policy.LISTED, members=5, strangers=1)
    deputies = [SigningKey(bytes([n]) * 32) for n in (1, 2)]
    tell(network, machines[0], *(said(network, network.curator, d.public, Grant.CURATOR) for d in deputies))
    network.run(10)
    here, there = machines[:3], machines[3:]
    network.part(here, there)
    stranger = machines[-1]
    tell(network, here[1], said(network, deputies[0], stranger.key.public, Grant.REVOKED))
    network.run(2)
    tell(network, there[1], said(network, deputies[1], stranger.key.public, Grant.MEMBER))
    assert network.run(20, lambda: stranger.node.state.memberships[network.collection].is_admitted)
    assert stranger.key.public not in counted_by(network, here[0])
    network.heal()
    assert network.run(60, lambda: all(stranger.key.public in counted_by(network, m) for m in machines)), "the newer"


def test_a_restart_of_everybody_changes_nobody() -> None:
    network, machines = closed_network(Policy.LISTED, members=2)
    assert network.run(120, lambda: min(network.copies(), default=0) >= TARGET)
    network.run(5)
    before = [counted_by(network, machine) for machine in machines]
    for machine in machines:
        network.kill(machine)
        network.restart(machine)
    assert [counted_by(network, machine) for machine in machines] == before
    network.run(10)
    assert machines[-1].key.public not in counted_by(network, machines[0])
    assert held_by(network, machines[-1]) == 0
