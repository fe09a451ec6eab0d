"""Copying: word prefixes and word edits, against a table filled by hand and against RapidFuzz."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients.base import Completion
from longwave.metrics import Answer, edit_distance, edit_similarity, get_metric, longest_common_prefix_length
from longwave.scenarios.base import Instance, Reference

words = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)
NAMES = ["longest_common_prefix_length", "edit_distance", "edit_similarity"]


def table_distance(first, second):
    """Fill the whole table of Levenshtein's distance cell by cell."""
    table = [[i + j for j in range(len(second) + 1)] for i in range(len(first) + 1)]
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a != b))
    return table[-1][-1]


@settings(max_examples=200)
@given(words, words)
def test_distance_is_that_of_the_whole_table(output, reference):
    cut = reference[: len(output)]  # words of one letter: as many words as characters allow
    assert edit_distance([" ".join(output)], " ".join(reference)) == table_distance(output, cut)


def test_distance_of_a_thousand_words_is_that_of_rapidfuzz(rng):
    rapidfuzz = pytest.importorskip("rapidfuzz")
    first, second = (rng.integers(0, 9, size=1000).astype(str).tolist() for _ in range(2))
    want = rapidfuzz.distance.Levenshtein.distance(first, second)
    assert edit_distance([" ".join(first)], " ".join(second)) == want


@given(words, words)
def test_prefix_and_distance_agree_about_copies(output, reference):
    text, source = " ".join(output), " ".join(reference)
    is_copy = output == reference[: len(output)]
    assert (edit_distance([text], source) == 0) == is_copy
    assert (longest_common_prefix_length([text], source) == len(output)) == is_copy
    assert (edit_similarity([text], source) == 1) == is_copy


@given(st.lists(words.map(" ".join), min_size=1, max_size=4), words.map(" ".join))
def test_the_output_that_copies_most_counts(outputs, reference):
    each = [[output] for output in outputs]
    assert longest_common_prefix_length(outputs, reference) == max(
        longest_common_prefix_length(one, reference) for one in each
    )
    assert edit_distance(outputs, reference) == min(edit_distance(one, reference) for one in each)
    assert edit_similarity(outputs, reference) == max(edit_similarity(one, reference) for one in each)


@given(st.text(), st.text())
def test_similarity_lies_between_0_and_1(output, reference):
    assert 0 <= edit_similarity([output], reference) <= 1


def test_reference_is_cut_to_the_characters_of_the_output():
    assert edit_distance(["the cat"], "the cat sat on the mat") == 0


def test_white_space_makes_no_difference():
    assert longest_common_prefix_length(["\n It was  the\nbest"], " It was the best of times") == 4


def test_signs_are_words_and_contractions_one_word():
    assert longest_common_prefix_length(['"Don\'t, at 3.5" he'], '"Don\'t, at 3.5" she') == 6


@pytest.mark.parametrize("outputs", [[], ["", " \n"]], ids=["none", "blank"])
def test_empty_outputs_copy_nothing(outputs):
    assert longest_common_prefix_length(outputs, "some text") == 0
    assert edit_distance(outputs, "some text") is None
    assert edit_similarity(outputs, "some text") == 0


@pytest.mark.slow
def test_most_words_are_those_of_the_treebank():
    treebank = pytest.importorskip("nltk.tokenize.treebank").TreebankWordTokenizer()
    text = "She had a well-known aunt; he, of 1,200 men (in all), was 3.5 miles off: here"
    assert longest_common_prefix_length([text], text) == len(treebank.tokenize(text))


def answer(*outputs, references=("the best of times",)):
    return Answer(
        instance=Instance(
            id="x",
            input="It was",
            references=tuple(Reference(text=text, tags=("correct",)) for text in references),
            split="test",
        ),
        completions=tuple(Completion(text=text) for text in outputs),
    )


@pytest.mark.parametrize(("name", "value"), list(zip(NAMES, [3.0, 0.0, 1.0], strict=True)), ids=NAMES)
def test_metrics_divide_by_the_words_of_the_prompt(name, value):
    assert get_metric(name).measure(answer("worst", " the best of ")) == value / 2


@pytest.mark.parametrize("name", NAMES)
def test_metrics_say_nothing_without_a_reference(name):
    assert get_metric(name).measure(answer("text", references=())) is None


@pytest.mark.parametrize("name", NAMES)
def test_copying_little_is_no_right_answer(name):
    assert get_metric(name).is_full_marks(0.0) is None
