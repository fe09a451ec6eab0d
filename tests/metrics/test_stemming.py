"""Porter's stemmer: the steps by example, and every word of the bundled books against NLTK."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from longwave.metrics.stemming import porter_stem

NLTK = PorterStemmer()
ENDINGS = re.findall(
    "[a-z]+",
    "s sses ies ss ied eed ed ing at bl iz y ational tional enci anci izer bli alli entli eli ousli ization "
    "ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful "
    "ness al ance ence er ic able ible ant ement ment ent sion tion ion ou ism ate iti ous ive ize e ll",
)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("dies", "die"),
        ("cats", "cat"),
        ("agreed", "agre"),
        ("feed", "feed"),
        ("plastered", "plaster"),
        ("bled", "bled"),
        ("sized", "size"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("enjoy", "enjoy"),
        ("relational", "relat"),
        ("geology", "geolog"),
        ("triplicate", "triplic"),
        ("adoption", "adopt"),
        ("communion", "communion"),
        ("probate", "probat"),
        ("controlling", "control"),
        ("dying", "die"),
        ("news", "news"),
    ],
)
def test_steps(word, stem):
    assert porter_stem(word) == stem


@pytest.mark.parametrize("word", ["", "a", "is", "THE", "naïveté", "42nd", "İstanbul", "yyyy"])
def test_odd_words_are_stemmed_as_nltk_does(word):
    assert porter_stem(word) == NLTK.stem(word)


def test_upper_case_does_not_count():
    assert porter_stem("RUNNING") == porter_stem("running") == "run"


def test_all_words_of_the_books_agree_with_nltk():
    folder = files("longwave").joinpath("samples", "books")
    texts = (path.read_text("utf-8") for path in folder.iterdir() if path.name.endswith(".txt"))
    words = {word for text in texts for word in re.findall(r"[a-z0-9']+", text.lower())}
    assert len(words) > 10_000
    assert [word for word in sorted(words) if porter_stem(word) != NLTK.stem(word)] == []


@settings(max_examples=200)
@given(st.text("aeiouybcdlstz", max_size=5), st.lists(st.sampled_from(ENDINGS), max_size=3))
def test_made_up_words_agree_with_nltk(start, endings):
    word = start + "".join(endings)
    assert porter_stem(word) == NLTK.stem(word)
