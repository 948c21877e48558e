"""A row of the matrix looks to anti-entropy exactly as a node's own index of the same records."""

import pytest
from networks import World

from mirrord.core.gossip.fingerprints import Fingerprints
from mirrord.simulation.gossip.columns import ColumnIndex, RowRecords


def both(nodes: int, missing: float) -> tuple[ColumnIndex, Fingerprints, World]:
    world = World(nodes)
    row = world.row(7, missing)
    real = Fingerprints()
    for record in RowRecords(world.columns, row):
        real.put(record)
    return ColumnIndex(world.columns, row), real, world


@pytest.mark.parametrize(("nodes", "missing"), [(20, 0.0), (20, 1.0), (333, 0.3)])
def test_root_length_bits_and_digests_are_the_same(nodes: int, missing: float) -> None:
    columns, real, _ = both(nodes, missing)
    assert (columns.root, len(columns), columns.bits()) == (real.root, len(real), real.bits())
    for bits in (0, 1, real.bits(), 9, 15):
        assert columns.digests(bits) == real.digests(bits)


@pytest.mark.parametrize("bits", [0, 3, 6, 15])
def test_what_lies_in_buckets_is_the_same(bits: int) -> None:
    columns, real, _ = both(333, 0.3)
    for buckets in (frozenset[int](), frozenset({0}), frozenset(range(0, 1 << bits, 2))):
        ours, theirs = columns.in_buckets(bits, buckets), real.in_buckets(bits, buckets)
        assert {i: (entry.key, entry.sequence) for i, entry in ours.items()} == {
            i: (record.key, record.sequence) for i, record in theirs.items()
        }


def test_one_record_is_the_same_or_missing_in_both() -> None:
    columns, real, world = both(333, 0.3)
    for identity in (*world.population.record_ids, bytes(8)):
        ours, theirs = columns.get(identity), real.get(identity)
        assert (ours is None) == (theirs is None)
        assert ours is None or theirs is None or (ours.key, ours.sequence) == (theirs.key, theirs.sequence)


def test_every_edition_is_a_record_that_its_author_signed() -> None:
    from mirrord.core.records.record import open_record

    _, _, world = both(60, 0.0)
    for node in range(60):
        for edition in range(1, int(world.editions.newest[node]) + 1):
            made = world.editions.record(node, edition)
            opened = open_record(made.envelope)
            assert opened == made
            assert opened.sequence == world.editions.sequence(node, edition)
            assert opened.identity == world.population.record_ids[node]
            assert opened.fingerprint == int(world.editions.fingerprints[edition, node])
            assert world.editions.whose(made.envelope) == (node, edition)
