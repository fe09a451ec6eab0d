"""Instances as HTML: everything is shown, and no text becomes markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.report.browser import Answer, Case, Completion, Input, Option
from longwave.report.case_html import attribute, write_cases
from longwave.report.measures import Measure

ACCURACY = Measure(name="accuracy", is_share=True, is_lower_better=False)
ANSWER = Answer(
    number=7,
    variant="",
    outcome="right",
    score=1.0,
    prediction="yes",
    confidence=None,
    error=None,
    prompt=None,
    continuation=None,
    completions=(),
)
ORIGINAL = Input(name="original", text=None, prompt=None, answers=[[ANSWER], []])
CASE = Case(
    anchor="i-a",
    instance="a",
    group=None,
    split="test",
    label="yes",
    text="Is it?",
    options=(),
    inputs=(ORIGINAL,),
)
HARM = "\"><script>'&{{ x }}"


class Reader(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs if value]

    def handle_data(self, data: str) -> None:
        self.text += data


def written(*, case: Case = CASE, answer: Answer | None = None, models: tuple[str, ...] = ("m", "n")) -> str:
    if answer is not None:
        case = replace(case, inputs=(replace(ORIGINAL, answers=[[answer], []]),))
    return str(write_cases([case], models, n_ranked=1, measure=ACCURACY))


def harmed(harm: str) -> str:
    answer = replace(
        ANSWER,
        variant=harm,
        prediction=harm,
        error=harm,
        prompt=harm,
        continuation=harm,
        completions=(Completion(text=harm, logprob=-1.0),),
    )
    input_ = Input(name=harm, text=harm, prompt=harm, answers=[[answer], []])
    options = (Option(text=harm, is_right=True),)
    case = Case(
        anchor="i-a",
        instance=harm,
        group=harm,
        split=harm,
        label=harm,
        text=harm,
        options=options,
        inputs=(input_,),
    )
    return written(case=case, models=(harm, harm))


def test_no_text_becomes_an_element() -> None:
    harmless, harmful = Reader(harmed("x")), Reader(harmed(HARM))
    assert harmful.tags == harmless.tags
    assert harmful.text.count(HARM) == harmless.text.count("x") - harmless.text.count("prefix")


@given(harm=st.text(max_size=30))
def test_any_text_leaves_the_elements_as_they_are(harm: str) -> None:
    assert set(Reader(harmed(harm)).tags) <= set(Reader(harmed("x")).tags)


@given(text=st.text(max_size=30))
def test_an_attribute_stays_between_its_quotes(text: str) -> None:
    assert not {'"', "<", ">"} & set(attribute(text))


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"outcome": "wrong", "score": 0.25}, "wrongscore 0.250"),
        ({"confidence": 0.5}, "confidence 0.500"),
        ({"outcome": "unscored", "score": 0.5}, "50.0 %"),
        ({"outcome": "unscored", "score": None}, "no score"),
        ({"outcome": "failed", "score": None, "prediction": None, "error": "late"}, "late"),
        ({"prediction": None}, "no answer could be read"),
        ({"variant": "trial 1"}, "trial 1"),
        ({"completions": (Completion(text="", logprob=None),)}, "empty"),
        ({"completions": (Completion(text="so", logprob=-1.5),)}, "log-probability −1.50 nats"),
        ({"continuation": "of the sea"}, "continuation, scored"),
        ({"prompt": "Answer:"}, "prompt and completion"),
    ],
)
def test_an_answer_tells_all_of_its_row(change: dict[str, object], shown: str) -> None:
    assert shown in Reader(written(answer=replace(ANSWER, **change))).text  # type: ignore[arg-type]


def test_an_answer_carries_the_number_of_its_row() -> None:
    assert 'data-row="7"' in written()


def test_a_model_without_an_answer_has_a_dash() -> None:
    assert '<td data-model="1"><span class="note">–</span></td>' in written()


def test_only_ranked_models_have_a_colour() -> None:
    assert written().count('class="swatch') == 1


@pytest.mark.parametrize(
    ("text", "shown"), [("", "the input is empty"), ("Is it?", "Is it?"), (None, "Right answer: yes")]
)
def test_the_question_is_shown_or_said_to_be_empty(text: str | None, shown: str) -> None:
    assert shown in Reader(written(case=replace(CASE, text=text))).text


def test_a_long_input_is_reached_by_keyboard() -> None:
    assert 'class="text input" dir="auto" tabindex="0"' in written(case=replace(CASE, text="x" * 401))
    assert 'class="text input" dir="auto" tabindex="0"' in written(case=replace(CASE, text="x\n" * 9))
