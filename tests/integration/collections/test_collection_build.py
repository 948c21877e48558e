"""A folder and a catalogue become signed shards, the same byte for byte every time."""

import csv
import gzip
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mirrord.collections.builder import BuildReport, BuildRequest, KeyFile, build_collection
from mirrord.collections.catalogue import CatalogueRow, write_catalogue
from mirrord.collections.layout import OutputFolder, locked
from mirrord.collections.planning import PhaseRequest
from mirrord.collections.progress import Quiet
from mirrord.collections.reading import read_collection_folder
from mirrord.core.errors import CollectionError, StorageError, UsageError
from mirrord.core.records.kinds import Quality, Shard
from mirrord.store.keyfile import create_key, load_key
from mirrord.torrents.torrent_file import parse_torrent

NOW = 1_700_000_000
FILES = {
    "popular/hit.ogg": (b"h" * 40_000, 900),
    "popular/second.ogg": (b"s" * 30_000, 300),
    "middle/one.ogg": (b"1" * 20_000, 5),
    "middle/two.ogg": (b"2" * 20_000, 5),
    "tail/naïve 日本.ogg": (b"n" * 10_000, 0),
    "tail/empty.txt": (b"", 0),
    "tail/zero.ogg": (b"z" * 50_000, 0),
}


def make_source(root: Path) -> Path:
    source = root / "source"
    for path, (content, _) in FILES.items():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return source


def make_catalogue(root: Path, rows: list[CatalogueRow] | None = None) -> Path:
    path = root / "catalogue.csv"
    write_catalogue(path, rows or [CatalogueRow(name, popularity) for name, (_, popularity) in FILES.items()])
    return path


def request_for(root: Path, **changes: object) -> BuildRequest:
    phase = PhaseRequest(source=root / "source", catalogue=root / "catalogue.csv", shard_bytes=60_000, rights="CC0")
    names = {field for field in PhaseRequest.__dataclass_fields__ if field in changes}
    phase = replace(phase, **{name: changes.pop(name) for name in names})  # type: ignore[arg-type]
    request = BuildRequest("Songs, Vol. 1", "some songs", 3, 10, phase, root / "out", NOW)
    return replace(request, **changes)  # type: ignore[arg-type]


def build(request: BuildRequest) -> BuildReport:
    return build_collection(request, KeyFile(request.out / "curator.key", load_key, create_key), Quiet())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_source(tmp_path)
    make_catalogue(tmp_path)
    return tmp_path


def files_of(out: Path, shard: Shard) -> list[str]:
    return sorted(file.path for file in parse_torrent((out / "torrents" / f"{shard.name}.torrent").read_bytes()).files)


def test_a_built_collection_reads_back_whole(root: Path) -> None:
    report = build(request_for(root))
    folder = read_collection_folder(root / "out")
    assert folder.collection == report.collection
    assert (folder.head.version, folder.head.issued_at) == (1, NOW)
    assert (folder.body.name, folder.body.description) == ("Songs, Vol. 1", "some songs")
    assert (folder.body.target_min_replicas, folder.body.target_max_replicas) == (3, 10)
    assert [shard.name for shard in folder.body.shards] == [f"songs-vol-1-{i:04d}" for i in range(4)]
    assert [files_of(root / "out", shard) for shard in folder.body.shards] == [
        ["popular/hit.ogg"],
        ["middle/one.ogg", "popular/second.ogg"],
        ["middle/two.ogg", "tail/empty.txt", "tail/naïve 日本.ogg"],
        ["tail/zero.ogg"],
    ]
    assert (report.files, report.bytes, report.hashed_bytes) == (len(FILES), 170_000, 170_000)
    assert sum(shard.demand_ppb for shard in folder.body.shards) == 1_000_000_000
    assert folder.body.shards[0].demand_ppb == round(900 * 10**9 / 1210)


def test_the_manifest_says_of_each_torrent_what_the_torrent_says(root: Path) -> None:
    build(request_for(root))
    folder = read_collection_folder(root / "out")
    for shard, path in zip(folder.body.shards, folder.torrents, strict=True):
        data = path.read_bytes()
        info = parse_torrent(data)
        assert shard.name == info.name
        assert (shard.info_hash_v1, shard.info_hash_v2) == (info.info_hash_v1, info.info_hash_v2)
        assert shard.torrent_sha256 == hashlib.sha256(data).digest()
        assert shard.torrent_bytes == len(data)
        assert shard.bytes == sum(file.bytes for file in info.files)
        assert shard.files == len(info.files)


