"""Runs as root in a container that systemd has booted; writes what it saw as one JSON object.

`python booted_probe.py PROGRAM OUT`: PROGRAM is the mirrord that the unit runs.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FOLDER = Path("/var/lib/mirrord")
CONFIG = FOLDER / "mirrord.toml"
UNIT = "mirrord.service"
WAIT_SECONDS = 30.0


def systemctl(*words: str) -> int:
    return subprocess.run(["systemctl", *words], check=False, stdin=subprocess.DEVNULL).returncode


def shown(name: str) -> str:
    """Return a property of the unit, as systemd shows it."""
    command = ["systemctl", "show", "--property", name, "--value", UNIT]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def wait_until(holds: Callable[[], bool]) -> bool:
    """Look again until it holds; the daemon is another process, and systemd a third."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def metrics() -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", 7780, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def status_as(user: int | None, program: str) -> int:
    """Return the exit code of `mirrord status` for a user, None for root."""
    command = [program, "status", "--json", "--folder", str(FOLDER)]
    become = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
    return subprocess.run(command, check=False, capture_output=True, cwd="/", **become).returncode  # type: ignore[call-overload,no-any-return]


def observations(program: str) -> Iterator[tuple[str, object]]:
    """Use the service as an operator does, and yield what happens."""
    subprocess.run(["systemd-sysusers"], check=True)
    subprocess.run(["install", "-d", "-o", "mirrord", "-g", "mirrord", "-m", "0750", str(FOLDER)], check=True)
    subprocess.run(
        [program, "init", str(FOLDER), "--pledge", "1GB"], check=True, user="mirrord", group="mirrord", cwd="/"
    )
    yield "start", systemctl("start", UNIT)
    yield "active", shown("ActiveState")
    yield "status_text", shown("StatusText")
    yield "no_new_privileges", "NoNewPrivs:\t1" in Path(f"/proc/{shown('MainPID')}/status").read_text()
    found = metrics()
    yield "process_metrics", sorted(name for name in found if name.startswith("process_"))
    yield "pledge_bytes", found.get("mirrord_pledge_bytes")
    yield "status_of_root", status_as(None, program)
    yield "status_of_nobody", status_as(65534, program)

    CONFIG.write_text(CONFIG.read_text().replace('"1GB"', '"2GB"'))
    yield "reload", systemctl("reload", UNIT)
    yield "reloaded", wait_until(lambda: metrics().get("mirrord_pledge_bytes") == 2e9)

    os.kill(int(shown("MainPID")), signal.SIGSTOP)
    yield "watchdog_restarted", wait_until(lambda: shown("NRestarts") == "1" and shown("ActiveState") == "active")

    started = time.monotonic()
    yield "stop", systemctl("stop", UNIT)
    yield "stop_seconds", time.monotonic() - started
    yield "result_of_stop", shown("Result")

    CONFIG.write_text(CONFIG.read_text().replace("pledge =", "pledg ="))
    yield "start_with_a_bad_key", systemctl("start", UNIT)
    yield "exit_status_of_a_bad_key", shown("ExecMainStatus")
    yield "state_after_a_bad_key", shown("ActiveState")


def main() -> None:
    program, out = sys.argv[1], Path(sys.argv[2])
    seen: dict[str, object] = {"host": socket.gethostname()}
    try:
        for name, value in observations(program):
            seen[name] = value
    except (OSError, subprocess.SubprocessError) as error:
        seen["error"] = repr(error)
    journal = subprocess.run(
        ["journalctl", "--unit", UNIT, "--unit", "probe.service", "--no-pager"],
        check=False,
        capture_output=True,
        text=True,
    )
    seen["journal"] = journal.stdout
    out.write_text(json.dumps(seen))
    systemctl("--no-block", "poweroff")


if __name__ == "__main__":
    main()
