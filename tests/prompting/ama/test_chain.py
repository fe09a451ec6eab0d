"""Chains are checked when they are made."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError, UnknownName
from longwave.prompting.ama import Chain, Decision, PromptTemplate, RowFormat, Step

ASK = PromptTemplate(input="Q: {question}", output="A: {answer}")


def step(name="answer", **more):
    return Step(name=name, template=more.pop("template", ASK), **more)


def chain(*steps, of=("answer",)):
    return Chain(
        name="c", format=RowFormat(), steps=steps, decisions=(Decision(rule="text", of=of),) if of else ()
    )


def test_a_step_reads_what_its_places_are_filled_with():
    found = step(given={"question": "{wh.question} {input}"}, continuation="{option}")
    assert found.reads == ("wh", "input", "option")
    assert step().reads == ("question",)


def test_steps_come_with_all_that_they_read():
    made = chain(
        step("a"), step("b", given={"question": "{a}"}), step("c"), step("answer", given={"question": "{b}"})
    )
    assert [item.name for item in made.steps_of(["answer"])] == ["a", "b", "answer"]


def test_the_most_examples_of_any_step_count():
    assert chain(step("a", examples=2), step()).n_examples == 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: step(demonstrations=({"question": "q"},)),
            ConfigError,
            "has the places question; the template",
        ),
        (lambda: step(parse="word"), UnknownName, 'Unknown way to read a reply "word"'),
        (lambda: step(max_tokens=0), ConfigError, "has max_tokens 0 and examples 0"),
        (lambda: step(examples=-1), ConfigError, "examples -1"),
        (lambda: chain(step(), step()), ConfigError, 'has the step "answer" twice'),
        (lambda: chain(step("input"), of=("input",)), ConfigError, "or it is named as a field is"),
        (lambda: chain(step(), of=("b",)), ConfigError, 'decides by "b"; accepted are one decision or more'),
        (lambda: chain(step(), of=()), ConfigError, 'decides by ""'),
    ],
    ids=["places", "parse", "tokens", "examples", "twice", "field", "missing", "undecided"],
)
def test_what_is_wrong_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
