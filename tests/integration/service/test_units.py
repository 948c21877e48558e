"""The unit files, as systemd's own tools judge them."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from mirrord.config import load_config, render_template
from mirrord.core.errors import ConfigError, UsageError

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
UNITS = {"mirrord.service": [], "mirrord-user.service": ["--user"]}
# On systemd's scale times ten: 0 can do nothing, 100 everything.  Another version may weigh a line otherwise.
EXPOSURE_MAX_TENTHS = {"mirrord.service": 15, "mirrord-user.service": 75}

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (apt package systemd)"
)


def analyze(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze; a user's manager wants a runtime folder, even to read a file."""
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_analyze
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, name: str) -> None:
    """The program is not installed where the tests run, so its path is the one thing that changes."""
    text = (DEPLOY / name).read_text()
    for program in ("/usr/local/bin/mirrord", "%h/.local/bin/mirrord"):
        text = text.replace(f"ExecStart={program}", "ExecStart=/bin/true")
    unit = tmp_path / "mirrord.service"
    unit.write_text(text)

    done = analyze(tmp_path, *UNITS[name], "verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")

    unit.write_text(text + "\n[Service]\nProtectEverything=yes\n")
    assert "ProtectEverything" in analyze(tmp_path, *UNITS[name], "verify", "--man=no", str(unit)).stderr


@needs_analyze
def test_systemd_accepts_the_drop_in_for_a_data_disk(tmp_path: Path) -> None:
    unit = tmp_path / "mirrord.service"
    unit.write_text((DEPLOY / "mirrord.service").read_text().replace("/usr/local/bin/mirrord", "/bin/true"))
    drop_in = tmp_path / "mirrord.service.d" / "data-disk.conf"
    drop_in.parent.mkdir()
    shutil.copy(DEPLOY / "mirrord.service.d" / "data-disk.conf.example", drop_in)
    done = analyze(tmp_path, "verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize("name", UNITS)
def test_the_service_can_do_little_beside_its_work(tmp_path: Path, name: str) -> None:
    flags = ["--offline=true", f"--threshold={EXPOSURE_MAX_TENTHS[name]}"]
    done = analyze(tmp_path, *UNITS[name], "security", *flags, str(DEPLOY / name))
    assert done.returncode == 0, done.stdout + done.stderr


def settings_of(name: str) -> configparser.SectionProxy:
    """Return the [Service] section; a key that stands twice keeps its last value."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser["Service"]


@pytest.mark.parametrize("name", UNITS)
def test_what_the_operator_must_mend_is_not_tried_again(name: str) -> None:
    service = settings_of(name)
    assert service["Restart"] == "on-failure"
    codes = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert codes == {ConfigError.exit_code, UsageError.exit_code}


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_keeps_clear_of_what_breaks_the_daemon(name: str) -> None:
    service = settings_of(name)
    assert service["Type"] == "notify"
    assert "PrivateUsers" not in service, "the control socket would see every user as 65534"
    assert "ProcSubset" not in service, "the process metrics would be empty"
    assert "AF_NETLINK" in service["RestrictAddressFamilies"], "libtorrent asks for the machine's addresses"


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is missing (apt package systemd)"
)
def test_the_user_of_the_service_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(DEPLOY / "sysusers.d" / "mirrord.conf")],
        check=True,
        capture_output=True,
        timeout=60,
    )
    fields = (tmp_path / "etc" / "passwd").read_text().strip().splitlines()[-1].split(":")
    assert fields[0] == settings_of("mirrord.service")["User"] == "mirrord"
    assert fields[5] == f"/var/lib/{settings_of('mirrord.service')['StateDirectory']}"
    assert fields[6].endswith("nologin")


def test_the_example_configuration_is_the_template(tmp_path: Path) -> None:
    example = DEPLOY / "mirrord.toml"
    assert example.read_text() == render_template({"pledge": "2TB"}), "write it again with render_template"
    assert load_config(tmp_path, example, {}, {}).pledge_bytes == 2 * 10**12
