"""A new version appends or withdraws; what an index means never changes; a damaged folder is not believed."""

from dataclasses import replace
from pathlib import Path

import pytest

from mirrord.collections.builder import BuildReport, BuildRequest, KeyFile, build_collection
from mirrord.collections.catalogue import CatalogueRow, write_catalogue
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Quiet
from mirrord.collections.publishing import PublishRequest, publish
from mirrord.collections.reading import CollectionFolder, read_collection_folder
from mirrord.core.errors import CollectionError, ConfigError, UsageError
from mirrord.core.records import codec, signing
from mirrord.core.records.ids import CollectionId
from mirrord.core.records.kinds import Announcement, Kind
from mirrord.core.records.signing import SigningKey
from mirrord.store.keyfile import create_key, load_key

NOW = 1_700_000_000


def put(folder: Path, contents: dict[str, bytes]) -> Path:
    for path, content in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A published collection of three shards with the demands 90, 9 and 1."""
    source = put(tmp_path / "source", {"a": b"a" * 900, "b": b"b" * 800, "c": b"c" * 700})
    write_catalogue(tmp_path / "catalogue.csv", [CatalogueRow("a", 90), CatalogueRow("b", 9), CatalogueRow("c", 1)])
    phase = PhaseRequest(source, tmp_path / "catalogue.csv", shard_bytes=1_000, rights="CC0")
    out = tmp_path / "out"
    build_collection(
        BuildRequest("Growing", "", 3, 10, phase, out, NOW), KeyFile(out / "curator.key", load_key, create_key), Quiet()
    )
    return out


def key_of(out: Path) -> KeyFile:
    return KeyFile(out / "curator.key", load_key, None)


def append(out: Path, contents: dict[str, bytes], demand: int = 0, folder: str = "new") -> BuildReport:
    source = put(out.parent / folder, contents)
    write_catalogue(out.parent / f"{folder}.csv", [CatalogueRow(path, demand) for path in contents])
    phase = PhaseRequest(source, out.parent / f"{folder}.csv", shard_bytes=1_000, rights="CC-BY")
    return publish(PublishRequest(out, phase, (), "", NOW + 1), key_of(out), Quiet())


def withdraw(out: Path, *indexes: int, reason: str = "asked for by its maker") -> BuildReport:
    return publish(PublishRequest(out, None, indexes, reason, NOW + 2), key_of(out), Quiet())


def test_appended_shards_come_behind_in_a_phase_of_their_own(out: Path) -> None:
    before = read_collection_folder(out)
    report = append(out, {"d": b"d" * 600, "e": b"e" * 600}, demand=50)
    after = read_collection_folder(out)
    assert (report.version, report.shards, report.hashed_bytes) == (2, 5, 1_200)
    assert (after.head.version, after.head.issued_at) == (2, NOW + 1)
    assert after.collection == before.collection
    assert [shard.phase for shard in after.body.shards] == [0, 0, 0, 1, 1]
    assert [shard.name for shard in after.body.shards] == [f"growing-{i:04d}" for i in range(5)]
    assert [shard.rights for shard in after.body.shards] == ["CC0"] * 3 + ["CC-BY"] * 2
    for old, new in zip(before.body.shards, after.body.shards, strict=False):
        assert replace(new, demand_ppb=old.demand_ppb) == old


def test_demand_is_weighed_anew_over_all_phases(out: Path) -> None:
    assert [shard.demand_ppb for shard in read_collection_folder(out).body.shards] == [
        900_000_000, 90_000_000, 10_000_000,
    ]  # fmt: skip
    append(out, {"d": b"d" * 600}, demand=100)
    append(out, {"e": b"e" * 600}, demand=200, folder="newer")
    shards = read_collection_folder(out).body.shards
    assert [shard.demand_ppb for shard in shards] == [225_000_000, 22_500_000, 2_500_000, 250_000_000, 500_000_000]
    assert [shard.phase for shard in shards] == [0, 0, 0, 1, 2]


def test_the_same_folder_is_not_appended_twice(out: Path) -> None:
    append(out, {"d": b"d" * 600})
    with pytest.raises(UsageError, match="shard growing-0003, which is published already"):
        phase = PhaseRequest(out.parent / "new", None, shard_bytes=1_000, rights="CC-BY")
        publish(PublishRequest(out, phase, (), "", NOW), key_of(out), Quiet())
    with pytest.raises(UsageError, match="shard growing-0000, which is published already"):
        phase = PhaseRequest(out.parent / "source", None, shard_bytes=1_000, rights="CC0")
        publish(PublishRequest(out, phase, (), "", NOW), key_of(out), Quiet())
    assert read_collection_folder(out).head.version == 2


def test_withdrawing_marks_and_keeps_the_place(out: Path) -> None:
    before = read_collection_folder(out).body.shards
    report = withdraw(out, 2, 0)
    after = read_collection_folder(out).body.shards
    assert (report.version, report.unchanged) == (2, False)
    assert [shard.withdrawn_reason for shard in after] == ["asked for by its maker", "", "asked for by its maker"]
    assert [replace(shard, withdrawn_reason="") for shard in after] == list(before)


def test_withdrawing_again_signs_nothing(out: Path) -> None:
    withdraw(out, 1)
    head = (out / "manifest.head").read_bytes()
    report = withdraw(out, 1, reason="another reason")
    assert (report.version, report.unchanged) == (2, True)
    assert (out / "manifest.head").read_bytes() == head
    assert withdraw(out, 1, 2).version == 3
    assert [shard.withdrawn for shard in read_collection_folder(out).body.shards] == [False, True, True]


@pytest.mark.parametrize(
    ("indexes", "reason", "complaint"),
    [((7,), "r", "no shard 7"), ((-1,), "r", "no shard -1"), ((1,), " ", "needs a reason"), ((), "", "nothing to")],
)
def test_a_wrong_withdrawal_is_a_usage_error(out: Path, indexes: tuple[int, ...], reason: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        withdraw(out, *indexes, reason=reason)
    assert read_collection_folder(out).head.version == 1


def test_a_reason_that_no_node_takes_is_refused(out: Path) -> None:
    with pytest.raises(CollectionError, match="withdrawn_reason"):
        withdraw(out, 1, reason="\x1b[31mred")


def test_appending_and_withdrawing_make_one_version(out: Path) -> None:
    put(out.parent / "new", {"d": b"d" * 600})
    phase = PhaseRequest(out.parent / "new", None, shard_bytes=1_000, rights="CC0")
    publish(PublishRequest(out, phase, (0,), "replaced", NOW), key_of(out), Quiet())
    folder = read_collection_folder(out)
    assert folder.head.version == 2
    assert [shard.withdrawn for shard in folder.body.shards] == [True, False, False, False]


def test_every_old_version_is_kept_and_still_verifies(out: Path) -> None:
    first = read_collection_folder(out)
    append(out, {"d": b"d" * 600})
    withdraw(out, 3)
    assert sorted(path.name for path in (out / "versions").iterdir()) == ["1", "2", "3"]
    assert (out / "versions/1/manifest.head").read_bytes() == first.envelope
    assert (out / "versions/1/manifest.body").read_bytes() == first.body_blob


def test_only_the_collections_own_key_publishes(out: Path) -> None:
    create_key(out.parent / "other.key")
    request = PublishRequest(out, None, (1,), "r", NOW)
    with pytest.raises(UsageError, match="is not the key of the collection"):
        publish(request, KeyFile(out.parent / "other.key", load_key, None), Quiet())
    (out / "curator.key").unlink()
    with pytest.raises(ConfigError, match="no key file"):
        publish(request, key_of(out), Quiet())


def test_a_folder_without_a_collection_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no collection"):
        publish(PublishRequest(tmp_path, None, (1,), "r", NOW), key_of(tmp_path), Quiet())
    assert list(tmp_path.iterdir()) == []


def test_a_published_folder_is_not_built_over(out: Path) -> None:
    withdraw(out, 1)
    phase = PhaseRequest(out.parent / "source", None, shard_bytes=1_000, rights="CC0")
    with pytest.raises(UsageError, match="holds version 2 of the collection 'Growing'"):
        build_collection(
            BuildRequest("Other", "", 3, 10, phase, out, NOW),
            KeyFile(out / "curator.key", load_key, create_key),
            Quiet(),
        )


# --- reading -------------------------------------------------------------------------------------


def refusal(out: Path) -> CollectionError:
    with pytest.raises(CollectionError) as caught:
        read_collection_folder(out)
    return caught.value


def resign(out: Path, folder: CollectionFolder, kind: Kind, body: bytes, key: SigningKey) -> None:
    (out / "manifest.head").write_bytes(signing.sign(kind, body, key))


def test_a_copy_reads_as_the_original(out: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in ("manifest.head", "manifest.body", *(f"torrents/growing-{i:04d}.torrent" for i in range(3))):
        put(copy, {name: (out / name).read_bytes()})
    assert replace(read_collection_folder(copy), root=out, torrents=()) == replace(
        read_collection_folder(out), torrents=()
    )


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    assert "holds no collection" in refusal(tmp_path).message
    assert "holds no collection" in refusal(tmp_path / "absent").message


def test_every_flipped_byte_of_the_manifest_is_found(out: Path) -> None:
    for name in ("manifest.head", "manifest.body"):
        for versioned in (out / "versions/1/manifest.body", out / name):
            versioned.rename(versioned.with_suffix(".good"))
        good = (out / name).with_suffix(".good").read_bytes()
        if name == "manifest.head":
            (out / "versions/1/manifest.body").write_bytes((out / "versions/1/manifest.good").read_bytes())
        for place in range(0, len(good), 7):
            (out / name).write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            assert name in refusal(out).message
        (out / name).write_bytes(good)
        (out / "versions/1/manifest.body").write_bytes((out / "versions/1/manifest.good").read_bytes())
        assert read_collection_folder(out).head.version == 1


def test_a_torn_or_missing_body_is_taken_from_its_version_or_named(out: Path) -> None:
    (out / "manifest.body").write_bytes(b"torn")
    assert read_collection_folder(out).head.version == 1
    (out / "versions/1/manifest.body").unlink()
    assert "is not the list of shards" in refusal(out).message
    (out / "manifest.body").unlink()
    assert "manifest.body is missing" in refusal(out).message


def test_a_damaged_or_missing_torrent_is_named(out: Path) -> None:
    path = out / "torrents/growing-0001.torrent"
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    assert "growing-0001.torrent is not the torrent that the manifest names for shard 1" in refusal(out).message
    path.unlink()
    assert "growing-0001.torrent: the torrent of shard 1 is missing" in refusal(out).message
    assert len(read_collection_folder(out, check_torrents=False).torrents) == 3


def test_a_head_of_another_kind_or_for_another_collection_is_refused(out: Path) -> None:
    folder = read_collection_folder(out)
    key = SigningKey(load_key(out / "curator.key"))
    announcement = codec.encode_announcement(Announcement(1, NOW, NOW + 60))
    resign(out, folder, Kind.ANNOUNCEMENT, announcement, key)
    assert "not a manifest's head" in refusal(out).message
    foreign = codec.encode_manifest_head(replace(folder.head, collection=CollectionId(bytes(32))))
    resign(out, folder, Kind.MANIFEST_HEAD, foreign, key)
    assert "signed by another key" in refusal(out).message
    resign(out, folder, Kind.MANIFEST_HEAD, codec.encode_manifest_head(folder.head), key)
    assert read_collection_folder(out) == folder


def test_shards_cannot_be_appended_without_the_demand_of_the_old_ones(out: Path) -> None:
    path = out / "versions/1/shards.csv"
    good = path.read_bytes()
    for damage in (b"", good.replace(b"growing-0001", b"growing-9999"), good.replace(b",90\r", b",-90\r"), b"\xff"):
        path.write_bytes(damage)
        with pytest.raises(CollectionError, match=r"shards\.csv"):
            append(out, {"d": b"d" * 600})
    path.unlink()
    with pytest.raises(CollectionError, match=r"shards\.csv is missing"):
        append(out, {"d": b"d" * 600})
    path.write_bytes(good)
    assert append(out, {"d": b"d" * 600}).version == 2
