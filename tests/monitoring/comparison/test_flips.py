"""The five kinds of flips."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.monitoring.comparison.flips import flips_of
from longwave.monitoring.paired.rows import pair_rows

answer = st.one_of(st.none(), st.integers(0, 2))
triples = st.lists(st.tuples(st.integers(0, 2), answer, answer), min_size=1, max_size=40)


def _pair(drawn):
    truth, first, second = (list(each) for each in zip(*drawn, strict=True))
    kind, place = pl.Int16, range(len(drawn))
    before = pl.DataFrame(
        {
            "row": place,
            "predicted_label": pl.Series(first, dtype=kind),
            "true_label": pl.Series(truth, dtype=kind),
        }
    )
    return pair_rows(before, pl.DataFrame({"row": place, "predicted_label": pl.Series(second, dtype=kind)}))


@settings(max_examples=30)
@given(triples)
def test_flips_equal_a_loop(drawn):
    found = flips_of(_pair(drawn))
    names = []
    for y, p, q in drawn:
        if p == y:
            names.append("right_right" if q == y else "right_wrong")
        elif q == y:
            names.append("wrong_right")
        else:
            names.append("wrong_same" if p == q else "wrong_other")
    assert {name: share * len(drawn) for name, share in found.shares().items()} == pytest.approx(
        {name: names.count(name) for name in found.shares()}
    )


@settings(max_examples=30)
@given(triples)
def test_flips_add_up_to_one_and_explain_the_change(drawn):
    pair = _pair(drawn)
    found = flips_of(pair)
    assert sum(found.shares().values()) == pytest.approx(1)
    assert found.n == len(drawn)
    assert found.change == pytest.approx(float(np.mean(pair.scores[1] - pair.scores[0])), abs=1e-12)


def test_tags_are_right_if_the_sets_are_equal():
    frames = [
        pl.DataFrame({"row": [0, 1, 2], "predicted_label": labels, "true_label": [["a", "b"], [], ["c"]]})
        for labels in ([["b", "a", "a"], [], ["d"]], [["a"], [], ["d", "d"]])
    ]
    found = flips_of(pair_rows(*frames))
    assert (found.right_wrong, found.right_right, found.wrong_same) == (1, 1, 1)


def test_without_truth_there_are_no_flips():
    frame = pl.DataFrame({"row": [0], "predicted_label": [1]})
    assert flips_of(pair_rows(frame, frame)) is None
