"""Worst cases over perturbations."""

from __future__ import annotations

import itertools

import pytest

from longwave.errors import TableError
from longwave.metrics import summarize_perturbations, summarize_robustness, worst_case

PERTURBATIONS = [None, "typos", "space"]


@pytest.fixture
def frame(table):
    """Return three instances: one falls under typos, one under both, one, changed by typos only, stands."""
    rows = [
        ("a", None, 1.0), ("a", "typos", 0.0), ("a", "space", 1.0),
        ("b", None, 1.0), ("b", "typos", 0.5), ("b", "space", 0.25),
        ("c", None, 1.0), ("c", "typos", 1.0),
    ]  # fmt: skip
    instance, perturbation, score = zip(*rows, strict=True)
    return table(len(rows), instance=instance, perturbation=perturbation, score=score)


def test_worst_is_the_minimum_over_original_and_copies(frame):
    assert worst_case(frame)["worst"].to_list() == [0.0, 0.25, 1.0]


def test_worst_is_the_maximum_where_lower_is_better(frame):
    assert worst_case(frame, lower_is_better=["boolq@1"])["worst"].to_list() == [1.0, 1.0, 1.0]


def test_only_named_perturbations_count(frame):
    assert worst_case(frame, perturbations=["space"])["worst"].to_list() == [1.0, 0.25, 1.0]


def test_original_always_counts(table):
    frame = table(2, instance=["a", "a"], perturbation=[None, "typos"], score=[0.0, 1.0])
    assert worst_case(frame)["worst"].to_list() == [0.0]


def test_worst_case_keeps_columns_and_counts_edits(frame):
    worst = worst_case(frame)
    assert worst.columns == [*frame.columns, "edits", "worst"]
    assert worst["edits"].to_list() == [2, 2, 1]


def test_trials_and_models_are_kept_apart(table):
    cases = list(itertools.product(["m", "n"], [0, 1], [None, "typos"]))
    model, trial, perturbation = zip(*cases, strict=True)
    score = [1.0, 0.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0]
    frame = table(8, instance=["a"] * 8, model=model, trial=trial, perturbation=perturbation, score=score)
    assert worst_case(frame)["worst"].to_list() == [0.0, 1.0, 0.5, 1.0]


def test_failed_copy_does_not_count(table):
    frame = table(2, instance=["a", "a"], perturbation=[None, "typos"], score=[1.0, None])
    assert worst_case(frame)["worst"].to_list() == [1.0]


def test_instance_whose_original_failed_is_left_out(table):
    frame = table(2, instance=["a", "a"], perturbation=[None, "typos"], score=[None, 1.0])
    assert len(worst_case(frame)) == 0


def test_robustness_is_the_mean_of_the_worst(frame, value_of):
    summary = summarize_robustness(frame, ["model"])
    assert value_of(summary, "robustness") == pytest.approx(1.25 / 3)


def test_robustness_never_exceeds_the_score(frame, value_of):
    for names in (["typos"], ["space"], None):
        assert value_of(summarize_robustness(frame, perturbations=names), "robustness") <= 1


def test_robustness_is_unknown_without_perturbed_rows(table):
    row = summarize_robustness(table(2, score=[1.0, 1.0])).row(0, named=True)
    assert (row["value"], row["n"]) == (None, 0)


def test_group_without_perturbed_rows_is_unknown_beside_one_with(table, value_of):
    frame = table(
        3,
        instance=["a", "a", "a"],
        model=["m", "m", "n"],
        perturbation=[None, "typos", None],
        score=[1.0, 0.0, 1.0],
    )
    summary = summarize_robustness(frame, ["model"])
    assert [value_of(summary, "robustness", model=name) for name in "mn"] == [0.0, None]


@pytest.mark.parametrize(
    ("metric", "typos", "space"),
    [("perturbed", 1.5 / 3, 1.25 / 2), ("original", 1.0, 1.0), ("worst", 1.5 / 3, 1.25 / 2)],
)
def test_each_perturbation_is_compared_on_what_it_changed(frame, value_of, metric, typos, space):
    summary = summarize_perturbations(frame)
    assert value_of(summary, metric, perturbation="typos") == pytest.approx(typos)
    assert value_of(summary, metric, perturbation="space") == pytest.approx(space)


def test_perturbation_that_helps_does_not_raise_the_worst(table, value_of):
    frame = table(2, instance=["a", "a"], perturbation=[None, "typos"], score=[0.0, 1.0])
    assert value_of(summarize_perturbations(frame), "worst") == 0.0


def test_worst_of_a_perturbation_is_the_greater_where_lower_is_better(table, value_of):
    frame = table(2, instance=["a", "a"], perturbation=[None, "typos"], score=[1.2, 1.5])
    assert value_of(summarize_perturbations(frame, lower_is_better=["boolq@1"]), "worst") == 1.5


def test_table_without_perturbations_has_an_empty_comparison(table):
    assert len(summarize_perturbations(table(1, score=[1.0]))) == 0


def test_missing_column_is_named(frame):
    with pytest.raises(TableError, match='no column "trial"'):
        worst_case(frame.drop("trial"))
