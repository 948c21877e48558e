"""`mirrord.toml` as ``mirrord init`` writes it: every key explained, those that were given set."""

import json
import textwrap
from collections.abc import Mapping
from typing import Final

from mirrord.config.keys import FIELDS, default_of, description_of

_WIDTH: Final = 100
_HEAD: Final = """\
# The configuration of a mirrord node.  A line that starts with "#" and a key shows a default; take
# the "#" away to change it.  An environment variable (MIRRORD_PLEDGE=...) comes before this file, a
# flag (--pledge) before both.  A changed pledge counts from `systemctl reload mirrord` (or SIGHUP)
# on, all else from the next start.
"""
_EXAMPLES: Final = {"pledge": "2TB"}


def render_template(values: Mapping[str, object]) -> str:
    """Return the text of a configuration file that says ``values`` (key to str, int, bool or list of str)."""
    paragraphs = [_HEAD]
    for key in FIELDS:
        comment = textwrap.fill(description_of(key), _WIDTH, initial_indent="# ", subsequent_indent="# ")
        mark, value = ("", values[key]) if key in values else ("#", default_of(key))
        paragraphs.append(f"{comment}\n{mark}{key} = {_toml(_EXAMPLES[key] if value is None else value)}\n")
    return "\n".join(paragraphs)


def _toml(value: object) -> str:
    """Return a value as TOML; JSON writes text, numbers, truth and lists of text in the same way."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
