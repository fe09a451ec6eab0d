"""Fairness by perturbation, disparities between groups, and contrast pairs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import TableError
from longwave.metrics import (
    TIDY,
    compare_groups,
    summarize_contrast,
    summarize_disparities,
    summarize_fairness,
    summarize_robustness,
)


@pytest.fixture
def edited(table):
    """Return two instances; dialect costs the first one all, typos the second one."""
    rows = [
        ("a", None, 1.0), ("a", "dialect", 0.0), ("a", "typos", 1.0),
        ("b", None, 1.0), ("b", "dialect", 0.5), ("b", "typos", 0.0), ("b", "person-name", 0.25),
    ]  # fmt: skip
    instance, perturbation, score = zip(*rows, strict=True)
    return table(len(rows), instance=instance, perturbation=perturbation, score=score)


def test_fairness_is_the_worst_over_its_own_perturbations(edited, value_of):
    found = summarize_fairness(edited, perturbations=["dialect", "person-name"])
    assert value_of(found, "fairness") == pytest.approx((0.0 + 0.25) / 2)


def test_without_names_every_perturbation_counts(edited):
    fair, robust = summarize_fairness(edited), summarize_robustness(edited)
    assert fair.drop("metric").equals(robust.drop("metric"))


def test_fairness_is_the_greatest_where_lower_is_better(edited, value_of):
    found = summarize_fairness(edited, perturbations=["dialect"], lower_is_better=["boolq@1"])
    assert value_of(found, "fairness") == 1.0


def test_fairness_without_its_perturbations_is_unknown(edited, value_of):
    assert value_of(summarize_fairness(edited, perturbations=["gender-pronouns"]), "fairness") is None


@pytest.fixture
def grouped(table):
    """Return three groups of 2, 3 and 1 instances, and one without a group."""
    return table(
        7,
        group=["a", "a", "b", "b", "b", "c", None],
        score=[1.0, 0.5, 0.0, 1.0, 0.5, 1.0, 0.0],
    )


def test_scores_by_group(grouped, value_of):
    found = summarize_disparities(grouped)
    assert [value_of(found, "group_score", group=name) for name in "abc"] == [0.75, 0.5, 1.0]


def test_gap_is_the_average_less_the_worst(grouped, value_of):
    found = summarize_disparities(grouped)
    assert value_of(found, "worst_group_score", group="b") == 0.5
    assert value_of(found, "score_gap", group="b") == pytest.approx(4 / 6 - 0.5)
    assert value_of(found, "score_gap", "n", group="b") == 6


def test_worst_group_has_the_highest_score_where_lower_is_better(grouped, value_of):
    found = summarize_disparities(grouped, ["scenario"], lower_is_better=["boolq@1"])
    assert value_of(found, "worst_group_score", group="c") == 1.0
    assert value_of(found, "score_gap", group="c") == pytest.approx(1.0 - 4 / 6)


def test_directions_differ_by_scenario(table, value_of):
    frame = table(
        4, scenario=["up", "up", "down", "down"], group=["a", "b"] * 2, score=[1.0, 2.0, 1.0, 2.0]
    )  # fmt: skip
    found = summarize_disparities(frame, ["scenario"], lower_is_better=["down"])
    assert value_of(found, "worst_group_score", scenario="up", group="a") == 1.0
    assert value_of(found, "worst_group_score", scenario="down", group="b") == 2.0


def test_one_group_has_no_gap(table):
    found = summarize_disparities(table(2, group=["a", "a"], score=[1.0, 0.0]))
    assert found["metric"].to_list() == ["group_score"]


def test_group_whose_scores_are_unknown_is_not_compared(table):
    found = summarize_disparities(table(3, group=["a", "b", "c"], score=[1.0, None, 0.0]))
    assert found.filter(metric="score_gap")["group"].to_list() == ["c"]


def test_no_groups_have_no_disparities(table):
    assert len(summarize_disparities(table(2, score=[1.0, 0.0]))) == 0


def test_perturbed_rows_do_not_count(table, value_of):
    frame = table(3, instance=["a", "a", "b"], perturbation=[None, "typos", None], group=["x", "x", "y"],
                  score=[1.0, 0.0, 1.0])  # fmt: skip
    assert value_of(summarize_disparities(frame), "group_score", group="x") == 1.0


def test_disparities_are_tidy(grouped):
    assert summarize_disparities(grouped, ["model"]).columns == ["model", "group", *TIDY]


def test_missing_group_column_is_refused(grouped):
    with pytest.raises(TableError, match='no column "group"'):
        summarize_disparities(grouped.drop("group"))


def test_direction_without_the_scenario_is_refused(grouped):
    parts = summarize_disparities(grouped)
    with pytest.raises(TableError, match='no column "scenario"'):
        compare_groups(parts, lower_is_better=["boolq@1"])


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=2, max_size=12), st.booleans())
def test_gap_is_never_negative_and_never_beyond_the_scores(rows, is_lower_better):
    groups, scores = zip(*rows, strict=True)
    frame = pl.DataFrame({"group": groups, "score": scores, "instance": [str(i) for i in range(len(rows))]})
    lower = ["s"] if is_lower_better else []
    found = summarize_disparities(
        frame.with_columns(scenario=pl.lit("s")), ["scenario"], lower_is_better=lower
    )
    gaps = found.filter(metric="score_gap")["value"].to_list()
    assert len(gaps) == (len(set(groups)) > 1)
    assert all(0 <= gap <= np.ptp(scores) + 1e-9 for gap in gaps)


@pytest.fixture
def pairs(table):
    """Return four pairs: both right, only the original, only the counterpart, and a failed counterpart."""
    rows = [
        ("a", None, True), ("a", "contrast-sets", True),
        ("b", None, True), ("b", "contrast-sets", False),
        ("c", None, False), ("c", "contrast-sets", True),
        ("d", None, False), ("d", "contrast-sets", None),
        ("e", None, True), ("e", "typos", False),
    ]  # fmt: skip
    instance, perturbation, correct = zip(*rows, strict=True)
    score = [None if right is None else float(right) for right in correct]
    return table(len(rows), instance=instance, perturbation=perturbation, correct=correct, score=score)


@pytest.mark.parametrize(
    ("metric", "want"),
    [("contrast_score", 2 / 3), ("contrast_original", 2 / 3), ("contrast_both_right", 1 / 3)],
)
def test_contrast_pairs_give(pairs, value_of, metric, want):
    found = summarize_contrast(pairs, ["model"])
    assert value_of(found, metric) == pytest.approx(want)
    assert value_of(found, metric, "n") == 3


def test_counterparts_may_have_another_name(pairs, value_of):
    found = summarize_contrast(pairs, perturbation="typos")
    assert [value_of(found, name) for name in ("contrast_score", "contrast_original")] == [0.0, 1.0]


def test_no_pairs_give_nothing(edited):
    assert len(summarize_contrast(edited)) == 0


def test_counterpart_without_its_original_is_no_pair(table):
    frame = table(1, perturbation=["contrast-sets"], score=[1.0], correct=[True])
    assert len(summarize_contrast(frame)) == 0


def test_scores_without_right_and_wrong_are_compared_alone(table):
    frame = table(2, instance=["a", "a"], perturbation=[None, "contrast-sets"], score=[0.5, 0.25])
    assert summarize_contrast(frame)["metric"].to_list() == ["contrast_score", "contrast_original"]


def test_trials_are_paired_with_their_own(table, value_of):
    frame = table(
        4, instance=["a"] * 4, trial=[0, 0, 1, 1], perturbation=[None, "contrast-sets"] * 2,
        score=[1.0, 1.0, 0.0, 1.0], correct=[True, True, False, True],
    )  # fmt: skip
    assert value_of(summarize_contrast(frame), "contrast_both_right") == 0.5


def test_grouping_by_perturbation_keeps_it(pairs):
    assert summarize_contrast(pairs, ["perturbation"])["perturbation"].unique().to_list() == ["contrast-sets"]
