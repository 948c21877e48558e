"""Rendezvous keys and targets: what every node must compute alike."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.placement.bands import Band, band_of_shards
from mirrord.core.placement.keys import day_of, rank_key, salt
from mirrord.core.placement.targets import R_MIN, credible_bytes, targets
from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import ManifestBody
from tests.simulation.virtual_network import make_shard

COLLECTION = CollectionId(b"c" * 32)
TB = 10**12
NODES = [NodeId(bytes([i]) * 32) for i in range(40)]


def body_of(*shards: object, low: int = 1, high: int = 200) -> ManifestBody:
    return ManifestBody("numbers", "", low, high, tuple(shards))  # type: ignore[arg-type]


def test_the_order_of_the_nodes_changes_with_the_shard_the_day_and_the_version() -> None:
    def order(day: int, version: int, shard: int) -> list[bytes]:
        day_salt = salt(COLLECTION, day, version)
        return sorted(NODES, key=lambda node: rank_key(day_salt, ShardIndex(shard), node, TB))

    assert order(1, 1, 0) == order(1, 1, 0)
    assert len({tuple(order(*at)) for at in ((1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1))}) == 4


def test_a_node_with_three_times_the_pledge_comes_first_three_times_as_often() -> None:
    day_salt = salt(COLLECTION, 1, 1)
    big, small = NODES[:2]
    first = Counter(
        min(
            (rank_key(day_salt, ShardIndex(s), big, 3 * TB), "big"),
            (rank_key(day_salt, ShardIndex(s), small, TB), "small"),
        )[1]
        for s in range(4_000)
    )
    # Binomial with p = 3/4 and n = 4,000: six standard deviations are 164.
    assert abs(first["big"] - 3_000) < 164


@given(st.integers(0, 99_999), st.binary(min_size=32, max_size=32), st.integers(0, 10**15))
def test_a_key_is_a_positive_number_for_any_node(shard: int, node: bytes, pledge: int) -> None:
    assert 0 <= rank_key(salt(COLLECTION, 1, 1), ShardIndex(shard), NodeId(node), pledge) < float("inf")


def test_a_day_ends_at_midnight_utc() -> None:
    assert (day_of(86_399.9), day_of(86_400.0)) == (0, 1)


def test_up_to_ten_replicas_every_shard_gets_the_same() -> None:
    shards = [make_shard(i, TB, demand_ppb=demand) for i, demand in enumerate((999_999_999, 1, 0))]
    assert targets(body_of(*shards), [3 * TB] * 5) == (4, 4, 4)  # 0.85 x 15 / 3 = 4.25


def test_no_node_counts_for_more_than_one_copy_of_everything() -> None:
    assert targets(body_of(make_shard(0, TB), high=10), [50 * TB, 60 * TB]) == (1,)  # 0.85 x 2


def test_above_ten_the_rest_goes_by_the_square_root_of_demand() -> None:
    shards = [make_shard(i, TB, demand_ppb=demand) for i, demand in enumerate((900_000_000, 100_000_000, 0))]
    head, middle, tail = targets(body_of(*shards), [3 * TB] * 20)  # the mean is 17
    assert tail == R_MIN
    # 7 x 3 copies shared as sqrt(0.9) : sqrt(0.1) = 3 : 1
    assert (head, middle) == (25, 15)


def test_the_manifest_bounds_the_target_from_both_sides() -> None:
    shard = make_shard(0, TB)
    assert targets(body_of(shard, low=3, high=5), [TB // 10]) == (3,)
    assert targets(body_of(shard, low=3, high=5), [TB] * 9) == (5,)


def test_a_withdrawn_shard_wants_no_replica_and_takes_no_share() -> None:
    shards = (make_shard(0, TB), make_shard(1, TB, withdrawn_reason="rights unclear"))
    assert targets(body_of(*shards), [TB] * 6) == (5, 0)


def test_a_giant_pledge_is_believed_up_to_ten_times_the_median() -> None:
    assert credible_bytes([TB, TB, 5_000 * TB], 100 * TB) == 12 * TB
    assert credible_bytes([TB, TB, 5_000 * TB], 4 * TB) == 6 * TB
    assert credible_bytes([], TB) == 0


def test_bands_follow_the_demand_before_a_shard_whatever_the_order() -> None:
    popular = [(50, 450_000_000), (40, 400_000_000), (9, 130_000_000), (1, 19_000_000), (1, 1_000_000), (0, 0)]
    shards = [make_shard(i, popularity_max=p, demand_ppb=d) for i, (p, d) in enumerate(popular)]
    expected = (Band.HEAD, Band.HEAD, Band.UPPER, Band.MIDDLE, Band.TAIL, Band.ZERO)
    assert band_of_shards(shards) == expected
    assert band_of_shards(shards[::-1]) == expected[::-1]


@pytest.mark.parametrize("pledges", [[], [0], [0, 0, TB]])
def test_targets_of_an_empty_or_poor_network_are_the_least_that_the_curator_asks(pledges: list[int]) -> None:
    assert targets(body_of(make_shard(0, TB), low=2, high=9), pledges) == (2,)
