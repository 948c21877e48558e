"""A terminal whose keys are read one by one, and which is what it was afterwards, however that comes."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

_READ_BYTES: Final = 256
_KEYS: Final = {
    b"\t": "next",
    b"n": "next",
    b"\x1b[C": "next",
    b"\x1bOC": "next",
    b"p": "previous",
    b"\x1b[Z": "previous",
    b"\x1b[D": "previous",
    b"\x1bOD": "previous",
    b"q": "quit",
    b"Q": "quit",
    b"\x04": "quit",
}
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_STOP_CODE: Final = 128


class Terminal:
    """Waits for keys and for news; made by :func:`terminal`.

    ``is_resized`` is set when the window has another size, ``is_suspending`` when the operator wants the shell.
    """

    def __init__(self, reads_keys: bool) -> None:
        self.is_resized = False
        self.is_suspending = False
        self._reads_keys = reads_keys
        self._woken, self.wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self.wake, False)

    def close(self) -> None:
        """Let go of the pipe; whoever still writes to it is told that nobody reads."""
        os.close(self._woken)
        os.close(self.wake)

    def wait(self, seconds: float) -> list[str]:
        """Wait for a key, news or a signal, so long at most; return what was typed: next, previous, quit."""
        sources = [self._woken, *([sys.stdin.fileno()] if self._reads_keys else [])]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._woken, _READ_BYTES):
                    pass
        if self._reads_keys and sys.stdin.fileno() in ready:
            return self._typed()
        return []

    def _typed(self) -> list[str]:
        try:
            data = os.read(sys.stdin.fileno(), _READ_BYTES)
        except OSError:
            data = b""
        return list(keys_of(data)) if data else ["quit"]  # the terminal has gone

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal."""
        if number in _ENDING:
            raise SystemExit(_STOP_CODE + number)
        self.is_resized = self.is_resized or number in (signal.SIGWINCH, signal.SIGCONT)
        self.is_suspending = self.is_suspending or number == signal.SIGTSTP


def keys_of(data: bytes) -> Iterator[str]:
    """Yield what was typed, as far as it means anything."""
    while data:
        key = next((key for key in sorted(_KEYS, key=len, reverse=True) if data.startswith(key)), None)
        if key is not None:
            yield _KEYS[key]
        data = data[len(key) if key is not None else _length_of(data) :]


def _length_of(data: bytes) -> int:
    """Return how long a key is that means nothing here: an escape sequence is one."""
    if not data.startswith((b"\x1b[", b"\x1bO")):
        return 1
    end = next((place for place, byte in enumerate(data[2:], 2) if 0x40 <= byte <= 0x7E), len(data) - 1)
    return end + 1


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    """Read single keys while the block runs; SIGTERM and SIGHUP end it by :class:`SystemExit`.

    Where standard input is no terminal, nobody can type, and only signals end it.
    """
    held = Terminal(sys.stdin.isatty())
    with contextlib.ExitStack() as undo:
        undo.callback(held.close)
        for number in (*_ENDING, signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP):
            undo.callback(signal.signal, number, signal.signal(number, held.note))
        undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(held.wake, warn_on_full_buffer=False))
        if sys.stdin.isatty():
            undo.enter_context(single_keys())
        yield held


@contextlib.contextmanager
def single_keys() -> Iterator[None]:
    """Have keys come at once and unseen; Ctrl-C, Ctrl-Z and Ctrl-\\ mean what they always do."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        with contextlib.suppress(termios.error):  # it has gone
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def suspend(leave: Callable[[], None], enter: Callable[[], None]) -> None:
    """Give the terminal back to the shell until this process is wanted again."""
    cooked_again = sys.stdin.isatty()
    descriptor = sys.stdin.fileno()
    ours = termios.tcgetattr(descriptor) if cooked_again else None
    leave()
    if ours is not None:
        cooked = [*ours]
        cooked[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSADRAIN, cooked)
    os.kill(os.getpid(), signal.SIGSTOP)
    if ours is not None:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, ours)
    enter()
