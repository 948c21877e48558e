"""Whose clock is wrong: the median of many peers decides, and a clock that is set is right at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.gossip.clockwatch import ClockWatch
from tests.unit.core.making import NOW, UNIX, node_id

SKEW = limits.CLOCK_SKEW_SECONDS


def watch_of(*offsets: int) -> ClockWatch:
    """Return what is known after peers whose clocks are ahead of ours by so much."""
    watch = ClockWatch()
    for number, offset in enumerate(offsets):
        watch.note(node_id(number), UNIX + offset, NOW)
    return watch


def test_too_few_peers_prove_nothing() -> None:
    watch = watch_of(*[9_999] * (limits.CLOCK_PEERS_MIN - 1))
    assert watch.offset_seconds(NOW) is None and not watch.is_wrong(NOW)
    for _ in range(9):
        watch.note(node_id(0), UNIX + 9_999, NOW)
    assert watch.offset_seconds(NOW) is None, "one peer has one voice, however often it speaks"


@pytest.mark.parametrize(("theirs", "wrong"), [(SKEW, False), (SKEW + 1, True), (-SKEW, False), (-SKEW - 1, True)])
def test_our_clock_is_wrong_beyond_the_skew_and_no_earlier(theirs: int, wrong: bool) -> None:
    watch = watch_of(*[theirs] * 5)
    assert watch.offset_seconds(NOW) == -theirs
    assert watch.is_wrong(NOW) is wrong


def test_a_minority_that_lies_cannot_silence_us() -> None:
    assert not watch_of(0, 1, -1, 99_999, 99_999).is_wrong(NOW)


def test_a_clock_that_is_set_right_is_right_at_once_and_time_that_passes_changes_nothing() -> None:
    watch = watch_of(*[3_600] * 5)
    assert watch.is_wrong(NOW.later(1_000))
    assert watch.offset_seconds(NOW.later(1_000)) == -3_600
    set_right = Instant(NOW.monotonic_seconds + 1_000, NOW.unix_seconds + 1_000 + 3_600)
    assert watch.offset_seconds(set_right) == 0 and not watch.is_wrong(set_right)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2**63 - 1)), max_size=200))
def test_any_readings_are_bounded_in_memory(readings: list[tuple[int, int]]) -> None:
    watch = ClockWatch()
    for number, unix_seconds in readings:
        watch.note(node_id(number), unix_seconds, NOW)
    assert len(watch._ahead_of_monotonic) <= limits.CLOCK_PEERS_MAX
    watch.is_wrong(NOW)
