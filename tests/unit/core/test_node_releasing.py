"""A release as a node does it: announced, looked at again a day later, done, and said."""

from dataclasses import replace

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.placement.keys import day_of, key_of, mix, node_hash, salt, shard_hash
from mirrord.core.records.ids import ShardIndex
from mirrord.core.records.kinds import CollectionState
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import ShardRole
from mirrord.core.timing import WAN
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, announced, make_announcement, node_id
from tests.unit.core.scripted import MB, ScriptedNode, only, pushed, shard
from tests.unit.core.test_node_shards import announced_holdings, role

HOUR, DAY = 3_600.0, 86_400.0
# As in WAN, but that a copy may go after two days, and nobody has to speak every hour.
TIMING = replace(
    WAN,
    name="patient",
    tick_seconds=HOUR,
    gossip_period_seconds=HOUR,
    refresh_seconds=12 * HOUR,
    alive_seconds=36 * HOUR,
    release_after_seconds=2 * DAY,
    release_notice_seconds=DAY,
)
TARGET = 2


def first_by_key(scripted: ScriptedNode, count: int) -> list[int]:
    """Return numbers of nodes that come before ours for shard 0 today and in the next days."""
    unix = scripted.now.unix_seconds
    salts = [salt(COLLECTION, day_of(unix) + later, 1) for later in range(8)]

    def keys(node: bytes) -> list[float]:
        return [key_of(mix(node_hash(s, node), shard_hash(s, ShardIndex(0))), 10.0) for s in salts]  # type: ignore[arg-type]

    mine = [key * 10 for key in keys(scripted.id)]  # ours weighs 1, theirs of 1 TB weigh 10
    numbers = (n for n in range(1, 2_000) if all(k < m for k, m in zip(keys(node_id(n)), mine, strict=True)))
    return [next(numbers) for _ in range(count)]


class Crowded(ScriptedNode):
    """A node that holds shard 0 with six others, and whose operator wants his space back."""

    def __init__(self, copies: int = 6, **more: object) -> None:
        super().__init__(100 * MB, TIMING, **more)  # type: ignore[arg-type]
        self.join().import_manifest(make_body(1, TARGET))
        self.adopt(0)
        self.peers = first_by_key(self, copies)
        self.sequence = 0
        self.speak()
        self.pass_days(3)
        self.tell(ev.PledgeChanged(0))

    def speak(self, holds: tuple[int, ...] = (0,), count: int | None = None) -> None:
        """Let the others announce that they are there, and what they hold."""
        self.sequence += 1
        now = int(self.now.unix_seconds)
        session = self.meet(900)
        for number in self.peers[:count]:
            part = CollectionState(COLLECTION, 1, ShardSet.of(holds))
            said = make_announcement(now, now, int(15 * DAY), free_bytes=0)
            self.hear(session, announced(number, replace(said, collections=(part,))))

    def pass_days(self, days: float) -> list[ef.Effect]:
        """Let half a day pass and all the others speak, so often."""
        seen: list[ef.Effect] = []
        for _ in range(int(2 * days)):
            seen += self.wait(12 * HOUR)
            self.speak()
        return seen

    def intents(self) -> list[int]:
        part = self.part()
        assert part is not None
        return [release.shard for release in part.releases]


def test_a_release_is_announced_and_done_a_day_later_and_said_at_once() -> None:
    scripted = Crowded()
    peer = scripted.meet(901)
    effects = scripted.wait(HOUR + 1)
    assert scripted.intents() == [0] and announced_holdings(scripted) == [0]
    assert [list(a.collections[0].holdings) for a in pushed(effects)[peer]][-1] == [0], "said to all at once"
    assert not only(effects, ef.RemoveShard)
    assert not only(scripted.wait(DAY - 2 * HOUR), ef.RemoveShard)
    scripted.speak()
    (removal,) = only(scripted.wait(3 * HOUR), ef.RemoveShard)
    assert removal.shard == shard(0) and removal.delete_files
    assert scripted.memory.shards[shard(0)].state is ef.ShardState.CHECKING, "a kill now must look before it counts"
    assert announced_holdings(scripted) == [] and scripted.intents() == []
    scripted.tell(ev.ShardRemoved(shard(0)))
    assert scripted.used_bytes() == 0
    assert scripted.node.statistics(scripted.now).counters.holdings_released == 1


def test_an_intent_is_taken_back_when_copies_are_lost_in_between() -> None:
    scripted = Crowded()
    scripted.wait(HOUR + 1)
    assert scripted.intents() == [0]
    scripted.speak(holds=(), count=5)
    effects = scripted.wait(HOUR + 1)
    assert scripted.intents() == []
    effects += scripted.wait(2 * DAY)
    assert not only(effects, ef.RemoveShard) and role(scripted, 0) is ShardRole.HELD


def test_an_intent_is_taken_back_when_the_operator_gives_more_again() -> None:
    scripted = Crowded()
    scripted.wait(HOUR + 1)
    scripted.tell(ev.PledgeChanged(100 * MB))
    scripted.wait(HOUR + 1)
    assert scripted.intents() == []
    assert not only(scripted.pass_days(2), ef.RemoveShard)


def test_a_restart_forgets_an_intent_and_announces_it_anew() -> None:
    scripted = Crowded()
    scripted.wait(HOUR + 1)
    scripted.restart()
    scripted.listen()
    scripted.wait(2 * WAN.gossip_period_seconds)  # nobody answers what it last said
    assert scripted.intents() == []
    effects = scripted.pass_days(1.5)
    assert not only(effects, ef.RemoveShard), "it is held for two days again first, and announced for one"


def test_too_few_copies_stay_whatever_the_operator_pledges() -> None:
    scripted = Crowded(copies=TARGET)
    assert not only(scripted.pass_days(3), ef.RemoveShard)
    assert scripted.intents() == [] and announced_holdings(scripted) == [0]


def test_a_pinned_shard_stays_and_a_spoiled_one_is_not_released() -> None:
    scripted = Crowded()
    scripted.node.state.settings = replace(scripted.node.state.settings, pinned_shards=("shard-0000",))
    assert not only(scripted.pass_days(3), ef.RemoveShard)
    spoiled = Crowded()
    spoiled.wait(HOUR + 1)
    assert spoiled.intents() == [0]
    spoiled.tell(ev.HoldingFailed(shard(0), 1))
    assert spoiled.intents() == []
    assert not only(spoiled.wait(HOUR), ef.RemoveShard), "a fetch of what was whole once is finished"
    spoiled.tell(ev.HoldingVerified(shard(0)))
    spoiled.wait(HOUR)
    assert spoiled.intents() == [], "and held for two days before it may go"
