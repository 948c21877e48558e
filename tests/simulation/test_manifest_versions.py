"""A manifest's way from its curator to everybody, also past restarts, refusals and protocol versions."""

import hashlib
from dataclasses import replace

import pytest

from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.events import BlobLost, ManifestImported
from mirrord.core.records.ids import Sha256
from mirrord.core.records.kinds import ManifestBody
from mirrord.core.statistics import ShardRole
from mirrord.core.wire.messages import BlobChunk, GoodbyeCode
from tests.simulation.other_version import NodeOfVersion2
from tests.simulation.virtual_network import Machine, VirtualNetwork, make_body, make_shard

MB = 1_000_000


def import_version(network: VirtualNetwork, machine: Machine, body: ManifestBody, version: int) -> Sha256:
    envelope, blob = network.sign_head(body, version)
    sha256 = Sha256(hashlib.sha256(blob).digest())
    machine.memory.blobs[sha256] = blob
    network.tell(machine, ManifestImported(envelope, body, (sha256,)))
    return sha256


def chain_of(count: int, shards: int = 4) -> VirtualNetwork:
    network = VirtualNetwork(seed=9)
    network.publish(network.add(100 * MB), make_body(shards, target=2))
    for _ in range(count - 1):
        network.add(20 * MB, (network.machines[-1].address,))
    assert network.run(30, lambda: versions(network) == {1} and min(network.copies()) >= 2)
    return network


def versions(network: VirtualNetwork) -> set[int]:
    return {m.node.state.memberships[network.collection].version for m in network.machines if m.alive}


def held(network: VirtualNetwork, machine: Machine) -> list[int]:
    return list(machine.node.state.custody.indexes(network.collection, ShardRole.HELD))


def test_a_new_version_reaches_everybody_and_its_new_shards_are_fetched() -> None:
    network = chain_of(12)
    away = network.machines[7]
    network.kill(away)
    network.publish(network.machines[0], make_body(6, target=2), version=2)
    assert network.run(30, lambda: versions(network) == {2} and min(network.copies()) >= 2)
    network.restart(away)
    assert network.run(30, lambda: versions(network) == {2})
    assert network.copies()[4:] == [2, 2]


def test_statistics_are_whole_at_every_moment_of_a_new_version() -> None:
    network = chain_of(3)
    network.publish(network.machines[0], make_body(9, target=2), version=2)
    statistics = network.machines[0].node.statistics(network.now).collections[0]
    assert len(statistics.shards) == 9
    assert [shard.target for shard in statistics.shards] == [2] * 9, "new ones want copies from the first moment on"


def test_a_withdrawn_shard_is_released_everywhere_and_the_others_stay() -> None:
    network = chain_of(6)
    body = make_body(4, target=2)
    gone = replace(body, shards=(*body.shards[:3], make_shard(3, withdrawn_reason="the author asked")))
    import_version(network, network.machines[0], gone, 2)
    assert network.run(30, lambda: versions(network) == {2} and network.copies() == [2, 2, 2, 0])
    network.run(1)
    assert not any(key.index == 3 for m in network.machines for key in m.folder.parts)


def test_a_version_that_gives_a_shard_another_meaning_is_refused_by_everybody_also_after_a_restart() -> None:
    network = chain_of(4)
    origin = network.machines[0]
    other = next(machine for machine in network.machines[1:] if held(network, machine))
    body = make_body(4, target=2)
    forged = replace(body, shards=(make_shard(0, info_hash_v2=b"x" * 32), *body.shards[1:]))

    with pytest.raises(RecordError, match="changed its meaning") as caught:
        import_version(network, origin, forged, 2)
    assert caught.value.reason is RejectReason.MALFORMED
    network.run(10)
    assert not any(m.node.state.gossip.records.head(network.collection).version == 2 for m in network.machines)  # type: ignore[union-attr]

    # A curator whose own node does not look: one of a version that knows no better hands it out.
    origin.node.state.memberships[network.collection].manifest = None
    import_version(network, origin, forged, 2)
    network.run(20)
    before = held(network, other)
    assert before and other.node.state.memberships[network.collection].version == 1
    assert other.node.statistics(network.now).counters.records_rejected == {
        **other.node.state.gossip.rejected,
        RejectReason.MALFORMED: 1,
    }
    network.kill(other)
    network.restart(other)
    network.run(20)
    assert other.node.state.memberships[network.collection].version == 1
    assert held(network, other) == before


def test_a_kill_between_a_head_and_its_body_costs_no_holding() -> None:
    network = chain_of(4)
    other = network.machines[3]
    before = held(network, other)
    assert before

    def without_bodies(event: object, effects: list[object]) -> int | None:
        chunk = getattr(event, "message", None)
        return 0 if isinstance(chunk, BlobChunk) else None

    other.doomed = without_bodies  # type: ignore[assignment]
    network.publish(network.machines[0], make_body(7, target=2), version=2)
    assert network.run(30, lambda: not other.alive)
    network.restart(other)
    assert held(network, other) == before
    assert network.run(30, lambda: versions(network) == {2})
    assert set(before) <= set(held(network, other))


def test_holdings_wait_for_a_manifest_whose_body_was_lost_from_the_disk() -> None:
    network = chain_of(4)
    other = network.machines[2]
    before = held(network, other)
    network.kill(other)
    head = network.machines[0].node.state.gossip.records.head(network.collection)
    assert head is not None
    del other.memory.blobs[head.body_sha256]
    network.restart(other)
    assert not held(network, other)
    assert network.run(10, lambda: held(network, other) == before)
    assert other.folder.parts_written == len(before) * 4, "nothing was fetched again"


def test_a_lost_torrent_is_fetched_again_from_peers() -> None:
    network = chain_of(3)
    other = network.machines[1]
    torrent = make_shard(held(network, other)[0]).torrent_sha256
    del other.memory.blobs[torrent]
    network.tell(other, BlobLost(torrent))
    assert network.run(10, lambda: torrent in other.memory.blobs)


def test_two_nodes_of_different_protocol_versions_part_and_say_why() -> None:
    network = VirtualNetwork(seed=1)
    ours = network.add(0)
    theirs = network.add(0, (ours.address,), node_class=NodeOfVersion2)
    network.run(5)
    assert not ours.node.state.gossip.sessions.greeted()
    assert not theirs.node.state.gossip.sessions.greeted()
    assert len(network.contents(ours)) == len(network.contents(theirs)) == 1

    codes = {code for code, _ in ours.goodbyes + theirs.goodbyes}
    assert codes == {GoodbyeCode.VERSION}
    reasons = {reason for _, reason in ours.goodbyes} | {reason for _, reason in theirs.goodbyes}
    assert reasons <= {
        "we speak protocol version 1, you speak 2: we must upgrade mirrord",
        "we speak protocol version 2, you speak 1: you must upgrade mirrord",
    }
    before = network.events
    network.run(60)
    assert theirs.node.state.gossip.counts["sessions_opened"] < 10, "and call ever more rarely"
    assert network.events > before
