"""A node asks about outside seeders, shows what it is told, and decides as if it had never asked."""

from collections.abc import Callable
from dataclasses import replace

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.outside.types import PACES, OutsideCoverage, OutsideSettings, OutsideSource
from mirrord.core.records.ids import Address
from mirrord.core.records.kinds import CollectionState
from mirrord.core.records.shardset import ShardSet
from mirrord.core.timing import WAN
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, UNIX, announced, make_announcement
from tests.unit.core.scripted import HERE, MB, SWARM, ScriptedNode, only, shard

PACE = PACES[WAN.name]
TRACKER = "udp://tracker.example:1"
ASK = OutsideSettings(dht=True, trackers=(TRACKER,))
NODE = Address("198.51.100.7", 7701)
STRANGER, OTHER = Address("203.0.113.1", 6881), Address("203.0.113.2", 6881)
NONSENSE = (Address("127.0.0.1", 6881), Address("0.0.0.0", 6881))


def network(outside: OutsideSettings | None = ASK, shards: int = 4) -> ScriptedNode:
    """Return a node that holds shard 0, beside another that holds shard 1."""
    scripted = ScriptedNode(100 * MB, outside=outside).join()
    scripted.import_manifest(make_body(shards, target=2))
    scripted.adopt(0)
    part = CollectionState(COLLECTION, 1, ShardSet.of((1,)))
    held = replace(make_announcement(1, UNIX), collections=(part,), bittorrent=(NODE,), free_bytes=0)
    scripted.hear(scripted.meet(1), announced(1, held))
    return scripted


def answer(scripted: ScriptedNode, effects: list[ef.Effect], members: tuple[Address, ...], seeders: int) -> None:
    """Answer every question about outside seeders in the same way."""
    for lookup in only(effects, ef.LookUpSwarm):
        scripted.tell(ev.SwarmLookedUp(lookup.shard, lookup.info_hash, members))
    for scrape in only(effects, ef.ScrapeTracker):
        shards = tuple(swarm.shard for swarm in scrape.swarms)
        scripted.tell(ev.TrackerScraped(scrape.tracker, shards, (seeders,) * len(shards)))


def outside(scripted: ScriptedNode) -> dict[OutsideSource, OutsideCoverage]:
    return dict(scripted.node.statistics(scripted.now).collections[0].outside)


def until_all_are_told(scripted: ScriptedNode, members: tuple[Address, ...], seeders: int) -> None:
    for _ in range(12):
        answer(scripted, scripted.wait(PACE.lookup_gap_seconds), members, seeders)


def test_it_asks_by_itself_and_shows_what_it_is_told_by_source() -> None:
    scripted = network()
    assert outside(scripted)[OutsideSource.DHT].unknown == 4
    until_all_are_told(scripted, (STRANGER, OTHER, NODE, SWARM, HERE, *NONSENSE), 5)
    said = outside(scripted)
    assert said[OutsideSource.DHT].by_seeders == (0, 0, 4, 0), "two are neither nodes nor nonsense"
    assert said[OutsideSource.TRACKER].by_seeders == (0, 0, 0, 4)
    assert [each.unknown for each in said.values()] == [0, 0]
    assert [each.only_outside for each in said.values()] == [2, 2], "shards 2 and 3 have no replica of ours"
    counters = scripted.node.statistics(scripted.now).counters
    assert counters.outside_lookups == {OutsideSource.TRACKER: 1, OutsideSource.DHT: 8}
    assert counters.outside_failures == {OutsideSource.TRACKER: 0, OutsideSource.DHT: 0}


def decided(scripted: ScriptedNode, respond: Callable[[list[ef.Effect]], None]) -> tuple[list[object], list[int]]:
    """Return what a node does with its shards within two days, and the replicas that it then sees."""
    done: list[object] = []
    for _ in range(2 * 24 * 4):
        effects = scripted.wait(900)
        respond(effects)
        done += [effect for effect in effects if isinstance(effect, ef.EngineEffect | ef.PersistShard)]
    statistics = scripted.node.statistics(scripted.now)
    (collection,) = statistics.collections
    assert collection.coverage.min_replicas == 0
    return done, [each.replicas for each in collection.shards]


def test_whatever_it_is_told_it_decides_as_if_it_had_never_asked() -> None:
    """Everybody outside is said to have everything: not one claim, fetch or replica is different."""
    never_asked = network(None)
    asked = network()
    crowd = tuple(Address(f"203.0.113.{number}", 6881) for number in range(1, 100))
    without = decided(never_asked, lambda effects: None)
    with_them = decided(asked, lambda effects: answer(asked, effects, crowd, 10_000))
    assert with_them[1] == without[1]
    assert with_them[0] == without[0]
    assert any(isinstance(effect, ef.FetchShard) for effect in without[0]), "there was something to decide"
    assert outside(asked)[OutsideSource.TRACKER].by_seeders == (0, 0, 0, 4)
    before, after = never_asked.part(), asked.part()
    assert before is not None and after is not None
    assert (before.holdings, before.releases, before.declined) == (after.holdings, after.releases, after.declined)
    assert [claim.shard for claim in before.claims] == [claim.shard for claim in after.claims]


def test_a_node_that_stops_or_that_left_asks_nothing() -> None:
    scripted = network()
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False))
    assert not only(scripted.wait(PACE.scrape_again_seconds * 3), ef.OutsideEffect)  # type: ignore[type-var]
    stopping = network()
    stopping.tell(ev.StopRequested())
    assert not only(stopping.tell(ev.TimePassed(0.5)), ef.LookUpSwarm)
    until_all_are_told(network(OutsideSettings()), (STRANGER,), 1)


def test_before_a_manifest_is_here_nobody_is_asked_and_afterwards_about_its_shards() -> None:
    scripted = ScriptedNode(outside=ASK).join()
    assert not [effect for effect in scripted.wait(3_600) if isinstance(effect, ef.OutsideEffect)]
    scripted.import_manifest(make_body(2))
    effects = scripted.wait(PACE.scrape_gap_seconds + PACE.lookup_gap_seconds)
    assert {lookup.shard for lookup in only(effects, ef.LookUpSwarm)} <= {shard(0), shard(1)}
    (scrape,) = only(effects, ef.ScrapeTracker)
    assert [swarm.shard for swarm in scrape.swarms] == [shard(0), shard(1)]
