from __future__ import annotations

import math

import pytest

from longwave.interchange import read_inspect

HEADER = {"version": 2, "eval": {"task": "t", "model": "m", "created": "2024-01-02"}}
OPTIONS = ["one", "two", "three"]


@pytest.fixture
def read(eval_log):
    """Return a function that reads a log of one sample."""

    def read_one(scorers=(), **sample):
        spec = {**HEADER["eval"], "scorers": list(scorers)}
        members = {
            "header.json": {**HEADER, "eval": spec},
            "samples/a_epoch_1.json": {"id": "a", "epoch": 1, "input": "q", "target": "x", **sample},
        }
        found = read_inspect(eval_log(members))
        return (found.predictions.row(0, named=True) if len(found.predictions) else None), found

    return read_one


def score(value, answer=None, name="s"):
    return {"scores": {name: {"value": value, "answer": answer}}}


@pytest.mark.parametrize(
    ("value", "expected", "correct"),
    [
        ("C", 1.0, True),
        ("I", 0.0, False),
        ("P", 0.5, False),
        ("N", 0.0, False),
        (True, 1.0, True),
        (False, 0.0, False),
        ("yes", 1.0, None),
        ("0.25", 0.25, None),
        (1, 1.0, None),
        (-3.5, -3.5, None),
    ],
)
def test_grades_and_numbers_are_scores(read, value, expected, correct):
    row, _ = read(**score(value))
    assert (row["score"], row["correct"]) == (expected, correct)


@pytest.mark.parametrize(
    "value", [float("nan"), "unsure", None, [], {}], ids=["nan", "word", "null", "list", "map"]
)
def test_value_that_is_no_number_is_no_score(read, value):
    row, found = read(**score(value))
    assert (row["score"], row["correct"]) == (None, None)
    assert [reason for reason in found.summary.skipped if reason.startswith("rows without a score")]


def test_numbers_of_an_accuracy_tell_right_from_wrong(read):
    scorers = [{"name": "s", "metrics": [{"name": "inspect_ai/accuracy"}]}]
    assert read(scorers, **score(1))[0]["correct"] is True
    assert read(scorers, **score(0.5))[0]["correct"] is False


def test_list_of_values_has_a_score_each(read):
    _, found = read(scores={"s": {"value": "C"}, "l": {"value": [1, "I"]}})
    assert dict(found.scores.select("metric", "value").rows()) == {"l.0": 1.0, "l.1": 0.0}


def test_score_of_the_first_releases_is_read(read):
    assert read(score={"value": "C", "answer": "x"})[0]["score"] == 1.0


def test_no_answer_is_no_prediction(read):
    assert read(**score("N", answer="I cannot say"))[0]["prediction"] is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"completion": " said ", "choices": []}, "said"),
        ({"choices": [{"message": {"role": "assistant", "content": "said"}}]}, "said"),
        (
            {"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]},
            "a\n[image]",
        ),
        ({}, None),
    ],
    ids=["completion", "message", "parts", "none"],
)
def test_completion_is_the_prediction_where_the_scorer_gives_none(read, output, expected):
    assert read(output=output, **score("C"))[0]["prediction"] == expected


@pytest.mark.parametrize(
    ("answer", "target", "prediction", "label", "right"),
    [
        ("B", "B", "two", "two", [1]),
        ("B, C", ["B", "C"], "two, three", "two", [1, 2]),
        ("three", "C", "three", "three", [2]),
        ("D", "A", "D", "one", [0]),
        ("two of them", "two", "two of them", "two", [1]),
        ("b", "Z", "b", None, []),
    ],
    ids=["letter", "letters", "text", "no-such-letter", "words", "no-target"],
)
def test_letters_stand_for_options(read, answer, target, prediction, label, right):
    row, found = read(choices=OPTIONS, target=target, **score("C", answer))
    assert (row["prediction"], row["label"]) == (prediction, label)
    assert found.instances["correct_references"][0].to_list() == right


