"""A phrase at the end."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import Suffix


def rewrite(text, **fields):
    return Suffix(**fields).rewrite(text, random.Random(0))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("a cat", "a cat, digital art"),
        ("a cat.", "a cat. digital art"),
        ("a cat \n", "a cat, digital art \n"),
        ("", ""),
        (" \n", " \n"),
    ],
)
def test_phrase_follows_the_last_sign(text, want):
    assert rewrite(text) == want


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_text_begins_as_before(text, phrase):
    found = rewrite(text, phrase=phrase)
    assert found.startswith(text.rstrip())
    assert (phrase in found) or not text.strip()


@pytest.mark.parametrize(
    ("phrase", "name"),
    [("digital art", "suffix"), ("oil painting", "suffix-oil-painting"), ("4 words", "suffix-4-words")],
)
def test_plain_phrase_is_in_the_name(phrase, name):
    assert Suffix(phrase=phrase).name == name


@pytest.mark.parametrize("phrase", ["Oil painting", "oil-painting", "oil  painting", " oil", "é"])
def test_other_phrase_is_a_digest_in_the_name(phrase):
    assert re.fullmatch("suffix-own-[0-9a-f]{8}", Suffix(phrase=phrase).name)


def test_empty_phrase_is_refused():
    with pytest.raises(ConfigError, match='phrase is " "; accepted are texts'):
        Suffix(phrase=" ")
