"""Figures as people read them: sizes, waits, shares, small numbers; and strangers' words made harmless."""

import math
import unicodedata
from typing import Final

_PREFIXES: Final = "kMGTPE"
_WORDS: Final = ("no", "one", "two", "three", "four")
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNSEEN: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def format_size(size_bytes: int) -> str:
    """Return bytes as people read them: three digits and a decimal unit, ``1.5 TB``."""
    unit, scale = "B", 1
    for prefix in _PREFIXES:
        # 999,600 would round to "1000 kB": the next unit starts half a last digit early.
        if size_bytes < 999.5 * scale:
            break
        scale *= 1000
        unit = f"{prefix}B"
    return f"{size_bytes / scale:.3g} {unit}"


def format_wait(seconds: float) -> str:
    """Return how long something is still to take."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def format_copies(copies: float) -> str:
    """Return a number of copies with at most one decimal, never rounded up: 2.96 are not 3."""
    return f"{math.floor(copies * 10 + 1e-6) / 10:g}"


def spelled(number: int, one: str, many: str = "") -> str:
    """Return ``one claim``, ``two claims``, ``no claims``; from five on in digits."""
    return f"{_WORDS[number] if number < len(_WORDS) else f'{number:,}'} {one if number == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """Return ``text`` on one line, with every control, format or unassigned character as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode("ascii") if unicodedata.category(c) in _UNSEEN else c for c in text
    )


def bounded(text: str, characters_max: int) -> str:
    """Return a stranger's words: printable, at most so many characters, with an ellipsis where some are missing."""
    shown = printable(text[: characters_max + 1])
    return shown if len(shown) <= characters_max else shown[: characters_max - 1] + "\N{HORIZONTAL ELLIPSIS}"


def format_share(share: float) -> str:
    """Return a part of a whole in percent; 100 % means all, and only all."""
    if share >= 1:
        return "100 %"
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def format_small(number: float) -> str:
    """Return a number that may be very small, with three digits; only nothing is 0."""
    return "<0.001" if 0 < number < 0.001 else f"{number:,.3g}"


def format_age(seconds: float) -> str:
    """Return how long something has been, in its largest unit."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 shard`` or ``2 shards``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