def test_the_list_of_files_says_what_the_catalogue_said(root: Path) -> None:
    make_catalogue(root, [CatalogueRow(path, 7, 3, f"title, of {path}", "id:1") for path in FILES])
    build(request_for(root, parts=1))
    with gzip.open(root / "out/files/songs-vol-1-0000.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == sorted(FILES, key=str.encode)
    assert all(row["title"] == f"title, of {row['path']}" and row["identifiers"] == "id:1" for row in rows)
    assert {(row["popularity"], row["demand"]) for row in rows} == {("7", "3")}
    assert {row["path"]: int(row["bytes"]) for row in rows} == {p: len(content) for p, (content, _) in FILES.items()}


def test_the_same_input_and_key_give_the_same_bytes(root: Path) -> None:
    build(request_for(root))
    again = request_for(root, out=root / "again", issued_at=NOW + 5)
    again.out.mkdir()
    (again.out / "curator.key").write_bytes((root / "out/curator.key").read_bytes())
    (again.out / "curator.key").chmod(0o600)
    build(again)
    for name in ("manifest.body", *(f"torrents/songs-vol-1-{i:04d}.torrent" for i in range(4))):
        assert (again.out / name).read_bytes() == (root / "out" / name).read_bytes()
    assert (again.out / "manifest.head").read_bytes() != (root / "out/manifest.head").read_bytes()


def test_the_key_is_for_its_owner_alone(root: Path) -> None:
    build(request_for(root))
    assert stat.S_IMODE((root / "out/curator.key").stat().st_mode) == 0o600


def test_a_second_build_finds_nothing_to_do(root: Path) -> None:
    first = build(request_for(root))
    before = {path: path.read_bytes() for path in (root / "out").rglob("manifest.*")}
    second = build(request_for(root, issued_at=NOW + 99))
    assert (second.unchanged, second.hashed_bytes, second.reused_shards) == (True, 0, 4)
    assert second.collection == first.collection
    assert {path: path.read_bytes() for path in (root / "out").rglob("manifest.*")} == before


def test_what_is_published_does_not_change(root: Path) -> None:
    build(request_for(root))
    listing = (root / "out/files/songs-vol-1-0000.csv.gz").read_bytes()
    with pytest.raises(UsageError, match="other options"):
        build(request_for(root, rights="CC-BY"))
    (root / "source/popular/hit.ogg").write_bytes(b"H" * 40_000)
    os.utime(root / "source/popular/hit.ogg", ns=(1, 1))
    with pytest.raises(UsageError, match="shard songs-vol-1-0000 would change"):
        build(request_for(root))
    assert (root / "out/files/songs-vol-1-0000.csv.gz").read_bytes() == listing
    assert len(read_collection_folder(root / "out").torrents) == 4


def test_each_kind_of_item_fills_shards_of_its_own(root: Path) -> None:
    rows = [
        CatalogueRow(path, popularity, rights="CC-BY" if "tail" in path else "", quality=Quality.ORIGINAL)
        for path, (_, popularity) in FILES.items()
    ]
    rows[0] = replace(rows[0], quality=Quality.REENCODED, codec="opus")
    make_catalogue(root, rows)
    build(request_for(root, shard_bytes=10**9))
    shards = read_collection_folder(root / "out").body.shards
    assert [(shard.rights, shard.quality, shard.codec, shard.files) for shard in shards] == [
        ("CC0", Quality.REENCODED, "opus", 1),
        ("CC0", Quality.ORIGINAL, "", 3),
        ("CC-BY", Quality.ORIGINAL, "", 3),
    ]


def test_without_a_catalogue_every_file_is_an_item_without_popularity(root: Path) -> None:
    build(request_for(root, catalogue=None))
    shards = read_collection_folder(root / "out").body.shards
    assert {(shard.popularity_max, shard.demand_ppb) for shard in shards} == {(0, 0)}
    assert sum(shard.items for shard in shards) == len(FILES)
    assert files_of(root / "out", shards[0])[0] == "middle/one.ogg"


def test_popularity_may_be_the_size(root: Path) -> None:
    build(request_for(root, catalogue=None, popularity_is_size=True))
    shards = read_collection_folder(root / "out").body.shards
    assert (shards[0].popularity_max, files_of(root / "out", shards[0])) == (50_000, ["tail/zero.ogg"])
    assert shards[-1].popularity_min == 0


def test_files_without_a_row_count_as_unpopular_and_are_said(root: Path) -> None:
    make_catalogue(root, [CatalogueRow("popular/hit.ogg", 3)])
    report = build(request_for(root))
    assert any("6 files have no row" in note for note in report.notes)
    assert (report.files, report.items) == (7, 1)


def test_strict_refuses_files_without_a_row_and_links(root: Path) -> None:
    (root / "source/link").symlink_to("popular/hit.ogg")
    with pytest.raises(CollectionError, match=r"'link': it is a symbolic link"):
        build(request_for(root, strict=True))
    report = build(request_for(root, out=root / "lenient"))
    assert any("1 symbolic links are left out: 'link' first" in note for note in report.notes)
    (root / "source/link").unlink()
    (root / "source/unlisted").write_bytes(b"u")
    with pytest.raises(CollectionError, match=r"'unlisted' has no row"):
        build(request_for(root, strict=True))


def test_only_what_the_catalogue_lists_is_taken_where_asked(root: Path) -> None:
    make_catalogue(root, [CatalogueRow("popular/hit.ogg", 3), CatalogueRow("gone.ogg", 2)])
    (root / "source/new\nline").write_bytes(b"not looked at")
    with pytest.raises(CollectionError, match=r"'gone.ogg': there is no such file"):
        build(request_for(root, listed_only=True))
    report = build(request_for(root, listed_only=True, skip_missing=True))
    assert report.files == 1
    assert any("1 rows of the catalogue without a file are left out: 'gone.ogg'" in note for note in report.notes)


@pytest.mark.parametrize(
    ("rows", "complaint", "hint"),
    [
        (["popular/hit.ogg", "absent.ogg"], "catalogue.csv: row 3: 'absent.ogg' is not a file", "--skip-missing"),
        (["../out/curator.key"], "row 2: '../out/curator.key' cannot be a file of the folder: the path climbs", ""),
        (["/etc/passwd"], "the path is absolute", ""),
        (["popular"], "row 2: 'popular' is not a file", ""),
        (["./popular/hit.ogg"], "component '.'", "the folder has 'popular/hit.ogg'"),
        (["source/popular/hit.ogg"], "is not a file", "the folder has 'popular/hit.ogg'"),
        (["popular\\hit.ogg"], "backslash", "the folder has 'popular/hit.ogg'"),
        (["tail/nai\u0308ve 日本.ogg"], "is not a file", "na\\xefve"),
        (["popular/hit.ogg", "tail/zero.ogg", "popular/hit.ogg"], "row 4: 'popular/hit.ogg' has a row already", ""),
    ],
)
def test_a_row_that_does_not_fit_the_folder_is_named(root: Path, rows: list[str], complaint: str, hint: str) -> None:
    make_catalogue(root, [CatalogueRow(path, 1) for path in rows])
    with pytest.raises(CollectionError) as caught:
        build(request_for(root))
    assert complaint in caught.value.message
    assert hint in caught.value.hint


def test_a_hostile_name_is_refused_or_left_out_where_asked(root: Path) -> None:
    (root / "source/back\\slash").write_bytes(b"x")
    (root / "source/readme").write_bytes(b"x")
    (root / "source/README").write_bytes(b"x")
    with pytest.raises(CollectionError, match=r"the name has a backslash.*and 1 more"):
        build(request_for(root))
    report = build(request_for(root, skip_unfit=True))
    assert any("2 files or folders with names that cannot be carried are left out" in note for note in report.notes)
    assert report.files == len(FILES) + 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"rights": ""}, "no rights statement"),
        ({"rights": "", "catalogue": None}, "no rights statement"),
        ({"rights": "x" * 2_000}, "no node would accept this manifest"),
        ({"rights": "two\nlines"}, "no node would accept this manifest"),
        ({"name": ""}, "no node would accept this manifest"),
        ({"name": "x" * 200}, "no node would accept this manifest"),
        ({"description": "\x1b[2J"}, "no node would accept this manifest"),
        ({"target_min_replicas": 5, "target_max_replicas": 4}, "no node would accept this manifest"),
    ],
)
def test_a_manifest_that_no_node_takes_is_refused_before_anything_is_hashed(
    root: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(CollectionError, match=complaint):
        build(request_for(root, **changes))
    assert list((root / "out/torrents").iterdir()) == []


def test_an_empty_folder_and_no_folder_are_refused(root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(CollectionError, match="has no files"):
        build(request_for(root, source=root / "empty", catalogue=None))
    with pytest.raises(CollectionError, match="is not a folder"):
        build(request_for(root, source=root / "absent", catalogue=None))


@pytest.mark.parametrize("out", ["source", "source/inside", "source/../source/deep/er"])
def test_the_output_may_not_become_input(root: Path, out: str) -> None:
    with pytest.raises(UsageError, match="lies inside"):
        build(request_for(root, out=root / out))
    assert sorted(path.name for path in (root / "source").iterdir()) == ["middle", "popular", "tail"]


def test_two_builds_in_one_folder_are_refused(root: Path) -> None:
    out = OutputFolder(root / "out")
    out.make()
    with locked(out), pytest.raises(UsageError, match="another process"):
        build(request_for(root))
    assert build(request_for(root)).shards == 4


def test_a_foreign_file_in_the_place_of_the_list_of_finished_shards_is_kept(root: Path) -> None:
    (root / "out").mkdir()
    (root / "out/build.sqlite").write_bytes(b"dear diary" * 100)
    with pytest.raises(StorageError, match=r"build\.sqlite"):
        build(request_for(root))
    assert (root / "out/build.sqlite").read_bytes() == b"dear diary" * 100


def test_without_the_list_of_finished_shards_a_published_collection_still_reads(root: Path) -> None:
    build(request_for(root))
    (root / "out/build.sqlite").unlink()
    assert len(read_collection_folder(root / "out").torrents) == 4


def test_nothing_is_left_of_the_scratch_database(root: Path) -> None:
    build(request_for(root))
    assert sorted(path.name for path in (root / "out").iterdir()) == [
        "build.sqlite", "curator.key", "files", "lock", "manifest.body", "manifest.head", "torrents", "versions",
    ]  # fmt: skip
