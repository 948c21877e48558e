"""Small checks that every decoder of records shares; each raises :class:`RecordError`."""

from typing import Final

from mirrord.core.errors import RecordError, RejectReason

INTEGER_MAX: Final = 2**63 - 1
"""SQLite's integers are signed."""


def bounded(count: int, most: int, what: str) -> None:
    """Refuse a length or count above ``most``."""
    if count > most:
        raise RecordError(RejectReason.OVERSIZED, f"{what}: {count}, at most {most}")


def exact(value: bytes, length: int, what: str) -> bytes:
    """Refuse bytes of any other length."""
    if len(value) != length:
        raise RecordError(RejectReason.MALFORMED, f"{what}: {len(value)} bytes instead of {length}")
    return value


def whole(value: int, what: str, low: int = 0, high: int = INTEGER_MAX) -> int:
    """Refuse a number outside ``low`` to ``high``."""
    if not low <= value <= high:
        raise RecordError(RejectReason.MALFORMED, f"{what}: {value} is not from {low} to {high}")
    return value


def text(value: str, max_bytes: int, what: str, required: bool = False) -> str:
    """Refuse text that is too long, missing, or could move a terminal's cursor."""
    bounded(len(value.encode()), max_bytes, what)
    if required and not value.strip():
        raise RecordError(RejectReason.MALFORMED, f"{what} is missing")
    if not value.isprintable():
        raise RecordError(RejectReason.MALFORMED, f"{what} has control characters")
    return value
