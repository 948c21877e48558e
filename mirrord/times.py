"""Times as people write them: ``7d`` is 604,800 seconds; a moment is said to the minute, in UTC.

A unit is always asked for: nobody should leave a network a thousand times sooner than was meant.
"""

import calendar
import re
import time
from contextlib import suppress
from fractions import Fraction
from typing import Final

from mirrord.core.errors import UsageError

_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 365 * 86_400}
_MOMENTS: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M UTC")
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{1,3})")
_SHOWN_CHARACTERS: Final = 40


def parse_duration(text: str, kind: str = "a duration") -> float:
    """Return the seconds that ``7d``, ``1.5 h`` or ``90s`` mean; raises :class:`UsageError`: it is not ``kind``."""
    match = _DURATION.fullmatch(text.strip())
    scale = _UNITS.get(match[2].lower()) if match else None
    if match is None or scale is None:
        raise UsageError(
            f"{text[:_SHOWN_CHARACTERS]!r} is not {kind}", "write a number and a unit: 14d, 36h, 15min, 90s"
        )
    return float(Fraction(match[1]) * scale)


def parse_moment(text: str) -> int:
    """Return the unix second that ``2027-12-31`` (its beginning) or ``2027-12-31 08:00`` means, in UTC.

    Raises :class:`UsageError`.
    """
    for form in _MOMENTS:
        with suppress(ValueError):
            return calendar.timegm(time.strptime(text.strip(), form))
    raise UsageError(f"{text[:_SHOWN_CHARACTERS]!r} is not a date", "write it as 2027-12-31, in UTC")


def format_moment(unix_seconds: float) -> str:
    """Return a moment to the minute: ``2027-01-15 08:00 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix_seconds))
