"""The snapshot for people: replicas as this node sees them, coverage by demand, items and bytes, liveness of peers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import events as ev
from mirrord.core.coverage.summary import summarize
from mirrord.core.coverage.table import ShardFacts, ShardTable
from mirrord.core.errors import RejectReason
from mirrord.core.gossip.liveness import Liveness
from mirrord.core.placement.bands import Band, band_of_shards
from mirrord.core.records.kinds import CollectionState, Shard
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import Coverage, ReplicaKind, ShardRole
from mirrord.core.timing import LAN
from tests.simulation.virtual_network import make_body, make_shard
from tests.unit.core.making import COLLECTION, UNIX, announced, make_announcement, node_id
from tests.unit.core.scripted import MB, ScriptedNode, shard


def holder(author: int, *indexes: int, issued_at: int = UNIX, sequence: int = 1) -> bytes:
    part = CollectionState(COLLECTION, 1, ShardSet.of(indexes))
    return announced(author, replace(make_announcement(sequence, issued_at), collections=(part,)))


def seen_from(scripted: ScriptedNode) -> list[int]:
    return [s.replicas for s in scripted.node.statistics(scripted.now).collections[0].shards]


def network() -> ScriptedNode:
    scripted = ScriptedNode(timing=LAN).join()
    scripted.import_manifest(make_body(3, target=2))
    scripted.adopt(0)
    return scripted


def test_replicas_are_the_holdings_of_those_who_are_there_and_our_own() -> None:
    scripted = network()
    session = scripted.meet(1)
    scripted.hear(session, holder(1, 0, 1), holder(2, 1, 7, 99_999))
    assert seen_from(scripted) == [2, 2, 0], "an index that no shard has counts for nothing"
    collection = scripted.node.statistics(scripted.now).collections[0]
    assert (collection.holders, collection.records) == (3, 3)
    assert [s.role for s in collection.shards] == [ShardRole.HELD, ShardRole.NONE, ShardRole.NONE]
    assert (collection.bytes, collection.held_bytes) == (3 * MB, MB)


def test_copies_of_whoever_leaves_count_no_more_ours_included() -> None:
    scripted = network()
    session = scripted.meet(1)
    parting = CollectionState(COLLECTION, 1, ShardSet.of((0, 1)), parting=True)
    leaving = announced(2, replace(make_announcement(), collections=(parting,)))
    scripted.hear(session, holder(1, 0, 1), leaving)
    assert seen_from(scripted) == [2, 1, 0]
    by = UNIX + 3_600
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False, leaving_by=by))
    (collection,) = scripted.node.statistics(scripted.now).collections
    assert (collection.leaving_by, collection.parting, collection.parting_until) == (by, False, 0)
    assert (seen_from(scripted), collection.holders, collection.held_bytes) == ([1, 1, 0], 1, MB)
    assert collection.shards[0].role is ShardRole.HELD, "it is seeded all the same"
    assert collection.coverage.below_target == 3, "how many others are still waited for"
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False))
    (collection,) = scripted.node.statistics(scripted.now).collections
    assert (collection.leaving_by, collection.parting) == (0, True)
    assert collection.parting_until == UNIX + LAN.lifetime_seconds


def test_who_falls_silent_is_away_and_then_gone_and_its_copies_stop_counting() -> None:
    scripted = network()
    scripted.hear(scripted.meet(1), holder(1, 1))
    states: list[Liveness] = []
    counted: list[int] = []
    for silent in (LAN.alive_seconds, LAN.alive_seconds + 1, LAN.presence_full_seconds, LAN.presence_zero_seconds):
        scripted.now = scripted.now._replace(unix_seconds=UNIX + silent)
        (peer,) = scripted.node.statistics(scripted.now).peers
        states.append(peer.liveness)
        counted.append(seen_from(scripted)[1])
    assert states == [Liveness.ALIVE, Liveness.AWAY, Liveness.AWAY, Liveness.GONE]
    assert counted == [1, 1, 1, 0]


def test_an_equivocator_holds_nothing() -> None:
    scripted = network()
    session = scripted.meet(1)
    scripted.hear(session, holder(1, 1), holder(1, 1, 2))
    assert seen_from(scripted) == [1, 0, 0]
    assert scripted.node.statistics(scripted.now).counters.records_rejected == {RejectReason.EQUIVOCATION: 1}


def test_peers_are_listed_with_what_they_say_and_whether_they_are_connected() -> None:
    scripted = network()
    session = scripted.meet(1)
    scripted.hear(session, holder(1, 0, 1), holder(2))
    peers = {peer.node: peer for peer in scripted.node.statistics(scripted.now).peers}
    assert set(peers) == {node_id(1), node_id(2)}
    assert peers[node_id(1)].connected and not peers[node_id(2)].connected
    assert peers[node_id(1)].holdings == 2 and peers[node_id(1)].agent == "mirrord test"


def test_a_collection_without_a_manifest_and_a_node_without_a_collection_can_be_shown() -> None:
    assert ScriptedNode().node.statistics(ScriptedNode().now).collections == ()
    scripted = ScriptedNode().join()
    (collection,) = scripted.node.statistics(scripted.now).collections
    assert (collection.manifest_version, tuple(collection.shards), collection.coverage.min_replicas) == (0, (), 0)
    assert collection.coverage.demand_covered == (0.0, 0.0, 0.0, 0.0)


def test_used_bytes_count_everything_from_a_claim_to_a_release_under_way() -> None:
    scripted = network()
    scripted.tell(ev.AdoptionRequested(shard(1)))
    assert scripted.used_bytes() == 2 * MB
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=True))
    assert scripted.used_bytes() == 2 * MB, "its files are there until the engine has let go"
    for index in (0, 1):
        scripted.tell(ev.ShardRemoved(shard(index)))
    assert scripted.used_bytes() == 0


def test_a_holding_that_is_read_again_is_one_and_one_that_cannot_be_read_is_none() -> None:
    scripted = network()
    scripted.tell(ev.VerificationRequested(shard(0)))
    (collection,) = scripted.node.statistics(scripted.now).collections
    own = collection.shards.own[0]
    assert (own.role, own.is_holding, collection.shards[0].replicas) == (ShardRole.CHECKING, True, 1)
    scripted.tell(ev.FetchFailed(shard(0), "the disk is gone"))
    (collection,) = scripted.node.statistics(scripted.now).collections
    own = collection.shards.own[0]
    assert (own.role, own.is_holding, collection.shards[0].replicas) == (ShardRole.CHECKING, False, 0)
    assert collection.held_bytes == 0


def test_whatever_strangers_pledge_the_sum_is_right() -> None:
    scripted = network()
    most = 2**63 - 1
    for author in (1, 2, 3):
        said = replace(make_announcement(), pledge_bytes=most, free_bytes=most - author)
        scripted.hear(scripted.meet(author), announced(author, said))
    totals = scripted.node.statistics(scripted.now).by_liveness[Liveness.ALIVE]
    assert (totals.nodes, totals.pledge_bytes, totals.free_bytes) == (3, 3 * most, 3 * most - 6)


def coverage(shards: Sequence[Shard], replicas: list[int], targets: list[int]) -> Coverage:
    nothing = np.zeros(len(shards), dtype=np.int32)
    kinds = dict.fromkeys(ReplicaKind, nothing) | {ReplicaKind.CLAIMED: np.array(replicas, dtype=np.int32)}
    facts = ShardFacts.of(tuple(shards), band_of_shards(shards))
    return summarize(ShardTable(facts, np.array(targets, dtype=np.int64), nothing, kinds, {}))


# --- coverage ------------------------------------------------------------------------------------


def test_coverage_weighs_shards_by_what_people_would_miss() -> None:
    shards = (
        make_shard(0, size=10, popularity=50, demand_ppb=900_000_000, items=1),
        make_shard(1, size=30, popularity=1, demand_ppb=100_000_000, items=9),
        make_shard(2, size=60, items=90),
        make_shard(3, size=1_000, items=1_000, withdrawn_reason="gone"),
    )
    found = coverage(shards, [3, 1, 0, 9], [3, 2, 1, 0])
    assert found.shards == 3
    assert found.demand_covered == pytest.approx((1.0, 0.9, 0.9, 0.9))
    assert found.items_covered == pytest.approx((0.1, 0.01, 0.01, 0.01))
    assert found.bytes_covered == pytest.approx((0.4, 0.1, 0.1, 0.1))
    assert (found.min_replicas, found.max_replicas) == (0, 3)
    assert (found.below_target, found.bytes_below_target) == (2, 90)
    by_band = {band.band: band for band in found.bands}
    assert by_band[Band.HEAD].by_replicas == (0, 0, 0, 1, 0, 0)
    assert by_band[Band.ZERO].by_replicas == (1, 0, 0, 0, 0, 0)
    assert sum(band.shards for band in found.bands) == 3


def test_a_collection_that_nobody_asked_for_is_covered_shard_by_shard() -> None:
    shards = make_body(4).shards
    found = coverage(shards, [1, 1, 2, 0], [2, 2, 2, 2])
    assert found.demand_covered == (0.75, 0.25, 0.0, 0.25)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 10**8), st.booleans()), max_size=12))
def test_coverage_adds_up(rows: list[tuple[int, int, int, bool]]) -> None:
    shards = tuple(
        make_shard(i, popularity=demand, demand_ppb=demand, withdrawn_reason="x" if withdrawn else "")
        for i, (_, _, demand, withdrawn) in enumerate(rows)
    )
    replicas, targets = [row[0] for row in rows], [row[1] for row in rows]
    found = coverage(shards, replicas, targets)
    standing = [row for row in rows if not row[3]]
    assert found.shards == len(standing) == sum(sum(band.by_replicas) for band in found.bands)
    assert found.below_target == sum(row[0] < row[1] for row in standing)
    assert found.below_target + sum(band.target_met for band in found.bands) == len(standing)
    for shares in (found.demand_covered, found.items_covered, found.bytes_covered):
        assert all(0 <= share <= 1.0000001 for share in shares)
        assert shares[0] >= shares[1] >= shares[2]
