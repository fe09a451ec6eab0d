from __future__ import annotations

from importlib.resources import files

from hypothesis import given
from hypothesis import strategies as st

from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.books import cut_passages


@given(st.text(alphabet="ab \n", max_size=200), st.integers(1, 50))
def test_passages_joined_are_the_text_and_short_enough(text, size):
    passages = cut_passages(text, size)
    assert "".join(passages) == text
    assert all(0 < len(passage) <= size for passage in passages)


def test_passages_cover_the_held_out_books():
    text = (files("longwave") / "samples" / "books" / "test.txt").read_text("utf-8")
    instances = get_scenario("books").load()
    assert "".join(instance.input for instance in instances) == text


def test_passages_are_about_2000_characters():
    lengths = [len(instance.input) for instance in get_scenario("books").load()[:-1]]
    assert 1000 <= min(lengths) <= max(lengths) <= 2000
