"""The rules that run in a test are the deployed ones: nothing but their durations differs."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.prometheus.deployed import read_yaml, rule_files, write_shortened_rules
from tests.integration.prometheus.running_prometheus import require
from tests.integration.prometheus.shortening import (
    LONG_ENOUGH_SECONDS,
    mask,
    masked_rules,
    parse_duration,
    shorten,
    shorter,
)

WEEK_SECONDS = 7 * 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5_400), ("250ms", 0.25), ("1w", WEEK_SECONDS), ("2d", 172_800), ("1y", 31_536_000)],
)
def test_durations_are_read_as_prometheus_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "1.5h", "5m "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@given(st.floats(0.001, 1e8), st.floats(0.001, 1e8))
def test_shortening_keeps_the_order_and_never_lengthens(one: float, other: float) -> None:
    assert shorter(one) <= one
    assert (shorter(one) <= shorter(other)) or one > other
    assert shorter(one) >= min(one, LONG_ENOUGH_SECONDS)


def test_a_week_fits_into_a_test() -> None:
    assert shorter(WEEK_SECONDS) < 30


def test_only_durations_change_in_an_expression() -> None:
    expression = "rate(a_5m:b1h{x=\"5m\",y=~'1h|2d'}[5m] offset 1w) > 3600 and max_over_time(c[1h30m:10m]) < 1e5"
    shortened = "rate(a_5m:b1h{x=\"5m\",y=~'1h|2d'}[4162ms] offset 27887ms) > 3600"
    assert shorten(expression) == f"{shortened} and max_over_time(c[8572ms:4949ms]) < 1e5"
    assert mask(shorten(expression)) == mask(expression) != expression


def test_the_rules_that_run_here_are_the_deployed_ones(tmp_path: Path) -> None:
    written = write_shortened_rules(tmp_path)
    assert [path.name for path in written] == [path.name for path in rule_files()]
    for deployed, shortened in zip(rule_files(), written, strict=True):
        assert masked_rules(read_yaml(shortened)) == masked_rules(read_yaml(deployed))
    checked = subprocess.run(
        [require("promtool"), "check", "rules", *map(str, written)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
