"""What the judge of names lets through, libtorrent carries to the letter; what it refuses, libtorrent would alter."""

import unicodedata
from pathlib import Path

import libtorrent as lt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirrord.collections.paths import COMPONENT_MAX_BYTES, DEPTH_MAX, ClashCheck, fault_of_path
from mirrord.core.errors import CollectionError
from mirrord.torrents.builder import ShardFile, build_torrent
from mirrord.torrents.torrent_file import parse_torrent

_BATCH = 16_000


def carried(paths: list[str], folder: Path) -> list[str]:
    """Return the paths as they come out of a hybrid torrent that holds them."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"x")
    torrent = build_torrent("shard", [ShardFile(path, 1) for path in paths], folder)
    return sorted(file.path for file in parse_torrent(torrent.torrent).files)


def loaded(names: list[str]) -> list[str]:
    """Return the names as libtorrent shows them after it has loaded a v1 torrent with these files."""
    files = [{b"length": 1, b"path": [name.encode()]} for name in names]
    info = {b"name": b"top", b"piece length": 1 << 20, b"files": files, b"pieces": bytes(20)}
    storage = lt.torrent_info({b"info": info}).layout()  # type: ignore[call-overload]
    return [storage.file_name(i) for i in range(len(names))]


def test_all_over_unicode_what_is_judged_fit_is_what_libtorrent_keeps() -> None:
    """All of the first plane and of the one with tags and selectors; of the rest every 16th character."""
    every = [*range(1, 0x10000), *range(0x10000, 0x110000, 16), *range(0xE0000, 0xE1000)]
    points = [point for point in every if not 0xD800 <= point < 0xE000 and chr(point) != "/"]
    wrong = []
    for start in range(0, len(points), _BATCH):
        names = [f"{point:06x}{chr(point)}." for point in points[start : start + _BATCH]]
        for name, kept in zip(names, loaded(names), strict=True):
            if (fault_of_path(name) == "") != (kept == name):
                wrong.append((ascii(name), ascii(kept)))
    assert not wrong


@pytest.mark.parametrize("length", [COMPONENT_MAX_BYTES, COMPONENT_MAX_BYTES + 1, 255])
def test_names_are_refused_from_the_length_at_which_libtorrent_cuts_them(length: int) -> None:
    for name in ("x" * length, "x" * (length - 4) + ".ogg", "é" * (length // 2) + "x" * (length % 2)):
        assert (fault_of_path(name) == "") == (loaded([name]) == [name])


def test_names_that_differ_in_case_are_refused_because_libtorrent_renames_one(tmp_path: Path) -> None:
    with pytest.raises(CollectionError):
        carried(["README", "readme"], tmp_path)
    check = ClashCheck()
    assert [check.clash_of(name) for name in ("README", "readme")] == ["", "README"]


def test_the_deepest_path_is_carried(tmp_path: Path) -> None:
    path = "/".join(["d"] * DEPTH_MAX)
    assert fault_of_path(path) == ""
    assert carried([path, "other"], tmp_path) == [path, "other"]


_NAME = st.text(
    st.one_of(st.characters(), st.sampled_from("aA.\\ \u0301é\u200b\u202e\x7f")), min_size=1, max_size=8
).filter(lambda name: "/" not in name and "\0" not in name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sets(st.lists(_NAME, min_size=1, max_size=3).map("/".join), min_size=2, max_size=6))
def test_any_tree_that_is_judged_fit_comes_back_from_a_torrent_unchanged(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str]
) -> None:
    check = ClashCheck()
    fit: list[str] = []
    for path in sorted(path for path in paths if not fault_of_path(path)):
        inside_a_file = any(path.startswith(other + "/") or other.startswith(path + "/") for other in fit)
        if not inside_a_file and not check.clash_of(path):
            fit.append(path)
    if fit:
        assert carried(fit, tmp_path_factory.mktemp("tree")) == sorted(fit)


def test_both_normal_forms_are_carried_verbatim(tmp_path: Path) -> None:
    names = [unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "ö")]
    assert carried(names, tmp_path) == sorted(names)
