from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.monitoring.store.parts import LABEL_TYPES
from longwave.monitoring.store.scores import released_score_expression, score_expression

TAGS = st.lists(
    st.sampled_from(["bird", "car", "u.s._loc", "u.k._org", "'s_per", "(_org", "东京_loc", "bird_per"]),
    max_size=5,
)


def scores(kind, predicted, true, expression=score_expression):
    schema = {"predicted_label": LABEL_TYPES[kind], "true_label": LABEL_TYPES[kind]}
    frame = pl.DataFrame({"predicted_label": predicted, "true_label": true}, schema=schema)
    return frame.select(expression(kind)).to_series().to_list()


def jaccard(predicted: list[str], true: list[str]) -> float:
    union = set(predicted) | set(true)
    return len(set(predicted) & set(true)) / len(union) if union else 1.0


def released(predicted: list[str], true: list[str]) -> float:
    """Compute the reward of the published tables from its definition, with regular expressions."""
    pieces = [{piece for tag in tags for piece in re.split(r"[\W_]+", tag)} for tags in (predicted, true)]
    union = pieces[0] | pieces[1]
    return len(pieces[0] & pieces[1]) / len(union) if union else 0.0


@settings(max_examples=30)
@given(pairs=st.lists(st.tuples(TAGS, TAGS), max_size=9))
def test_tags_score_the_jaccard_index_of_their_sets(pairs):
    predicted, true = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    expected = [jaccard(*pair) for pair in pairs]
    assert scores("tags", predicted, true) == pytest.approx(expected, abs=1e-15)


@settings(max_examples=30)
@given(pairs=st.lists(st.tuples(TAGS, TAGS), max_size=9))
def test_released_score_of_tags_is_that_of_their_pieces(pairs):
    predicted, true = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    expected = [released(*pair) for pair in pairs]
    assert scores("tags", predicted, true, released_score_expression) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("predicted", "true", "score", "reward"),
    [
        ([], [], 1.0, 0.0),
        (["bird", "bird"], ["bird"], 1.0, 1.0),
        ([], ["bird"], 0.0, 0.0),
        (["alatas_per", "belo_loc"], ["alatas_per", "belo_per"], 1 / 3, 3 / 4),
        (["u.s._org"], ["u.s._loc"], 0.0, 2 / 4),
        (["saqr_per", "'s_per"], ["saqr_per"], 1 / 2, 2 / 4),
    ],
    ids=["both-empty", "doubled", "no-answer", "wrong-type", "points", "quote"],
)
def test_tags_worked_by_hand(predicted, true, score, reward):
    assert scores("tags", [predicted], [true]) == pytest.approx([score])
    assert scores("tags", [predicted], [true], released_score_expression) == pytest.approx([reward])


def test_classes_score_equality_and_no_answer_is_wrong():
    assert scores("class", [0, 1, None, 30, 2], [0, 2, 0, 30, None]) == [1.0, 0.0, 0.0, 1.0, None]


def test_texts_score_equality():
    assert scores("text", ["yes", "none", None], ["yes", "no", None]) == [1.0, 0.0, None]


@pytest.mark.parametrize("kind", ["class", "text"])
def test_released_score_of_anything_else_is_the_score(kind):
    values = {"class": ([0, 1, None], [0, 0, None]), "text": (["a", "b", None], ["a", "a", None])}[kind]
    assert scores(kind, *values, released_score_expression) == scores(kind, *values) == [1.0, 0.0, None]


def test_missing_list_counts_as_an_empty_one():
    assert scores("tags", [None, None], [["bird"], []]) == [0.0, 1.0]


@pytest.mark.parametrize("kind", ["class", "tags", "text"])
def test_no_rows_have_no_scores(kind):
    assert scores(kind, [], []) == []
