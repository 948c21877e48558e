"""A console for frames: what it can show, and frames on it."""

import os
import shutil
from collections.abc import Iterable
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from mirrord.cli.frames.canvas import Canvas

_FEW_COLOURS: Final = (None, "standard")
_WIDTH_ELSEWHERE: Final = 100
"""Columns where the output is no terminal, and COLUMNS does not say."""

_WIDTH_MAX: Final = 400
"""Columns that a frame uses at most, however wide the terminal is."""


def console_of(stream: TextIO, width: int) -> Console:
    """Return a console that sends nothing but what it is told; NO_COLOR and TERM=dumb are respected."""
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


def canvas_of(console: Console, width: int, height: int | None = None) -> Canvas:
    """Return what a console can show on so many columns and lines."""
    return Canvas(
        width=max(1, min(width, _WIDTH_MAX)),
        height=height,
        unicode=console.encoding.lower().startswith("utf"),
        many_colours=console.color_system not in _FEW_COLOURS,
    )


def print_frame(console: Console, lines: Iterable[Text]) -> None:
    """Print lines as they are; no line ends in blanks where nothing colours them."""
    for line in lines:
        shown = line.copy()
        if not console.is_terminal:
            shown.rstrip()
        shown.end = "\n"
        console.print(shown, crop=False, no_wrap=True)


def width_of_output() -> int:
    """Return how wide to print on standard output, be it a terminal or not."""
    return shutil.get_terminal_size((_WIDTH_ELSEWHERE, 24)).columns


def size_of(descriptor: int) -> tuple[int, int]:
    """Return the columns and lines of a terminal, 80 and 24 where it does not say."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24
