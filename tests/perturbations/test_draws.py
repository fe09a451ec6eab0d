"""Draws, and the refusal of what cannot be drawn with."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations._draws import below, check_at_least, check_probability, choose_once

words = st.lists(st.sampled_from("abcdef"), max_size=12)


@given(st.integers(1, 99), st.integers())
def test_a_draw_is_below_its_bound(n, seed):
    assert 0 <= below(n, random.Random(seed)) < n


@given(words, st.integers(), st.floats(0, 1))
def test_a_word_keeps_its_form(words, seed, rate):
    choose = choose_once(rate, random.Random(seed))
    drawn = [(word, choose(word, ("1", "2", "3"))) for word in words]
    assert len(set(drawn)) == len(set(words))


@given(words, st.integers())
def test_words_hit_at_a_lower_rate_are_hit_at_a_higher_one(words, seed):
    few, many = (choose_once(rate, random.Random(seed)) for rate in (0.2, 0.7))
    pairs = [(few(word, "123"), many(word, "123")) for word in words]
    assert all(low in (None, high) for low, high in pairs)


@given(words, st.integers())
def test_rate_bounds_hit_nothing_and_everything(words, seed):
    none, every = (choose_once(rate, random.Random(seed)) for rate in (0.0, 1.0))
    assert all(none(word, "12") is None and every(word, "12") is not None for word in words)


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_no_probability_is_refused(value):
    with pytest.raises(ConfigError, match=f"rate is {value}; accepted are probabilities"):
        check_probability("rate", value)


def test_too_small_a_number_is_refused():
    with pytest.raises(ConfigError, match="n is 0; accepted are 1 and more"):
        check_at_least("n", 0, 1)
