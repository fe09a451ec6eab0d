from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion, FakeClient, Request, Result
from longwave.errors import BackendUnavailable, DataError
from longwave.evaluation.scoring import Task, describe_requests, score
from longwave.metrics import AnswerMetric
from longwave.prompting import Case, get_method
from longwave.scenarios import Instance, Reference

KEY = {"scenario": "s@1", "model": "m", "version": "1"}


@pytest.fixture(scope="module")
def ask(make_scenario, own_rows):
    """Return a function that scores the given completions of one instance."""

    def run(method, *completions, error=None, **more):
        scenario = make_scenario(method, **more)
        (instance,) = own_rows(1, "test")
        way = get_method(method)
        prepared = way.prepare(Case(prompt=scenario.prompt, instance=instance), FakeClient(lambda _: None))
        results = [
            Result(completions=(item,), latency_s=0.5, tokens_in=3, tokens_out=1, cost_usd=0.25, error=error)
            for item in completions
        ]
        task = Task(scenario=scenario, instance=instance, key=KEY, trial=0)
        return score(task, way, prepared, results, error=None)

    return run


def test_generated_answers_get_the_main_metric_and_others_beside_it(ask):
    answered = ask("generation", Completion(text=" Yes.", logprob=-0.5), main_metric="quasi_exact_match")
    beside = {row["metric"]: row["value"] for row in answered.scores}
    assert (answered.row["score"], answered.row["correct"]) == (1.0, True)
    assert (beside["exact_match"], beside["quasi_prefix_exact_match"], beside["n_examples"]) == (
        0.0,
        1.0,
        0.0,
    )
    assert "quasi_exact_match" not in beside


def test_an_empty_answer_is_wrong_and_no_prediction(ask):
    row = ask("generation", Completion(text="")).row
    assert (row["prediction"], row["score"], row["correct"], row["error"]) == (None, 0.0, False, None)


def test_a_tie_is_half_right_and_not_correct(ask):
    same = Completion(text="", logprob=-1.0, n_tokens=1)
    row = ask("multiple_choice_separate", same, same).row
    assert (row["score"], row["correct"], row["confidence"]) == (0.5, False, 0.5)


def test_language_modelling_is_neither_right_nor_wrong(ask):
    answered = ask("language_modeling", Completion(text="", logprob=-10.0, n_tokens=4))
    assert answered.row["correct"] is None
    assert answered.row["score"] > 0
    assert {row["metric"] for row in answered.scores} == {"logprob", "bytes", "tokens"}


def test_costs_of_all_requests_add_up(ask):
    same = Completion(text="", logprob=-1.0, n_tokens=1)
    row = ask("multiple_choice_separate", same, same).row
    assert (row["latency_s"], row["tokens_in"], row["tokens_out"], row["cost_usd"]) == (1.0, 6, 2, 0.5)


def test_a_failed_request_leaves_no_score(ask):
    answered = ask("generation", Completion(text="yes"), error="timed out")
    assert (answered.row["error"], answered.row["score"], answered.row["prediction"]) == (
        "timed out",
        None,
        None,
    )
    assert answered.scores == []


def test_an_answer_that_cannot_be_read_is_an_error(ask):
    row = ask("multiple_choice_separate", Completion(text=""), Completion(text="")).row
    assert "no log-probability" in row["error"]


def test_a_table_metric_cannot_score_one_row(ask):
    with pytest.raises(DataError, match="metric of whole tables"):
        ask("generation", Completion(text="yes"), main_metric="accuracy")


def test_request_rows_hold_what_was_asked_and_answered():
    request = Request(prompt="<p>", continuation=" c", max_tokens=0)
    result = Result(completions=(Completion(text=" c", logprob=-2.0, n_tokens=1, finish_reason="scored"),))
    (row,) = describe_requests([request], [result], model="m", version="1")
    assert (row["request_hash"], row["prompt"], row["continuation"]) == (request.hash("m", "1"), "<p>", " c")
    assert (row["completions"], row["logprobs"]) == ([" c"], [-2.0])
    assert json.loads(row["settings"])["finish_reasons"] == ["scored"]


