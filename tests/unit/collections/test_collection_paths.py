"""Names are carried verbatim or refused with a reason that names what is wrong."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.collections.paths import COMPONENT_MAX_BYTES, DEPTH_MAX, ClashCheck, fault_of_path, fold, shown
from mirrord.core import limits


@pytest.mark.parametrize(
    "path",
    [
        "plain.txt",
        "a/b/c",
        "...",
        "..a",
        "a..",
        "-x",
        "~",
        "%41",
        " lead",
        "trail ",
        "trail.",
        "colon:name",
        'q?*<>|"',
        "ünïcode/日本語/😀.ogg",
        "cafe\u0301.ogg",
        "café.ogg",
        "x" * COMPONENT_MAX_BYTES,
        "é" * (COMPONENT_MAX_BYTES // 2),
        "pad/.pad",
        "/".join(["d"] * DEPTH_MAX),
    ],
)
def test_a_plain_name_is_carried(path: str) -> None:
    assert fault_of_path(path) == ""


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../etc/passwd", "climbs out"),
        ("a/../b", "climbs out"),
        ("a/..", "climbs out"),
        ("/etc/passwd", "absolute"),
        ("a//b", "empty component"),
        ("a/", "empty component"),
        ("", "empty component"),
        ("./a", "component '.'"),
        ("nul\0byte", "control character U+0000"),
        ("new\nline", "control character U+000A"),
        ("tab\t", "control character U+0009"),
        ("del\x7f", "control character U+007F"),
        ("c1\x85", "control character U+0085"),
        ("back\\slash", "backslash"),
        ("right\u202eleft", "RIGHT-TO-LEFT OVERRIDE"),
        ("zero\u200bwidth", "ZERO WIDTH SPACE"),
        ("\ufeffbom", "U+FEFF"),
        ("x" * (COMPONENT_MAX_BYTES + 1), f"{COMPONENT_MAX_BYTES + 1} bytes"),
        ("a/" + "é" * 128 + "/b", "256 bytes"),
        ("/".join(["d" * 200] * 17), f"may have {limits.PATH_MAX_BYTES}"),
        ("/".join(["d"] * (DEPTH_MAX + 1)), "folders deep"),
        (".pad/123", "reserved"),
        (os.fsdecode(b"latin\xe91"), "not UTF-8"),
    ],
)
def test_a_hostile_name_is_refused_with_its_reason(path: str, reason: str) -> None:
    assert reason in fault_of_path(path)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_an_answer_and_can_be_shown(path: str) -> None:
    fault_of_path(path)
    assert shown(path).isprintable()


def test_a_hostile_name_cannot_move_the_terminal_of_whoever_reads_the_error() -> None:
    assert "\x1b" not in shown("\x1b[2J")
    assert "\u202e" not in shown("\u202egpj")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("README", "readme"),
        ("a/README", "a/readme"),
        ("Dir/x", "dir/y"),
        ("É", "é"),
        ("caf\u00e9", "cafe\u0301"),
        ("stra\u00dfe", "strasse"),
        ("a/B/c/d", "a/b/c/d"),
        ("File", "file/below"),
    ],
)
def test_names_that_some_file_systems_take_for_one_clash(earlier: str, later: str) -> None:
    check = ClashCheck()
    first, second = sorted((earlier, later))
    assert check.clash_of(first) == ""
    clash = check.clash_of(second)
    assert clash
    assert first == clash or first.startswith(clash + "/")


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "b"],
        ["A/readme", "B/README"],
        ["a/x", "a/y", "a-b", "b/a/x", "b/x"],
        ["Dir/File", "Dir/Other", "dirty"],
        ["a-b/x", "a/x", "ab/x"],
    ],
)
def test_names_in_different_folders_do_not_clash(paths: list[str]) -> None:
    check = ClashCheck()
    assert [check.clash_of(path) for path in sorted(paths)] == [""] * len(paths)


_COMPONENT = st.text("aAbB-é\u00c9./".replace("/", "").replace(".", ""), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.sets(st.lists(_COMPONENT, min_size=1, max_size=3).map("/".join), max_size=20))
def test_the_check_in_one_pass_agrees_with_a_check_that_keeps_everything(paths: set[str]) -> None:
    files = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
    check = ClashCheck()
    streamed = [path for path in sorted(files) if check.clash_of(path)]
    taken: dict[str, str] = {}
    expected = []
    for path in sorted(files):
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            way, folded = "/".join(parts[:depth]), "/".join([*parts[: depth - 1], fold(parts[depth - 1])])
            if taken.setdefault(folded, way) != way:
                expected.append(path)
                break
    assert streamed == expected
