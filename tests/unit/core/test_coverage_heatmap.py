"""The heat map holds every standing shard once, in the order of popularity; the judgement says what is worst."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.coverage.heatmap import ROWS_MAX, Heat, heat_map
from mirrord.core.coverage.judging import Safety, judge
from mirrord.core.coverage.table import ShardTable
from mirrord.core.statistics import ShardStatus
from tests.builders import make_shard, make_table

SHARDS = st.lists(
    st.builds(
        lambda replicas, target, withdrawn, demand: (replicas, target, withdrawn, demand),
        st.integers(0, 14),
        st.integers(0, 12),
        st.booleans(),
        st.integers(0, 1_000),
    ),
    max_size=60,
)


def make(rows: list[tuple[int, int, bool, int]]) -> list[ShardStatus]:
    return [
        make_shard(i, replicas, target=target, withdrawn_reason="x" if withdrawn else "", demand_ppb=demand)
        for i, (replicas, target, withdrawn, demand) in enumerate(rows)
    ]


def many(*replicas: int, target: int = 3, stale: int = 0) -> ShardTable:
    return make_table([make_shard(i, count, target=target, stale=stale) for i, count in enumerate(replicas)])


def said(table: ShardTable) -> tuple[Safety, str]:
    found = judge(table, is_known=True)
    return found.safety, found.text


@given(SHARDS, st.integers(1, 25), st.none() | st.integers(2, 8))
def test_a_map_is_what_counting_by_hand_gives(
    rows: list[tuple[int, int, bool, int]], columns: int, wanted: int | None
) -> None:
    shards = make(rows)
    found = heat_map(make_table(shards), columns, wanted)
    standing = sorted(
        (shard for shard in shards if not shard.withdrawn_reason), key=lambda shard: (-shard.demand_ppb, shard.index)
    )
    assert found.columns == min(columns, len(standing))
    assert found.shards == len(standing)
    assert found.rows == wanted if wanted else 6 <= found.rows <= ROWS_MAX
    sizes = [b - a for a, b in zip(found.ends, found.ends[1:], strict=False)]
    assert not sizes or (min(sizes) >= 1 and max(sizes) - min(sizes) <= 1)
    for column in range(found.columns):
        first, last = found.ranks(column)
        members = standing[first - 1 : last]
        assert found.targets[column] == (min(s.target for s in members), max(s.target for s in members))
        assert sum(found.share(row, column) for row in range(found.rows)) == pytest.approx(1)
        for row in range(found.rows):
            here = [s for s in members if min(s.replicas, found.rows - 1) == row]
            assert found.cells[row][column] == len(here)
            assert found.lacking[row][column] == sum(s.replicas < s.target for s in here)


def test_the_last_row_is_open_and_lies_above_every_target() -> None:
    found = heat_map(many(9, 7, 6, 2, target=6), 2)
    assert [found.replicas(row) for row in range(found.rows)] == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert found.cells[7] == (2, 0)
    assert found.ranks(1) == (3, 4)
    assert heat_map(many(3), 9, rows=3).cells == ((0,), (0,), (1,))


def test_a_cell_says_what_is_wrong_with_its_shards() -> None:
    found = heat_map(many(0, 1, 2, 3, 9), 5)
    heats = [next(found.heat(row, column) for row in range(6) if found.cells[row][column]) for column in range(5)]
    assert heats == [Heat.NONE, Heat.ONE, Heat.BELOW, Heat.ENOUGH, Heat.ENOUGH]
    assert found.heat(0, 4) is None
    assert heat_map(many(1, target=1), 1).heat(1, 0) is Heat.ENOUGH, "one of one is what was asked for"
    mixed = make_table([make_shard(0, 2, target=2), make_shard(1, 2, target=3)])
    assert heat_map(mixed, 1).heat(2, 0) is Heat.BELOW


def test_nothing_has_an_empty_map() -> None:
    found = heat_map(make_table([]), 20)
    assert (found.columns, found.shards, found.targets) == (0, 0, ())
    assert found.cells == ((),) * 6


def test_the_most_popular_shards_come_first_whatever_their_index() -> None:
    table = make_table([make_shard(0, 1, demand_ppb=1), make_shard(1, 4, demand_ppb=9), make_shard(2, 0, demand_ppb=5)])
    found = heat_map(table, 3)
    assert [np.argmax([row[column] for row in found.cells]) for column in range(3)] == [4, 0, 1]


def test_the_judgement_names_the_worst() -> None:
    assert said(many(3, 5)) == (Safety.SAFE, "Safe: every shard has its 3 replicas")
    assert said(many(3, 2)) == (Safety.BELOW, "Not whole: 1 shard has too few replicas, none fewer than 2")
    assert said(many(1, 1, 2, 3)) == (
        Safety.DANGER,
        "In danger: 2 shards have only one replica; 1 more below target",
    )
    assert said(many(1, 3)) == (Safety.DANGER, "In danger: 1 shard has only one replica")
    assert said(many(0, 1, 1)) == (
        Safety.LOST,
        "Lost here: 1 shard has no replica that we know of; 2 more have only one",
    )


def test_the_judgement_says_where_hope_is() -> None:
    table = make_table([make_shard(0, 0, stale=2), make_shard(1, 0), make_shard(2, 3)])
    assert said(table)[1].endswith("2 shards have no replica that we know of; nodes that fell silent had 1 of them")
    assert said(make_table([make_shard(0, 0, stale=1)]))[1].endswith("; nodes that fell silent had it")


def test_the_judgement_on_less_than_a_collection() -> None:
    assert judge(make_table([]), is_known=False).safety is Safety.WAITING
    assert said(make_table([])) == (Safety.SAFE, "Nothing to keep: no shard stands")
    withdrawn = make_table([make_shard(0, 0, withdrawn_reason="rights")])
    assert said(withdrawn)[0] is Safety.SAFE
    mixed = make_table([make_shard(0, 4, target=4), make_shard(1, 2, target=2)])
    assert said(mixed) == (Safety.SAFE, "Safe: every shard has its 2 to 4 replicas")
    assert said(many(1, target=1)) == (Safety.SAFE, "Safe: every shard has its 1 replica")
    assert said(make_table([replace(make_shard(0, 0), target=0)]))[0] is Safety.SAFE
