"""Votes as a matrix."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError
from longwave.predictions import INSTANCES, SCHEMA
from longwave.prompting import collect_votes


def rows(votes, labels=None, **more):
    """Make rows from ``{instance: {prompt: prediction}}``."""
    shared = {"scenario": "s@1", "model": "m", "version": "1", "date": "2025-01-01", "trial": 0}
    found = [
        {
            **shared,
            "instance": name,
            "prompt": prompt,
            "prediction": prediction,
            "label": (labels or {}).get(name),
            **more,
        }
        for name, given in votes.items()
        for prompt, prediction in given.items()
    ]
    return pl.DataFrame(found, schema=SCHEMA)


def listed(options, right=(0,), perturbation=None):
    found = [
        {
            "scenario": "s@1",
            "instance": name,
            "perturbation": perturbation,
            "references": list(texts),
            "correct_references": list(right),
        }
        for name, texts in options.items()
    ]
    return pl.DataFrame(found, schema=INSTANCES)


def test_classes_have_the_same_code_in_all_rows():
    votes = rows(
        {"a": {"ama-1": "Yes", "ama-2": "no"}, "b": {"ama-1": None, "ama-2": "maybe"}},
        {"a": "Yes", "b": "No"},
    )
    found = collect_votes(votes, "s@1", "m", instances=listed({"a": ("Yes", "No"), "b": ("No", "Yes")}))
    assert (found.kind, found.classes, found.n_classes) == ("classes", ("Yes", "No"), 2)
    assert found.votes.tolist() == [[0, 1], [-1, -1]]
    assert found.labels.tolist() == [0, 1]
    assert (found.text(0, 1), found.text(0, -1)) == ("No", None)


def test_options_have_the_code_of_their_place():
    votes = rows({"a": {"ama-1": "red"}, "b": {"ama-1": "cat"}}, {"a": "blue", "b": "cat"})
    found = collect_votes(
        votes, "s@1", "m", instances=listed({"a": ("red", "blue"), "b": ("dog", "cow", "cat")})
    )
    assert (found.kind, found.n_classes, found.classes) == ("options", 3, ())
    assert (found.votes.tolist(), found.labels.tolist()) == ([[0], [2]], [1, 2])


def test_free_answers_have_codes_of_their_row_in_the_order_of_the_prompts():
    votes = rows(
        {"a": {"ama-1": "the Thames", "ama-2": "Seine", "ama-3": "Thames.", "ama-4": "Thames."}},
        {"a": "thames"},
    )
    found = collect_votes(votes, "s@1", "m", instances=listed({"a": ("Thames",)}))
    assert (found.kind, found.votes.tolist(), found.labels.tolist()) == ("answers", [[0, 1, 0, 0]], [0])
    assert found.names == (("Thames.", "Seine"),)


def test_prompts_are_in_the_order_of_their_numbers_and_aggregates_no_votes():
    given = {f"ama-{n}": "x" for n in (10, 2, 1)}
    votes = rows({"a": {**given, "majority": "x", "generation-5-shot": "x"}})
    assert collect_votes(votes, "s@1", "m").prompts == ("ama-1", "ama-2", "ama-10")
    others = rows({"a": {"generation-5-shot": "x", "label-model": "x"}})
    assert collect_votes(others, "s@1", "m").prompts == ("generation-5-shot",)
    assert collect_votes(votes, "s@1", "m", prompts=["generation-5-shot", "ama-2"]).votes.shape == (1, 2)


def test_a_missing_row_abstains():
    votes = rows({"a": {"ama-1": "x"}, "b": {"ama-2": "y"}})
    assert collect_votes(votes, "s@1", "m").votes.tolist() == [[0, -1], [-1, 1]]


def test_copies_and_trials_are_collected_apart():
    both = pl.concat(
        [
            rows({"a": {"ama-1": "x"}}),
            rows({"b": {"ama-1": "y"}}, perturbation="typos"),
            rows({"c": {"ama-1": "z"}}, trial=1),
        ]
    )
    found = [
        collect_votes(both, "s@1", "m", **which).instances
        for which in ({}, {"perturbation": "typos"}, {"trial": 1})
    ]
    assert found == [("a",), ("b",), ("c",)]


def test_several_dates_must_be_told_apart():
    both = pl.concat([rows({"a": {"ama-1": "x"}}), rows({"a": {"ama-1": "y"}}, date="2025-02-01")])
    with pytest.raises(DataError, match="votes of several dates: 2025-01-01, 2025-02-01"):
        collect_votes(both, "s@1", "m")
    assert collect_votes(both, "s@1", "m", date="2025-02-01").classes == ("y",)


def test_no_votes_are_an_error():
    with pytest.raises(DataError, match='no votes of "other" on "s@1"'):
        collect_votes(rows({"a": {"ama-1": "x"}}), "s@1", "other")


def test_codes_are_integers_of_the_shape_of_the_matrix():
    found = collect_votes(rows({"a": {"ama-1": "x", "ama-2": "y"}}), "s@1", "m")
    assert found.votes.dtype == np.int64
    assert found.votes.shape == (len(found.instances), len(found.prompts))
