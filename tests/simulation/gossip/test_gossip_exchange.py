"""A round of the simulator is a round of the real anti-entropy: its messages, its bytes, its outcome."""

import numpy as np
import pytest
from networks import World

from mirrord.core.gossip import reconcile
from mirrord.core.gossip.fingerprints import Fingerprints
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.simulation.gossip.columns import ColumnIndex, RowRecords
from mirrord.simulation.gossip.digest import digest_cost
from mirrord.simulation.gossip.editions import COLLECTION
from mirrord.simulation.gossip.exchange import speak
from mirrord.simulation.gossip.population import make_population
from mirrord.simulation.gossip.wire import SUMMARY_BYTES, Sort, wire_bytes
from mirrord.simulation.gossip.wishes import GossipWishes


@pytest.mark.parametrize("seed", range(5))
def test_both_ends_have_the_newest_afterwards(seed: int) -> None:
    world = World(200)
    ours, theirs = world.row(seed), world.row(seed + 100)
    newest = np.maximum(ours, theirs)
    spoken = speak(world.columns, ours, theirs, start=seed)
    assert np.array_equal(ours, newest) and np.array_equal(theirs, newest)
    assert set(spoken.by_opener) == {Sort.DIGESTS, Sort.LISTINGS, Sort.RECORDS}
    assert set(spoken.by_answerer) == {Sort.DIGESTS, Sort.LISTINGS, Sort.RECORDS}


def test_equal_ends_say_a_summary_and_no_more() -> None:
    world = World(200)
    row = world.row(1)
    spoken = speak(world.columns, row, row.copy(), 0)
    assert spoken.by_answerer.total() == 0
    assert spoken.by_opener == {Sort.DIGESTS: pytest.approx(SUMMARY_BYTES, abs=4)}  # the count is a varint


def test_the_messages_are_those_of_two_nodes_with_the_same_records() -> None:
    """Byte for byte, through the encoding and back."""
    world = World(300)
    rows = world.row(1), world.row(2)
    indexes: list[Fingerprints] = []
    for row in rows:
        indexes.append(Fingerprints())
        for record in RowRecords(world.columns, row):
            indexes[-1].put(record)
    columns = [ColumnIndex(world.columns, row) for row in rows]
    spoken: list[list[bytes]] = []
    for ours, theirs in (indexes, columns):
        said = [encode_message(reconcile.summarise(COLLECTION, ours))]
        said.append(encode_message(reconcile.answer_summary(decode_message(said[-1]), theirs)))  # type: ignore[arg-type]
        said.append(encode_message(reconcile.answer_buckets(decode_message(said[-1]), ours, 3)))  # type: ignore[arg-type]
        keys, request = reconcile.compare_listing(decode_message(said[-1]), theirs)  # type: ignore[arg-type]
        said.append(encode_message(request))  # type: ignore[arg-type]
        for batch in reconcile.batches(COLLECTION, keys, RowRecords(world.columns, rows[1])):
            said.append(encode_message(batch))
        spoken.append(said)
    assert spoken[0] == spoken[1]


def test_what_does_not_fit_into_one_listing_comes_with_later_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrord.core.limits.LISTING_MAX_ENTRIES", 60)
    world = World(300)
    ours, theirs = world.row(1), world.row(2)
    newest = np.maximum(ours, theirs)
    rounds = 0
    while not np.array_equal(ours, theirs):
        speak(world.columns, ours, theirs, start=17 * rounds)
        rounds += 1
        assert rounds < 50
    assert rounds > 3
    assert np.array_equal(ours, newest)


def test_a_message_takes_its_frame_and_its_tls_records_too() -> None:
    from mirrord.core.wire.messages import Records, Summary

    summary = Summary(COLLECTION, 1, 1)
    assert wire_bytes(summary) == len(encode_message(summary)) + 4 + 22
    batch = Records(COLLECTION, (bytes(40_000),))
    assert wire_bytes(batch) == len(encode_message(batch)) + 4 + 3 * 22


def test_finding_the_differences_costs_little() -> None:
    population = make_population(GossipWishes(nodes=2_000))
    cost = digest_cost(population, seed=1)
    assert cost.differences == 200
    assert cost.bytes_equal < 100
    assert 5_000 < cost.bytes_one_way < 25_000
