"""An article agrees with the word that was exchanged behind it."""

from __future__ import annotations

import re

import pytest

from longwave.perturbations._articles import ARTICLE, agreeing


def exchange(text, old, new):
    return re.sub(rf"{ARTICLE}\b{old}\b", lambda found: agreeing(found, old, new) + new, text)


@pytest.mark.parametrize(
    ("text", "old", "new", "want"),
    [
        ("a boy", "boy", "uncle", "an uncle"),
        ("an uncle", "uncle", "boy", "a boy"),
        ("An uncle", "uncle", "boy", "A boy"),
        ("AN UNCLE", "UNCLE", "BOY", "A BOY"),
        ("A boy", "boy", "uncle", "An uncle"),
        ("A BOY", "BOY", "UNCLE", "AN UNCLE"),
        ("So. A boy", "boy", "uncle", "So. An uncle"),
        ("the boy", "boy", "uncle", "the uncle"),
        ("a girl", "girl", "boy", "a boy"),
        ("a  big", "big", "odd", "an  odd"),
        ("vitamin A lack", "lack", "absence", "vitamin A absence"),
        ("a odd", "odd", "big", "a big"),
        ("a plan", "plan", "hour", "an hour"),
        ("an hour", "hour", "plan", "a plan"),
        ("a plan", "plan", "unit", "a unit"),
        ("an end", "end", "use", "a use"),
        ("an act", "act", "one", "a one"),
        ("a clumsy", "clumsy", "untidy", "an untidy"),
        ("an odd", "odd", "unusual", "an unusual"),
        ("mama boy", "boy", "uncle", "mama uncle"),
        ("boy", "boy", "uncle", "uncle"),
    ],
)
def test_article_follows_the_new_word(text, old, new, want):
    assert exchange(text, old, new) == want
