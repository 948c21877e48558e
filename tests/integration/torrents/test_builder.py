"""Building .torrents from real files, against libtorrent's own builder."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import libtorrent as lt
import pytest

from mirrord.core.errors import CollectionError
from mirrord.torrents.builder import BuiltTorrent, ShardFile, build_torrent, piece_bytes_for
from mirrord.torrents.torrent_file import parse_torrent

PIECE = 32 * 1024


def write_files(source: Path, sizes: dict[str, int]) -> list[ShardFile]:
    """Write files with content of their own, and list them."""
    for path, size in sizes.items():
        target = source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        seed = path.encode("utf-8", "surrogateescape")
        target.write_bytes((seed * (size // len(seed) + 1))[:size])
    return [ShardFile(path, size) for path, size in sizes.items()]


def built_by_libtorrent(name: str, files: list[ShardFile], source: Path, link: Path) -> bytes:
    link.mkdir()
    (link / name).symlink_to(source)
    entries = [lt.create_file_entry(f"{name}/{file.path}", file.bytes) for file in files]
    creator = lt.create_torrent(entries, PIECE)
    creator.set_creation_date(0)
    lt.set_piece_hashes(creator, str(link))
    return lt.bencode(creator.generate())


@pytest.mark.parametrize(
    "sizes",
    [
        {"only": 200_000},
        {"only": 10},
        {"folder/only": PIECE},
        {"a": 1, "b": PIECE, "c": PIECE + 1, "d": 5 * PIECE + 7, "e": 0, "f": 16_384, "g": 16_385},
        {"sub/deep/er/x": 100, "sub/y": 200_000, "z/w": 65_536},
        {"\u00fcber/\u4e2d\u6587.txt": 40_000, "e\u0301": 10, "\U0001f3b5": 33_000},
    ],
    ids=["one file", "one small file", "one piece", "sizes about a block", "nested", "unicode"],
)
def test_the_bytes_are_those_of_libtorrents_builder(tmp_path: Path, sizes: dict[str, int]) -> None:
    source = tmp_path / "source"
    files = write_files(source, sizes)
    built = build_torrent("shard", files, source, piece_bytes=PIECE)
    assert built.torrent == built_by_libtorrent("shard", files, source, tmp_path / "link")


def test_a_folder_beside_files_that_sort_around_it(tmp_path: Path) -> None:
    """libtorrent's own builder makes a hybrid of these that libtorrent cannot load."""
    files = write_files(tmp_path, {"a/x": 40_000, "a-b/x": 50_000, "a b": 20_000, "a.txt": 10, "a0": 70_000})
    info = parse_torrent(build_torrent("shard", files, tmp_path, piece_bytes=PIECE).torrent)
    assert [file.path for file in info.files] == ["a/x", "a b", "a-b/x", "a.txt", "a0"]


def test_the_same_input_gives_the_same_bytes_whatever_the_order_and_the_times(tmp_path: Path) -> None:
    files = write_files(tmp_path, {"one": 70_000, "two/three": 100_000, "empty": 0})
    first = build_torrent("shard", files, tmp_path)
    os.utime(tmp_path / "one", (1, 1))
    (tmp_path / "one").chmod(0o700)
    assert build_torrent("shard", list(reversed(files)), tmp_path) == first


def test_what_is_said_of_the_torrent_is_true(tmp_path: Path) -> None:
    files = write_files(tmp_path, {"one": 70_000, "two": 10})
    built = build_torrent("shard", files, tmp_path, piece_bytes=PIECE)
    info = parse_torrent(built.torrent)
    assert built.payload_bytes == info.payload_bytes == 70_010
    assert built.piece_bytes == info.piece_bytes == PIECE
    assert (built.info_hash_v1, built.info_hash_v2) == (info.info_hash_v1, info.info_hash_v2)
    assert (len(built.info_hash_v1), len(built.info_hash_v2), len(built.sha256)) == (20, 32, 32)


def test_names_are_kept_to_the_letter(tmp_path: Path) -> None:
    names = ["caf\u00e9", "cafe\u0301", "trailing.", "trailing ", " leading", "semi;colon", "con", "...", "x" * 240]
    files = write_files(tmp_path, dict.fromkeys(names, 20))
    info = parse_torrent(build_torrent("shard", files, tmp_path).torrent)
    assert sorted(file.path for file in info.files) == sorted(names)


