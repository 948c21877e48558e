"""An inspection sums the manifest up; withdrawn shards stand apart."""

from dataclasses import replace

from mirrord.collections.inspection import inspect_manifest
from mirrord.core.records.ids import Sha256, ShardIndex
from mirrord.core.records.kinds import ManifestBody, Quality, Shard

PLAIN = Shard(
    index=ShardIndex(0),
    name="c-0000",
    info_hash_v2=bytes(32),
    info_hash_v1=bytes(20),
    torrent_sha256=Sha256(bytes(32)),
    torrent_bytes=1,
    bytes=100,
    files=4,
    items=3,
    popularity_min=0,
    popularity_max=0,
    demand_ppb=0,
    rights="CC0",
)


def body_of(*shards: Shard) -> ManifestBody:
    numbered = (replace(shard, index=ShardIndex(i), name=f"c-{i:04d}") for i, shard in enumerate(shards))
    return ManifestBody("c", "", 3, 10, tuple(numbered))


def test_bands_rights_and_qualities_add_up() -> None:
    popular = replace(PLAIN, popularity_max=90, popularity_min=10, demand_ppb=600_000_000, quality=Quality.ORIGINAL)
    wanted = replace(PLAIN, popularity_max=9, popularity_min=1, demand_ppb=400_000_000, bytes=300, phase=1)
    opus = replace(PLAIN, rights="CC-BY", quality=Quality.REENCODED, codec="opus", bytes=50)
    inspection = inspect_manifest(body_of(popular, wanted, PLAIN, opus))
    assert [(total.label, total.shards, total.bytes) for total in inspection.bands] == [
        ("head", 1, 100),
        ("upper", 1, 300),
        ("zero", 2, 150),
    ]
    assert [(total.label, total.bytes) for total in inspection.rights] == [("CC0", 500), ("CC-BY", 50)]
    assert [total.label for total in inspection.qualities] == ["unspecified", "original", "reencoded, opus"]
    everything = inspection.everything
    assert (everything.shards, everything.files, everything.items, everything.bytes) == (4, 16, 12, 550)
    assert everything.demand_ppb == 1_000_000_000
    assert (everything.popularity_min, everything.popularity_max) == (0, 90)
    assert (inspection.phases, inspection.largest_shard_bytes) == (2, 300)


def test_a_withdrawn_shard_is_in_no_sum_but_is_named() -> None:
    gone = replace(PLAIN, bytes=9_999, withdrawn_reason="asked for")
    inspection = inspect_manifest(body_of(PLAIN, gone))
    assert (inspection.everything.shards, inspection.everything.bytes) == (1, 100)
    assert [(shard.index, shard.withdrawn_reason) for shard in inspection.withdrawn] == [(1, "asked for")]
    assert inspection.largest_shard_bytes == 100


def test_a_collection_that_is_withdrawn_whole_can_be_inspected() -> None:
    inspection = inspect_manifest(body_of(replace(PLAIN, withdrawn_reason="all of it")))
    assert (inspection.everything.shards, inspection.bands, inspection.rights) == (0, (), ())
