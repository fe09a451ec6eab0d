"""Strengths of priors: the gamma function, and the choice by evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from longwave.prompting.label_model._strengths import STRENGTHS, best_strength, log_gamma


def test_log_gamma_is_that_of_the_standard_library():
    x = np.array([1e-6, 0.01, 0.5, 1.0, 1.5, 2.0, 7.3, 100.0, 1e4, 1e8])
    assert log_gamma(x) == pytest.approx([math.lgamma(value) for value in x], rel=1e-9, abs=1e-9)


def slow_evidence(counts, centre, strength):
    total = 0.0
    for column in range(counts.shape[1]):
        alpha = strength * centre[:, column]
        total += math.lgamma(alpha.sum()) - math.lgamma(alpha.sum() + counts[:, column].sum())
        total += sum(
            math.lgamma(a + c) - math.lgamma(a) for a, c in zip(alpha, counts[:, column], strict=True)
        )
    return total


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2])
def test_the_best_strength_has_the_largest_evidence(spread):
    rng = np.random.default_rng(0)
    p = np.clip(0.7 + spread * rng.standard_normal(12), 0.05, 0.95)
    right = rng.binomial(400, p).astype(float)
    counts = np.stack([right, 400 - right])
    centre = np.tile([[0.7], [0.3]], (1, 12))
    evidence = [slow_evidence(counts, centre, s) for s in STRENGTHS]
    assert best_strength(counts, centre) == STRENGTHS[int(np.argmax(evidence))]


def test_prompts_that_differ_get_a_weak_prior_and_equal_ones_a_strong_one():
    centre = np.tile([[0.7], [0.3]], (1, 6))
    unequal = np.array([[90.0, 50, 70, 30, 85, 60], [10, 50, 30, 70, 15, 40]])
    equal = np.array([[70.0] * 6, [30.0] * 6])
    assert best_strength(unequal, centre) == STRENGTHS[0]
    assert best_strength(equal, centre) == STRENGTHS[-1]
