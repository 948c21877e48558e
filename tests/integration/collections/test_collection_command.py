"""The commands of a curator: data on standard output, the rest on standard error, errors of ours."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mirrord.collections.reading import read_collection_folder
from mirrord.core.records.invitation import parse_invitation

PROGRAM = """
import sys
from mirrord.core.errors import MirrordError
from mirrord.cli.collection import app
try:
    app(prog_name="mirrord collection")
except MirrordError as error:
    print(error.message, error.hint, sep="\\n", file=sys.stderr)
    sys.exit(error.exit_code)
"""


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for name, size in (("a.ogg", 4_000), ("b.ogg", 3_000), ("c.ogg", 2_000)):
        (source / name).write_bytes(name.encode() * (size // 5))
    return source


def test_build_inspect_publish_from_end_to_end(source: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text("path,popularity\na.ogg,9\nb.ogg,1\nc.ogg,0\n")
    out = tmp_path / "out"
    options = ["--name", "Three songs", "--rights", "CC0-1.0", "--shard-size", "4kB", "--quality", "reencoded"]
    built = run("build", source, "--catalogue", catalogue, "--out", out, *options, "--codec", "opus", "--json")
    assert built.returncode == 0, built.stderr
    facts = json.loads(built.stdout)
    assert (facts["schema"], facts["shards"], facts["files"], facts["bytes"]) == (1, 3, 3, 9_000)
    assert parse_invitation(facts["invitation"]).name == "Three songs"
    assert "hashing 3 shards: 9 kB" in built.stderr

    inspected = json.loads(run("inspect", out, "--json").stdout)
    assert inspected["schema"] == 1
    assert inspected["collection"] == facts["collection"]
    assert (inspected["target_min_replicas"], inspected["target_max_replicas"]) == (3, 10)
    assert [(band["label"], band["bytes"]) for band in inspected["bands"]] == [
        ("head", 4_000), ("middle", 3_000), ("zero", 2_000),
    ]  # fmt: skip
    assert [total["label"] for total in inspected["qualities"]] == ["reencoded, opus"]

    withdrawn = run("publish", out, "--withdraw", 2, "--withdraw", 0, "--reason", "asked for")
    assert withdrawn.returncode == 0, withdrawn.stderr
    assert "Three songs, version 2, is signed" in withdrawn.stdout
    table = run("inspect", out)
    assert "withdrawn: shard 0 three-songs-0000: asked for" in table.stdout
    assert "middle" in table.stdout

    (tmp_path / "more").mkdir()
    (tmp_path / "more/d.ogg").write_bytes(b"d" * 1_000)
    appended = run("publish", out, "--append", tmp_path / "more", "--rights", "CC-BY-4.0", "--json")
    assert appended.returncode == 0, appended.stderr
    assert json.loads(appended.stdout)["version"] == 3
    assert read_collection_folder(out).body.shards[3].rights == "CC-BY-4.0"


def test_a_given_number_of_shards_and_popularity_from_size(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--shards", 2, "--popularity-from", "size", "--target-min", 3, "--target-max", 3]
    assert run("build", source, "--name", "N", "--rights", "CC0", "--out", out, *options).returncode == 0
    body = read_collection_folder(out).body
    assert (len(body.shards), body.shards[0].popularity_max) == (2, 4_000)
    assert (body.target_min_replicas, body.target_max_replicas) == (3, 3)


def test_a_key_may_lie_elsewhere_but_must_be_there(source: Path, tmp_path: Path) -> None:
    base = ["build", source, "--name", "N", "--rights", "CC0"]
    missing = run(*base, "--out", tmp_path / "out", "--key", tmp_path / "my.key")
    assert missing.returncode == 78
    assert "my.key" in missing.stderr
    assert run(*base, "--out", tmp_path / "first").returncode == 0
    (tmp_path / "first/curator.key").rename(tmp_path / "my.key")
    moved = run("publish", tmp_path / "first", "--withdraw", 0, "--reason", "r", "--key", tmp_path / "my.key")
    assert moved.returncode == 0, moved.stderr


@pytest.mark.parametrize(
    ("options", "exit_code", "complaint"),
    [
        (["--rights", "  "], 1, "there is no rights statement"),
        (["--rights", "R", "--shards", 2, "--shard-size", "1GB"], 2, "exclude each other"),
        (["--rights", "R", "--shard-size", "large"], 2, "is not a size"),
        (["--rights", "R", "--shard-size", "0"], 2, "holds nothing"),
        (["--rights", "R", "--shards", 0], 2, "--shards"),
        (["--rights", "R", "--target-min", 5, "--target-max", 3], 2, "below --target-min"),
        (["--rights", "R", "--listed-only"], 2, "need a catalogue"),
        (["--rights", "R", "--catalogue", "absent.csv"], 1, "absent.csv"),
        (["--rights", "R", "--catalogue", "x.csv", "--popularity-from", "size"], 2, "needs no catalogue"),
        (["--rights", "R", "--quality", "fine"], 2, "--quality"),
        (["--rigths", "R"], 2, "--rigths"),
    ],
)
def test_wrong_options_are_said_without_a_traceback(
    source: Path, tmp_path: Path, options: list[object], exit_code: int, complaint: str
) -> None:
    done = run("build", source, "--name", "N", "--out", tmp_path / "out", *options)
    assert done.returncode == exit_code, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_that_is_no_collection_is_said(tmp_path: Path) -> None:
    for command in (["inspect", tmp_path], ["publish", tmp_path, "--withdraw", 0, "--reason", "r"]):
        done = run(*command)
        assert done.returncode in (1, 2)
        assert "holds no collection" in done.stderr


def test_the_commands_load_nothing_heavy_before_they_run() -> None:
    program = "import sys, mirrord.cli.collection; print([m for m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for heavy in ("libtorrent", "nacl", "google.protobuf", "sqlite3", "trio", "mirrord.collections"):
        assert f"'{heavy}'" not in loaded


def test_the_standard_library_becomes_a_collection(tmp_path: Path) -> None:
    program = (
        "import sys, sysconfig; from pathlib import Path;"
        "from mirrord.collections.stdlib import python_library_catalogue;"
        "from mirrord.collections.catalogue import write_catalogue;"
        "folder = Path(sysconfig.get_path('stdlib'));"
        "write_catalogue(Path(sys.argv[1]), python_library_catalogue(folder)); print(folder)"
    )
    catalogue, out = tmp_path / "catalogue.csv", tmp_path / "out"
    made = subprocess.run([sys.executable, "-c", program, catalogue], capture_output=True, text=True, check=True)
    options = ["--catalogue", catalogue, "--listed-only", "--shards", 24, "--name", "Python", "--out", out]
    built = run("build", made.stdout.strip(), *options)
    assert built.returncode == 0, built.stderr
    with catalogue.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    popularity = {row["path"]: int(row["popularity"]) for row in rows}
    assert popularity["os.py"] > 100
    assert popularity["os.py"] > popularity["json/__init__.py"] > popularity["this.py"] == 0
    assert sum(1 for value in popularity.values() if not value) / len(popularity) > 0.3
    shards = read_collection_folder(out).body.shards
    assert 20 <= len(shards) <= 26
    assert {shard.rights.split(":")[0] for shard in shards} == {"PSF-2.0"}
    assert shards[0].demand_ppb > 10 * shards[len(shards) // 2].demand_ppb
