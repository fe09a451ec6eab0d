"""Calibration by levels against loops over rows, `longwave.metrics` and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.metrics import expected_calibration_error, selective_accuracy
from longwave.monitoring.calibration.measures import auroc, calibrate, calibrate_levels

# confidences on a grid, so that ties are frequent; edges of 15 bins are not on it
rows = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), min_size=1, max_size=80)


def _arrays(drawn):
    return np.array([c for c, _ in drawn]) / 20, np.array([y for _, y in drawn], dtype=float)


def _error_by_loop(c, y, bins):
    total = 0.0
    for b in range(bins):
        inside = [i for i in range(len(c)) if min(int(c[i] * bins), bins - 1) == b]
        if inside:
            total += len(inside) / len(c) * abs(np.mean(c[inside]) - np.mean(y[inside]))
    return total


def _auroc_by_loop(c, y):
    pairs = [(a, b) for a in c[y == 1] for b in c[y == 0]]
    return np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs]) if pairs else math.nan


def _accuracy_by_loop(c, y, share):
    """The mean over all orders of ties: each row of a cut level counts with the level's mean."""
    kept = math.ceil(round(share * len(c), 9))
    taken, hits = 0, 0.0
    for level in sorted(set(c.tolist()), reverse=True):
        here = y[c == level]
        take = min(len(here), kept - taken)
        hits += take * here.mean()
        taken += take
    return hits / kept


@settings(max_examples=30)
@given(rows)
def test_errors_equal_loops_over_rows(drawn):
    c, y = _arrays(drawn)
    found = calibrate(c, y)
    assert found.ece == pytest.approx(_error_by_loop(c, y, 15), abs=1e-12)
    assert found.brier == pytest.approx(np.mean((c - y) ** 2), abs=1e-12)
    assert (found.n, found.accuracy, found.mean_confidence) == (
        len(c),
        pytest.approx(y.mean()),
        pytest.approx(c.mean()),
    )


@settings(max_examples=30)
@given(rows)
def test_equal_mass_bins_and_coverage_are_those_of_the_metrics(drawn):
    c, y = _arrays(drawn)
    found = calibrate(c, y)
    assert found.ece_equal_mass == pytest.approx(expected_calibration_error(c, y, bins=15), abs=1e-12)
    for share in (0.5, 0.8, 0.9):
        got = getattr(found, f"accuracy_at_{round(100 * share)}")
        assert got == pytest.approx(selective_accuracy(c, y, coverage=share), abs=1e-12)
        assert got == pytest.approx(_accuracy_by_loop(c, y, share), abs=1e-12)


@settings(max_examples=40)
@given(rows)
def test_auroc_equals_a_loop_over_pairs(drawn):
    c, y = _arrays(drawn)
    assert auroc(c, y) == pytest.approx(_auroc_by_loop(c, y), abs=1e-12, nan_ok=True)
    assert calibrate(c, y).auroc == pytest.approx(auroc(c, y), nan_ok=True)


@pytest.mark.parametrize("n", [3, 101, 4001])
def test_auroc_equals_scikit_learn(rng, n):
    c, y = np.round(rng.random(n), 2), np.arange(n) % 3 == 0
    assert auroc(c, y) == pytest.approx(sklearn.metrics.roc_auc_score(y, c), abs=1e-12)


@settings(max_examples=40)
@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(drawn, random):
    c, y = _arrays(drawn)
    shuffled = list(range(len(c)))
    random.shuffle(shuffled)
    first, second = calibrate(c, y), calibrate(c[shuffled], y[shuffled])
    for name in ("ece", "ece_equal_mass", "brier", "auroc", "accuracy_at_80"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-12, nan_ok=True)


def test_equal_confidences_stay_in_one_bin():
    c = np.repeat([0.2, 0.4, 1.0], [700, 200, 100])  # the likelihood levels of a vendor
    y = np.concatenate([np.arange(700) % 2, np.ones(200), np.ones(100)])
    found = calibrate(c, y)
    want = 0.7 * abs(0.2 - 0.5) + 0.2 * abs(0.4 - 1) + 0
    assert found.ece == pytest.approx(want)
    assert found.ece_equal_mass == pytest.approx(want)


def test_shares_of_credit_count_in_part(rng):
    c, y = rng.random(57), rng.choice([0, 0.25, 0.5, 1], 57)
    found = calibrate(c, y)
    assert found.brier == pytest.approx(np.mean((c - y) ** 2))
    assert found.ece == pytest.approx(_error_by_loop(c, y, 15))


def test_rows_without_confidence_or_score_are_left_out():
    found = calibrate([0.9, math.nan, 0.4, 0.5], [1, 1, 0, math.nan])
    assert found == calibrate([0.9, 0.4], [1, 0])


def test_all_right_has_no_auroc():
    assert math.isnan(calibrate([0.4, 0.9], [1, 1]).auroc)


def test_counts_by_level_are_enough():
    found = calibrate_levels(np.array([0.3, 0.8]), np.array([4.0, 6.0]), np.array([1.0, 5.0]))
    assert found == calibrate([0.3] * 4 + [0.8] * 6, [1, 0, 0, 0, 1, 1, 1, 1, 1, 0])


@pytest.mark.parametrize("mapping", ["isotonic", "histogram"])
def test_a_mapping_makes_magnitudes_into_probabilities(rng, mapping):
    magnitude = rng.exponential(2.0, 4000)  # far outside [0, 1], yet in the right order
    right = rng.random(4000) < magnitude / (1 + magnitude)
    found = calibrate(magnitude, right, mapping=mapping)
    assert found.mapping == mapping
    assert found.ece < 0.04
    assert found.auroc == pytest.approx(auroc(magnitude, right), abs=0.02)


@pytest.mark.parametrize(
    ("confidence", "correct", "options", "error", "text"),
    [
        ([0.5], [1, 0], {}, ShapeError, r"shape \(1,\) and correct \(2,\)"),
        ([], [], {}, DataError, "No row has both"),
        ([math.nan], [1], {}, DataError, "No row has both"),
        ([1.5], [1], {}, DataError, 'confidence is 1.5; .* mapping="isotonic"'),
        ([-0.1, 0.4], [1, 0], {}, DataError, "confidence is -0.1"),
        ([0.5], [1], {"bins": 0}, ConfigError, "bins is 0"),
        ([0.5], [1], {"mapping": "platt"}, ConfigError, 'Unknown mapping "platt"'),
    ],
    ids=["lengths", "empty", "nan", "above", "below", "bins", "mapping"],
)
def test_calibrate_refuses(confidence, correct, options, error, text):
    with pytest.raises(error, match=text):
        calibrate(confidence, correct, **options)


def test_levels_without_rows_are_refused():
    with pytest.raises(DataError, match="at least 1"):
        calibrate_levels(np.array([]), np.array([]), np.array([]))
