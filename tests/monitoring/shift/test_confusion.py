"""Confusion shifts against loops over rows, and the identities they must obey."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, TableError
from longwave.monitoring.paired.corrections import benjamini_hochberg
from longwave.monitoring.paired.significance import share_change
from longwave.monitoring.shift.confusion import NO_ANSWER, confusion_shift

label = st.integers(0, 3)
answer = st.one_of(st.none(), st.integers(0, 4))
triples = st.lists(st.tuples(label, answer, answer), min_size=1, max_size=60)


def _frames(drawn):
    rows = range(len(drawn))
    truth = pl.Series("true_label", [y for y, _, _ in drawn], dtype=pl.Int16)
    sides = [
        pl.DataFrame({"row": rows, "predicted_label": pl.Series([t[i] for t in drawn], dtype=pl.Int16)})
        for i in (1, 2)
    ]
    return sides[0].with_columns(truth), sides[1]


def _confusion_by_loop(drawn, side, k):
    counts = np.zeros((k, k + 1))
    for triple in drawn:
        predicted = triple[side]
        counts[triple[0], k if predicted is None else predicted] += 1
    return counts


@settings(max_examples=30)
@given(triples)
def test_matrix_equals_a_loop_over_rows(drawn):
    found = confusion_shift(*_frames(drawn), labels=range(5))
    before, after = (_confusion_by_loop(drawn, side, 5) for side in (1, 2))
    assert (found.counts_before == before).all()
    assert (found.counts_after == after).all()
    assert found.matrix == pytest.approx((after - before) / len(drawn))


@settings(max_examples=30)
@given(triples)
def test_rows_sum_to_nothing_and_the_trace_is_the_change_of_accuracy(drawn):
    found = confusion_shift(*_frames(drawn))
    assert np.abs(found.matrix.sum(axis=1)).max() < 1e-12
    change = np.mean([second == y for y, _, second in drawn]) - np.mean([first == y for y, first, _ in drawn])
    assert found.change == pytest.approx(change, abs=1e-12)


@settings(max_examples=30)
@given(triples)
def test_no_more_moves_than_predictions_that_changed(drawn):
    found = confusion_shift(*_frames(drawn))
    churn = np.mean([first != second for _, first, second in drawn])
    assert abs(found.change) - 1e-12 <= found.total_variation <= churn + 1e-12
    assert found.error_shift <= found.total_variation + 1e-12


@settings(max_examples=30)
@given(triples)
def test_what_was_lost_and_gained_explains_each_cell(drawn):
    found = confusion_shift(*_frames(drawn))
    assert (found.counts_after - found.counts_before == found.gained - found.lost).all()
    assert found.lost.sum() == found.gained.sum() == sum(first != second for _, first, second in drawn)


@settings(max_examples=30)
@given(triples)
def test_classes_decompose_the_change(drawn):
    found = confusion_shift(*_frames(drawn))
    frame = found.by_class()
    assert frame["contribution"].sum() == pytest.approx(found.change, abs=1e-12)
    assert frame["total_variation"].sum() == pytest.approx(found.total_variation, abs=1e-12)
    weighted = (frame["weight"] * frame["error_shift"].fill_null(0)).sum()
    assert weighted == pytest.approx(found.error_shift, abs=1e-12)


def test_errors_can_move_while_the_accuracy_stands_still():
    drawn = [(0, 1, 2), (0, 1, 2), (0, 0, 0), (1, 1, 1)]
    found = confusion_shift(*_frames(drawn))
    row = found.by_class().row(0, named=True)
    assert found.change == 0
    assert found.error_shift == 0.5
    assert (row["error_shift"], row["error_mix_shift"]) == pytest.approx((2 / 3, 1.0))


def test_a_class_without_errors_has_no_mix():
    row = confusion_shift(*_frames([(0, 0, 0), (1, 0, 1)])).by_class().row(0, named=True)
    assert (row["error_shift"], row["error_mix_shift"]) == (0.0, None)


def test_largest_cells_have_the_interval_of_a_paired_share():
    drawn = [(0, 0, 1)] * 9 + [(0, 1, 0)] * 2 + [(0, 0, 0)] * 20 + [(1, 1, None)] * 4 + [(1, 1, 1)] * 5
    found = confusion_shift(*_frames(drawn)).largest()
    first = found.row(0, named=True)
    assert (first["true_label"], first["predicted_label"]) == ("0", "0")
    assert (first["before"], first["after"], first["lost"], first["gained"]) == (29, 22, 9, 2)
    want = share_change(20, 9, 2, 9)
    assert (first["shift"], first["low"], first["high"]) == pytest.approx(
        (want.estimate, want.low, want.high)
    )
    assert found["shift"].abs().to_list() == sorted(found["shift"].abs(), reverse=True)
    assert NO_ANSWER in found["predicted_label"].to_list()


def test_p_values_of_cells_are_corrected_for_all_that_changed():
    drawn = [(0, 0, 1)] * 9 + [(0, 1, 0)] * 2 + [(0, 0, 0)] * 20 + [(1, 1, None)] * 4 + [(1, 1, 1)] * 5
    found = confusion_shift(*_frames(drawn))
    raw = [share_change(10, lost, gained, 10).p_value for lost, gained in ((9, 2), (2, 9), (4, 0), (0, 4))]
    assert sorted(found.largest()["p_value"]) == pytest.approx(sorted(benjamini_hochberg(raw)))
    assert found.largest(1)["p_value"][0] == pytest.approx(benjamini_hochberg(raw)[0])


def test_nothing_changed_lists_no_cell():
    assert len(confusion_shift(*_frames([(0, 0, 0), (1, 0, 0)])).largest()) == 0


def test_labels_are_called_by_their_names_in_their_order():
    found = confusion_shift(*_frames([(0, 3, 1), (2, 2, 2)]), labels=range(3), names=["zero", "one"])
    assert found.labels == ("zero", "one", "2", "3")
    assert found.matrix[0].tolist() == [0.0, 0.5, 0.0, -0.5, 0.0]


def test_text_labels_are_sorted(rng):
    before = pl.DataFrame({"row": [0, 1], "predicted_label": ["no", "yes"], "true_label": ["yes", "yes"]})
    after = pl.DataFrame({"row": [1, 0], "predicted_label": ["yes", "none"]})
    found = confusion_shift(before, after)
    assert found.labels == ("no", "none", "yes")
    assert found.matrix[2].tolist() == [-0.5, 0.5, 0.0, 0.0]


def test_rows_without_truth_or_partner_are_left_out():
    before = pl.DataFrame({"row": [0, 1, 2], "predicted_label": [0, 0, 0], "true_label": [0, None, 0]})
    after = pl.DataFrame({"row": [0, 1, 3], "predicted_label": [1, 1, 1]})
    assert confusion_shift(before, after).n == 1


def test_tags_have_no_confusion():
    frame = pl.DataFrame({"row": [0], "predicted_label": [["cat"]], "true_label": [["cat"]]})
    with pytest.raises(DataError, match=r"lists of tags.* Use label_sets"):
        confusion_shift(frame, frame)


def test_truth_is_needed():
    frame = pl.DataFrame({"row": [0], "predicted_label": [1]})
    with pytest.raises(DataError, match="No row of before has a true label"):
        confusion_shift(frame, frame)


def test_a_missing_column_is_named():
    with pytest.raises(TableError, match=r'no column "predicted_label"\. Did you mean "predicted_labels"'):
        confusion_shift(*[pl.DataFrame({"row": [0], "predicted_labels": [1]})] * 2)
