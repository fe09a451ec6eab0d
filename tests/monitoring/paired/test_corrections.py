"""Corrections of p-values against scipy and the steps written out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError
from longwave.monitoring.paired.corrections import adjust_p_values, benjamini_hochberg
from longwave.predictions import holm

p_lists = st.lists(st.floats(0, 1), max_size=12)


@given(p_lists)
def test_benjamini_hochberg_equals_scipy(p):
    want = scipy.stats.false_discovery_control(p) if p else np.array([])
    assert benjamini_hochberg(p) == pytest.approx(want, abs=1e-12)


@given(p_lists)
def test_benjamini_hochberg_lies_between_the_p_values_and_holm(p):
    found = benjamini_hochberg(p)
    assert (found >= np.array(p) - 1e-15).all()
    assert (found <= holm(p) + 1e-12).all()


def test_benjamini_hochberg_refuses_what_is_no_p_value():
    with pytest.raises(DataError, match=r"A p-value of 1.5"):
        benjamini_hochberg([0.2, 1.5])


@given(p_lists)
def test_adjustments_by_name_are_the_functions(p):
    for name, want in (("holm", holm(p)), ("bh", benjamini_hochberg(p)), ("none", np.array(p))):
        assert adjust_p_values(p, name).tolist() == want.tolist()


def test_holm_by_name_equals_the_steps_written_out():
    p = [0.02, 0.3, 0.001, 0.02, 0.04]
    order = sorted(range(5), key=lambda i: p[i])
    want, worst = [0.0] * 5, 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (5 - rank) * p[i]))
        want[i] = worst
    assert adjust_p_values(p).tolist() == pytest.approx(want)


def test_unknown_adjustment_is_refused():
    with pytest.raises(ConfigError, match='Unknown adjustment "bonferroni"'):
        adjust_p_values([0.1], "bonferroni")
