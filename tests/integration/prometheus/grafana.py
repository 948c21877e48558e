"""What Grafana does with a dashboard's variables, as far as ours use it: their values, and their places in queries."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tests.dashboards import Variable
from tests.integration.prometheus.deployed import SCRAPE_SECONDS
from tests.integration.prometheus.running_prometheus import RunningPrometheus, Sample

RATE_INTERVAL: Final = f"{4 * SCRAPE_SECONDS}s"
"""Of a graph whose points are as far apart as scrapes."""

_LABEL_VALUES: Final = re.compile(r"label_values\((?:(.+),\s*)?(\w+)\)")
_QUERY_RESULT: Final = re.compile(r"query_result\((.+)\)")
_PLACE: Final = re.compile(r"\$\w+")
_SPECIAL: Final = re.compile(r"[\\^$*+?.()|\[\]{}]")

Choice = tuple[str, str]
"""What a variable's list shows, and what goes into queries."""


def choices(prometheus: RunningPrometheus, variable: Variable, chosen: Mapping[str, str], at: float) -> list[Choice]:
    """Return what an operator may choose at a moment, where ``chosen`` is chosen already."""
    if variable.type == "custom":
        return [(word.strip(), word.strip()) for word in variable.query.split(",")]
    query = fill(variable.query, chosen)
    if (found := _LABEL_VALUES.fullmatch(query)) is not None:
        values = sorted({labels[found[2]] for labels in prometheus.series(found[1] or "{__name__!=''}")})
        return [(value, value) for value in values]
    found = _QUERY_RESULT.fullmatch(query)
    assert found is not None, f"a kind of variable that no test knows: {variable.query}"
    return [_named(variable.regex, _as_text(sample)) for sample in prometheus.query(found[1], at)]


def _as_text(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items() if name != "__name__")
    return f"{sample.labels.get('__name__', '')}{{{labels}}} {sample.values[-1]:g} 0"


def _named(regex: str, text: str) -> Choice:
    """Return what a regular expression of JavaScript's finds: its groups ``text`` and ``value``."""
    assert regex.startswith("/") and regex.endswith("/g"), regex
    matches = list(re.finditer(regex[1:-2].replace("(?<", "(?P<"), text))
    shown, value = (next((m[group] for m in matches if m[group]), "") for group in ("text", "value"))
    return shown, value


def one_of(values: Sequence[str]) -> str:
    """Return chosen values as they stand in a matcher; where there are several, as a regular expression."""
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def fill(text: str, chosen: Mapping[str, str]) -> str:
    """Return ``text`` with its ``$variables`` filled in; a KeyError where one is not ``chosen``."""
    return _PLACE.sub(lambda found: chosen[found[0][1:]], text)
