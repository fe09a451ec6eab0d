from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import UnknownName
from longwave.monitoring.probing.design import DESIGNS, choose_rows, count_answers, proportional_shares
from longwave.monitoring.probing.strata import make_strata

SETTINGS = {"budget": 40, "n_first": 2, "alpha": 0.1}


def _rows(n: int = 120):
    labels = ["a", "b", "b", "c"] * (n // 4)
    before = ["a", "b", "a", "c"] * (n // 4)
    return make_strata(labels, before, max_strata=8)


def _spend(strata, design, n, after_of, batch=7, **more):
    after = np.full(strata.n_rows, -1)
    out = np.zeros(strata.n_rows, dtype=np.int64)
    taken = []
    while n:
        rows = choose_rows(strata, after, out, min(batch, n), design=design, **{**SETTINGS, **more})
        if not len(rows):
            break
        taken += rows.tolist()
        out[rows] = 1
        after[rows] = after_of(rows)
        n -= len(rows)
    return taken, after


@pytest.mark.parametrize("design", DESIGNS)
def test_no_row_is_chosen_twice_until_all_are(design):
    strata = _rows()
    taken, _ = _spend(strata, design, 200, lambda rows: strata.before[rows])
    assert sorted(taken) == list(range(120))


@pytest.mark.parametrize("design", DESIGNS)
def test_within_a_stratum_rows_come_in_their_random_order(design):
    strata = _rows()
    taken, _ = _spend(strata, design, 60, lambda rows: strata.before[rows])
    for k, queue in enumerate(strata.queues):
        mine = [row for row in taken if strata.stratum[row] == k]
        assert mine == queue[: len(mine)].tolist()


@pytest.mark.parametrize("design", ["adaptive", "masa"])
def test_adaptive_designs_ask_where_answers_change(design):
    strata = _rows()
    restless = int(strata.stratum[0])
    rng = np.random.default_rng(3)

    def after_of(rows):
        flips = (strata.stratum[rows] == restless) & (rng.random(len(rows)) < 0.5)
        return np.where(flips, 2, strata.before[rows])

    _, after = _spend(strata, design, 60, after_of, batch=5)
    _, asked = count_answers(strata, after)
    assert asked[restless] > 1.3 * np.delete(asked, restless).max()
    assert asked.min() >= 2


@pytest.mark.parametrize("design", ["adaptive", "masa"])
def test_the_first_draws_go_round_by_weight(design):
    strata = make_strata(
        ["a"] * 50 + ["b"] * 30 + ["c"] * 20, ["a"] * 50 + ["b"] * 30 + ["c"] * 20, max_strata=5
    )
    taken, _ = _spend(strata, design, 6, lambda rows: strata.before[rows], batch=6)
    assert [strata.stratum[row] for row in taken] == [0, 1, 2, 0, 1, 2]


def test_masa_takes_the_highest_upper_confidence_bound():
    labels = ["a"] * 60 + ["b"] * 40
    strata = make_strata(labels, labels, max_strata=4)
    after = np.full(100, -1)
    for k, (n, moved) in enumerate([(6, 1), (4, 2)]):
        rows = strata.queues[k][:n]
        after[rows] = strata.before[rows]
        after[rows[:moved]] = 1 - strata.before[rows[:moved]]
    out = (after >= 0).astype(np.int64)
    (row,) = choose_rows(strata, after, out, 1, design="masa", budget=40, n_first=2, alpha=0.1)
    scores = []
    for w, n, moved in ((0.6, 6, 1), (0.4, 4, 2)):
        mu = np.array([1 - moved / n, moved / n])
        sigma = math.sqrt((1 - (mu**2).sum()) * n / (n - 1))
        bonus = math.sqrt(0.1 * math.log(40) / n)
        scores.append(w * (sigma + bonus) / math.sqrt((n + 1) * (n + 2)))
    assert strata.stratum[row] == int(np.argmax(scores))


@settings(max_examples=30)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 600))
def test_proportional_shares_use_the_budget_and_reach_every_stratum(sizes, budget):
    sizes = np.array(sizes)
    shares = proportional_shares(sizes, budget)
    assert (shares >= 1).all()
    assert (shares <= sizes).all()
    assert shares.sum() == min(max(budget, len(sizes)), sizes.sum())


def test_proportional_shares_are_proportional():
    assert proportional_shares(np.array([600, 300, 100]), 20).tolist() == [12, 6, 2]


def test_the_proportional_design_spends_exactly_its_shares():
    strata = make_strata(["a"] * 600 + ["b"] * 400, ["a"] * 600 + ["b"] * 300 + ["a"] * 100, max_strata=5)
    _, after = _spend(strata, "proportional", 40, lambda rows: strata.before[rows], budget=40)
    assert count_answers(strata, after)[1].tolist() == proportional_shares(strata.sizes, 40).tolist()


def test_answers_are_counted_by_stratum():
    strata = make_strata(["a", "a", "b"], ["a", "a", "a"], max_strata=4)
    changed, asked = count_answers(strata, np.array([1, 0, -1]))
    assert (changed.tolist(), asked.tolist()) == ([1, 0], [2, 0])


def test_unknown_designs_are_refused():
    strata = _rows()
    with pytest.raises(UnknownName, match="adaptive"):
        choose_rows(strata, np.full(120, -1), np.zeros(120, dtype=int), 9, design="lucky", **SETTINGS)
