"""Numbers: three significant digits, true minus signs, dashes for nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.report.formats import count, decimals_of, number, p_value, signed, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (62.134, "62.1"),
        (0.5, "0.500"),
        (999.6, "1,000"),
        (1234567, "1,230,000"),
        (0.00012345, "0.000123"),
        (1.2345e-7, "1.23e−07"),
        (-2.5, "−2.50"),
        (0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_significant_writes_three_digits(value: float | None, text: str) -> None:
    assert significant(value) == text


@given(st.floats(min_value=1e-4, max_value=1e12))
def test_significant_is_within_half_a_digit(value: float) -> None:
    assert float(significant(value).replace(",", "")) == pytest.approx(value, rel=5.001e-3)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.0"), (-0.04, "0.0"), (1.25, "+1.2"), (-3, "−3.0"), (None, "–")]
)
def test_signed_has_a_sign_only_where_there_is_a_difference(value: float | None, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "< 0.001"), (0.0312, "0.031"), (0.731, "0.73"), (1.0, "1.00"), (None, "–")]
)
def test_p_value_is_a_bound_where_digits_are_noise(value: float | None, text: str) -> None:
    assert p_value(value) == text


def test_number_never_writes_a_negative_zero() -> None:
    assert number(-0.001, 1) == "0.0"


def test_decimals_of_zero_is_zero() -> None:
    assert decimals_of(0.0) == 0


@pytest.mark.parametrize(("n", "text"), [(1, "1 query"), (2000, "2,000 queries")])
def test_count_takes_the_right_number(n: int, text: str) -> None:
    assert count(n, "query", "queries") == text