def test_a_cost_that_one_request_does_not_tell_is_unknown(make_scenario, own_rows):
    scenario = make_scenario("multiple_choice_separate")
    (instance,) = own_rows(1, "test")
    way = get_method("multiple_choice_separate")
    prepared = way.prepare(Case(prompt=scenario.prompt, instance=instance), FakeClient(lambda _: None))
    same = (Completion(text="", logprob=-1.0, n_tokens=1),)
    results = [Result(completions=same, cost_usd=0.1), Result(completions=same)]
    task = Task(scenario=scenario, instance=instance, key=KEY, trial=0)
    assert score(task, way, prepared, results, error=None).row["cost_usd"] is None


def test_one_failed_option_fails_the_row(make_scenario, own_rows):
    scenario = make_scenario("multiple_choice_separate")
    (instance,) = own_rows(1, "test")
    way = get_method("multiple_choice_separate")
    prepared = way.prepare(Case(prompt=scenario.prompt, instance=instance), FakeClient(lambda _: None))
    fine = Result(completions=(Completion(text="", logprob=-1.0, n_tokens=1),), latency_s=0.5)
    task = Task(scenario=scenario, instance=instance, key=KEY, trial=0)
    row = score(task, way, prepared, [fine, Result(error="timed out")], error=None).row
    assert (row["error"], row["score"], row["correct"], row["latency_s"]) == ("timed out", None, None, 0.5)


@pytest.mark.parametrize(
    ("text", "right"),
    [("yes", True), (" yes\n", True), ("yes sir", False), ("no", False), ("YES", False), ("y\u0435s", False)],
    ids=["plain", "blanks", "longer", "wrong", "upper", "cyrillic"],
)
def test_exact_match_of_generated_text(ask, text, right):
    assert ask("generation", Completion(text=text)).row["correct"] is right


def test_the_row_shows_the_request_of_the_chosen_option(ask):
    rows = [
        ask("multiple_choice_separate", *(Completion(text="", logprob=p, n_tokens=1) for p in logprobs)).row
        for logprobs in ((-1.0, -2.0), (-2.0, -1.0))
    ]
    assert [row["prediction"] for row in rows] == ["yes", "no"]
    assert rows[0]["request_hash"] != rows[1]["request_hash"]


@given(st.floats(-500, 0), st.integers(1, 50))
def test_bits_per_byte_are_those_of_the_formula(ask, logprob, n_tokens):
    answered = ask("language_modeling", Completion(text="", logprob=logprob, n_tokens=n_tokens))
    values = {row["metric"]: row["value"] for row in answered.scores}
    assert answered.row["score"] == pytest.approx(-logprob / values["bytes"] / math.log(2))
    assert (values["logprob"], values["tokens"]) == (logprob, n_tokens)


def test_an_instance_without_a_right_reference_is_an_error_of_its_row(make_scenario):
    scenario = make_scenario("generation")
    instance = Instance(id="bare", input="?", references=(Reference(text="no"),), split="test")
    way = get_method("generation")
    prepared = way.prepare(Case(prompt=scenario.prompt, instance=instance), FakeClient(lambda _: None))
    task = Task(scenario=scenario, instance=instance, key=KEY, trial=0)
    answered = score(task, way, prepared, [Result(completions=(Completion(text="no"),))], error=None)
    assert answered.row["score"] is None
    assert answered.row["error"].startswith('Instance "bare" has no right reference, which the metric')


def test_what_cannot_be_measured_here_is_an_error_of_its_row(ask, monkeypatch):
    def refuse(_):
        raise BackendUnavailable("No walls on this machine. Use Linux.")

    metric = AnswerMetric(name="walled", family="accuracy", higher_is_better=True, function=refuse)
    monkeypatch.setattr("longwave.evaluation.scoring.get_metric", lambda _: metric)
    answered = ask("generation", Completion(text="x"), main_metric="walled")
    assert (answered.row["error"], answered.row["score"]) == ("No walls on this machine. Use Linux.", None)
