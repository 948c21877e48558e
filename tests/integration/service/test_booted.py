"""The service under a real systemd: a container of this machine's own files, thrown away afterwards.

An overlay over `/` gives the container this machine's systemd, interpreter and checkout without
changing any of them; it has no network but its own loopback.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROBE = Path(__file__).with_name("booted_probe.py")
BOOT_TIMEOUT_SECONDS = 120
SYSTEMD = Path("/usr/lib/systemd/systemd")

# What only a test needs: systemd's patience is short, and the program lies in a checkout, which may
# be in a place that the unit hides.
DROP_IN = """\
[Service]
WatchdogSec=3
RestartSec=1
ProtectHome=tmpfs
BindReadOnlyPaths={paths}
"""
PROBE_UNIT = """\
[Unit]
FailureAction=poweroff

[Service]
Type=oneshot
ExecStart={python} /mirrord-test/probe.py /usr/local/bin/mirrord /mirrord-test/seen.json
"""


@contextmanager
def overlay(folder: Path) -> Iterator[Path]:
    """Lay a layer that forgets over `/`, or skip where this machine does not allow it."""
    mounted = []
    try:
        for kind, options, place in (
            ("tmpfs", "mode=0755", folder / "layer"),
            ("overlay", f"lowerdir=/,upperdir={folder}/layer/upper,workdir={folder}/layer/work", folder / "root"),
        ):
            place.mkdir()
            done = subprocess.run(
                ["mount", "-t", kind, "-o", options, kind, str(place)], check=False, capture_output=True, text=True
            )
            if done.returncode != 0:
                pytest.skip(f"this machine allows no {kind} mount: {done.stderr.strip()}")
            mounted.append(place)
            if kind == "tmpfs":
                (place / "upper").mkdir()
                (place / "work").mkdir()
        yield folder / "root"
    finally:
        for place in reversed(mounted):
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def furnish(root: Path) -> None:
    """Install the service as its unit's head says, with the program of this checkout."""
    python = Path(sys.executable)
    for path in (ROOT, python.resolve()):
        for parent in [*path.parents][:-1]:
            inside = root / parent.relative_to("/")
            inside.chmod(inside.stat().st_mode | 0o111)
    program = root / "usr/local/bin/mirrord"
    program.write_text(f'#!/bin/sh\nexec {python} -m mirrord "$@"\n')
    program.chmod(0o755)
    units = root / "etc/systemd/system"
    shutil.copy(ROOT / "deploy/mirrord.service", units)
    (root / "etc/sysusers.d").mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/sysusers.d/mirrord.conf", root / "etc/sysusers.d")
    (units / "mirrord.service.d").mkdir()
    paths = f"{ROOT} {python.resolve().parents[1]}"
    (units / "mirrord.service.d/test.conf").write_text(DROP_IN.format(paths=paths))
    (units / "probe.service").write_text(PROBE_UNIT.format(python=python))
    (root / "mirrord-test").mkdir()
    shutil.copy(PROBE, root / "mirrord-test/probe.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """Boot, probe, power off; what the probe saw."""
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    if shutil.which("systemd-nspawn") is None or not SYSTEMD.exists():
        pytest.skip("systemd-nspawn is missing (apt package systemd-container)")
    with overlay(tmp_path_factory.mktemp("booted")) as root:
        furnish(root)
        command = ["systemd-nspawn", "--quiet", "--directory", str(root), "--register=no", "--keep-unit"]
        command += [f"--bind-ro={ROOT}"]  # a container has a /tmp of its own, and the checkout may lie there
        command += ["--private-network", "--boot", "systemd.unit=probe.service"]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BOOT_TIMEOUT_SECONDS,
            check=False,
        )
        result = root / "mirrord-test/seen.json"
        if not result.exists():
            said = (done.stderr + done.stdout)[-2000:]
            if "Operation not permitted" in said or "Permission denied" in said:
                pytest.skip(f"this machine lets no container boot: {said.strip().splitlines()[-1]}")
            pytest.fail(f"the container did not get to its probe:\n{said}")
        found = json.loads(result.read_text())
        if "error" in found:
            pytest.fail(f"the probe stopped at {found['error']} after {sorted(found)}:\n{found['journal']}")
        yield found


def test_the_service_starts_ready_and_hardened(seen: dict[str, object]) -> None:
    assert (seen["start"], seen["active"]) == (0, "active"), seen["journal"]
    assert "7700" in str(seen["status_text"])
    assert seen["no_new_privileges"]


def test_hardening_leaves_the_process_metrics(seen: dict[str, object]) -> None:
    assert {"process_resident_memory_bytes", "process_open_fds"} <= set(seen["process_metrics"])  # type: ignore[call-overload]


def test_the_control_socket_serves_root_and_no_stranger(seen: dict[str, object]) -> None:
    assert seen["status_of_root"] == 0
    assert seen["status_of_nobody"] in {4, 5}


def test_a_reload_takes_the_new_pledge(seen: dict[str, object]) -> None:
    assert seen["pledge_bytes"] == 1e9
    assert seen["reload"] == 0
    assert seen["reloaded"], seen["journal"]


def test_the_watchdog_restarts_a_frozen_daemon(seen: dict[str, object]) -> None:
    assert seen["watchdog_restarted"], seen["journal"]


def test_a_stop_is_clean_and_within_ten_seconds(seen: dict[str, object]) -> None:
    assert seen["stop"] == 0
    assert float(str(seen["stop_seconds"])) < 10
    assert seen["result_of_stop"] == "success"


def test_bad_configuration_is_not_tried_again(seen: dict[str, object]) -> None:
    assert seen["start_with_a_bad_key"] != 0
    assert seen["exit_status_of_a_bad_key"] == "78"
    assert seen["state_after_a_bad_key"] == "failed", "systemd must not restart it"
    assert "did you mean 'pledge'" in str(seen["journal"])
