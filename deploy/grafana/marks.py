"""What is good and what is bad: thresholds, colours and words for values."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
DARK_RED: Final = "dark-red"
BLUE: Final = "blue"
GREY: Final = "text"


def steps(base: str, *above: tuple[float, str]) -> ThresholdsConfig:
    """Return thresholds: the colour ``base``, and from each value on another."""
    thresholds = [Threshold(value=None, color=base), *(Threshold(value=at, color=color) for at, color in above)]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(thresholds)


def neutral() -> ThresholdsConfig:
    """Return thresholds of a number that is neither good nor bad."""
    return steps(BLUE)


def none_is_good() -> ThresholdsConfig:
    """Return thresholds of a count of what should not be."""
    return steps(GREEN, (1, ORANGE))


def any_is_bad() -> ThresholdsConfig:
    """Return thresholds of a count of what must not be."""
    return steps(GREEN, (0.000001, RED))


def copies() -> ThresholdsConfig:
    """Return thresholds of a number of replicas."""
    return steps(DARK_RED, (1, RED), (2, YELLOW), (3, GREEN))


def covered() -> ThresholdsConfig:
    """Return thresholds of a part that is covered, 0 to 1."""
    return steps(RED, (0.5, ORANGE), (0.9, YELLOW), (1, GREEN))


def words(texts: Mapping[int, tuple[str, str]]) -> list[ValueMapping]:
    """Return a mapping of values to a text and a colour."""
    return [
        ValueMap(
            {
                str(value): ValueMappingResult(text=text, color=color, index=index)
                for index, (value, (text, color)) in enumerate(texts.items())
            }
        )
    ]
