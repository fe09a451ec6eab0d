"""Changes of calibration between two runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from longwave.errors import DataError, ShapeError
from longwave.monitoring.calibration.confidence_map import fit_confidence_map
from longwave.monitoring.calibration.drift import calibration_drift
from longwave.monitoring.calibration.measures import calibrate

MEASURES = ["mean_confidence", "accuracy", "ece", "ece_equal_mass", "brier", "auroc"]


@pytest.fixture
def run(rng):
    confidence = np.round(rng.random(601), 2)
    return confidence, (rng.random(601) < confidence).astype(float)


def _row(frame, metric):
    return next(row for row in frame.iter_rows(named=True) if row["metric"] == metric)


def test_both_sides_are_those_of_calibrate(run):
    confidence, right = run
    frame = calibration_drift((confidence, right), (np.sqrt(confidence), right), n_resamples=5)
    first, second = calibrate(confidence, right), calibrate(np.sqrt(confidence), right)
    for name in MEASURES:
        row = _row(frame, name)
        assert row["before"] == pytest.approx(getattr(first, name), abs=1e-12)
        assert row["after"] == pytest.approx(getattr(second, name), abs=1e-12)
        assert row["change"] == pytest.approx(row["after"] - row["before"], abs=1e-12)


def test_interval_of_overconfidence_excludes_no_change(run):
    confidence, right = run
    frame = calibration_drift((confidence, right), (np.sqrt(confidence), right))
    row = _row(frame, "ece")
    assert 0 < row["low"] <= row["change"] + 0.02
    assert row["high"] > row["low"]


def test_interval_of_a_mean_is_that_of_resampled_rows(run):
    confidence, right = run
    other = np.clip(confidence + np.linspace(-0.1, 0.2, 601), 0, 1)
    frame = calibration_drift((confidence, right), (other, right), n_resamples=2000)
    row, change = _row(frame, "mean_confidence"), other - confidence
    half = 1.96 * change.std(ddof=1) / math.sqrt(601)
    assert (row["low"], row["high"]) == pytest.approx((change.mean() - half, change.mean() + half), abs=0.001)


def test_the_same_run_twice_has_not_moved(run):
    frame = calibration_drift(run, run, n_resamples=20)
    assert frame["change"].abs().max() == 0
    assert frame["low"].abs().max() == frame["high"].abs().max() == 0


def test_the_map_is_learned_on_the_first_run(rng):
    magnitude = rng.exponential(2.0, 2000)
    right = (rng.random(2000) < magnitude / (1 + magnitude)).astype(float)
    worse = right * (rng.random(2000) < 0.6)  # as confident, less often right
    frame = calibration_drift((magnitude, right), (magnitude, worse), mapping="isotonic", n_resamples=10)
    after = calibrate(fit_confidence_map(magnitude, right).apply(magnitude), worse)
    assert _row(frame, "ece")["after"] == pytest.approx(after.ece, abs=1e-12)
    assert _row(frame, "ece")["before"] < 0.06 < _row(frame, "ece")["after"]
    assert set(frame["mapping"]) == {"isotonic"}


def test_rows_that_lack_a_value_are_left_out(run):
    confidence, right = run
    holed = np.where(np.arange(601) < 100, math.nan, confidence)
    frame = calibration_drift((holed, right), (confidence, right), n_resamples=3)
    assert _row(frame, "mean_confidence")["after"] == pytest.approx(confidence[100:].mean())


def test_all_right_has_a_null_auroc():
    frame = calibration_drift(([0.4, 0.9], [1, 1]), ([0.4, 0.9], [1, 1]), n_resamples=3)
    assert _row(frame, "auroc")["before"] is None


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match=r"shapes \(1,\), \(1,\), \(2,\), \(2,\)"):
        calibration_drift(([0.4], [1]), ([0.4, 0.9], [1, 1]))


def test_nothing_to_compare_is_refused():
    with pytest.raises(DataError, match="in both runs"):
        calibration_drift(([math.nan], [1]), ([0.4], [1]))
