"""Times: what people write, what they read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.errors import UsageError
from mirrord.times import format_moment, parse_duration, parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15min", 900),
        ("1.5 h", 5_400),
        (" 7d ", 604_800),
        ("2W", 1_209_600),
        ("36 h", 129_600),
        ("0.1d", 8_640),
        ("1y", 31_536_000),
        ("999999999s", 999_999_999),
    ],
)
def test_durations_are_read_as_people_mean_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "1m", "-7d", "+7d", "1e3s", "1,5h", "٣d", "1.d", ".5h"])
def test_what_is_not_a_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration") as caught:
        parse_duration(text)
    assert "14d" in caught.value.hint


def test_a_complaint_is_short_and_calls_it_what_it_should_have_been() -> None:
    with pytest.raises(UsageError, match=r"'x+' is not an age") as caught:
        parse_duration("x" * 10_000, "an age")
    assert len(caught.value.message) < 80


@given(st.integers(0, 999_999_999), st.sampled_from([("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)]))
def test_a_whole_number_of_units_is_exact(number: int, unit: tuple[str, int]) -> None:
    assert parse_duration(f"{number}{unit[0]}") == number * unit[1]


def test_a_moment_is_said_to_the_minute_wherever_one_is() -> None:
    assert format_moment(1_800_000_059.9) == "2027-01-15 08:00 UTC"
    assert format_moment(0) == "1970-01-01 00:00 UTC"


@pytest.mark.parametrize(
    ("text", "unix_seconds"),
    [("2027-01-15", 1_799_971_200), (" 2027-01-15 08:00", 1_800_000_000), ("2027-01-15 08:00 UTC", 1_800_000_000)],
)
def test_a_date_is_read_in_utc(text: str, unix_seconds: int) -> None:
    assert parse_moment(text) == unix_seconds


@pytest.mark.parametrize("text", ["", "tomorrow", "2027", "2027-13-01", "2027-02-30", "15.1.2027", "2027-01-15 8pm"])
def test_what_is_not_a_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date") as caught:
        parse_moment(text)
    assert "2027-12-31" in caught.value.hint