@pytest.mark.parametrize(
    "path",
    ["tab\there", "back\\slash", "x" * 241, "bidi\u202etxt.exe", os.fsdecode(b"latin-\xfc"), "../up", "/etc/x", "a//b"],
    ids=["control", "backslash", "long", "bidi", "not UTF-8", "climbs", "absolute", "empty component"],
)
def test_a_name_that_would_be_altered_is_refused_by_name(tmp_path: Path, path: str) -> None:
    files = write_files(tmp_path, {"fine": 10})
    if not path.startswith(("/", "..")):
        files += write_files(tmp_path, {path: 20})
    else:
        files.append(ShardFile(path, 20))
    with pytest.raises(CollectionError) as error:
        build_torrent("shard", files, tmp_path)
    assert ascii(path)[1:-1][:20] in ascii(error.value.message).replace("\\\\", "\\")
    assert error.value.hint


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 256])
def test_a_shard_has_the_name_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(CollectionError, match="name of a shard"):
        build_torrent(name, write_files(tmp_path, {"fine": 10}), tmp_path)


def test_a_single_file_with_the_shards_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="same name"):
        build_torrent("shard", write_files(tmp_path, {"shard": 10}), tmp_path)


def test_names_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"would become|does not make a torrent"):
        build_torrent("shard", write_files(tmp_path, {"README": 10, "readme": 10}), tmp_path)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="as a file and as a folder"):
        build_torrent("shard", [ShardFile("a", 10), ShardFile("a/b", 10)], tmp_path)


def test_a_shard_without_content_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no content"):
        build_torrent("shard", write_files(tmp_path, {"empty": 0}), tmp_path)


def spoil_by_removing(path: Path) -> None:
    path.unlink()


def spoil_by_growing(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def spoil_by_putting_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def spoil_by_putting_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "spoil", [spoil_by_removing, spoil_by_growing, spoil_by_putting_a_folder, spoil_by_putting_a_pipe]
)
def test_a_file_that_is_not_what_was_listed_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    files = write_files(tmp_path, {"good": 50_000, "sub/victim": 50_000})
    spoil(tmp_path / "sub" / "victim")
    with pytest.raises(CollectionError, match="sub/victim"):
        build_torrent("shard", files, tmp_path)


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    """``progress`` is called between two reads, so the change below falls into the middle of the file."""
    files = write_files(tmp_path, {"victim": 40 * 1024 * 1024})
    steps = 0

    def shorten(_bytes: int) -> None:
        nonlocal steps
        steps += 1
        if steps == 1:
            os.truncate(tmp_path / "victim", 30 * 1024 * 1024)

    with pytest.raises(CollectionError, match="victim"):
        build_torrent("shard", files, tmp_path, progress=shorten)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files = write_files(tmp_path, {"victim": 50_000})
    (tmp_path / "victim").chmod(0)
    if os.access(tmp_path / "victim", os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(CollectionError, match=r"victim.*Permission denied"):
        build_torrent("shard", files, tmp_path)


def test_progress_adds_up_to_the_content(tmp_path: Path) -> None:
    files = write_files(tmp_path, {"big": 5_000_000, "small": 10, "empty": 0})
    steps: list[int] = []
    build_torrent("shard", files, tmp_path, progress=steps.append)
    assert sum(steps) == 5_000_010
    assert len(steps) > 3


class Stopped(Exception):
    """What a curator's Ctrl-C looks like to the builder."""


def test_an_exception_from_progress_stops_the_work_and_leaves_no_thread(tmp_path: Path) -> None:
    files = write_files(tmp_path, {"big": 64 * 1024 * 1024})
    calls: list[int] = []

    def stop(count: int) -> None:
        calls.append(count)
        raise Stopped

    with pytest.raises(Stopped):
        build_torrent("shard", files, tmp_path, progress=stop)
    assert len(calls) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hashing")]


def test_pieces_grow_with_the_shard() -> None:
    assert piece_bytes_for(1) == 16 * 1024
    assert piece_bytes_for(100_000_000_000) == 4 * 1024 * 1024
    assert piece_bytes_for(10**15) == 16 * 1024 * 1024


@pytest.mark.parametrize("piece_bytes", [1, 16 * 1024 - 1, 24 * 1024, 32 * 1024 * 1024])
def test_a_strange_piece_size_is_refused(tmp_path: Path, piece_bytes: int) -> None:
    with pytest.raises(CollectionError, match="piece"):
        build_torrent("shard", write_files(tmp_path, {"one": 10}), tmp_path, piece_bytes=piece_bytes)


def test_files_of_the_same_content_are_both_there(tmp_path: Path) -> None:
    """They share a v2 root, so the .torrent has one piece layer for the two."""
    files = write_files(tmp_path, {"one": 200_000})
    shutil.copy(tmp_path / "one", tmp_path / "two")
    built: BuiltTorrent = build_torrent("shard", [*files, ShardFile("two", 200_000)], tmp_path, piece_bytes=PIECE)
    assert len(parse_torrent(built.torrent).files) == 2
