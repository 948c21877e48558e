"""The style that a reader of any file can rely on: small files, small functions, true names, clean tools."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_MAX_LINES = 400
FUNCTION_MAX_LINES = 60
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
SOURCES = sorted(
    path
    for folder in ("mirrord", "tests", "proto", "deploy")
    for path in (ROOT / folder).rglob("*.py")
    if not path.name.endswith("_pb2.py")
)


def name_of(path: Path) -> str:
    """Return a path as the report shows it."""
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 20


def test_no_file_is_too_long() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert not {name: length for name, length in lengths.items() if length > FILE_MAX_LINES}


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_too_long() -> None:
    too_long = [
        f"{name_of(path)}:{function.lineno} {function.name}: {length} lines"
        for path in SOURCES
        for function in functions_of(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_MAX_LINES
    ]
    assert not too_long


def test_no_module_or_package_has_a_vague_name() -> None:
    vague = [
        name_of(path)
        for path in SOURCES
        for part in (*path.relative_to(ROOT).parent.parts, path.stem)
        if VAGUE_NAMES & set(part.lower().split("_"))
    ]
    assert not vague


def test_no_class_is_called_a_manager_or_a_helper() -> None:
    vague = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?|Misc)$", node.name)
    ]
    assert not vague


def test_the_core_opens_no_file_and_prints_nothing() -> None:
    """What builtins could do where imports are forbidden."""
    calls = [
        f"{name_of(path)}:{node.lineno} {node.func.id}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "mirrord" / "core")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input", "eval", "exec", "__import__", "breakpoint", "id"}
    ]
    assert not calls


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=lambda command: " ".join(command),
)
def test_the_tools_find_nothing(command: tuple[str, ...]) -> None:
    tool = Path(sys.executable).with_name(command[0])
    if not tool.exists():
        pytest.skip(f"{command[0]} is not installed beside {sys.executable}")
    done = subprocess.run([str(tool), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
