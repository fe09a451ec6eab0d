from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError
from longwave.scenarios.synthetic import BRACKETS, close_brackets, make_dyck

seeds = st.integers(0, 10_000)
kinds = st.integers(1, 4)


def is_balanced(text):
    """Delete neighbours that belong together until nothing changes."""
    text = text.replace(" ", "")
    while (shorter := text.replace("()", "").replace("[]", "").replace("{}", "").replace("<>", "")) != text:
        text = shorter
    return not text


@settings(max_examples=40, deadline=None)
@given(kinds, seeds)
def test_answer_closes_its_prompt(n_pairs, seed):
    for row in make_dyck(n_pairs, n_test=8, seed=seed):
        assert is_balanced(row.input + row.label)
        assert not is_balanced(row.input)


@settings(max_examples=40, deadline=None)
@given(kinds, seeds)
def test_answer_is_the_only_sequence_of_closers_that_does(n_pairs, seed):
    closers = [pair[1] for pair in BRACKETS[:n_pairs]]
    for row in make_dyck(n_pairs, n_test=8, seed=seed):
        answer = row.label.split()
        assert 1 <= len(answer) <= 3
        others = [
            [*answer[:place], other, *answer[place + 1 :]]
            for place in range(len(answer))
            for other in closers
            if other != answer[place]
        ]
        shorter = [answer[:size] for size in range(len(answer))]
        assert not any(is_balanced(row.input + "".join(wrong)) for wrong in [*others, *shorter])


@settings(max_examples=20, deadline=None)
@given(kinds, seeds)
def test_no_prompt_repeats_in_or_between_splits(n_pairs, seed):
    rows = make_dyck(n_pairs, n_train=5, n_test=20, seed=seed)
    assert len({row.input for row in rows}) == 25
    assert [row.split for row in rows] == ["train"] * 5 + ["test"] * 20


@settings(max_examples=20, deadline=None)
@given(kinds, seeds)
def test_whole_words_have_the_lengths_of_their_split(n_pairs, seed):
    # the cut may lose brackets that were opened and closed again behind it, but never the depth of the cut
    for row in make_dyck(n_pairs, n_train=5, n_test=20, seed=seed):
        length = len(row.input.split()) + len(row.label.split())
        assert length <= (50 if row.split == "train" else 100)


def test_default_rows_are_three_and_five_hundred_of_three_kinds():
    rows = make_dyck()
    assert [row.split for row in rows] == ["train"] * 3 + ["test"] * 500
    assert set("".join(row.input for row in rows)) == set("()[]{} ")


def test_tokens_are_parted_by_one_blank_each():
    for row in make_dyck(4, n_test=50):
        assert row.label.startswith(" ")
        assert all(len(token) == 1 for token in (row.input + row.label).split(" "))


def test_answers_of_each_length_occur():
    assert {len(row.label.split()) for row in make_dyck()} == {1, 2, 3}


def test_rows_follow_from_the_seed():
    assert make_dyck(n_test=20, seed=1) == make_dyck(n_test=20, seed=1)
    assert make_dyck(n_test=20, seed=1) != make_dyck(n_test=20, seed=2)


@pytest.mark.parametrize("given_rows", [{"n_pairs": 0}, {"n_pairs": 5}, {"n_train": -1}, {"n_test": -1}])
def test_impossible_wish_is_refused(given_rows):
    with pytest.raises(ConfigError, match="accepted are 1 to 4 kinds and 0 rows or more"):
        make_dyck(**given_rows)


@pytest.mark.parametrize("prefix", ["( ]", ")", "( x"])
def test_closing_what_is_not_open_is_refused(prefix):
    with pytest.raises(DataError, match="closes nothing in"):
        close_brackets(prefix.split())


def test_closing_nothing_gives_nothing():
    assert close_brackets([]) == []
