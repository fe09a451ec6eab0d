"""Rates of votes: shrunk to the prompt, to all prompts, to one accuracy; one-sided prompts; silence."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._rates import Strengths, estimate_rates


def rates_of(counts, **settings):
    defaults = {"is_shared": False, "models_silence": False, "learns": False}
    strengths = settings.pop("strengths", Strengths())
    return estimate_rates(np.asarray(counts, dtype=float), strengths, **{**defaults, **settings})


def binary(right0, wrong0, right1, wrong1, silent0=0, silent1=0):
    """Return the counts (3, 2) of a prompt: votes by class."""
    return [[right0, wrong1], [wrong0, right1], [silent0, silent1]]


COUNTS = [binary(80, 20, 60, 40), binary(50, 50, 90, 10), binary(70, 30, 70, 30)]


def test_votes_of_a_state_have_probability_one():
    rng = np.random.default_rng(0)
    for levels in (1, 2):
        rates, _ = rates_of(rng.random((5, 4, 3 * levels)) * 50)
        assert rates[:, :3].sum(axis=1) == pytest.approx(np.ones((5, 3 * levels)))


def test_with_no_strength_rates_are_relative_frequencies():
    weak = Strengths(prompt=1e-9, by_class=1e-9)
    rates, n_free = rates_of(COUNTS, strengths=weak)
    assert rates[0, 0, 0] == pytest.approx(0.8)
    assert rates[1, 1, 1] == pytest.approx(0.9)
    assert n_free == pytest.approx(1 + 3 + 3)  # a mean, three prompts, and half of six classes more


def test_with_full_strength_all_prompts_are_equal():
    strong = Strengths(prompt=1e12, by_class=1e12)
    rates, n_free = rates_of(COUNTS, strengths=strong)
    mean = (420 + 1.4) / (600 + 2)
    assert rates[:, 0, 0] == pytest.approx([mean] * 3)
    assert n_free == pytest.approx(1)


def test_shrinking_follows_the_formula():
    rates, _ = rates_of(COUNTS, strengths=Strengths(prompt=20, by_class=10))
    mean = (420 + 1.4) / (600 + 2)
    prompt = (140 + 20 * mean) / (200 + 20)
    assert rates[0, 0, 0] == pytest.approx((80 + 10 * prompt) / (100 + 10))


def test_a_shared_accuracy_is_above_chance():
    rates, n_free = rates_of([binary(10, 90, 10, 90)] * 3, is_shared=True)
    assert rates[:, 0, 0] == pytest.approx([0.52] * 3)
    assert n_free == 1


def test_wrong_votes_follow_what_all_prompts_tend_to():
    counts = np.zeros((2, 4, 3))
    counts[:, :3] = [[60, 2, 2], [30, 60, 30], [2, 30, 60]]  # wrong votes go to class 1 where they can
    rates, _ = rates_of(counts)
    assert rates[0, 1, 0] > 2 * rates[0, 2, 0]


def test_a_prompt_of_one_class_says_nothing_by_its_votes():
    rates, _ = rates_of([binary(40, 0, 0, 10), binary(80, 20, 20, 80)])
    assert rates[0, 0].tolist() == [1, 1]


def test_its_silence_tells_where_silence_is_modelled():
    rates, _ = rates_of([binary(40, 0, 0, 10, 60, 90), binary(80, 20, 20, 80)], models_silence=True)
    assert rates[0, 0, 0] > 2 * rates[0, 0, 1]
    assert rates[0, 2] == pytest.approx([0.6, 0.9], abs=0.02)


def test_abstentions_have_probability_one_where_they_are_not_modelled():
    rates, _ = rates_of([binary(80, 20, 60, 40, 30, 70)])
    assert rates[0, 2].tolist() == [1, 1]


def test_hard_rows_scale_the_distance_from_chance_of_all_prompts_alike():
    easy, hard = [0.9, 0.8, 0.7], [0.6, 0.575, 0.55]
    counts = np.zeros((3, 3, 4))
    for j in range(3):
        for state, accuracy in enumerate([easy[j], easy[j], hard[j], hard[j]]):
            counts[j, state % 2, state] = 1000 * accuracy
            counts[j, 1 - state % 2, state] = 1000 * (1 - accuracy)
    rates, _ = rates_of(counts, strengths=Strengths(prompt=1e-6))
    right = np.stack([rates[:, s % 2, s] for s in range(4)], axis=1)
    above = right - 0.5
    assert above[:, 2] / above[:, 0] == pytest.approx([above[0, 2] / above[0, 0]] * 3)
    assert right[:, 0] == pytest.approx(easy, abs=0.02)


@pytest.mark.parametrize("models_silence", [False, True])
def test_strengths_are_learned_when_asked(models_silence):
    strengths = Strengths()
    rates_of(COUNTS, strengths=strengths, learns=True, models_silence=models_silence)
    assert strengths.prompt != 30.0
