"""The generated protobuf code is what the schemas say, on every protobuf that we allow."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mirrord/core/records", "mirrord/core/wire")


def test_generation_is_identical(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed, so nothing can be generated")
    runpy.run_path(str(ROOT / "proto" / "generate.py"))["generate"](tmp_path)

    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    kept = {
        path.relative_to(ROOT): path.read_text() for package in PACKAGES for path in (ROOT / package).glob("*_pb2*")
    }
    assert sorted(made) == sorted(kept)
    assert len(made) == 4
    differing = [str(path) for path in made if made[path] != kept[path]]
    assert not differing, "run `make proto` and commit what it writes"


def test_generated_code_asks_for_no_newer_protobuf_than_we_do() -> None:
    floor = re.search(r'"protobuf>=([\d.]+)', (ROOT / "pyproject.toml").read_text())
    assert floor
    for package in PACKAGES:
        (path,) = (ROOT / package).glob("*_pb2.py")
        written_by = re.search(r"# Protobuf Python Version: ([\d.]+)", path.read_text())
        assert written_by
        assert [int(part) for part in written_by[1].split(".")] <= [int(part) for part in floor[1].split(".")]


def test_the_schemas_stand_alone_and_say_what_they_are() -> None:
    schemas = sorted((ROOT / "proto").glob("*.proto"))
    assert [path.name for path in schemas] == ["records.proto", "wire.proto"]
    for path in schemas:
        text = path.read_text()
        assert "package mirrord.v1;" in text
        assert not re.search(r"^import ", text, re.MULTILINE), f"{path.name} must be readable by itself"
