"""Answers that are sets: how they are read, and the three ways to compare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.metrics import exact_set_match, f1_set_match, iou_set_match
from longwave.metrics.sets import parse_set

ADJECTIVES = ["big", "weak", "kind", "old", "rough"]
sets = st.sets(st.sampled_from(ADJECTIVES))


def _sentence(named):
    return f"Carol is {' and '.join(sorted(named))}." if named else "Nothing."


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Carol is big and weak.", {"big", "weak"}),
        ("The cats are big, old and weak", {"big", "old", "weak"}),
        ("big and BIG.", {"big"}),
        ("Nothing.", set()),
        (" nothing\n", set()),
        ("Carol is nothing.", set()),
        ("Carol is big. Bob is weak.", {"big"}),
        ("Carol is big\nand weak", {"big"}),
        ("Carol is very big and sandy.", {"very big", "sandy"}),
        ("Iris is old.", {"old"}),
        ("", None),
        ("Carol is .", None),
        ("and", None),
    ],
)
def test_parse_set(text, want):
    assert parse_set(text) == want


@given(sets)
def test_a_written_set_is_read_back(named):
    assert parse_set(_sentence(named)) == named


@given(sets, sets)
def test_values_are_those_of_the_sets(got, want):
    prediction, reference = _sentence(got), _sentence(want)
    both, either = len(got & want), len(got | want)
    assert exact_set_match(prediction, reference) == float(got == want)
    if got and want:
        assert f1_set_match(prediction, reference) == pytest.approx(2 * both / (both + either))
        assert iou_set_match(prediction, reference) == pytest.approx(both / either)


@pytest.mark.parametrize("function", [exact_set_match, f1_set_match, iou_set_match])
@pytest.mark.parametrize(
    ("prediction", "reference", "want"),
    [
        ("Nothing.", "Nothing.", 1),
        ("Carol is big.", "Nothing.", 0),
        ("Nothing.", "Carol is big.", 0),
        ("", "Nothing.", 0),
        ("", "", 0),
        ("Bob is weak and big!", "Carol is big and weak.", 1),
    ],
)
def test_empty_sets_and_subjects(function, prediction, reference, want):
    assert function(prediction, reference) == want
