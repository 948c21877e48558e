"""What the daemon tells systemd: ready, alive, stopping, and a line of status (``sd_notify(3)``).

Outside systemd there is nobody to tell, and every call does nothing.  A datagram to a local socket
is sent at once or not at all, so nothing here waits.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mirrord.core.errors import ShellError


@dataclass(frozen=True, slots=True)
class ServiceSupervisor:
    """The supervisor that started this process.

    ``address`` is its datagram socket, None where there is none; ``watchdog_seconds`` is how long it
    waits for a sign of life before it kills us, None where it does not watch.  Call :meth:`alive` at
    least twice as often.  Every method raises ShellError where the supervisor cannot be reached.
    """

    address: str | None = None
    watchdog_seconds: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ServiceSupervisor":
        """Read what systemd set for this process; a watchdog meant for another process is none."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()) and microseconds.isdecimal()
        return cls(
            address=environment.get("NOTIFY_SOCKET") or None,
            watchdog_seconds=int(microseconds) / 1_000_000 if watched and int(microseconds) else None,
        )

    def ready(self, status: str) -> None:
        """Say that the daemon serves (also after :meth:`reloading`); ``status`` is what ``systemctl status`` shows."""
        self._tell("READY=1", f"STATUS={_one_line(status)}")

    def status(self, text: str) -> None:
        """Change the line that ``systemctl status`` shows."""
        self._tell(f"STATUS={_one_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog.  Call it from the loop that must not freeze, not from a task beside it."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; :meth:`ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """Say that the daemon has begun to stop."""
        self._tell("STOPPING=1", f"STATUS={_one_line(status)}")

    def _tell(self, *lines: str) -> None:
        if self.address is None:
            return
        # "@" stands for the NUL that opens the name of an abstract socket.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
                channel.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            raise ShellError(f"systemd does not listen on {self.address}: {error.strerror}") from error


def _one_line(text: str) -> str:
    return " ".join(text.split())
