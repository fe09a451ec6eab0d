"""Platt scaling against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from longwave.errors import DataError
from longwave.metrics import PlattScaling, expected_calibration_error, fit_platt_scaling


@pytest.fixture
def overconfident(rng):
    p = rng.uniform(0.5, 1, size=500)
    return p, rng.random(500) < p - 0.2


def test_fit_equals_scikit_learn(overconfident):
    p, y = overconfident
    logit = np.log(p / (1 - p))[:, None]
    want = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(logit, y)
    got = fit_platt_scaling(p, y)
    assert (got.slope, got.intercept) == pytest.approx((want.coef_.item(), want.intercept_.item()), rel=1e-4)


def test_mean_confidence_becomes_the_accuracy(overconfident):
    p, y = overconfident
    assert fit_platt_scaling(p, y).apply(p).mean() == pytest.approx(y.mean())


def test_calibration_error_falls(overconfident):
    p, y = overconfident
    scaled = fit_platt_scaling(p, y).apply(p)
    assert expected_calibration_error(scaled, y) < expected_calibration_error(p, y) / 2


def test_identity_changes_nothing():
    p = np.array([1e-6, 0.2, 0.5, 0.999])
    assert PlattScaling(slope=1.0, intercept=0.0).apply(p) == pytest.approx(p)


def test_certain_confidences_stay_finite():
    scaling = fit_platt_scaling([0.0, 1.0, 1.0, 0.0, 0.5], [0, 1, 0, 1, 1])
    assert np.isfinite([scaling.slope, scaling.intercept]).all()


def test_separable_outcomes_end_in_a_step():
    scaling = fit_platt_scaling([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert scaling.apply([0.2, 0.8]) == pytest.approx([0, 1], abs=1e-3)


def test_equal_confidences_are_mapped_to_the_accuracy():
    scaling = fit_platt_scaling([0.9] * 4, [1, 0, 0, 0])
    assert scaling.apply([0.9]) == pytest.approx([0.25])


@pytest.mark.parametrize("outcome", [0, 1])
def test_nothing_is_fitted_to_one_outcome(outcome):
    assert fit_platt_scaling([0.2, 0.8], [outcome] * 2) is None


def test_no_confidences_are_refused():
    with pytest.raises(DataError, match="needs at least 1"):
        fit_platt_scaling([], [])
