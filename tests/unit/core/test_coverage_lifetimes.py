"""What a node measures of others' lifetimes and of repairs, while it lives and across its lives."""

from dataclasses import replace

import pytest

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.clock import Instant
from mirrord.core.records.kinds import CollectionState
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import CollectionStatistics, Measures
from mirrord.core.timing import LAN
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, announced, make_announcement
from tests.unit.core.scripted import MB, ScriptedNode, only, shard

SHARDS, TARGET = 3, 2
PRIOR = 180 / 14 * LAN.presence_zero_seconds


class Watcher:
    """A LAN node that holds everything once and hears of others' copies."""

    def __init__(self, knows_the_manifest: bool = True) -> None:
        self.scripted = ScriptedNode(timing=LAN).join()
        if knows_the_manifest:
            self.scripted.import_manifest(make_body(SHARDS, target=TARGET))
            self.scripted.adopt(*range(SHARDS))
        self.sequence = int(self.scripted.now.unix_seconds)

    def hear(self, author: int, *indexes: int, parting: bool = False) -> None:
        self.sequence += 1
        part = CollectionState(COLLECTION, 1, ShardSet.of(indexes), parting=parting)
        now = int(self.scripted.now.unix_seconds)
        session = self.scripted.meet(author)
        said = replace(make_announcement(self.sequence, now, int(LAN.lifetime_seconds)), collections=(part,))
        self.scripted.hear(session, announced(author, said))

    def keep_hearing(self, seconds: float, **said: tuple[int, ...]) -> None:
        """Let time pass while these nodes go on announcing the same."""
        end = self.scripted.now.monotonic_seconds + seconds
        while self.scripted.now.monotonic_seconds < end:
            for author, indexes in said.items():
                self.hear(int(author.removeprefix("node")), *indexes)
            self.scripted.wait(min(60.0, end - self.scripted.now.monotonic_seconds))

    def collection(self) -> CollectionStatistics:
        return self.scripted.node.statistics(self.scripted.now).collections[0]

    def measures(self) -> Measures:
        return self.collection().measures


def test_before_anything_was_seen_there_is_the_prior() -> None:
    measures = Watcher().measures()
    assert measures.node_lifetime_seconds == pytest.approx(PRIOR)
    assert measures.repair_seconds == LAN.claim_stall_seconds
    assert (measures.nodes_lost, measures.repairs, measures.repair_bytes_per_second) == (0, 0, None)
    assert measures.detection_seconds == LAN.counted_until_seconds


def test_nodes_that_count_are_observed_and_who_falls_silent_is_lost_but_not_who_leaves() -> None:
    watcher = Watcher()
    watcher.keep_hearing(600, node1=(0,), node2=(1,), node3=(2,))
    observed = watcher.measures().observed_seconds
    assert observed == pytest.approx(3 * 600, rel=0.1)
    watcher.hear(3, 2, parting=True)
    watcher.keep_hearing(LAN.counted_until_seconds + 120, node1=(0,))
    measures = watcher.measures()
    assert measures.nodes_lost == 1, "node 2 was silent, node 3 has left"
    assert measures.observed_seconds == pytest.approx(observed + 2 * LAN.counted_until_seconds, rel=0.05)
    assert measures.node_lifetime_seconds == pytest.approx((PRIOR + measures.observed_seconds) / 2)


def test_a_repair_lasts_from_the_loss_of_a_copy_to_the_next_one_and_a_birth_is_none() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0, 1))
    assert watcher.measures().repairs == 0, "shards 0 and 1 are born, shard 2 waits to be"
    watcher.hear(1, 1)
    watcher.keep_hearing(900, node1=(1,))
    watcher.hear(2, 0)
    watcher.keep_hearing(60, node1=(1,), node2=(0,))
    measures = watcher.measures()
    assert measures.repairs == 1
    assert measures.repair_seconds == pytest.approx((LAN.claim_stall_seconds + 900) / 2, rel=0.05)


def test_the_rate_of_repair_tells_when_everything_is_whole() -> None:
    watcher = Watcher()
    watcher.keep_hearing(60)
    collection = watcher.collection()
    assert collection.coverage.backlog_bytes == SHARDS * MB
    assert collection.durability.repair_eta_seconds is None, "nobody has seen a repair"
    watcher.hear(1, 0)
    watcher.scripted.wait(2 * LAN.tick_seconds)
    collection = watcher.collection()
    rate = collection.measures.repair_bytes_per_second
    assert rate is not None and MB / 90 < rate < MB / 30
    assert collection.durability.repair_eta_seconds == pytest.approx(2 * MB / rate)
    watcher.hear(1, 0, 1, 2)
    watcher.scripted.wait(2 * LAN.tick_seconds)
    assert watcher.collection().durability.repair_eta_seconds == 0


def test_sleep_is_not_observed() -> None:
    watcher = Watcher()
    watcher.keep_hearing(120, node1=(0,))
    before = watcher.measures().observed_seconds
    watcher.scripted.now = watcher.scripted.now.later(1_800)  # nobody woke it
    watcher.scripted.tell(ev.TimePassed(0.5))
    assert watcher.measures().observed_seconds == before


# --- what only looks like a loss or a repair -------------------------------------------------------


def sleep(watcher: Watcher, seconds: float, monotonic: bool) -> None:
    """Let the machine sleep; most clocks that are monotonic stand still meanwhile."""
    asleep = seconds if monotonic else 0.0
    now = watcher.scripted.now
    watcher.scripted.now = Instant(now.monotonic_seconds + LAN.tick_seconds + asleep, now.unix_seconds + seconds)
    watcher.scripted.tell(ev.TimePassed(0.5))


