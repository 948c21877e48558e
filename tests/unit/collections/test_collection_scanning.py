"""A folder is listed whole, in one order, and what is left out is said."""

import os
import socket
from pathlib import Path

import pytest

from mirrord.collections.paths import fault_of_path
from mirrord.collections.scanning import LeftOut, ScannedFile, Why, pick_files, walk_folder
from mirrord.core.errors import CollectionError


def put(root: Path, path: str, content: bytes = b"x") -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def left_out(root: Path) -> dict[str, Why]:
    return {found.path: found.why for found in walk_folder(root) if isinstance(found, LeftOut)}


def files(root: Path) -> list[str]:
    return [found.path for found in walk_folder(root) if isinstance(found, ScannedFile)]


def test_files_come_in_byte_order_of_their_whole_paths(tmp_path: Path) -> None:
    paths = ["a/z", "a-b", "a.txt", "a0/x", "B/c/d", "c", "é/x", "\uffff", "😀"]
    for path in paths:
        put(tmp_path, path)
    assert files(tmp_path) == sorted(paths, key=lambda path: path.encode())


def test_size_and_time_of_modification_are_reported(tmp_path: Path) -> None:
    put(tmp_path, "a", b"12345")
    os.utime(tmp_path / "a", ns=(1, 123_456_789))
    assert list(walk_folder(tmp_path)) == [ScannedFile("a", 5, 123_456_789)]


def test_links_are_not_followed_but_said(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "secret")
    root = tmp_path / "root"
    put(root, "a")
    (root / "file-link").symlink_to(root / "a")
    (root / "folder-link").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "dangling").symlink_to("nowhere")
    assert files(root) == ["a"]
    assert left_out(root) == dict.fromkeys(["dangling", "file-link", "folder-link", "loop"], Why.LINK)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    assert left_out(tmp_path) == {"pipe": Why.SPECIAL, "socket": Why.SPECIAL, "empty/deeper": Why.EMPTY_FOLDER}


def test_names_that_cannot_be_carried_are_said_with_their_reason(tmp_path: Path) -> None:
    hostile = ["back\\slash", "new\nline", "x" * 241, "\u202egpj", ".pad", os.fsdecode(b"latin\xe9")]
    for name in hostile:
        put(tmp_path, name)
    put(tmp_path, "zero\u200bwidth/below/it")
    put(tmp_path, "fine")
    assert files(tmp_path) == ["fine"]
    found = [one for one in walk_folder(tmp_path) if isinstance(one, LeftOut)]
    assert {one.path for one in found} == {*hostile, "zero\u200bwidth"}
    assert all(one.reason.startswith(fault_of_path(one.path)) for one in found)
    assert "everything in it" in next(one.reason for one in found if one.path.startswith("zero"))


def test_a_clash_names_the_other_file(tmp_path: Path) -> None:
    put(tmp_path, "a/README")
    put(tmp_path, "a/readme")
    (clash,) = [one for one in walk_folder(tmp_path) if isinstance(one, LeftOut)]
    assert clash.path == "a/readme"
    assert "'a/README'" in clash.reason


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a")
    with pytest.raises(CollectionError, match="cannot be listed"):
        list(walk_folder(tmp_path / "absent"))
    with pytest.raises(CollectionError, match="cannot be listed"):
        list(walk_folder(tmp_path / "a"))


def test_picking_finds_exactly_what_is_listed(tmp_path: Path) -> None:
    for path in ("a/b/c", "a/b/d", "a/e", "f", "not-listed"):
        put(tmp_path, path)
    (tmp_path / "way").symlink_to(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "f")
    asked = ["../x", "a", "a/b/c", "a/b/d", "a/e", "f", "f/below", "gone", "gone/too", "link", "way/e"]
    found = list(pick_files(tmp_path, asked))
    assert [one.path for one in found if isinstance(one, ScannedFile)] == ["a/b/c", "a/b/d", "a/e", "f"]
    assert {one.path: one.why for one in found if isinstance(one, LeftOut)} == {
        "../x": Why.UNFIT,
        "a": Why.MISSING,
        "f/below": Why.MISSING,
        "gone": Why.MISSING,
        "gone/too": Why.MISSING,
        "link": Why.LINK,
        "way/e": Why.MISSING,
    }


def test_picking_everything_equals_walking(tmp_path: Path) -> None:
    for path in ("a/b/c", "a-b", "a/b0", "B/x", "é/y/z"):
        put(tmp_path, path)
    assert list(pick_files(tmp_path, files(tmp_path))) == list(walk_folder(tmp_path))
