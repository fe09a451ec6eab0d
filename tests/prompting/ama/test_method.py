"""Ask Me Anything as a prompting method: rounds of requests that fit the model, one vote."""

from __future__ import annotations

import pytest

from longwave.clients import Completion, FakeClient
from longwave.prompting import Case, ManyRounds, get_method
from longwave.prompting.ama import AskMeAnything, get_chain_file
from longwave.scenarios.base import Instance, PromptFormat, Reference

PROMPT = PromptFormat(method="generation")
ALL = FakeClient(lambda _: None)


def opened(name, place=0):
    file = get_chain_file(name)
    return AskMeAnything(chain=file.build()[place]), Case(prompt=PROMPT, instance=file.instance())


def say(*texts, logprob=-0.5):
    return [(Completion(text=text, logprob=logprob),) for text in texts]


def run(method, case, *texts):
    prepared = method.prepare(case, ALL)
    answers = []
    while len(answers) < len(prepared.requests):
        answers += say(*texts[len(answers) : len(prepared.requests)])
        prepared = method.advance(prepared, answers, ALL)
    return prepared, method.interpret(prepared, answers)


def test_it_is_registered_and_has_rounds():
    assert isinstance(get_method("ama"), ManyRounds)
    assert not isinstance(get_method("generation"), ManyRounds)


def test_a_later_request_holds_the_earlier_reply():
    method, case = opened("rte")
    prepared, outcome = run(method, case, " Did it move?\nmore", " Yes.")
    assert prepared.requests[1].prompt.endswith("Question: Did it move?\nAnswer:")
    assert (outcome.prediction, outcome.chosen, outcome.logprob) == ("entailment", 1, -0.5)
    assert outcome.confidence == pytest.approx(0.6065, abs=1e-4)


@pytest.mark.parametrize("reply", ["", "banana", "yes and no"])
def test_what_cannot_be_mapped_is_no_prediction(reply):
    _, outcome = run(*opened("rte"), " Did it move?", reply)
    assert (outcome.prediction, outcome.confidence) == (None, None)


def test_scored_texts_have_no_confidence_of_their_own():
    method, case = opened("copa", 2)
    prepared = method.prepare(case, ALL)
    answers = [(Completion(text="", logprob=logprob, n_tokens=2),) for logprob in (-4.0, -2.0)]
    outcome = method.interpret(prepared, answers)
    assert (outcome.prediction, outcome.confidence) == ("The room got a new carpet.", None)
    assert [request.continuation for request in prepared.requests] == [
        " the room went dark.",
        " the room got a new carpet.",
    ]


def test_examples_of_the_train_split_are_shown_with_their_verdict():
    method, case = opened("anli", 3)
    shown = Case(prompt=PROMPT, instance=case.instance, examples=(case.instance,) * 9)
    prepared = method.prepare(shown, ALL)
    assert prepared.requests[0].prompt.count("True: Unknown") == prepared.n_examples == 6


def test_examples_of_scored_texts_show_the_right_option():
    method, case = opened("record")
    prompt = (
        method.prepare(Case(prompt=PROMPT, instance=case.instance, examples=(case.instance,)), ALL)
        .requests[0]
        .prompt
    )
    assert "on Sunday. It was the first title for Rosa Lind.\n\n----\n\n" in prompt


def test_an_example_without_a_right_answer_is_shown_without_one():
    method, case = opened("sst2")
    bare = Instance(id="t", input="hm", references=(), split="train")
    prompt = (
        method.prepare(Case(prompt=PROMPT, instance=case.instance, examples=(bare,)), ALL).requests[0].prompt
    )
    assert "Review: hm\nSentiment: \n\nReview:" in prompt


@pytest.mark.parametrize("window", [12, 40, 100])
def test_requests_fit_a_small_window(window):
    reader = FakeClient(lambda _: None, max_length=window)
    for name in ("boolq", "story-cloze", "record", "rte"):
        method, case = opened(name)
        for request in method.prepare(case, reader).requests:
            after = (
                request.max_tokens
                if request.continuation is None
                else reader.count_tokens(request.continuation)
            )
            assert reader.count_tokens(request.prompt) + after <= window


def test_demonstrations_go_before_text_is_cut():
    method, case = opened("boolq")
    prepared = method.prepare(case, FakeClient(lambda _: None, max_length=100))
    assert prepared.n_examples == 2
    assert not prepared.is_truncated
    cut = method.prepare(case, FakeClient(lambda _: None, max_length=36))
    assert cut.is_truncated
    assert cut.n_examples == 0
    assert cut.requests[0].prompt.endswith("Question: does the funicular run in winter?\nAnswer:")


def test_without_a_chain_it_takes_a_general_one():
    asked = Instance(
        id="x", input="Two and two?", references=(Reference(text="four", tags=("correct",)),), split="test"
    )
    method = get_method("ama")
    prepared = method.prepare(Case(prompt=PROMPT, instance=asked), ALL)
    assert prepared.requests[0].prompt.endswith("Question: Two and two?\nAnswer:")
    assert method.interpret(prepared, say("four")).prediction == "four"


def test_the_most_likely_completion_counts():
    method, case = opened("boolq")
    prepared = method.prepare(case, ALL)
    both = (Completion(text="no", logprob=-3.0), Completion(text="yes", logprob=-1.0))
    assert method.interpret(prepared, [both]).prediction == "Yes"


@pytest.mark.parametrize("name", ["story-cloze", "rte", "wic", "realtime-qa"])
def test_ideal_replies_are_one_a_request_of_every_round(name):
    method, case = opened(name)
    prepared = method.prepare(case, ALL)
    for _ in range(4):
        ideal = method.ideal(prepared)
        assert len(ideal) == len(prepared.requests)
        prepared = method.advance(prepared, [(each,) for each in ideal], ALL)
    assert (
        method.interpret(prepared, [(each,) for each in method.ideal(prepared)]).prediction
        == case.instance.label
    )
