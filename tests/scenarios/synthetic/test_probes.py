from __future__ import annotations

from collections import Counter

import pytest

from longwave.errors import ConfigError
from longwave.scenarios.synthetic import PROMPT_WORDS, make_probes


def test_ten_texts_of_each_size():
    rows = make_probes(64)
    assert Counter(len(row.input.split()) for row in rows) == dict.fromkeys(PROMPT_WORDS, 10)


def test_wanted_sizes_are_kept_with_each_text():
    for row in make_probes(16, sizes=(1, 5)):
        assert row.extra == {"n_prompt_words": len(row.input.split()), "n_output_tokens": 16}
        assert row.group == f"{len(row.input.split())} words"
        assert row.references == ()


def test_no_two_texts_are_the_same_not_even_of_one_word():
    rows = make_probes(1)
    assert len({row.input for row in rows}) == len(rows)


def test_texts_follow_from_the_seed():
    assert make_probes(1, seed=3) == make_probes(1, seed=3)
    assert make_probes(1, seed=3) != make_probes(1, seed=4)


@pytest.mark.parametrize("wish", [{"sizes": (0,)}, {"n_each": 0}, {"n_each": 100_000}])
def test_impossible_wish_is_refused(wish):
    with pytest.raises(ConfigError, match="accepted are sizes of 1 and more"):
        make_probes(4, **wish)


def test_no_output_token_is_refused():
    with pytest.raises(ConfigError, match="with 0 tokens were asked for"):
        make_probes(0)
