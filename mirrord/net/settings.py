"""What the daemon tells the network shell at the start."""

from dataclasses import dataclass
from typing import Final

from mirrord.core import limits
from mirrord.core.records.ids import Address


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one waits on a peer, in seconds.  Tests wait less; the daemon keeps the defaults."""

    handshake_seconds: float = limits.HANDSHAKE_TIMEOUT_SECONDS
    """TCP and TLS where we dial; TLS where we are dialled; and again for the peer's first frame."""
    send_seconds: float = limits.SEND_TIMEOUT_SECONDS
    frame_seconds: float = limits.FRAME_RECEIVE_SECONDS
    idle_seconds: float = limits.SESSION_IDLE_SECONDS
    goodbye_seconds: float = limits.GOODBYE_SECONDS


DEFAULT_PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Where to listen, and from where to dial.

    ``listen`` may be empty (a node that only dials out), and a port of 0 lets the system choose.
    ``source_address`` is the local IP literal that dialled connections leave from (for example a
    VPN's); None leaves that to the system's routes.
    """

    listen: tuple[Address, ...] = ()
    source_address: str | None = None
    patience: Patience = DEFAULT_PATIENCE
