"""The table of recovery: many seeds of every kind, against the truth and against majority vote."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from longwave.prompting.label_model import GENERATORS, LabelModel, MajorityVote, make_votes

SEEDS = range(60, 72)
# chance alone costs more than a point where few rows leave the groups or biases open
FAR_AT_250 = {
    "biased": 0.025,
    "clusters": 0.04,
    "one-sided": 0.03,
    "difficult": 0.02,
    "fourteen-classes": 0.02,
}


# two explanations that are about as good, and contradict each other, leave majority vote: 250 rows do not
# show whether prompts lean to a class or the class is frequent, nor 1,000 always which prompts copy a little
MISSES = {("biased", 250), ("imbalanced", 250), ("weak-cliques", 1000)}
CASES = [
    pytest.param(
        name, n, id=f"{name}-{n}", marks=[pytest.mark.xfail(reason="a known miss")] * ((name, n) in MISSES)
    )
    for name in sorted(GENERATORS)
    for n in (250, 1000, 5000)
]


@cache
def gaps(name, n):
    to_oracle, to_majority = [], []
    for seed in SEEDS:
        drawn = make_votes(name, n, seed)
        k = drawn.source.n_classes
        found = drawn.accuracy(LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes))
        majority = drawn.accuracy(MajorityVote(k).fit(drawn.votes).predict_proba(drawn.votes))
        to_oracle.append(found - drawn.oracle_accuracy())
        to_majority.append(found - majority)
    return np.mean(to_oracle), np.mean(to_majority)


@pytest.mark.slow
@pytest.mark.parametrize("n", [250, 1000, 5000])
@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_label_model_does_not_fall_below_majority(name, n):
    assert gaps(name, n)[1] > -0.005


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n"), CASES)
def test_label_model_reaches_the_truth(name, n):
    assert gaps(name, n)[0] > -(FAR_AT_250.get(name, 0.015) if n == 250 else 0.011)
