"""Durations, percentages and decimals as people write them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.api.quantities import (
    SIZE_PATTERN,
    format_decimal,
    format_duration,
    format_percentage,
    format_size,
    parse_decimal,
    parse_duration,
    parse_percentage,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("200ms", timedelta(milliseconds=200)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("0s", timedelta(0)),
    ],
)
def test_durations_are_read(text: str, value: timedelta) -> None:
    """A duration must mean what it means in Go and in Prometheus."""
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "5", "1d", "-1s", "5 m", "5M", "1s\n", "9" * 7 + "s", 5, None])
def test_what_is_no_duration_is_refused_with_advice(text: object) -> None:
    """The message must say how to write one."""
    with pytest.raises(ValueError, match="not a duration: write a number with ms, s, m or h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "value"), [("64Mi", 64 << 20), ("1Ki", 1024), ("2Gi", 2 << 30), ("1500", 1500)]
)
def test_sizes_are_read(text: str, value: int) -> None:
    """A size must mean what a quantity of Kubernetes does."""
    assert parse_size(text) == value


@pytest.mark.parametrize("text", ["", "0", "0Mi", "-1", "1.5Gi", "64M", "64mi", "Mi", "1" * 13, 0, -1, 1.5])
def test_what_is_no_size_is_refused_with_advice(text: object) -> None:
    """The message must say how to write one."""
    with pytest.raises(ValueError, match="not a size: write a whole number with Ki, Mi or Gi, such as 64Mi"):
        parse_size(text)


@pytest.mark.parametrize("text", ["99", "101%", "-1%", "99,5%", "%", "1e1%", 0.99])
def test_what_is_no_percentage_is_refused_with_advice(text: object) -> None:
    """The message must say how to write one."""
    with pytest.raises(ValueError, match='not a percentage: write a string from "0%" to "100%"'):
        parse_percentage(text)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1,5", ".5", "NaN", "1" * 10, 1.5])
def test_what_is_no_decimal_is_refused_with_advice(text: object) -> None:
    """The message must say how to write one."""
    with pytest.raises(ValueError, match="not a decimal: write a non-negative number in quotes"):
        parse_decimal(text)


@given(st.integers(min_value=0, max_value=30 * 24 * 3_600_000))
def test_a_duration_reads_back(milliseconds: int) -> None:
    """What is written to status or a manifest must be read as the same duration."""
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


@given(st.from_regex(SIZE_PATTERN, fullmatch=True))
def test_a_size_reads_back(text: str) -> None:
    """Whatever may be written, what is stored of it must be read as the same size."""
    value = parse_size(text)
    assert parse_size(format_size(value)) == value


@given(st.decimals(min_value=0, max_value=100, places=6, allow_nan=False))
def test_a_percentage_reads_back(percent: Decimal) -> None:
    """What is written must be read as the same share."""
    assert parse_percentage(format_percentage(percent / 100)) == percent / 100


@given(st.decimals(min_value=0, max_value=999_999_999, places=9, allow_nan=False))
def test_a_decimal_reads_back(value: Decimal) -> None:
    """What is written must be read as the same number."""
    assert parse_decimal(format_decimal(value)) == value


def test_values_of_the_program_are_taken_as_they_are() -> None:
    """Types built in code must accept what they hold."""
    assert parse_duration(timedelta(seconds=1)) == timedelta(seconds=1)
    assert parse_percentage(Decimal("0.5")) == Decimal("0.5")
    assert parse_decimal(Decimal("0.5")) == Decimal("0.5")
    assert parse_size(1024) == 1024
