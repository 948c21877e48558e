"""A command on a terminal of its own, for as long as a test wants: what it draws, what is typed, what it leaves."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.command_line import COMMAND, ROOT, clean_environment

WAIT_SECONDS: Final = 30.0
ENTER_SCREEN: Final = "\x1b[?1049h"
LEAVE_SCREEN: Final = "\x1b[?1049l"
HIDE_CURSOR: Final = "\x1b[?25l"
SHOW_CURSOR: Final = "\x1b[?25h"
_HOME: Final = "\x1b[H"
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class TerminalSession:
    """One process; ``frames`` are what it drew, whole screens as lines, the newest last."""

    def __init__(self, line: tuple[str, ...], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(*size)
        self.modes_before = self.modes()
        self._shown = b""
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [*COMMAND, *line],
            cwd=ROOT,
            env=clean_environment(**{"TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}),
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
            preexec_fn=_own_terminal,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65_536)
            except OSError:  # Linux ends a terminal with EIO
                data = b""
            with self._news:
                self._shown += data
                self._news.notify_all()
            if not data:
                return

    @property
    def shown(self) -> str:
        """Everything that was sent to it, with every escape sequence."""
        with self._news:
            return self._shown.decode(errors="replace").replace("\r\n", "\n")

    @property
    def frames(self) -> list[list[str]]:
        """The screens, without escape sequences; the last one may not be whole yet."""
        drawn = self.shown.rpartition(LEAVE_SCREEN)[0] or self.shown
        return [_ESCAPE.sub("", part).split("\n") for part in drawn.split(_HOME)[1:]]

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something; the terminal may tell of it, or a timeout of half a second."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain: {what}\n{self.shown[-4000:]}")
            with self._news:
                self._news.wait(0.5)

    def wait_for(self, *words: str, size: tuple[int, int] | None = None) -> list[str]:
        """Wait for a frame of this size (columns and lines) with all these words in it, and return its lines."""
        found: list[list[str]] = []

        def is_there() -> bool:
            for lines in self.frames[-3:]:
                text = "\n".join(lines)
                if all(word in text for word in words) and (size is None or len(lines) == size[1]):
                    found.append(lines)
            return bool(found)

        self.wait_until(is_there, f"a frame with {words}")
        return found[-1]

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self._ours, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the window, which tells the process."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[object]:
        """Return the terminal's modes as they are now."""
        return termios.tcgetattr(self._theirs)

    def ended(self) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        return self.process.wait(timeout=WAIT_SECONDS)

    def close(self) -> None:
        """End the process, where it has not ended, and the terminal."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=WAIT_SECONDS)
        os.close(self._theirs)
        self._reader.join(timeout=WAIT_SECONDS)
        os.close(self._ours)


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def on_terminal(
    *line: str, folder: Path, size: tuple[int, int] = (80, 24), environment: Mapping[str, str] | None = None
) -> Iterator[TerminalSession]:
    """Run ``mirrord`` with these words on a terminal of ``size`` columns and lines while the block runs."""
    session = TerminalSession((*line, "--folder", str(folder)), size, environment or {})
    try:
        yield session
    finally:
        session.close()
