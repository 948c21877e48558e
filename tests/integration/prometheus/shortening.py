"""Rule files whose weeks are seconds, so that the very same expressions can fire and resolve within a test.

Every duration of a rule file (``for``, ``keep_firing_for``, a range, an offset, a subquery's step) becomes
``shorter(duration)``, and nothing else is touched.  A plain factor would not do: a week has to fit beside five
minutes.  The fourth root makes five minutes 4 s, an hour 8 s, a day 17 s and a week 28 s, and keeps their order,
so that an alert that compares with an hour ago and waits for half of one still does.
"""

import copy
import re
from typing import Any, Final

LONG_ENOUGH_SECONDS: Final = 4.0
"""Nothing gets shorter than this: a rate over less would see too few scrapes."""

MASK: Final = "0s"

_UNITS_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_DURATION: Final = re.compile(r"(?<![\w.])(?:\d+(?:ms|[smhdwy]))+(?!\w)")
_QUOTED: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)""")
_DURATION_KEYS: Final = ("for", "keep_firing_for")


def parse_duration(text: str) -> float:
    """Return the seconds of a duration in Prometheus's words, as in 1h30m."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration")
    return sum(int(number) * _UNITS_SECONDS[unit] for number, unit in _PART.findall(text))


def shorter(seconds: float) -> float:
    """Return how long ``seconds`` last in a test."""
    return seconds if seconds <= LONG_ENOUGH_SECONDS else max(LONG_ENOUGH_SECONDS, seconds**0.25)


def shorten(text: str) -> str:
    """Return ``text``, an expression or a duration, with every duration outside quotes shortened."""
    return _replace_durations(text, lambda duration: f"{round(shorter(parse_duration(duration)) * 1000)}ms")


def mask(text: str) -> str:
    """Return ``text`` with every duration outside quotes made the same."""
    return _replace_durations(text, lambda duration: MASK)


def _replace_durations(text: str, change: Any) -> str:
    parts = _QUOTED.split(text)
    parts[::2] = [_DURATION.sub(lambda found: change(found[0]), part) for part in parts[::2]]
    return "".join(parts)


def shorten_rules(document: dict[str, Any]) -> dict[str, Any]:
    """Return a rule file's content with every duration shortened.

    The groups' own ``interval`` is left out of the copy: how often a test evaluates is for its Prometheus to say.
    """
    shortened = copy.deepcopy(document)
    for group in shortened["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule["expr"] = shorten(rule["expr"])
            for key in _DURATION_KEYS:
                if key in rule:
                    rule[key] = shorten(str(rule[key]))
    return shortened


def masked_rules(document: dict[str, Any]) -> dict[str, Any]:
    """Return a rule file's content with every duration made the same: what must not differ after shortening."""
    masked = copy.deepcopy(document)
    for group in masked["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule["expr"] = mask(rule["expr"])
            for key in _DURATION_KEYS:
                if key in rule:
                    rule[key] = mask(str(rule[key]))
    return masked
