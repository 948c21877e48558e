"""Where a key's value comes from: flag, then environment, then file.  Knows names, not meanings."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.config.keys import FIELDS, default_of
from mirrord.core.errors import ConfigError, UsageError

ENVIRONMENT_PREFIX: Final = "MIRRORD_"
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")
_TYPO_CLOSENESS: Final = 0.8
_SHOWN_CHARACTERS: Final = 60
_ASN_MAX_DIGITS: Final = 20
"""More digits are left for the complaint that this is not a number: Python refuses to read thousands."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value before it is checked, and who said it.

    ``place`` opens every complaint about it; ``fault`` is the kind of that complaint, as a wrong flag
    is another fault than a wrong file.
    """

    value: object
    place: str
    fault: type[ConfigError | UsageError] = ConfigError


def read_sources(
    file: Path, required: bool, environment: Mapping[str, str], flags: Mapping[str, object]
) -> dict[str, Given]:
    """Return what was given for each key.

    Without ``required``, a missing file is an empty one.  A flag that is None was not given.
    Raises ConfigError where a file cannot be read or a key is not known.
    """
    given = _from_file(file, required) | _from_environment(environment)
    for key, value in flags.items():
        if key not in FIELDS:
            raise KeyError(key)
        if value is not None:
            given[key] = Given(value, f"--{key.replace('_', '-')}", UsageError)
    return given


def _from_file(file: Path, required: bool) -> dict[str, Given]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not required:
            return {}
        raise ConfigError(f"{file}: no such file", "`mirrord init` writes one") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", "the daemon must be able to read it") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}", "save it as UTF-8 text") from None
    except ValueError as error:  # tomllib's own error, or Python's about a number of thousands of digits
        raise ConfigError(f"{file}: not TOML: {error}", 'text needs quotes: pledge = "2TB"') from None
    except RecursionError:
        raise ConfigError(f"{file}: lists within lists without end", "no key takes a list of lists") from None
    for key in table:
        if key not in FIELDS:
            raise ConfigError(f"{file}: there is no key {key[:_SHOWN_CHARACTERS]!r}", nearest_key(key))
    return {key: Given(value, f"{file}: {key}") for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """Read ``MIRRORD_<KEY>``.

    A name that is close to a key is a typo and refused.  Any other is somebody else's: Kubernetes,
    for one, sets MIRRORD_PORT where a service is called mirrord.
    """
    given = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if key in FIELDS:
            given[key] = Given(_value_of_text(key, text), name)
        elif close := difflib.get_close_matches(key, FIELDS, 1, _TYPO_CLOSENESS):
            raise ConfigError(
                f"environment: there is no {name[:_SHOWN_CHARACTERS]}",
                f"did you mean {ENVIRONMENT_PREFIX}{close[0].upper()}?",
            )
    return given


def _value_of_text(key: str, text: str) -> object:
    """Turn an environment variable into what a file would hold; leave a wrong one to be complained about."""
    default = default_of(key)
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, bool):
        word = text.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if key == "asn" and text.isascii() and text.isdigit() and len(text) <= _ASN_MAX_DIGITS:
        return int(text)
    return text


def nearest_key(key: str) -> str:
    """Return a hint that names the key that was probably meant, or where to find all of them."""
    close = difflib.get_close_matches(key, FIELDS, 1)
    return f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(FIELDS)}"
