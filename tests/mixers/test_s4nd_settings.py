"""Settings of S4ND: one for all axes or one each, within their ranges."""

from __future__ import annotations

import math

import pytest

from longwave.errors import ConfigError
from longwave.mixers.s4nd_settings import check_bandlimits, check_rates, check_steps, per_axis


def test_one_value_serves_all_axes_and_a_sequence_each():
    assert per_axis("size", 3, 2) == (3, 3)
    assert per_axis("size", [3, 4], 2) == (3, 4)
    assert per_axis("name", "s4", 3) == ("s4", "s4", "s4")


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3)], ids=str)
def test_too_few_or_too_many_values_are_refused(values):
    with pytest.raises(ConfigError, match=f"{len(values)} values for 2 axes. Give one value, or one an axis"):
        per_axis("size", values, 2)


def test_a_pair_of_steps_serves_all_axes_and_pairs_each():
    assert check_steps((0.1, 1), 2) == ((0.1, 1.0), (0.1, 1.0))
    assert check_steps([[0.1, 1.0], [2.0, 2.0]], 2) == ((0.1, 1.0), (2.0, 2.0))
    assert check_steps([(0.1, 1.0)], 1) == ((0.1, 1.0),)


@pytest.mark.parametrize(
    "dt",
    [(0.0, 1.0), (1.0, 0.1), (0.1, math.inf), (0.1,), (0.1, 0.2, 0.3), ((0.1, 1.0),), ((0.1, 1.0), 0.2)],
    ids=str,
)
def test_steps_that_are_no_range_are_refused(dt):
    with pytest.raises(ConfigError, match="0 < least <= largest"):
        check_steps(dt, 2)


def test_rates_and_bandlimits_at_the_edge_of_their_ranges():
    assert check_rates((1e-9, 1e9), 2) == (1e-9, 1e9)
    assert check_bandlimits((1.0, None), 2) == (1.0, None)
    with pytest.raises(ConfigError, match="rate is nan"):
        check_rates(math.nan, 1)
    with pytest.raises(ConfigError, match="bandlimit is nan"):
        check_bandlimits(math.nan, 1)
