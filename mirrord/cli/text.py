"""Text for a terminal: strangers' names made harmless, widths as they are seen, numbers as they are said.

Names, labels and reasons come from other people's nodes.  A terminal obeys what it is sent, so no
control character ever reaches it from there.
"""

import unicodedata
from typing import Final

from mirrord.core.wording import counted as counted
from mirrord.core.wording import format_age as format_age
from mirrord.core.wording import format_share as format_share
from mirrord.core.wording import printable as printable

_SHORT: Final = 8


def display_width(text: str) -> int:
    """Return how many columns ``text`` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns; an ellipsis says that something is missing."""
    if display_width(text) <= width:
        return text
    kept = ""
    for c in text:
        if display_width(kept + c) > width - 1:
            break
        kept += c
    return kept + "…"


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` columns, broken between words where that is possible."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while display_width(word) > width:
            head = cut(word, width)[:-1] or word[0]  # a column may be too narrow for anything
            lines.extend([line] if line else [])
            lines.append(head)
            line, word = "", word[len(head) :]
        longer = f"{line} {word}" if line else word
        if display_width(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line] if line or not lines else lines


def label(name: str, identity: str) -> str:
    """Return what a collection is called in a sentence: its name, where it has one, and the beginning of its id."""
    return f"{printable(name)} ({identity[:_SHORT]})" if name else identity[:_SHORT]
