from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.prompting import choose_examples
from longwave.scenarios import Instance, Reference


def make_pool(labels):
    return [
        Instance(
            id=str(index),
            input="",
            references=() if label is None else (Reference(text=label, tags=("correct",)),),
            split="train",
        )
        for index, label in enumerate(labels)
    ]


pools = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12).map(make_pool)


@given(pools, st.integers(0, 15), st.integers(0, 3))
def test_as_many_different_examples_as_wanted_and_there_are(pool, n, trial):
    chosen = choose_examples(pool, n, trial=trial)
    assert len({instance.id for instance in chosen}) == len(chosen) == min(n, len(pool))


@given(pools, st.integers(0, 15))
def test_labels_are_balanced_as_far_as_the_pool_allows(pool, n):
    have = Counter(instance.label for instance in pool)
    counts = Counter(instance.label for instance in choose_examples(pool, n))
    for one in set(have) - {None}:
        for other in set(have) - {None}:
            assert counts[one] >= min(have[one], counts[other] - 1)


def test_the_most_frequent_label_comes_first():
    chosen = choose_examples(make_pool(["b", "a", "a", "c"]), 4)
    assert chosen[0].label == "a"
    assert {chosen[1].label, chosen[2].label} == {"b", "c"}


def test_unlabelled_ones_fill_up_where_the_reference_code_never_ends():
    chosen = choose_examples(make_pool(["a", None, None, None]), 3)
    assert [instance.label for instance in chosen] == ["a", None, None]


def test_draws_differ_between_trials_and_repeat_within_one():
    pool = make_pool([str(index) for index in range(50)])
    draws = [[item.id for item in choose_examples(pool, 5, trial=trial)] for trial in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]


def test_ties_between_labels_are_broken_at_random():
    pool = make_pool(["a", "b", "c"])
    assert {choose_examples(pool, 1, trial=trial)[0].label for trial in range(30)} == {"a", "b", "c"}


def test_a_negative_number_is_refused():
    with pytest.raises(ConfigError, match="-1 in-context"):
        choose_examples([], -1)
