from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.scenarios.synthetic.draws import pick, shuffled


@given(st.lists(st.integers(), max_size=20), st.integers(0, 1000))
def test_shuffling_keeps_every_item(items, seed):
    assert Counter(shuffled(items, random.Random(seed))) == Counter(items)


@given(st.lists(st.integers(), min_size=1, max_size=9), st.integers(0, 1000))
def test_picked_item_is_one_of_them(items, seed):
    assert pick(items, random.Random(seed)) in items


def test_picks_are_about_equally_frequent():
    rng = random.Random(0)
    counts = Counter(pick("abcd", rng) for _ in range(8000))
    assert all(1800 < count < 2200 for count in counts.values())


def test_orders_are_about_equally_frequent():
    rng = random.Random(0)
    counts = Counter("".join(shuffled("abc", rng)) for _ in range(6000))
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())


def test_same_seed_gives_the_same_order():
    assert shuffled("abcdef", random.Random(5)) == shuffled("abcdef", random.Random(5))


def test_nothing_to_pick_from_is_an_error():
    with pytest.raises(IndexError):
        pick((), random.Random(0))
