from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.books import PASSAGE_CHARS, cut_passages


@given(st.text(alphabet="ab \n", max_size=80), st.integers(1, 20))
def test_passages_joined_are_the_text_and_of_the_size(text, size):
    passages = cut_passages(text, size)
    assert "".join(passages) == text
    assert all(0 < len(passage) <= size + 1 for passage in passages)


@given(st.text(alphabet="ab \n", max_size=80), st.integers(2, 20))
def test_only_the_last_passage_may_be_shorter_than_half(text, size):
    assert all(len(passage) >= size // 2 for passage in cut_passages(text, size)[:-1])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaaaa\n\nb c\nd e", "aaaaa\n\n"),
        ("aaaaaa b\nc d e f", "aaaaaa b\n"),
        ("aaaaaa b c d e f", "aaaaaa b "),
        ("a\n\naaaaaaaaaaaaaa", "a\n\naaaaaaa"),
    ],
    ids=["empty-line", "line", "blank", "early-border"],
)
def test_the_strongest_border_of_the_second_half_wins(text, first):
    assert cut_passages(text, 10)[0] == first


def test_the_bundled_books_are_cut_without_loss():
    passages = [instance.input for instance in get_scenario("books").load()]
    assert cut_passages("".join(passages)) == passages
    assert max(map(len, passages)) <= PASSAGE_CHARS + 1


def test_the_acceptable_sentence_of_a_pair_comes_first_half_of_the_time():
    instances = get_scenario("blimp").load()
    share = sum(instance.references[0].is_correct for instance in instances) / len(instances)
    assert share == pytest.approx(0.5, abs=2 / len(instances) ** 0.5)
