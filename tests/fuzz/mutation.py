"""Changes protobuf as protobuf: a field inside a field, with every length around it put right again.

A fuzzer that only knows bytes breaks a length with most of what it changes inside, and then sees a parser say no.
"""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from tests.fuzz.hostile import varint

MutateBytes = Callable[[bytes, int], bytes]
"""A fuzzer's own way to change some bytes, into so many at most."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_EDGES: Final = (0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_BYTES_WISE: Final = 0.3
"""How often some bytes are left to the fuzzer's own ideas, at each depth."""


class Field(NamedTuple):
    """One field as it stands on the wire; ``value`` is a number, or the bytes behind a length or of a fixed size."""

    number: int
    wire_type: int
    value: int | bytes


def split(data: bytes) -> list[Field] | None:
    """Take a message apart; None where it is none."""
    fields = []
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        wire_type = tag & 7
        value: int | bytes
        if wire_type == _VARINT:
            value, at = _read_varint(data, at)
        elif wire_type in (_BYTES, _FIXED64, _FIXED32):
            size, at = _read_varint(data, at) if wire_type == _BYTES else (_FIXED_SIZES[wire_type], at)
            value, at = data[at : at + size], at + size
        else:
            return None
        if at > len(data):
            return None
        fields.append(Field(tag >> 3, wire_type, value))
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends; past the end of the data where it has none."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return 0, len(data) + 1


def join(fields: list[Field]) -> bytes:
    """Put a message together."""
    out = bytearray()
    for number, wire_type, value in fields:
        out += varint(number << 3 | wire_type)
        if isinstance(value, int):
            out += varint(value)
        else:
            out += (varint(len(value)) if wire_type == _BYTES else b"") + value
    return bytes(out)


def mutate(data: bytes, max_bytes: int, dice: Random, mutate_bytes: MutateBytes) -> bytes:
    """Return a message with one field changed, doubled, taken out or moved; or what the fuzzer makes of its bytes."""
    fields = split(data)
    if not fields or dice.random() < _BYTES_WISE:
        return mutate_bytes(data, max_bytes)
    at = dice.randrange(len(fields))
    match dice.randrange(6):
        case 0:
            fields.insert(dice.randrange(len(fields) + 1), fields[at])
        case 1:
            del fields[at]
        case 2:
            fields.append(fields.pop(at))
        case _:
            fields[at] = _mutate_field(fields[at], max_bytes, dice, mutate_bytes)
    made = join(fields)
    return made if len(made) <= max_bytes else mutate_bytes(data, max_bytes)


def _mutate_field(field: Field, max_bytes: int, dice: Random, mutate_bytes: MutateBytes) -> Field:
    if isinstance(field.value, int):
        value = dice.choice((*_EDGES, max(0, field.value - 1), field.value + 1, dice.getrandbits(64)))
        return field._replace(value=value % 2**64)
    if field.wire_type == _BYTES:
        return field._replace(value=mutate(field.value, max_bytes, dice, mutate_bytes))
    size = _FIXED_SIZES[field.wire_type]
    return field._replace(value=mutate_bytes(field.value, size)[:size].ljust(size, b"\0"))
