"""Metrics of the diagnostics against hand-made cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.metrics import Answer, get_metric
from longwave.metrics.diagnostics import count_alternatives, is_valid_choice, span_overlap
from longwave.scenarios.base import Instance


@pytest.mark.parametrize(
    ("prediction", "reference", "value"),
    [
        ("Paris", "paris", 1),
        ("in Paris", "Paris", 1),
        ("Par", "Paris", 1),
        ("London", "Paris", 0),
        ("", "Paris", 0),
        ("Paris", " ", 0),
        ("STRASSE", "straße", 1),
    ],
)
def test_one_text_holds_the_other(prediction, reference, value):
    assert span_overlap(prediction, reference) == value


@given(st.text(), st.text())
def test_overlap_is_the_same_both_ways(first, second):
    assert span_overlap(first, second) == span_overlap(second, first)


@pytest.mark.parametrize(
    ("prediction", "reference", "value"),
    [
        ("Animal", "animal", 1),
        (" animal.\nExample: more", "animal", 1),
        ("film", "film ", 1),
        ("an animal", "animal", 0),
        ("", "", 0),
        (".", ".", 0),
    ],
)
def test_the_first_line_is_the_choice(prediction, reference, value):
    assert is_valid_choice(prediction, reference) == value


@pytest.mark.parametrize(
    ("text", "given", "count"),
    [
        ("- a\n- b", "", 2),
        ("- a\n- A.", "", 1),
        ("- a\n\n- b", "", 1),
        ("a\n- b\n* c", "", 2),
        ("- a\n- b\n- c", "c", 2),
        ("", "", 0),
        ("-\n- ", "", 0),
    ],
)
def test_new_items_are_counted_once(text, given, count):
    assert count_alternatives(text, given) == count


@pytest.mark.parametrize(
    ("text", "score"), [("- a\n- b", 1), ("- a\n- given", 0), ("- a\n- b\n- c", 0), (None, 0)]
)
def test_exactly_two_alternatives_are_wanted(text, score):
    asked = Instance(id="x", input="", references=(), split="test", extra={"given": "given"})
    assert get_metric("two_alternatives").measure(Answer(instance=asked, prediction=text)) == score
