"""What people install: a wheel that runs far from its checkout, and a source archive that can be tested."""

import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import mirrord

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheel and the source archive with the pinned backend, offline."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (it is in the locks)")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    return wheel, source


def test_the_wheel_runs_outside_the_checkout(archives: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    (site,) = home.glob("lib/python*/site-packages")
    # The dependencies are those of this environment; its own .pth files, and so the checkout, are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    install = [*pip, "install", "--no-deps", "--no-index", str(archives[0])]
    subprocess.run(install, check=True, capture_output=True, timeout=60)

    def run(*command: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    where = run(str(python), "-c", "import mirrord; print(mirrord.__file__)")
    assert Path(where).is_relative_to(home)
    assert version("mirrord") in run(str(home / "bin" / "mirrord"), "--version")
    assert version("mirrord") in run(str(python), "-m", "mirrord", "--version")


def test_the_version_has_one_value() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert mirrord.__version__ == project["version"] == version("mirrord")


def test_the_wheel_has_the_package_and_nothing_else(archives: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(archives[0]) as wheel:
        names = set(wheel.namelist())
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mirrord"}
    for name in ("mirrord/py.typed", "mirrord/core/records/records_pb2.py", "mirrord/core/wire/wire_pb2.pyi"):
        assert name in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_archive_has_what_its_tests_need(archives: tuple[Path, Path]) -> None:
    with tarfile.open(archives[1]) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    for name in (
        *("LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml"),
        *("requirements.lock", "requirements-dev.lock", "proto/records.proto", "proto/generate.py"),
        *("deploy/mirrord.service", "tests/contract/test_wheel.py", "mirrord/core/node.py"),
    ):
        assert name in names
