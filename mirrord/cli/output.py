"""Data to standard output, everything else to standard error."""

import sys
from collections.abc import Iterable

import msgspec

from mirrord.control.shapes import Shape


def print_json(shape: Shape) -> None:
    """Print a shape as indented JSON; beyond ASCII as escapes, so that no name can steer a terminal."""
    import json

    sys.stdout.write(json.dumps(msgspec.to_builtins(shape), indent=2) + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of data."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def say(line: str) -> None:
    """Tell the person at the terminal something that is not data."""
    sys.stdout.flush()
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
