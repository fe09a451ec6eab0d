from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from longwave.errors import TableError
from longwave.metrics import TIDY, get_metric, summarize_balanced_accuracy

LABELS = ["Yes", "No", "Yes", "Yes"]
ANSWERS = ["yes.", "No", "No", None]


def test_every_class_counts_alike(table, value_of):
    found = summarize_balanced_accuracy(table(4, prediction=ANSWERS, label=LABELS))
    assert value_of(found, "balanced_accuracy") == pytest.approx((1 / 3 + 1) / 2)
    assert found.columns == list(TIDY)
    assert found["n"].item() == 4


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_value_is_that_of_scikit_learn(table, rows):
    got, gold = zip(*rows, strict=True)
    frame = table(len(rows), prediction=list(got), label=list(gold))
    if set(got) <= set(gold) and len(set(gold)) > 1:  # else scikit-learn warns
        found = summarize_balanced_accuracy(frame, n_resamples=2)
        assert found["value"].item() == pytest.approx(balanced_accuracy_score(gold, got))


def test_lenient_mode_reads_the_first_label(table, value_of):
    frame = table(2, prediction=["Yes, because", "I say no"], label=["Yes", "No"])
    assert value_of(summarize_balanced_accuracy(frame), "balanced_accuracy") == 0
    assert value_of(summarize_balanced_accuracy(frame, mode="lenient"), "balanced_accuracy") == 1


def test_groups_have_their_own_classes(table, value_of):
    frame = table(
        4, prediction=["a", "a", "c", "d"], label=["a", "b", "c", "d"], scenario=["s@1", "s@1", "t@1", "t@1"]
    )
    found = summarize_balanced_accuracy(frame, ["scenario"])
    assert value_of(found, "balanced_accuracy", scenario="s@1") == 0.5
    assert value_of(found, "balanced_accuracy", scenario="t@1") == 1


def test_failed_and_perturbed_rows_and_rows_without_label_are_left_out(table):
    frame = table(
        4,
        prediction=["a", None, "b", "b"],
        label=["a", "a", "a", None],
        error=[None, "down", None, None],
        perturbation=[None, None, "typos", None],
    )
    found = summarize_balanced_accuracy(frame)
    assert (found["value"].item(), found["n"].item()) == (1, 1)
    assert found["stderr"].item() is None


def test_interval_holds_the_value_and_repeats_with_its_seed(table):
    frame = table(40, prediction=["a", "b"] * 20, label=["a", "a", "b", "b"] * 10)
    found = summarize_balanced_accuracy(frame, seed=3)
    assert found["low"].item() < found["value"].item() < found["high"].item()
    assert found.equals(summarize_balanced_accuracy(frame, seed=3))


def test_an_empty_table_gives_no_row(table):
    assert len(get_metric("balanced_accuracy").summarize(table(0), ["scenario"])) == 0


def test_a_missing_column_is_named(table):
    with pytest.raises(TableError, match='The frame has no column "prediction"'):
        summarize_balanced_accuracy(table(1).drop("prediction"))