@pytest.mark.parametrize("monotonic", [False, True], ids=["standing", "running"])
def test_after_a_long_sleep_nobody_is_taken_for_lost_or_repaired(monotonic: bool) -> None:
    watcher = Watcher()
    watcher.keep_hearing(600, node1=(0, 1, 2), node2=(0, 1, 2))
    before = watcher.measures()
    sleep(watcher, LAN.counted_until_seconds + 3_600, monotonic)
    assert watcher.collection().coverage.below_target == SHARDS, "everybody seems to be silent"
    watcher.keep_hearing(600, node1=(0, 1, 2), node2=(0, 1, 2))
    after = watcher.measures()
    assert watcher.collection().coverage.below_target == 0
    assert (after.nodes_lost, after.repairs, after.repair_bytes_per_second) == (0, 0, None)
    assert after.observed_seconds == pytest.approx(before.observed_seconds + 2 * 600, rel=0.1)


def test_copies_that_were_there_before_the_manifest_came_did_not_just_appear() -> None:
    watcher = Watcher(knows_the_manifest=False)
    watcher.keep_hearing(300, node1=(0, 1, 2))
    watcher.scripted.import_manifest(make_body(SHARDS, target=TARGET))
    watcher.scripted.wait(LAN.tick_seconds)
    watcher.hear(2, 0)
    watcher.keep_hearing(300, node1=(0, 1, 2), node2=(0,))
    assert watcher.measures().repair_bytes_per_second is None, "gossip was still telling what there is"


def test_what_a_network_had_before_this_node_came_back_did_not_just_appear() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0,))
    watcher.scripted.tell(ev.StopRequested())
    watcher.scripted.now = watcher.scripted.now.later(7_200)
    watcher.scripted.restart()
    watcher.scripted.listen()
    watcher.scripted.wait(LAN.tick_seconds)
    watcher.keep_hearing(300, node1=(0, 1, 2))
    assert watcher.measures().repair_bytes_per_second is None


def test_a_manifest_with_more_shards_brings_no_rate_and_no_repairs() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0, 1, 2, 3))
    watcher.scripted.import_manifest(make_body(SHARDS + 1, target=TARGET), 2)
    watcher.keep_hearing(300, node1=(0, 1, 2, 3))
    assert watcher.collection().coverage.backlog_bytes == MB, "shard 3 has one copy, which it had before"
    assert watcher.measures().repair_bytes_per_second is None
    watcher.keep_hearing(60, node1=(0, 1, 2, 3), node2=(3,))
    assert watcher.measures().repairs == 0
    rate = watcher.measures().repair_bytes_per_second
    assert rate is not None and rate > 0


def test_a_repair_that_does_not_end_counts_once_it_takes_longer_than_the_mean() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0, 1, 2))
    watcher.hear(1, 1, 2)
    watcher.keep_hearing(LAN.claim_stall_seconds - 60, node1=(1, 2))
    assert watcher.measures().repair_seconds == LAN.claim_stall_seconds
    watcher.keep_hearing(2 * LAN.claim_stall_seconds + 60, node1=(1, 2))
    measures = watcher.measures()
    assert measures.repairs == 0
    assert measures.repair_seconds == pytest.approx((1 + 3) / 2 * LAN.claim_stall_seconds, rel=0.01)


def test_a_target_that_is_raised_begins_no_repair() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0, 1, 2))
    assert watcher.collection().coverage.below_target == 0
    body = make_body(SHARDS, target=TARGET + 1)
    watcher.scripted.import_manifest(body, 2)
    watcher.keep_hearing(900, node1=(0, 1, 2))
    assert watcher.collection().coverage.below_target == SHARDS
    watcher.keep_hearing(300, node1=(0, 1, 2), node2=(0, 1))
    assert (watcher.collection().coverage.below_target, watcher.measures().repairs) == (1, 0)
    watcher.hear(2, 1)
    watcher.keep_hearing(300, node1=(0, 1, 2), node2=(1,))
    watcher.keep_hearing(60, node1=(0, 1, 2), node2=(0, 1))
    assert watcher.measures().repairs == 1, "it had the new target, lost a copy and has it again"


# --- across lives ----------------------------------------------------------------------------------


def test_what_was_measured_survives_a_restart_and_is_written_rarely() -> None:
    watcher = Watcher()
    watcher.keep_hearing(3_600, node1=(0, 1, 2))
    watcher.keep_hearing(LAN.counted_until_seconds + 60)
    assert watcher.measures().nodes_lost == 1
    scripted = watcher.scripted
    effects = scripted.wait(3_600)
    assert len(only(effects, ef.PersistMeasured)) <= 3_600 / (12 * LAN.tick_seconds) + 1
    before = watcher.measures()
    scripted.tell(ev.StopRequested())
    scripted.restart()
    after = watcher.measures()
    assert after.nodes_lost == 1
    assert after.observed_seconds == pytest.approx(before.observed_seconds, abs=1)
    assert after.node_lifetime_seconds == pytest.approx(before.node_lifetime_seconds, rel=1e-3)


def test_a_collection_that_is_left_takes_its_measurements_along() -> None:
    watcher = Watcher()
    watcher.keep_hearing(300, node1=(0,))
    watcher.scripted.tell(ev.StopRequested())
    watcher.scripted.restart()
    watcher.scripted.listen()
    watcher.scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False))
    for index in range(SHARDS):
        watcher.scripted.tell(ev.ShardRemoved(shard(index)))
    watcher.scripted.wait(LAN.lifetime_seconds + 60)
    assert watcher.scripted.node.statistics(watcher.scripted.now).collections == ()
    watcher.scripted.join()
    assert watcher.measures().observed_seconds == 0
