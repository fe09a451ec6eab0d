from __future__ import annotations

import math
from dataclasses import replace

import pytest

from longwave.clients import Completion
from longwave.prompting import Case, Generation


def read(question, make_instance, reader, *completions):
    prepared = Generation().prepare(Case(prompt=question, instance=make_instance()), reader())
    return Generation().interpret(prepared, [completions])


def test_one_request_carries_the_decoding_settings(question, make_instance, reader):
    (request,) = (
        Generation().prepare(Case(prompt=question, instance=make_instance(), seed=3), reader()).requests
    )
    assert (request.max_tokens, request.stop, request.temperature, request.seed) == (4, ("\n",), 0.0, None)


def test_only_sampled_requests_carry_the_seed(question, make_instance, reader):
    sampled = Case(prompt=replace(question, temperature=0.5), instance=make_instance(), seed=3)
    assert Generation().prepare(sampled, reader()).requests[0].seed == 3


def test_prediction_is_the_stripped_completion(question, make_instance, reader):
    outcome = read(question, make_instance, reader, Completion(text=" yes ", logprob=math.log(0.25)))
    assert outcome.prediction == "yes"
    assert outcome.confidence == pytest.approx(0.25)


def test_an_empty_completion_is_no_prediction(question, make_instance, reader):
    assert read(question, make_instance, reader, Completion(text=" \n")).prediction is None


def test_the_most_likely_of_several_completions_is_taken(question, make_instance, reader):
    some = [Completion(text="a", logprob=-2.0), Completion(text="b", logprob=-1.0), Completion(text="c")]
    assert read(question, make_instance, reader, *some).prediction == "b"


def test_without_logprobs_there_is_no_confidence(question, make_instance, reader):
    assert read(question, make_instance, reader, Completion(text="a")).confidence is None


def test_rounding_never_makes_a_confidence_above_one(question, make_instance, reader):
    assert read(question, make_instance, reader, Completion(text="a", logprob=1e-9)).confidence == 1.0


def test_examples_that_do_not_fit_are_counted_out(question, make_instance, reader):
    case = Case(prompt=question, instance=make_instance(), examples=(make_instance("old?"),) * 3)
    prepared = Generation().prepare(case, reader(60))
    assert (prepared.n_examples, prepared.is_truncated) == (2, False)
