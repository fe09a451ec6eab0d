"""F1 of class labels against scikit-learn, and what its summaries count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from longwave.errors import DataError, ShapeError, TableError
from longwave.metrics import classification_f1, summarize_classification

MACRO, MICRO = "classification_macro_f1", "classification_micro_f1"
rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["a", "b", "c", "other", None])), min_size=1
)


def _sklearn(labels, predictions):
    # named apart, so that "a" stays a word; what is no label stands outside of the classes
    classes = sorted(set(labels))
    got = ["?" if name is None else name for name in predictions]
    return tuple(
        f1_score(labels, got, labels=classes, average=kind, zero_division=0) for kind in ("macro", "micro")
    )


@settings(max_examples=40)
@given(rows)
def test_values_agree_with_scikit_learn(pairs):
    labels, predictions = zip(*pairs, strict=True)
    want = _sklearn(labels, predictions)
    assert classification_f1(predictions, labels) == pytest.approx(want, abs=1e-12)


@settings(max_examples=40)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    values = [classification_f1(*zip(*[p[::-1] for p in some], strict=True)) for some in (pairs, shuffled)]
    assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize(
    ("predictions", "labels", "want"),
    [
        (["yes"], ["yes"], (1, 1)),
        ([None], ["yes"], (0, 0)),
        (["The yes!"], ["Yes"], (1, 1)),
        (["A", "B"], ["A", "B"], (1, 1)),
        (["yes", "yes"], ["yes", "no"], (1 / 3, 0.5)),
        (["yes", "maybe"], ["yes", "no"], (0.5, 2 / 3)),
    ],
    ids=["right", "none", "normalised", "emptied-by-normalisation", "wrong", "unknown"],
)
def test_values_by_hand(predictions, labels, want):
    assert classification_f1(predictions, labels) == pytest.approx(want)


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match="1 predictions but 2 labels"):
        classification_f1(["a"], ["a", "b"])


def test_no_rows_have_no_value():
    with pytest.raises(DataError, match="an F1 needs at least 1"):
        classification_f1([], [])


def _random(rng, n):
    labels = rng.choice(["cat", "dog", "cow"], size=n, p=[0.5, 0.3, 0.2])
    predictions = np.where(rng.random(n) < 0.7, labels, rng.choice(["cat", "dog", "fish"], size=n))
    return predictions.tolist(), labels.tolist()


def test_summary_holds_the_value_and_an_interval_around_it(table, value_of, rng):
    predictions, labels = _random(rng, 200)
    summary = summarize_classification(table(200, prediction=predictions, label=labels))
    want = dict(zip((MACRO, MICRO), _sklearn(labels, predictions), strict=True))
    for metric, value in want.items():
        assert value_of(summary, metric) == pytest.approx(value)
        assert value_of(summary, metric, "low") < value < value_of(summary, metric, "high")
        assert 0 < value_of(summary, metric, "stderr") < 0.1
        assert value_of(summary, metric, "n") == 200


def test_interval_covers_the_truth_about_as_often_as_it_says(table, value_of, rng):
    truth = summarize_classification(
        table(20000, **dict(zip(("prediction", "label"), _random(rng, 20000), strict=True))), n_resamples=2
    )
    covered = []
    for _ in range(40):
        predictions, labels = _random(rng, 80)
        part = summarize_classification(table(80, prediction=predictions, label=labels), n_resamples=200)
        low, high = (value_of(part, MICRO, column) for column in ("low", "high"))
        covered.append(low <= value_of(truth, MICRO) <= high)
    assert np.mean(covered) > 0.85


def test_groups_have_classes_of_their_own(table, value_of):
    frame = table(
        4, scenario=["a@1", "a@1", "b@1", "b@1"], prediction=["x", "y", "x", "y"], label=["x", "y", "x", "x"]
    )
    summary = summarize_classification(frame, ["scenario"])
    assert value_of(summary, MACRO, scenario="a@1") == 1
    assert value_of(summary, MACRO, scenario="b@1") == pytest.approx(2 / 3)


def test_trials_are_averaged(table, value_of):
    frame = table(
        4, instance=["i", "j"] * 2, trial=[0, 0, 1, 1], prediction=["x", "y", "y", "x"], label=["x", "y"] * 2
    )
    assert value_of(summarize_classification(frame), MACRO) == 0.5


def test_perturbed_failed_and_unlabelled_rows_do_not_count(table, value_of):
    frame = table(
        4,
        prediction=["x", "y", None, "x"],
        label=["x", "x", "x", None],
        perturbation=[None, "typos", None, None],
        error=[None, None, "timed out", None],
    )
    assert value_of(summarize_classification(frame), MICRO, "n") == 1
    assert value_of(summarize_classification(frame), MICRO) == 1


def test_a_single_instance_has_no_interval(table, value_of):
    summary = summarize_classification(table(1, prediction=["x"], label=["x"]))
    assert value_of(summary, MACRO, "stderr") is None


def test_no_rows_give_an_empty_summary(table):
    assert summarize_classification(table(1, label=[None]), ["model"]).is_empty()


def test_a_missing_column_is_named(table):
    with pytest.raises(TableError, match='no column "label"'):
        summarize_classification(table(1).drop("label"))


def test_summary_is_the_same_every_time(table, rng):
    predictions, labels = _random(rng, 50)
    frame = table(50, prediction=predictions, label=labels)
    assert summarize_classification(frame).equals(summarize_classification(frame))
