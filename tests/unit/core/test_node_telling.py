"""What a node tells its operator: what becomes of its shards, and whether a collection is safe."""

from dataclasses import replace

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.effects import ReportCoverage, ReportShard, ShardTurn
from tests.simulation.virtual_network import make_body, make_shard
from tests.unit.core.scripted import ScriptedNode, only, shard
from tests.unit.core.test_coverage_lifetimes import LAN, SHARDS, Watcher
from tests.unit.core.test_node_releasing import DAY, HOUR, Crowded
from tests.unit.core.test_node_shards import fetching, node_with


def turns(effects: list[ef.Effect]) -> list[tuple[int, ShardTurn]]:
    return [(int(told.shard.index), told.turn) for told in only(effects, ReportShard)]


def test_a_claim_is_told_with_the_replicas_that_there_are() -> None:
    scripted = node_with(shards=1)
    told = only(scripted.wait(10 * scripted.settings.timing.tick_seconds), ReportShard)
    assert told[0] == ReportShard(shard(0), ShardTurn.CLAIMED, replicas=0, target=2)


def test_a_fetch_is_told_with_the_time_that_it_took_unless_an_earlier_run_began_it() -> None:
    scripted = node_with()
    index = fetching(scripted)
    own = scripted.node.state.custody.get(shard(index))
    assert own is not None
    began = own.since.monotonic_seconds
    scripted.now = scripted.now.later(90)
    took = scripted.now.monotonic_seconds - began
    told = scripted.tell(ev.HoldingVerified(shard(index)))
    assert only(told, ReportShard) == [ReportShard(shard(index), ShardTurn.FETCHED, seconds=took)]

    scripted = node_with()
    index = fetching(scripted)
    scripted.restart()
    told = scripted.tell(ev.HoldingVerified(shard(index)))
    assert only(told, ReportShard) == [ReportShard(shard(index), ShardTurn.FETCHED, seconds=None)]


def test_what_was_read_and_what_was_mended_is_told() -> None:
    scripted = node_with()
    assert turns(scripted.adopt(2)) == [(2, ShardTurn.CHECKED)]
    scripted.tell(ev.HoldingFailed(shard(2), 3))
    assert turns(scripted.tell(ev.HoldingVerified(shard(2)))) == [(2, ShardTurn.MENDED)]
    scripted.tell(ev.VerificationRequested(shard(2)))
    assert turns(scripted.tell(ev.HoldingVerified(shard(2)))) == [(2, ShardTurn.CHECKED)]


def test_a_fetch_that_stands_still_is_told_once() -> None:
    scripted = node_with(shards=1)
    index = fetching(scripted)
    told = turns(scripted.wait(scripted.settings.timing.claim_stall_seconds + 300))
    assert told.count((index, ShardTurn.STALLED)) == 1


def test_a_withdrawal_is_told_once() -> None:
    scripted = node_with(shards=2)
    scripted.adopt(0, 1)
    shards = (replace(make_shard(0), withdrawn_reason="rights"), make_shard(1))
    effects = scripted.import_manifest(replace(make_body(2, target=2), shards=shards), 2)
    assert turns(effects) == [(0, ShardTurn.WITHDRAWN)]
    assert turns(scripted.wait(600)) == []


def test_a_release_is_told_with_the_replicas_before_it() -> None:
    scripted = Crowded()
    scripted.wait(HOUR + 1)
    told = [each for each in only(scripted.pass_days(3), ReportShard) if each.turn is ShardTurn.RELEASED]
    assert told == [ReportShard(shard(0), ShardTurn.RELEASED, replicas=7, target=2)]
    assert scripted.now.monotonic_seconds > DAY


def test_a_collection_that_becomes_safer_or_less_safe_is_told_and_nothing_in_between() -> None:
    watcher = Watcher()
    first = only(watcher.scripted.wait(LAN.tick_seconds + 1), ReportCoverage)
    assert first == [], "how it is at first is no news"
    watcher.hear(1, *range(SHARDS))
    (safer,) = only(watcher.scripted.wait(LAN.tick_seconds + 1), ReportCoverage)
    assert safer.text.startswith("Safe: ") and not safer.is_worse and not safer.is_urgent
    told: list[ReportCoverage] = []
    for _ in range(40):
        told += only(watcher.scripted.wait(LAN.presence_zero_seconds / 20), ReportCoverage)
    assert [(each.text.partition(":")[0], each.is_worse, each.is_urgent) for each in told] == [
        ("In danger", True, True)
    ]


def test_without_a_manifest_nothing_is_told_of_a_collection() -> None:
    scripted = ScriptedNode(timing=LAN).join()
    assert only(scripted.wait(5 * LAN.tick_seconds), ReportCoverage) == []
