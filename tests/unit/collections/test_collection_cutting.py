"""Shards are cut once for every file, most popular first, the same way every time."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.collections.cutting import (
    METADATA_MAX_BYTES,
    PPB,
    Cut,
    CutRule,
    Cutter,
    Item,
    ShardClass,
    demand_shares,
)
from mirrord.core.errors import CollectionError
from mirrord.core.records.kinds import Quality

CC0 = ShardClass("CC0")
CC_BY = ShardClass("CC-BY", Quality.REENCODED, "opus")


def ordered(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (-item.popularity, item.path.encode()))


def cut(items: list[Item], rule: CutRule) -> tuple[tuple[Cut, ...], list[list[Item]]]:
    """Cut, and return the shards with the items of each."""
    cutter = Cutter(rule)
    placed = [(cutter.place(item), item) for item in ordered(items)]
    cuts = cutter.finish()
    return cuts, [[item for number, item in placed if number in one.numbers] for one in cuts]


@st.composite
def collections_of_items(draw: st.DrawFn) -> list[Item]:
    paths = draw(st.sets(st.text("ab/é", min_size=1, max_size=6), min_size=1, max_size=40))
    return [
        Item(
            path,
            draw(st.integers(1, 50)),
            draw(st.sampled_from([0, 0, 0, 1, 1, 2, 900])),
            draw(st.integers(0, 5)),
            draw(st.sampled_from([CC0, CC0, CC_BY])),
            draw(st.booleans()),
        )
        for path in paths
    ]


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 120))
def test_every_file_is_in_exactly_one_shard_and_the_sums_are_right(items: list[Item], shard_bytes: int) -> None:
    cuts, content = cut(items, CutRule(shard_bytes))
    assert sorted(item.path for part in content for item in part) == sorted(item.path for item in items)
    assert sorted(number for one in cuts for number in one.numbers) == list(range(len(cuts)))
    for one, part in zip(cuts, content, strict=True):
        assert {item.shard_class for item in part} == {one.shard_class}
        assert one.files == len(part)
        assert one.items == sum(item.catalogued for item in part)
        assert one.bytes == sum(item.bytes for item in part)
        assert one.demand == sum(item.demand for item in part)
        assert one.popularity_max == max(item.popularity for item in part)
        assert one.popularity_min == min(item.popularity for item in part)


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 120))
def test_no_shard_is_too_large_but_for_a_file_that_is(items: list[Item], shard_bytes: int) -> None:
    cuts, content = cut(items, CutRule(shard_bytes))
    for one, part in zip(cuts, content, strict=True):
        assert one.oversize == (one.bytes > shard_bytes)
        assert one.bytes <= shard_bytes or len(part) == 1


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 120))
def test_a_shard_is_full_before_the_next_begins(items: list[Item], shard_bytes: int) -> None:
    cuts, content = cut(items, CutRule(shard_bytes))
    for shard_class in (CC0, CC_BY):
        run = [
            (one, part) for one, part in zip(cuts, content, strict=True)
            if one.shard_class == shard_class and not one.oversize
        ]  # fmt: skip
        for (one, _), (_, following) in pairwise(run):
            assert one.bytes + ordered(following)[0].bytes > shard_bytes


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 120))
def test_shards_go_from_popular_to_unpopular_and_ties_by_path(items: list[Item], shard_bytes: int) -> None:
    cuts, content = cut(items, CutRule(shard_bytes))
    assert [one.popularity_max for one in cuts] == sorted((one.popularity_max for one in cuts), reverse=True)
    for shard_class in (CC0, CC_BY):
        runs = [
            ordered(part) for one, part in zip(cuts, content, strict=True)
            if one.shard_class == shard_class and not one.oversize
        ]  # fmt: skip
        flat = [item for part in runs for item in part]
        assert flat == ordered(flat)


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 120), st.integers(0, 6), st.randoms())
def test_the_same_input_in_any_order_gives_the_same_shards(
    items: list[Item], shard_bytes: int, parts: int, dice: random.Random
) -> None:
    rule = CutRule(shard_bytes, parts, sum(item.bytes for item in items))
    first = cut(items, rule)
    shuffled = list(items)
    dice.shuffle(shuffled)
    assert cut(shuffled, rule) == first


@settings(deadline=None)
@given(collections_of_items(), st.integers(1, 12))
def test_equal_parts_are_about_as_many_and_as_large_as_asked(items: list[Item], parts: int) -> None:
    items = [Item(item.path, item.bytes, item.popularity, item.demand, CC0) for item in items]
    total = sum(item.bytes for item in items)
    cuts, content = cut(items, CutRule(1, parts, total))
    assert len(cuts) <= parts
    assert sorted(item.path for part in content for item in part) == sorted(item.path for item in items)
    largest = max(item.bytes for item in items)
    assert all(one.bytes <= total / parts + largest for one in cuts)


def test_many_small_files_make_exactly_the_parts_asked_for() -> None:
    items = [Item(f"f{i:04d}", 100 + i % 7, 0, 0, CC0) for i in range(1_000)]
    cuts, _ = cut(items, CutRule(1, 24, sum(item.bytes for item in items)))
    assert len(cuts) == 24
    assert max(one.bytes for one in cuts) - min(one.bytes for one in cuts) <= 300


def test_unpopular_files_stay_together_by_folder() -> None:
    items = [Item(f"album{a}/{t}", 10, 0, 0, CC0) for t in range(5) for a in range(4)]
    _, content = cut(items, CutRule(50))
    assert [{item.path.split("/")[0] for item in part} for part in content] == [{f"album{a}"} for a in range(4)]


def test_a_file_larger_than_a_shard_leaves_the_open_shard_open() -> None:
    items = [Item("a", 10, 5, 0, CC0), Item("b", 500, 4, 0, CC0), Item("c", 10, 3, 0, CC0)]
    cuts, content = cut(items, CutRule(100))
    assert [[item.path for item in part] for part in content] == [["a", "c"], ["b"]]
    assert [one.oversize for one in cuts] == [False, True]


def test_empty_files_without_a_neighbour_join_a_shard_that_has_bytes() -> None:
    items = [Item("a-empty", 0, 5, 7, CC0), Item("big", 500, 4, 0, CC0), Item("z-empty", 0, 0, 0, CC0)]
    cuts, content = cut(items, CutRule(100))
    assert len(cuts) == 1
    assert sorted(item.path for item in content[0]) == ["a-empty", "big", "z-empty"]
    assert (cuts[0].files, cuts[0].popularity_max, cuts[0].popularity_min, cuts[0].demand) == (3, 5, 0, 7)


def test_nothing_but_empty_files_is_refused_by_name() -> None:
    with pytest.raises(CollectionError, match="'a-empty'"):
        cut([Item("a-empty", 0, 0, 0, CC_BY), Item("b", 9, 0, 0, CC0)], CutRule(100))


def test_a_shard_ends_before_its_list_of_files_outgrows_a_torrent() -> None:
    cutter = Cutter(CutRule(10**12))
    numbers = {cutter.place(Item(f"{i:07d}" + "x" * 193, 1, 0, 0, CC0)) for i in range(30_000)}
    assert len(numbers) == 2
    assert all(one.metadata_bytes <= METADATA_MAX_BYTES for one in cutter.finish())


def test_more_shards_than_a_manifest_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrord.core.limits.SHARDS_MAX", 3)
    with pytest.raises(CollectionError, match="more than 3 shards"):
        cut([Item(str(i), 10, 0, 0, CC0) for i in range(4)], CutRule(10))


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_demand_shares_sum_to_the_whole_and_are_fair(demands: list[int]) -> None:
    shares = demand_shares(demands)
    total = sum(demands)
    assert sum(shares) == (PPB if total else 0)
    for demand, share in zip(demands, shares, strict=True):
        exact = demand * PPB / total if total else 0
        assert abs(share - exact) <= 1


def test_equal_demands_share_the_rest_from_the_front() -> None:
    assert demand_shares([1, 1, 1]) == (333_333_334, 333_333_333, 333_333_333)
