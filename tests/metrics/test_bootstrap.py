"""The bootstrap of sums against closed forms and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.metrics._bootstrap import bootstrap_stderr


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def test_spread_of_a_mean_is_its_standard_error(rng):
    counts = np.stack([rng.normal(size=200), np.ones(200)], axis=1)
    want = counts[:, 0].std() / np.sqrt(200)
    assert bootstrap_stderr(counts, mean, n_resamples=4000) == pytest.approx(want, rel=0.05)


def test_equal_rows_are_drawn_together_without_a_change(rng):
    right = (rng.random(300) < 0.3).astype(float)
    counts = np.stack([right, np.ones(300)], axis=1)
    draws = right[rng.integers(0, 300, size=(4000, 300))].mean(axis=1)
    assert bootstrap_stderr(counts, mean, n_resamples=4000) == pytest.approx(draws.std(), rel=0.05)


def test_same_seed_gives_the_same_error(rng):
    counts = np.stack([rng.random(20), np.ones(20)], axis=1)
    assert bootstrap_stderr(counts, mean) == bootstrap_stderr(counts, mean)
    assert bootstrap_stderr(counts, mean, seed=1) != bootstrap_stderr(counts, mean)


@pytest.mark.parametrize("n", [0, 1])
def test_less_than_two_instances_have_no_error(n):
    assert bootstrap_stderr(np.ones((n, 2)), mean) is None


def test_resamples_without_a_value_are_left_out():
    counts = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])

    def value(sums):
        return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)

    assert bootstrap_stderr(counts, value) == 0


def test_statistic_without_any_value_has_no_error():
    assert bootstrap_stderr(np.zeros((3, 1)), lambda sums: np.full(len(sums), np.nan)) is None
