"""One-hot sums: the dense way and the way column by column agree."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._one_hot import OneHot


@pytest.mark.parametrize("n_symbols", [3, 40], ids=["dense", "by-column"])
def test_counts_and_sums_are_those_of_loops(n_symbols):
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, n_symbols, (57, 4))
    weight, scores = rng.random((57, 3)), rng.random((4, n_symbols, 3))
    one_hot = OneHot(symbols, n_symbols)
    counts, total = np.zeros((4, n_symbols, 3)), np.zeros((57, 3))
    for i in range(57):
        for j in range(4):
            counts[j, symbols[i, j]] += weight[i]
            total[i] += scores[j, symbols[i, j]]
    assert one_hot.count(weight) == pytest.approx(counts)
    assert one_hot.add_up(scores) == pytest.approx(total)
