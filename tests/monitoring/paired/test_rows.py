"""Rows of two runs side by side."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, TableError
from longwave.monitoring.paired.rows import label_overlap, pair_rows, run_name, score_labels

tags = st.lists(st.sampled_from("abcd"), max_size=5)


def _run(rows, labels, **more):
    return pl.DataFrame({"row": rows, "predicted_label": labels, **more})


@settings(max_examples=30)
@given(st.lists(st.tuples(tags, tags), min_size=1, max_size=20))
def test_tags_are_scored_by_the_jaccard_index_of_their_sets(drawn):
    said, true = (pl.Series(list(each), dtype=pl.List(pl.String)) for each in zip(*drawn, strict=True))
    want = [len(set(p) & set(y)) / len(set(p) | set(y)) if p or y else 1.0 for p, y in drawn]
    assert score_labels(said, true).tolist() == pytest.approx(want)
    assert label_overlap(said, true).tolist() == pytest.approx(want)


def test_repeated_tags_count_once():
    said, true = pl.Series([["bird", "bird"]]), pl.Series([["bird"]])
    assert score_labels(said, true).tolist() == [1.0]


@pytest.mark.parametrize("kind", [pl.Int16, pl.String, pl.Categorical])
def test_labels_are_right_if_equal_and_wrong_if_missing(kind):
    said = pl.Series(["1", "2", None, None], dtype=pl.String).cast(kind)
    true = pl.Series(["1", "1", "1", None], dtype=pl.String).cast(kind)
    assert score_labels(said, true)[:3].tolist() == [1.0, 0.0, 0.0]
    assert math.isnan(score_labels(said, true)[3])
    assert label_overlap(said, true).tolist() == [1.0, 0.0, 0.0, 1.0]


def test_missing_tags_are_wrong_and_agree_with_each_other():
    said, true = (pl.Series([None, None], dtype=pl.List(pl.String)), pl.Series([[], ["a"]]))
    assert score_labels(said, true).tolist() == [0.0, 0.0]
    assert label_overlap(said, said).tolist() == [1.0, 1.0]


def test_rows_are_matched_by_position_whatever_their_order():
    before = _run([2, 0, 1], [12, 10, 11], true_label=[1, 0, 1])
    after = _run([1, 2, 0], [21, 22, 20])
    pair = pair_rows(before, after)
    assert pair.frame.select("row", "predicted_label_before", "predicted_label_after").rows() == [
        (0, 10, 20),
        (1, 11, 21),
        (2, 12, 22),
    ]
    assert pair.frame["true_label"].to_list() == [0, 1, 1]


def test_equal_ids_do_not_multiply_rows():
    # the same speaker says several words: a join on the id would give four rows
    before = _run([0, 1], [3, 4], example_id=["speaker_a", "speaker_a"])
    assert pair_rows(before, before).n == 2


def test_rows_of_one_side_are_counted():
    pair = pair_rows(_run([0, 1, 2], [1, 1, 1]), _run([1, 5], [1, 1]))
    assert (pair.n, pair.only_before, pair.only_after) == (1, 2, 1)


def test_truth_of_either_side_is_enough():
    before, after = _run([0, 1], [1, 2]), _run([0, 1], [1, 1], true_label=[1, None])
    pair = pair_rows(before, after)
    assert pair.scored.tolist() == [True, False]
    assert [scores.tolist() for scores in pair.scores] == [[1.0], [1.0]]


def test_truth_is_filled_from_the_other_side():
    before = _run([0, 1], [1, 2], true_label=[None, 2])
    after = _run([0, 1], [1, 2], true_label=[1, None])
    assert pair_rows(before, after).frame["true_label"].to_list() == [1, 2]


def test_given_scores_are_used():
    run = _run([0, 1], [["a"], []], true_label=[["b"], []], score=[0.25, None])
    assert pair_rows(run, run).scores[0].tolist() == [0.25]


def test_codes_follow_the_given_labels():
    run = _run([0, 1, 2], [30, None, 7], true_label=[7, 9, 30])
    pair = pair_rows(run, run, labels=[7, 30])
    assert pair.labels == (7, 30, 9)
    assert [codes.tolist() for codes in pair.codes[:2]] == [[0, 2, 1], [1, -1, 0]]


def test_groups_come_from_the_side_that_has_them():
    before, after = _run([0, 1], [1, 1]), _run([1, 0], [1, 1], group=["x", None], score=[1, 0])
    pair = pair_rows(before.with_columns(score=1.0), after, by=["group"])
    assert pair.groups("group").to_list() == [None, "x"]


def test_numbers_of_both_sides_are_read_and_missing_ones_are_none():
    before = _run([0, 1], [1, 1], latency_s=[0.5, None], cost_usd=[None, None])
    pair = pair_rows(before, before)
    first, _ = pair.column("latency_s")
    assert np.nan_to_num(first, nan=-1).tolist() == [0.5, -1]
    assert pair.column("cost_usd") is None
    assert pair.column("answer_chars") is None


def test_runs_are_called_by_their_key():
    frame = _run([0], [1], task=["scr"], dataset=["digit"], api=["ibm_scr"], date=["20-10-21"])
    assert run_name(frame, "before") == "scr/digit/ibm_scr/20-10-21"
    assert run_name(_run([0], [1]), "before") == "before"


def test_one_row_and_no_truth_is_a_pair():
    pair = pair_rows(_run([0], ["yes"]), _run([0], ["no"]))
    assert not pair.has_truth
    assert pair.overlap.tolist() == [0.0]
    assert pair.codes[0].tolist() == [-1]


@pytest.mark.parametrize(
    ("before", "after", "error", "text"),
    [
        (_run([0], [1]).drop("row"), _run([0], [1]), TableError, 'no column "row"'),
        (_run([0], [1]), _run([0], [1]).drop("predicted_label"), TableError, 'no column "predicted_label"'),
        (_run([0], [0.5]), _run([0], [0.5]), DataError, r"type Float64; .* pl\.Int64"),
        (_run([0, 0], [1, 2]), _run([0], [1]), DataError, "before has row 0 more than once"),
        (_run([0], [1]), _run([None], [1]), DataError, "1 rows of after have no position"),
        (_run([0], [1]), _run([1], [1]), DataError, "no row in common"),
        (
            _run([0], [1], true_label=[4]),
            _run([0], [1], true_label=[5]),
            DataError,
            "true label of row 0 is 4 in the first run and 5 in the second",
        ),
        (
            _run([0, 1], [1, 1], api=["a", "b"]),
            _run([0], [1]),
            DataError,
            'several runs: api is "a" and "b"',
        ),
    ],
    ids=["row", "label", "fractions", "twice", "null", "apart", "truth", "runs"],
)
def test_runs_that_do_not_belong_together_are_refused(before, after, error, text):
    with pytest.raises(error, match=text):
        pair_rows(before, after)


def test_an_unknown_grouping_is_refused():
    with pytest.raises(TableError, match='no column "gruop"'):
        pair_rows(_run([0], [1]), _run([0], [1]), by=["gruop"])
