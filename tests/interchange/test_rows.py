from __future__ import annotations

import pytest

from longwave.interchange.rows import Part, Shown, unknown
from longwave.predictions import INSTANCES, REQUESTS, SCHEMA, SCORES

ROW = {"model": "m", "version": "1", "date": "2024-01-01", "prompt": "p", "trial": 0}


def shown(name="i", **more):
    return Shown(scenario="s@1", instance=name, **more)


def test_empty_part_has_the_four_tables():
    frames = Part("r").frames()
    assert {name: frame.schema for name, frame in frames.items()} == {
        "predictions": SCHEMA,
        "requests": REQUESTS,
        "instances": INSTANCES,
        "scores": SCORES,
    }


def test_row_carries_its_instance_and_its_run():
    part = Part("r")
    part.add(
        shown(references=("a", "b"), right=(1,), group="g", split="test"), {**ROW, "score": 1.0}, {"x": 0.5}
    )
    frames = part.frames()
    row = frames["predictions"].row(0, named=True)
    assert (row["run"], row["label"], row["group"], row["split"], row["error"]) == (
        "r",
        "b",
        "g",
        "test",
        None,
    )
    assert frames["instances"]["correct_references"].to_list() == [[1]]
    assert frames["scores"].select("instance", "metric", "value").row(0) == ("i", "x", 0.5)


def test_equal_key_is_counted_and_left_out():
    part = Part("r")
    part.add(shown(), {**ROW, "score": 1.0}, {"x": 1.0})
    part.add(shown(), {**ROW, "score": 0.0}, {"x": 0.0})
    assert part.frames()["predictions"]["score"].to_list() == [1.0]
    assert part.frames()["scores"]["value"].to_list() == [1.0]
    assert list(part.skipped.values()) == [1]


def test_halves_of_characters_are_spelled_out():
    part = Part("r")
    part.add(shown("\ud800", extra={"k": "\udfff"}), {**ROW, "prediction": "\ud800x"}, {"\ud800": 1.0})
    part.add_request("p", completions=[], logprobs=[], settings={"\ud800": "\ud800"}, asked=())
    row = part.frames()["predictions"].row(0, named=True)
    assert (row["prediction"], part.frames()["scores"]["metric"][0]) == ("\\ud800x", "\\ud800")


def test_request_is_told_apart_by_text_settings_and_who_was_asked():
    part = Part("r")
    asked = [("p", None, {}, "m"), ("p", None, {}, "m2"), ("p", None, {"n": 2}, "m"), ("p", "c", {}, "m")]
    names = {
        part.add_request(prompt, continuation=text, settings=settings, asked=(model,))
        for prompt, text, settings, model in asked
    }
    assert len(names) == len(part.frames()["requests"]) == 4


@pytest.mark.parametrize(
    ("scores", "is_accuracy", "correct"),
    [([1.0, 0.5, 0.0, None], True, [True, False, False, None]), ([1.0, None], False, [None, None])],
    ids=["accuracy", "other"],
)
def test_correct_means_full_marks_of_an_accuracy(scores, is_accuracy, correct):
    part = Part("r")
    for place, score in enumerate(scores):
        part.add(shown(str(place)), {**ROW, "score": score}, {})
    part.judge(is_accuracy)
    assert part.frames()["predictions"]["correct"].to_list() == correct


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.0, 1.0, None], True), ([0.5], False), ([], True)],
    ids=["binary", "other", "none"],
)
def test_binary_scores_are_zero_or_one(scores, expected):
    part = Part("r")
    for place, score in enumerate(scores):
        part.add(shown(str(place)), {**ROW, "score": score}, {})
    assert part.all_binary() is expected


@pytest.mark.parametrize(("index", "expected"), [(0, "a"), (1, None), (-1, None), (None, None)])
def test_reference_is_there_or_none(index, expected):
    assert shown(references=("a",)).reference(index) == expected


def test_tags_are_null_where_there_are_none():
    assert (shown(tags=((), ())).row()["tags"], shown(tags=(("t",), ())).row()["tags"]) == (None, [["t"], []])


def test_nothing_becomes_unknown():
    assert (unknown(None), unknown(""), unknown("x")) == ("unknown", "unknown", "x")
