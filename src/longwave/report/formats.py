"""Numbers as the report writes them: three significant digits, a unit, an interval beside every estimate."""

from __future__ import annotations

import math

__all__ = ["ABSENT", "count", "decimals_of", "number", "p_value", "points", "signed", "significant"]

ABSENT = "–"
_MINUS = "−"


def significant(value: float | None, digits: int = 3) -> str:
    """Write a number with three significant digits and thousands separated; a dash when there is none.

    Examples
    --------
    >>> significant(62.134), significant(1234.5), significant(0.00471), significant(None)
    ('62.1', '1,230', '0.00471', '–')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent < 15:
        return f"{value:.{digits - 1}e}".replace("-", _MINUS)
    rounded = round(value, digits - 1 - exponent)
    return number(rounded, decimals_of(rounded, digits))


def decimals_of(value: float, digits: int = 3) -> int:
    """Return how many decimals show ``digits`` significant digits of a value."""
    if value == 0:
        return 0
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))


def number(value: float | None, decimals: int) -> str:
    """Write a number with a fixed number of decimals, as columns that are compared need."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.removeprefix("-")  # no "-0.0"
    return text.replace("-", _MINUS)


def signed(value: float | None, decimals: int = 1) -> str:
    """Write a difference with its sign."""
    text = number(value, decimals)
    return f"+{text}" if value is not None and value > 0 and any(d in text for d in "123456789") else text


def points(value: float | None) -> str:
    """Write a difference of two shares in percentage points."""
    return ABSENT if value is None else f"{signed(100 * value)} points"


def p_value(value: float | None) -> str:
    """Write a p-value with two digits, or as a bound where more would be noise.

    Examples
    --------
    >>> p_value(0.00004), p_value(0.0312), p_value(0.731)
    ('< 0.001', '0.031', '0.73')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: ``1 instance``, ``1,200 instances``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"
