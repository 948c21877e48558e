"""The limits that the network shell counts each time they bite."""

from enum import StrEnum, auto


class NetLimit(StrEnum):
    """A limit of ``core/limits.py``, by its name there; the value is the ``limit`` label of the metric."""

    FRAME_MAX_BYTES = auto()
    FRAME_RECEIVE_SECONDS = auto()
    SEND_TIMEOUT_SECONDS = auto()
    SESSION_IDLE_SECONDS = auto()
    GOODBYE_SECONDS = auto()
    SESSION_QUEUE_MAX_FRAMES = auto()
    SESSION_QUEUE_MAX_BYTES = auto()
    QUEUES_MAX_BYTES = auto()
    SESSIONS_MAX = auto()
    SESSIONS_DIALLED_RESERVE = auto()
    SESSIONS_PER_NETWORK_MAX = auto()
    HANDSHAKE_TIMEOUT_SECONDS = auto()
    HANDSHAKES_MAX = auto()
    HANDSHAKES_PER_SECOND = auto()
    NETWORK_HANDSHAKES_PER_SECOND = auto()
    NETWORKS_TRACKED_MAX = auto()
    DIALS_MAX = auto()
    PEER_RECEIVED_BYTES_PER_SECOND = auto()
    PEER_SENT_BYTES_PER_SECOND = auto()
    PEER_WORK_SECONDS_PER_SECOND = auto()
    NETWORK_BUDGETS_MAX = auto()
    PEER_OVERSPENT_SECONDS = auto()
    PEERS_TRACKED_MAX = auto()
