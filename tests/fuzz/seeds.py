"""What a corpus begins with: golden vectors, and what Hypothesis makes of a target's strategies.  Always the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target

_VECTORS: Final = Path(__file__).resolve().parents[2] / "proto" / "vectors"
_VALID_COUNT: Final = 150
_JUNK_COUNT: Final = 50


def seeds_of(target: Target) -> Iterator[bytes]:
    """Yield inputs that lead far into a target, none longer than it takes."""
    made = [*_vectors(target.vectors), *_examples(target.valid, _VALID_COUNT)]
    if target.junk is not None:
        made += _examples(target.junk, _JUNK_COUNT)
    for data in dict.fromkeys(made):
        if len(data) <= target.input_max_bytes:
            yield data


def _vectors(name: str) -> Iterator[bytes]:
    if not name:
        return
    cases = json.loads((_VECTORS / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
    for case in cases:
        yield case["text"].encode() if "text" in case else _unhex(case["bytes"])


def _unhex(value: str | list[list[Any]]) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    return b"".join(bytes.fromhex(part) * times for part, times in value)


def _examples(strategy: st.SearchStrategy[bytes], count: int) -> list[bytes]:
    made: list[bytes] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(data: bytes) -> None:
        made.append(data)

    collect()
    return made
