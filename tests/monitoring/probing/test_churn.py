from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln

from longwave.monitoring.probing.churn import AGREEMENT, ALPHA, BETA, COMMON, fit_churn

CHANGED = np.array([0, 3, 1, 0, 9])
ASKED = np.array([2, 10, 1, 0, 9])
IS_RIGHT = np.array([True, True, False, True, False])


def _slow_weights(changed, asked):
    logs = []
    for common in COMMON:
        for m in AGREEMENT:
            a, b = m * common, m * (1 - common)
            terms = [betaln(a + x, b + n - x) - betaln(a, b) for x, n in zip(changed, asked, strict=True)]
            logs.append(sum(terms))
    weights = np.exp(np.array(logs) - max(logs))
    return weights / weights.sum()


@pytest.mark.parametrize("kind", [False, True], ids=["wrong", "right"])
def test_weights_are_those_of_the_beta_binomial_law(kind):
    found = fit_churn(CHANGED, ASKED, IS_RIGHT).weights[int(kind)]
    mine = kind == IS_RIGHT
    np.testing.assert_allclose(found, _slow_weights(CHANGED[mine], ASKED[mine]), rtol=1e-9)


def test_moments_average_the_grid():
    posterior = fit_churn(CHANGED, ASKED, IS_RIGHT)
    mean, square = posterior.moments()
    for k, (x, n, right) in enumerate(zip(CHANGED, ASKED, IS_RIGHT, strict=True)):
        a, b = ALPHA + x, BETA + n - x
        weights = posterior.weights[int(right)]
        assert mean[k] == pytest.approx((weights * a / (a + b)).sum())
        assert square[k] == pytest.approx(
            (weights * (a * b / ((a + b) ** 2 * (a + b + 1)) + (a / (a + b)) ** 2)).sum()
        )


def test_draws_have_these_moments(rng):
    posterior = fit_churn(CHANGED, ASKED, IS_RIGHT)
    draws = posterior.draw(rng, 40_000)
    mean, square = posterior.moments()
    error = draws.std(axis=0) / 200
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * error + 1e-9).all()
    assert (np.abs((draws**2).mean(axis=0) - square) < 5 * error + 1e-9).all()


def test_a_stratum_without_answers_learns_from_its_kind():
    quiet = fit_churn(np.array([0, 0]), np.array([50, 0]), np.array([True, True])).moments()[0]
    busy = fit_churn(np.array([40, 0]), np.array([50, 0]), np.array([True, True])).moments()[0]
    assert quiet[1] < 0.3 < 0.5 < busy[1]


def test_strata_that_were_wrong_say_nothing_about_those_that_were_right():
    kinds = np.array([False, True])
    one = fit_churn(np.array([9, 0]), np.array([9, 5]), kinds).moments()[0]
    other = fit_churn(np.array([0, 0]), np.array([9, 5]), kinds).moments()[0]
    assert one[1] == other[1]
    assert one[0] > other[0]


def test_two_unchanged_answers_do_not_make_a_stratum_unchangeable():
    mean, _ = fit_churn(np.array([0, 4, 4]), np.array([2, 8, 8]), np.ones(3, dtype=bool)).moments()
    assert 0.05 < mean[0] < 0.5


def test_no_stratum_of_a_kind_leaves_the_prior():
    weights = fit_churn(np.array([1]), np.array([3]), np.array([True])).weights[0]
    np.testing.assert_allclose(weights, 1 / len(ALPHA))
