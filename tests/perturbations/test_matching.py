"""Phrases are found as whole words, in any case, the longest first."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.perturbations._matching import ALONE_AFTER, ALONE_BEFORE, any_of, spelled

PHRASES = ["can", "can not", "don't", "he", "here", "the cat"]
texts = st.lists(st.sampled_from([*PHRASES, "CAN", "Don’t", "not", "-", "'", ".", "x", " "]), max_size=9).map(
    "".join
)


def found(text, phrases=PHRASES, **borders):
    return any_of(phrases, **borders).findall(text)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("can", ["can"]),
        ("can can", ["can", "can"]),
        ("can not", ["can not"]),
        ("can nothing", ["can"]),
        ("He, here.", ["He", "here"]),
        ("he's He'LL", ["he", "He"]),
        ("can't CAN'T", []),
        ("scan cans _can_ can1", []),
        ("'can'", ["can"]),
        ("rock'he", []),
        ("DON’T don't", ["DON’T", "don't"]),
        ("he-man", ["he"]),
        ("the  cat", []),
        ("", []),
    ],
)
def test_whole_words_are_found(text, want):
    assert found(text) == want


@pytest.mark.parametrize("text", ["he-man", "to-he", "he-he"])
def test_parts_of_compounds_are_not_found_alone(text):
    assert found(text, before=ALONE_BEFORE, after=ALONE_AFTER) == []


@pytest.mark.parametrize("text", ["- he -", "well—he", "he--can"], ids=["blanks", "dash", "two-hyphens"])
def test_dashes_make_no_compound(text):
    assert "he" in found(text, before=ALONE_BEFORE, after=ALONE_AFTER) or "--" in text


@pytest.mark.parametrize("sign", ["\u212a", "\u017f"], ids=["kelvin", "long-s"])
def test_signs_that_lower_to_letters_are_no_letters(sign):
    assert found(f"{sign}it", ["kit", "sit"]) == []


@pytest.mark.parametrize("phrase", ["ſo", "İs", "µ", "naïve", "c++", "a.b"])
def test_any_sign_can_be_listed(phrase):
    assert [spelled(each) for each in found(phrase, [phrase], after="")] == [spelled(phrase)]


def test_no_phrases_are_found_nowhere():
    assert found("anything", []) == []


@given(texts, st.integers(0, 9))
def test_order_of_the_list_does_not_matter(text, seed):
    shuffled = random.Random(seed).sample(PHRASES, len(PHRASES))
    assert found(text, shuffled) == found(text)


@given(texts)
def test_what_is_found_is_listed(text):
    assert {spelled(each) for each in found(text)} <= set(PHRASES)


@given(texts)
def test_it_finds_what_a_plain_alternation_finds(text):
    plain = "|".join(re.escape(p).replace("'", "['’]") for p in sorted(PHRASES, key=len, reverse=True))
    slow = re.compile(rf"(?<!\w)(?<!\w['’])(?:{plain})(?!\w|['’][tT]\b)", re.IGNORECASE)
    assert found(text) == slow.findall(text)
