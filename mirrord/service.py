"""What the daemon tells systemd: ready, alive, stopping, and a line of status (``sd_notify(3)``).

Outside systemd there is nobody to tell, and every call does nothing.  A supervisor that does not
take a message is logged and no more: it judges a silent daemon by its own timeouts, and a daemon
that ended because systemd was busy would serve nobody.
"""

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

import structlog

_SEND_TIMEOUT_SECONDS: Final = 1.0
"""systemd takes a datagram within milliseconds; its queue may hold as few as ten."""
_SIGNS_PER_WATCHDOG: Final = 4
"""``sd_watchdog_enabled(3)`` advises two; with four, one that is late does no harm."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ServiceSupervisor:
    """The supervisor that started this process.

    ``watchdog_seconds`` is how long it waits for a sign of life before it kills us, None where it
    does not watch.
    """

    def __init__(self, address: str | None = None, watchdog_seconds: float | None = None) -> None:
        """Take the supervisor's datagram socket; ``@`` opens the name of an abstract one."""
        self.watchdog_seconds = watchdog_seconds
        self._address = address
        self._next_sign_at = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ServiceSupervisor":
        """Read what systemd set for this process; a watchdog meant for another process is none."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = is_ours and microseconds.isdecimal() and int(microseconds) > 0
        return cls(environment.get("NOTIFY_SOCKET"), int(microseconds) / 1_000_000 if watched else None)

    def ready(self, status: str) -> None:
        """Say that the daemon serves (also after :meth:`reloading`); ``status`` is what ``systemctl status`` shows."""
        self._tell("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Change the line that ``systemctl status`` shows."""
        self._tell(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog.  Call it as often as you like, from the loop that must not freeze and nowhere else."""
        now = time.monotonic()
        if self.watchdog_seconds is None or now < self._next_sign_at:
            return
        self._next_sign_at = now + self.watchdog_seconds / _SIGNS_PER_WATCHDOG
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; :meth:`ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Say that the daemon has begun to stop."""
        self._tell("STOPPING=1", f"STATUS={_one_line(status)}")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_SEND_TIMEOUT_SECONDS)
                channel.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warning("systemd was not told", address=self._address, what=lines[0], detail=str(error))


def _one_line(text: str) -> str:
    return " ".join(text.split())
