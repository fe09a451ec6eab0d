"""Agreement of several runs against scikit-learn and loops over rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from longwave.errors import DataError, TableError
from longwave.monitoring.agreement import agreement, cohen_kappa
from longwave.predictions import wilson_interval

answer = st.one_of(st.none(), st.integers(0, 3))
rows = st.lists(st.tuples(st.integers(0, 2), answer, answer, answer), min_size=1, max_size=40)


def _runs(drawn):
    kind, place = pl.Int16, range(len(drawn))
    return {
        name: pl.DataFrame(
            {
                "row": place,
                "predicted_label": pl.Series([row[i] for row in drawn], dtype=kind),
                "true_label": pl.Series([row[0] for row in drawn], dtype=kind),
            }
        )
        for i, name in ((1, "a"), (2, "b"), (3, "c"))
    }


@settings(max_examples=30)
@given(rows)
def test_shares_equal_loops_over_rows(drawn):
    found = agreement(_runs(drawn))
    n = len(drawn)
    assert found.oracle == wilson_interval(sum(row[0] in row[1:] for row in drawn), n)
    assert found.unanimous == pytest.approx(sum(len(set(row[1:])) == 1 for row in drawn) / n)
    wrong = sum(len(set(row[1:])) == 1 and row[1] != row[0] for row in drawn)
    assert found.unanimous_wrong == pytest.approx(wrong / n)
    for i, name in ((1, "a"), (2, "b"), (3, "c")):
        assert found.accuracy[name] == pytest.approx(np.mean([row[i] == row[0] for row in drawn]))
    for pair, (i, j) in zip(found.pairs.iter_rows(named=True), ((1, 2), (1, 3), (2, 3)), strict=True):
        assert pair["overlap"] == pytest.approx(np.mean([row[i] == row[j] for row in drawn]))
        assert pair["both_wrong"] == pytest.approx(np.mean([row[0] not in (row[i], row[j]) for row in drawn]))
        same_wrong = [row[i] == row[j] != row[0] for row in drawn]
        assert pair["same_wrong_label"] == pytest.approx(np.mean(same_wrong))


@settings(max_examples=30)
@given(rows)
def test_majority_is_the_expectation_over_ties(drawn):
    total = 0.0
    for truth, *votes in drawn:
        counted = Counter(vote for vote in votes if vote is not None)
        if counted:
            most = max(counted.values())
            winners = [vote for vote, count in counted.items() if count == most]
            total += (truth in winners) / len(winners)
    assert agreement(_runs(drawn)).majority == pytest.approx(total / len(drawn))


@pytest.mark.parametrize("k", [2, 5])
def test_kappa_equals_scikit_learn(rng, k):
    first = rng.integers(0, k, 300)
    second = np.where(rng.random(300) < 0.5, first, rng.integers(0, k, 300))
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_kappa_of_one_label_is_unknown():
    assert np.isnan(cohen_kappa(np.array([1, 1]), np.array([1, 1])))
    assert agreement(_runs([(0, 1, 1, 1)] * 3)).pairs["kappa"].null_count() == 3


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], [1, 2])])
def test_kappa_refuses(first, second):
    with pytest.raises(DataError, match="as many, at least 1"):
        cohen_kappa(np.array(first), np.array(second))


def test_only_rows_that_all_have_count():
    runs = _runs([(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 0, 0)])
    runs["b"] = runs["b"].filter(pl.col("row") > 0)
    runs["c"] = runs["c"].reverse()
    found = agreement(runs)
    assert found.n == 2
    assert found.accuracy == {"a": 1.0, "b": 0.5, "c": 0.5}


def test_labels_of_later_runs_have_codes_too():
    runs = {
        "a": pl.DataFrame({"row": [0], "predicted_label": ["x"]}),
        "b": pl.DataFrame({"row": [0], "predicted_label": ["z"]}),
        "c": pl.DataFrame({"row": [0], "predicted_label": ["y"]}),
    }
    assert agreement(runs).pairs["overlap"].to_list() == [0.0, 0.0, 0.0]


def test_without_truth_agreement_remains():
    runs = {name: frame.drop("true_label") for name, frame in _runs([(0, 1, 1, 2), (0, 2, 2, 2)]).items()}
    found = agreement(runs)
    assert (found.oracle, found.majority, found.unanimous_wrong, found.accuracy) == (None, None, None, {})
    assert found.pairs["both_wrong"].null_count() == 3
    assert found.unanimous == 0.5


def test_one_run_is_refused():
    with pytest.raises(DataError, match="There is 1 run"):
        agreement({"a": _runs([(0, 0, 0, 0)])["a"]})


def test_tags_are_refused():
    frame = pl.DataFrame({"row": [0], "predicted_label": [["a"]]})
    with pytest.raises(DataError, match="lists of tags"):
        agreement({"a": frame, "b": frame})


def test_a_run_without_rows_is_refused():
    runs = _runs([(0, 0, 0, 0)])
    with pytest.raises(TableError, match='no column "row"'):
        agreement({"a": runs["a"], "b": runs["b"].drop("row")})
