"""What it costs to know the coverage after one announcement has changed, against counting everything anew."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mirrord.core.records.codec import encode_announcement
from mirrord.core.records.kinds import Announcement, CollectionState, Kind
from mirrord.core.records.record import open_record
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import sign
from mirrord.core.statistics import CollectionStatistics
from tests.bench.bench import Bench, say
from tests.bench.cold_start import Newcomer
from tests.bench.figures import Figure, Reach
from tests.bench.synthetic import COLLECTION, SHARDS, announcements, key_of

_NODES: Final = 10_000
_CHANGES: Final = 200
_RECOUNTS: Final = 5


def measure(_bench: Bench) -> Iterator[Figure]:
    say(f"coverage: {_NODES:,} nodes, {SHARDS:,} shards; signing their announcements")
    envelopes = list(announcements(_NODES))
    newcomer = Newcomer()
    newcomer.import_manifest()
    newcomer.take_in(envelopes)
    _look(newcomer)
    changed = [_changed(number, envelopes[number]) for number in range(_CHANGES)]
    seconds = []
    for envelope in changed:
        newcomer.take_in([envelope])  # parsing, verifying and indexing are another bench's
        began = time.process_time()
        collection = _look(newcomer)
        seconds.append(time.process_time() - began)
    recounts = [_recount(newcomer, collection) for _ in range(_RECOUNTS)]
    milliseconds = 1_000 * sorted(seconds)[len(seconds) // 2]
    name = "coverage after one change, 10,000 x 3,000"
    recount = 1_000 * min(recounts)
    yield Figure(name, milliseconds, "ms CPU", Reach(5, at_most=True), recount, "ms by a recount")
    yield Figure("the same, the slowest of 200", 1_000 * max(seconds), "ms CPU")


def _look(newcomer: Newcomer) -> CollectionStatistics:
    """Take a snapshot and sum it up."""
    (collection,) = newcomer.node.statistics(newcomer.now).collections
    assert collection.coverage.shards == SHARDS
    return collection


def _changed(number: int, envelope: bytes) -> bytes:
    """Return what a node says when it has other shards."""
    said = open_record(envelope).content
    assert isinstance(said, Announcement)
    held = ShardSet.of((number * 7 + step * 131) % SHARDS for step in range(19))
    part = CollectionState(COLLECTION, 1, held)
    return sign(
        Kind.ANNOUNCEMENT,
        encode_announcement(replace(said, sequence=said.sequence + 1, collections=(part,))),
        key_of(number),
    )


def _recount(newcomer: Newcomer, collection: CollectionStatistics) -> float:
    """Count every copy of every node again, see that it comes to the same, and return the seconds."""
    began = time.process_time()
    counts = [0] * SHARDS
    announced = newcomer.node.state.gossip.records.announcements(COLLECTION)
    for index in itertools.chain.from_iterable(
        part.holdings for _, said in announced if (part := said.part_in(COLLECTION)) is not None
    ):
        counts[index] += 1
    seconds = time.process_time() - began
    assert counts == collection.shards.claimed.tolist()
    return seconds
