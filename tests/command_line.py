"""Running ``mirrord`` as a person does: a process, its output, its exit code."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "mirrord")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def clean_environment(**more: str) -> dict[str, str]:
    """Return our environment without what would change a command's mind."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MIRRORD_", "NO_COLOR", "TERM"))}
    return kept | more


def mirrord(*line: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Ended:
    """Run one command to its end, its output in pipes."""
    where = ("--folder", str(folder)) if folder is not None else ()
    done = subprocess.run(
        [*COMMAND, *line, *where],
        cwd=ROOT,
        env=clean_environment(**(environment or {})),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def mirrord_on_terminal(
    *line: str, folder: Path, columns: int = 80, environment: Mapping[str, str] | None = None
) -> str:
    """Run one command on a terminal of its own and return what that was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *line, "--folder", str(folder)],
        cwd=ROOT,
        env=clean_environment(**{"TERM": "xterm", **(environment or {})}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:
        pass  # Linux ends a terminal with EIO
    finally:
        os.close(ours)
        process.wait(timeout=60)
    return shown.decode().replace("\r\n", "\n")
