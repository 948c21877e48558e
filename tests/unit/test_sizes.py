"""Sizes: what people write, what they read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.errors import UsageError
from mirrord.sizes import SIZE_MAX_BYTES, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096B", 4096),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("100GB", 100 * 10**9),
        ("500GiB", 500 * 2**30),
        ("2TB", 2 * 10**12),
        ("2 tb", 2 * 10**12),
        (" 1.5 TB ", 1_500_000_000_000),
        ("0.1GB", 100_000_000),
        ("1.000000001kB", 1000),
        ("9223372036854775807", SIZE_MAX_BYTES),
    ],
)
def test_sizes_are_read_as_people_mean_them(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "TB", "2T", "2TBB", "-1GB", "1e3", "1,5TB", "٣GB", "2 T B", "nan", "1.GB", ".5GB"]
)
def test_what_is_not_a_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert "2TB" in caught.value.hint


def test_more_than_the_world_holds_is_refused() -> None:
    with pytest.raises(UsageError):
        parse_size("10EB")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_499, "999 kB"), (999_500, "1 MB"), (2 * 10**12, "2 TB")],
)
def test_sizes_are_written_with_three_digits(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@given(st.integers(0, SIZE_MAX_BYTES))
def test_what_is_written_reads_back_within_half_a_digit(size_bytes: int) -> None:
    text = format_size(size_bytes)
    assert "e" not in text
    assert abs(parse_size(text) - size_bytes) <= size_bytes / 198
