"""Counting record by record ends where counting everything anew does, whatever happened in between."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.core import events as ev
from mirrord.core.clock import Instant
from mirrord.core.gossip.liveness import Liveness, liveness, presence, silent_seconds
from mirrord.core.records.kinds import CollectionState, Grant, Policy
from mirrord.core.records.shardset import NO_SHARDS, ShardSet
from mirrord.core.state import NodeState
from mirrord.core.statistics import CollectionStatistics, ReplicaKind, ShardRole
from mirrord.core.timing import LAN
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import (
    COLLECTION,
    CURATOR,
    OTHER_COLLECTION,
    admitted,
    announced,
    make_announcement,
    node_id,
    policy_of,
)
from tests.unit.core.scripted import ScriptedNode

SHARDS = 4
AUTHORS = st.integers(1, 4)
HOLDINGS = st.sets(st.integers(0, SHARDS + 2), max_size=SHARDS).map(ShardSet.of)


class Story:
    """A node among four others, and a clock of sequences."""

    def __init__(self) -> None:
        self.scripted = ScriptedNode(timing=LAN).join()
        self.scripted.import_manifest(make_body(SHARDS))
        self.session = self.scripted.meet(1, COLLECTION, OTHER_COLLECTION)
        self.sequence = int(self.scripted.now.unix_seconds)
        self.version = 1

    @property
    def unix(self) -> int:
        return int(self.scripted.now.unix_seconds)

    def next(self) -> int:
        self.sequence += 1
        return self.sequence

    def hear(self, *envelopes: bytes) -> None:
        if self.scripted.node.state.gossip.sessions.get(self.session) is None:  # idle for too long, or at fault
            self.session = self.scripted.meet(1, COLLECTION, OTHER_COLLECTION)
        self.scripted.hear(self.session, *envelopes)

    def announce(self, author: int, holdings: ShardSet, parting: bool, age: int, elsewhere: bool, twice: bool) -> None:
        part = CollectionState(COLLECTION, 1, holdings, parting=parting)
        parts = (CollectionState(OTHER_COLLECTION, 1, holdings),) if elsewhere else ()
        collections = tuple(sorted((part, *parts), key=lambda each: each.collection))
        said = make_announcement(self.next(), self.unix - age, 2 * 86_400, collections=())
        said = replace(said, collections=collections)
        self.hear(announced(author, said))
        if twice:
            self.look()
            self.hear(announced(author, replace(said, free_bytes=said.free_bytes + 1)))

    def word(self, author: int, grant: Grant) -> None:
        self.hear(admitted(CURATOR, node_id(author), grant, sequence=self.next(), issued_at=self.unix))

    def policy(self, policy: Policy) -> None:
        self.hear(policy_of(policy, self.next()))

    def wait(self, seconds: int) -> None:
        self.scripted.now = self.scripted.now.later(seconds)
        self.scripted.tell(ev.TimePassed(0.5))

    def grow(self) -> None:
        if COLLECTION not in self.scripted.node.state.memberships:
            return  # left so long ago that it is forgotten
        self.version += 1
        self.scripted.import_manifest(make_body(SHARDS + self.version - 1), self.version)

    def adopt(self, index: int) -> None:
        self.scripted.adopt(index)

    def leave(self) -> None:
        self.scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False, leaving_by=self.unix + 86_400))

    def rejoin(self) -> None:
        self.scripted.join()

    def join_another(self) -> None:
        self.scripted.join(OTHER_COLLECTION)

    def restart(self) -> None:
        self.scripted.restart()
        self.scripted.listen()

    def look(self) -> None:
        self.scripted.node.statistics(self.scripted.now)


def steps() -> st.SearchStrategy[Callable[[Story], None]]:
    announces = st.builds(
        lambda *said: lambda story: story.announce(*said),
        AUTHORS,
        HOLDINGS,
        st.sampled_from([False, False, True]),
        st.sampled_from([0, 600, 4 * 3_600, 12 * 3_600]),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    )
    return st.one_of(
        *[announces] * 4,  # or there is nobody to count most of the time
        st.builds(
            lambda *said: lambda story: story.word(*said), AUTHORS, st.sampled_from([Grant.MEMBER, Grant.REVOKED])
        ),
        st.sampled_from([Policy.OPEN, Policy.LISTED]).map(lambda policy: lambda story: story.policy(policy)),
        st.sampled_from([1, 600, 7_200, 12 * 3_600, 86_400, 3 * 86_400]).map(lambda s: lambda story: story.wait(s)),
        st.integers(0, SHARDS - 1).map(lambda index: lambda story: story.adopt(index)),
        st.sampled_from(
            [Story.grow, Story.leave, Story.rejoin, Story.join_another, Story.restart, Story.look, Story.look]
        ),
    )


def recount(state: NodeState, collection: CollectionStatistics, now: Instant) -> tuple[list[int], list[int], int, int]:
    """Return claimed and stale copies of each shard, holders and records, as the definitions say them."""
    counted, stale = [0] * len(collection.shards), [0] * len(collection.shards)
    membership = state.memberships[collection.collection]
    stays = membership.is_admitted and not membership.leaving_by
    own = state.custody.indexes(collection.collection, ShardRole.HELD) if stays else NO_SHARDS
    present, silent, records = [own], [], 0
    for node, said in state.gossip.records.announcements(collection.collection):
        records += 1
        part = said.part_in(collection.collection)
        assert part is not None
        if node != state.own and not part.parting:
            is_there = presence(silent_seconds(said, now), state.settings.timing) >= 0.5
            (present if is_there else silent).append(part.holdings)
    for counts, holdings in ((counted, present), (stale, silent)):
        for index in (index for each in holdings for index in each if index < len(counts)):
            counts[index] += 1
    return counted, stale, sum(map(bool, present)), records


@settings(max_examples=150)
@given(st.lists(steps(), min_size=8, max_size=40), st.booleans())
def test_every_step_leaves_what_a_recount_finds(steps_told: list[Callable[[Story], None]], looks_often: bool) -> None:
    story = Story()
    for step in steps_told:
        step(story)
        if looks_often or step is Story.look:
            assert_counted(story)
    assert_counted(story)


def assert_counted(story: Story) -> None:
    state, now = story.scripted.node.state, story.scripted.now
    seen = story.scripted.node.statistics(now)
    for collection in seen.collections:
        kinds = collection.shards.replicas
        found = kinds[ReplicaKind.CLAIMED].tolist(), kinds[ReplicaKind.STALE].tolist()
        assert (*found, collection.holders, collection.records) == recount(state, collection, now)
        assert not kinds[ReplicaKind.VERIFIED].any() and not kinds[ReplicaKind.DISPUTED].any()
    nodes = [said for node, said in state.gossip.records.nodes() if node != state.own]
    ages = [liveness(silent_seconds(said, now), LAN) for said in nodes]
    node = seen.node
    assert (node.nodes_alive, node.nodes_away, node.nodes_gone) == tuple(map(ages.count, Liveness))
    assert [peer.liveness for peer in seen.peers].count(Liveness.GONE) == node.nodes_gone
    assert node.equivocators == len(state.gossip.records.equivocators)


def test_a_snapshot_stays_as_it_was() -> None:
    story = Story()
    story.announce(2, ShardSet.of((0, 1)), False, 0, False, False)
    before = story.scripted.node.statistics(story.scripted.now).collections[0]
    story.announce(2, ShardSet.of((2,)), False, 0, False, False)
    story.announce(3, ShardSet.of((0, 1, 2, 3)), False, 0, False, False)
    after = story.scripted.node.statistics(story.scripted.now).collections[0]
    assert before.shards.claimed.tolist() == [1, 1, 0, 0]
    assert after.shards.claimed.tolist() == [1, 1, 2, 1]
    assert before.coverage.min_replicas == 0 and after.coverage.min_replicas == 1
    assert np.shares_memory(before.shards.facts.bytes, after.shards.facts.bytes), "what a manifest says is not copied"


def test_whoever_says_the_same_again_costs_no_counting_but_is_there_again() -> None:
    story = Story()
    holdings = ShardSet.of((1,))
    story.announce(2, holdings, False, 12 * 3_600, False, False)
    story.wait(6 * 3_600)
    assert story.scripted.node.statistics(story.scripted.now).collections[0].shards[1].stale == 1
    story.announce(2, holdings, False, 0, False, False)
    shard = story.scripted.node.statistics(story.scripted.now).collections[0].shards[1]
    assert (shard.replicas, shard.stale) == (1, 0)
