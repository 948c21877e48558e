"""Every error that mirrord raises itself, by whose fault it is.

::

    MirrordError
    |-- ConfigError          the operator's file or folder    one line and a hint, exit 78
    |-- UsageError           the operator's flag or argument  one line and a hint, exit 2
    |-- CollectionError      the curator's input              names the file and the row
    |-- RecordError          a stranger's data                drop it, count it, carry on
    |-- ProtocolError
    |   |-- LocalProtocolError    our own bug                 close the session, log loudly
    |   `-- RemoteProtocolError   the peer's                  close the session, count, back off
    |-- DeniedError          the caller may not do that     exit 5
    `-- ShellError           the machine: disk, engine, socket
        |-- StorageError
        |-- EngineError
        `-- UnreachableError      the daemon does not answer  exit 4

``assert`` states what cannot happen; it never checks input.
"""

from enum import StrEnum


class MirrordError(Exception):
    """The root: a message for people, a stable code for machines, and what to do about it."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(MirrordError):
    """The configuration, the node's folder or a key file is wrong; the operator can mend it."""

    code = "bad_configuration"
    exit_code = 78


class UsageError(MirrordError):
    """A flag, an argument or a request is wrong."""

    code = "usage"
    exit_code = 2


class DeniedError(MirrordError):
    """The caller may look, but not change anything, or may not even look."""

    code = "denied"
    exit_code = 5


class CollectionError(MirrordError):
    """What a curator gave us (a folder, a catalogue, a file name) cannot become a collection."""

    code = "bad_collection"


class RejectReason(StrEnum):
    """Why a record from a peer changed nothing; also the ``reason`` label of the metric."""

    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KIND = "unknown_kind"
    STALE = "stale"
    EXPIRED = "expired"
    FROM_FUTURE = "from_future"
    FOREIGN_COLLECTION = "foreign_collection"
    WRONG_AUTHOR = "wrong_author"
    EQUIVOCATION = "equivocation"
    TABLE_FULL = "table_full"
    NOT_ADMITTED = "not_admitted"

    @property
    def is_peers_fault(self) -> bool:
        """Whether an honest relay could never have sent this, so that its session must end."""
        return self in _NEVER_RELAYED


_NEVER_RELAYED = frozenset(
    {
        RejectReason.MALFORMED,
        RejectReason.OVERSIZED,
        RejectReason.BAD_SIGNATURE,
        RejectReason.WRONG_AUTHOR,
    }
)


class RecordError(MirrordError):
    """A record is not acceptable.  Drop it, count ``reason``, carry on."""

    code = "bad_record"

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason


class ProtocolError(MirrordError):
    """A session cannot go on."""

    code = "protocol"


class LocalProtocolError(ProtocolError):
    """We tried to send what the protocol forbids: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol forbids."""


class ShellError(MirrordError):
    """The machine let us down."""

    code = "machine"


class StorageError(ShellError):
    """The database or a file cannot be read or written."""

    code = "storage"


class EngineError(ShellError):
    """The BitTorrent engine refused or failed."""

    code = "engine"


class UnreachableError(ShellError):
    """No daemon answers on the control socket."""

    code = "daemon_unreachable"
    exit_code = 4
