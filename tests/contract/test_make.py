"""The first thing that anybody runs: where it cannot work, it says what is missing, in a line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"demo", "test", "lint", "bench", "fuzz", "placement-report", "proto", "lock", "clean", "help"}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in `folder` with this repository's Makefile, unaware of a make that runs the tests."""
    shutil.copy(ROOT / "Makefile", folder)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_alone_says_what_can_be_made(tmp_path: Path) -> None:
    done = make(tmp_path)
    assert done.returncode == 0
    assert set(done.stdout.split()) >= TARGETS
    assert list(tmp_path.iterdir()) == [tmp_path / "Makefile"]


def test_no_fitting_python_is_said_in_a_line(tmp_path: Path) -> None:
    done = make(tmp_path, ".venv/bin/pip", "PYTHON=/nonexistent/python")
    assert done.returncode != 0
    assert done.stderr.startswith("mirrord needs Python 3.11, 3.12 or 3.13 ")


def test_a_python_without_venv_names_the_package_to_install(tmp_path: Path) -> None:
    """Debian parts venv from Python; without it, ensurepip cannot be imported."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = make(tmp_path, ".venv/bin/pip", f"PYTHON={python}")
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_environment_is_made_again_only_where_a_lock_or_the_project_changed(tmp_path: Path) -> None:
    for name in (
        "pyproject.toml",
        "requirements.lock",
        "requirements-dev.lock",
        ".venv/bin/pip",
        ".venv/.installed-dev",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000, 1_000))
    assert "pip install" not in make(tmp_path, "--dry-run", "test").stdout
    os.utime(tmp_path / "requirements-dev.lock", (2_000, 2_000))
    plan = make(tmp_path, "--dry-run", "test").stdout
    assert "--require-hashes" in plan
    assert "--no-deps --no-build-isolation" in plan
    assert "-r requirements-dev.lock" in plan
    assert " -m pytest -n " in plan.rstrip().splitlines()[-1]