@pytest.mark.parametrize(("answer", "target"), [("A", "A"), ("A", ["A", "B"]), ("I", "I")])
def test_letters_without_options_are_texts(read, answer, target):
    assert read(target=target, **score("C", answer))[0]["prediction"] == answer


def test_all_targets_are_right(read):
    _, found = read(target=["Rome", "Roma"], **score("C"))
    row = found.instances.row(0, named=True)
    assert (row["references"], row["correct_references"]) == (["Rome", "Roma"], [0, 1])


@pytest.mark.parametrize("target", ["", None, []])
def test_sample_without_a_target_has_no_label(read, target):
    assert read(target=target, **score("C"))[0]["label"] is None


def test_dialogue_is_written_with_its_roles(read):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}]
    _, found = read(input=messages, **score("C"))
    assert found.instances["input"].to_list() == ["system: Be brief.\n\nuser: q"]


def test_request_holds_what_was_sent_and_all_that_came_back(read):
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    choices = [{"message": {"content": text}, "stop_reason": "stop"} for text in ("a", "b")]
    row, found = read(messages=messages, output={"choices": choices}, **score("C"))
    request = found.requests.row(0, named=True)
    assert (request["prompt"], request["completions"], request["logprobs"]) == ("q", ["a", "b"], [None, None])
    assert row["request_hash"] == request["request_hash"]


def test_attachment_stands_in_its_place(read):
    _, found = read(input="attachment://k", attachments={"k": "long text"}, **score("C"))
    assert found.instances["input"].to_list() == ["long text"]


def test_missing_attachment_stays_a_reference(read):
    _, found = read(input="attachment://k", **score("C"))
    assert found.instances["input"].to_list() == ["attachment://k"]


def test_log_probability_is_the_sum_of_the_tokens(read):
    tokens = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.0}]
    row, _ = read(
        output={"choices": [{"message": {"content": "ab"}, "logprobs": {"content": tokens}}]}, **score("C")
    )
    assert (row["logprob"], row["confidence"]) == (-1.5, pytest.approx(math.exp(-1.5)))


def test_usage_of_all_models_is_added(read):
    usage = {
        "m": {"input_tokens": 5, "input_tokens_cache_read": 20, "output_tokens": 3, "total_cost": 0.5},
        "judge": {"input_tokens": 1, "output_tokens": 1, "total_cost": 0.25},
    }
    row, _ = read(model_usage=usage, **score("C"))
    assert (row["tokens_in"], row["tokens_out"], row["cost_usd"]) == (26, 4, 0.75)


def test_cost_is_unknown_where_one_model_has_none(read):
    usage = {"m": {"input_tokens": 5, "total_cost": 0.5}, "judge": {"input_tokens": 1}}
    assert read(model_usage=usage, **score("C"))[0]["cost_usd"] is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"output": {"time": 0.5}, "working_time": 9.0}, 0.5),
        ({"output": {"time": 0.5}, "turn_count": 3}, None),
        ({"output": {"time": 0.5}, "turn_count": 3, "working_time": 9.0}, 9.0),
    ],
    ids=["one-call", "no-working-time", "several-calls"],
)
def test_latency_is_that_of_the_call_or_of_all_work(read, more, expected):
    assert read(**more, **score("C"))[0]["latency_s"] == expected


@pytest.mark.parametrize("error", [{"message": "broken"}, "broken"], ids=["object", "summary"])
def test_error_is_told_beside_the_score_it_was_given(read, error):
    row, found = read(error=error, **score("I", "x"))
    assert (row["error"], row["score"], row["prediction"]) == ("broken", 0.0, None)
    assert found.summary.skipped == {}


def test_invalid_sample_is_counted(read):
    row, found = read(invalidation={"author": "x"}, **score("C"))
    assert (row, found.summary.skipped) == (None, {"samples that were declared invalid": 1})


def test_score_is_named_after_what_it_is(read):
    row, found = read(scores={"first": {"value": "C"}, "second": {"value": "I"}})
    assert (row["score"], found.scores["metric"].to_list()) == (1.0, ["second"])
