"""What the network shell tells people: one immutable snapshot, read by metrics and control."""

from collections.abc import Mapping
from dataclasses import dataclass

from mirrord.net.handshake import HandshakeFailure


@dataclass(frozen=True, slots=True)
class NetworkStatistics:
    """Counts since the start and states of this moment.

    ``handshakes_failed`` has every reason, those that never happened at 0; connections both
    accepted and dialled count.  ``received_bytes`` and ``sent_bytes`` are TCP payload, so they
    include TLS.  ``accept_failures`` counts how often the machine was out of descriptors or memory.
    """

    sessions_open: int
    sessions_accepted: int
    sessions_opened_total: int
    handshakes_pending: int
    handshakes_failed: Mapping[HandshakeFailure, int]
    dials_pending: int
    accept_failures: int
    queued_bytes: int
    received_bytes: int
    sent_bytes: int
