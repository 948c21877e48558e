"""A whole node: bytes stand for a script of what peers, friends, clocks and shells do to it."""

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from tests.fuzz.session_machine import besiege
from tests.fuzz.target import Take, Target
from tests.fuzz.test_fuzz_node import test_whatever_peers_and_shells_report_a_node_goes_on as report_anything


def _play(test: Callable[..., None]) -> Take:
    """Return a ``take`` that plays the example that bytes stand for; too few of them are no script."""
    return lambda data: test.hypothesis.fuzz_one_input(data) is not None  # type: ignore[attr-defined]


_SCRIPTS: Final = st.one_of(
    st.binary(min_size=500, max_size=4_000), st.binary(max_size=200).map(lambda part: part * 20)
)

TARGETS: Final = (
    Target(family="session", name="siege", take=_play(besiege), valid=_SCRIPTS, weight=2, input_max_bytes=8192),
    Target(family="session", name="node", take=_play(report_anything), valid=_SCRIPTS, weight=2, input_max_bytes=8192),
)
