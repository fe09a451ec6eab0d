"""Maps from confidences to probabilities against scikit-learn and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from longwave.errors import ConfigError, DataError
from longwave.monitoring.calibration.confidence_map import cross_mapped, fit_confidence_map

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=1, max_size=60)


@settings(max_examples=40)
@given(rows)
def test_isotonic_map_equals_scikit_learn(drawn):
    c, y = np.array(drawn, dtype=float).T
    want = IsotonicRegression(out_of_bounds="clip").fit(c, y)
    asked = np.linspace(-1, 10, 45)
    assert fit_confidence_map(c, y).apply(asked) == pytest.approx(want.predict(asked), abs=1e-9)


@settings(max_examples=30)
@given(rows, st.sampled_from(["isotonic", "histogram"]))
def test_maps_never_fall_and_stay_probabilities(drawn, kind):
    c, y = np.array(drawn, dtype=float).T
    found = fit_confidence_map(c, y, kind=kind).apply(np.linspace(-2, 12, 99))
    assert (np.diff(found) >= -1e-12).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_histogram_map_is_the_accuracy_of_bins_of_equal_count():
    c = np.arange(30) / 30
    y = (np.arange(30) >= 15).astype(float)
    found = fit_confidence_map(c, y, kind="histogram", bins=3)
    assert found.levels == pytest.approx([c[:10].mean(), c[10:20].mean(), c[20:].mean()])
    assert found.probabilities == pytest.approx([0.0, 0.5, 1.0])


def test_map_keeps_nan_and_is_constant_outside():
    found = fit_confidence_map([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1])
    got = found.apply([-5.0, math.nan, 9.0])
    assert got[0] == 0.0
    assert math.isnan(got[1])
    assert got[2] == 1.0


def test_no_row_judges_itself():
    # each row's own half is right throughout; read by the other half, it is wrong throughout
    c, y = np.full(40, 0.5), np.tile([1.0, 0.0], 20)
    assert cross_mapped(c, y, "isotonic").tolist() == np.tile([0.0, 1.0], 20).tolist()


def test_a_single_row_maps_to_its_own_outcome():
    assert cross_mapped(np.array([3.0]), np.array([1.0]), "isotonic").tolist() == [1.0]


@pytest.mark.parametrize(
    ("kind", "rows", "error", "text"),
    [
        ("isotone", [(0.1, 1)], ConfigError, 'Unknown mapping "isotone"'),
        ("isotonic", [], DataError, "No row"),
    ],
    ids=["kind", "empty"],
)
def test_fit_refuses(kind, rows, error, text):
    with pytest.raises(error, match=text):
        fit_confidence_map([c for c, _ in rows], [y for _, y in rows], kind=kind)
