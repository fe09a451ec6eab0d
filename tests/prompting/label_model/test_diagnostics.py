"""Diagnostics against loops, known numbers and labels."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model import (
    LabelModel,
    VoteSource,
    abstention_curve,
    analyze_votes,
    conditional_entropy,
    estimate_accuracies,
    information_flow,
    make_votes,
    weigh_prompts,
)
from longwave.prompting.label_model.sources import confusion, single

VOTES = np.array([[0, 0, -1], [1, 0, 1], [-1, -1, -1], [1, -1, -1]])
LABELS = np.array([0, 1, 0, 0])


def test_a_summary_counts_rows():
    found = analyze_votes(VOTES)
    assert found.coverage == pytest.approx([0.75, 0.5, 0.25])
    assert found.overlap == pytest.approx([0.5, 0.5, 0.25])
    assert found.conflict == pytest.approx([0.25, 0.25, 0.25])
    assert found.class_shares == pytest.approx(np.array([[1 / 3, 2 / 3], [1, 0], [0, 1]]))
    assert found.no_votes == 0.25
    assert found.accuracies is None


def test_labels_tell_accuracies_and_common_errors():
    found = analyze_votes(VOTES, labels=LABELS)
    assert found.accuracies == pytest.approx([2 / 3, 0.5, 1])
    assert found.error_overlap == pytest.approx(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]]))


def test_two_independent_prompts_share_a_quarter_of_their_errors():
    source = VoteSource(class_balance=np.array([0.5, 0.5]), groups=(single(confusion(0.6, 2)),) * 2)
    drawn = source.sample(20_000, 0)
    assert analyze_votes(drawn.votes, labels=drawn.labels).error_overlap[0, 1] == pytest.approx(
        0.25, abs=0.01
    )


def test_a_prompt_that_never_votes_has_no_accuracy():
    assert np.isnan(analyze_votes([[0, -1]], labels=[0]).accuracies[1])


@pytest.mark.parametrize("labels", [[0], [[0, 1, 0, 0]]])
def test_labels_must_be_one_for_each_row(labels):
    with pytest.raises(ShapeError, match="one for each of the 4 rows"):
        analyze_votes(VOTES, labels=labels)


def test_labels_must_be_classes():
    with pytest.raises(DataError, match="classes 0 to 1"):
        analyze_votes(VOTES, labels=[0, 1, 2, 0])


def test_no_rows_cannot_be_analyzed():
    with pytest.raises(DataError, match="no instances to analyze"):
        analyze_votes(VOTES[:0])


def test_intervals_hold_the_true_accuracies():
    drawn = make_votes("independent", 1000, 0)
    found = estimate_accuracies(LabelModel(), drawn.votes, n_resamples=8)
    true = (drawn.votes == drawn.labels[:, None]).mean(axis=0)
    assert ((found.low - 0.02 <= true) & (true <= found.high + 0.02)).mean() > 0.8
    assert (found.low <= found.accuracies + 0.01).all()
    assert 0.01 < (found.high - found.low).mean() < 0.2


def test_estimating_leaves_the_model_alone():
    model = LabelModel()
    estimate_accuracies(model, make_votes("independent", 200, 0).votes, n_resamples=2)
    assert not hasattr(model, "accuracies_")


@pytest.mark.parametrize("settings", [{"n_resamples": 1}, {"level": 1.0}])
def test_settings_of_intervals_are_checked(settings):
    with pytest.raises(ConfigError, match="n_resamples is"):
        estimate_accuracies(LabelModel(), VOTES, **settings)


def test_entropy_without_labels_is_that_with_labels_for_the_oracle():
    drawn = make_votes("independent", 20_000, 0)
    votes = drawn.votes[:, :3]
    source = VoteSource(class_balance=drawn.source.class_balance, groups=drawn.source.groups[:3])
    codes = votes @ np.array([1, 2, 4])
    table = np.zeros((8, 2))
    np.add.at(table, (codes, drawn.labels), 1)
    share = table / table.sum(axis=1, keepdims=True)
    expected = -(table * np.log(share)).sum() / len(votes)
    assert conditional_entropy(source.predict_proba(votes)) == pytest.approx(expected, abs=0.01)


def test_the_ising_formula_gives_the_same_entropy():
    accuracy = np.array([0.9, 0.7, 0.6])
    source = VoteSource(
        class_balance=np.array([0.5, 0.5]), groups=tuple(single(confusion(a, 2)) for a in accuracy)
    )
    votes = np.array([[(code >> j) & 1 for j in range(3)] for code in range(8)])
    weight = np.exp(sum(g.log_likelihood(votes[:, [j]]) for j, g in enumerate(source.groups))).mean(axis=1)
    theta, mu = 0.5 * np.log(accuracy / (1 - accuracy)), 2 * accuracy - 1
    field = (2 * votes - 1) @ theta
    expected = np.log(2) - (theta @ mu - (weight * np.log(np.cosh(field))).sum())
    p = source.predict_proba(votes)
    assert -(weight[:, None] * p * np.log(p)).sum() == pytest.approx(expected)


def test_information_flow_counts_what_a_prediction_leaves_open():
    found = information_flow([0, 0, 0, 0, 1, 1, -1, -1], [0, 0, 0, 1, 1, 1, 0, 1])
    expected = (4 * -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) + 2 * np.log(2)) / 8
    assert found == pytest.approx(expected)


def test_votes_know_more_than_any_single_prompt():
    drawn = make_votes("independent", 5000, 0)
    together = conditional_entropy(LabelModel().fit(drawn.votes).predict_proba(drawn.votes))
    alone = min(information_flow(drawn.votes[:, j], drawn.labels) for j in range(drawn.source.n_prompts))
    assert together < alone


@pytest.mark.parametrize("proba", [np.zeros((0, 2)), np.zeros(3)])
def test_entropy_needs_a_row(proba):
    with pytest.raises(ShapeError, match="with one row at least"):
        conditional_entropy(proba)
    with pytest.raises(ShapeError, match="with one row at least"):
        abstention_curve(proba)


def test_information_flow_needs_a_row():
    with pytest.raises(DataError, match="0 rows"):
        information_flow([], np.zeros(0, dtype=int))


def test_useless_prompts_are_dropped_and_good_ones_kept():
    groups = tuple(single(confusion(a, 2)) for a in (0.85, 0.8, 0.5, 0.75, 0.5))
    drawn = VoteSource(class_balance=np.array([0.5, 0.5]), groups=groups).sample(5000, 0)
    model = LabelModel().fit(drawn.votes)
    found = weigh_prompts(model, drawn.votes)
    assert set(found.drop) == {2, 4}
    assert found.lost[[0, 1, 3]].min() > 10 * found.lost[[2, 4]].max()


def test_one_prompt_is_always_kept():
    drawn = make_votes("independent", 300, 0)
    found = weigh_prompts(LabelModel().fit(drawn.votes), drawn.votes, tolerance=100.0)
    assert len(found.drop) == drawn.source.n_prompts - 1


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ConfigError, match="tolerance is -1"):
        weigh_prompts(LabelModel().fit(VOTES), VOTES, tolerance=-1)


def test_the_abstention_curve_is_the_accuracy_of_the_surest():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    coverage, accuracy = abstention_curve(p, [0, 0, 1])
    assert coverage == pytest.approx([1 / 3, 2 / 3, 1])
    assert accuracy == pytest.approx([1, 1, 2 / 3])


def test_without_labels_it_is_the_expected_accuracy():
    _, accuracy = abstention_curve([[0.9, 0.1], [0.4, 0.6]])
    assert accuracy == pytest.approx([0.9, 0.75])


def test_equally_sure_rows_count_with_their_mean():
    p = np.full((4, 2), 0.5) + np.array([[0.2, -0.2]])
    assert abstention_curve(p, [0, 1, 1, 0])[1] == pytest.approx([0.5] * 4)


def test_the_expected_curve_is_close_to_the_real_one():
    drawn = make_votes("cliques", 5000, 0)
    p = LabelModel().fit(drawn.votes).predict_proba(drawn.votes)
    expected, real = abstention_curve(p)[1], abstention_curve(p, drawn.labels)[1]
    assert expected[500:] == pytest.approx(real[500:], abs=0.03)
