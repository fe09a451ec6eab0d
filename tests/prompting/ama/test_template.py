"""The text of a step and its reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.prompting.ama.template import PromptTemplate, cut_reply, fill_places, places_of

PAIR = PromptTemplate(input="S: {s}", output="Question: {question}\nAnswer: {expected}", instruction="Ask.")


def test_the_query_ends_in_the_cue_without_a_blank():
    written = PAIR.write({"s": "It rains."}, [{"s": "a", "question": "b?", "expected": "c"}])
    assert written == "Ask.\n\nS: a\nQuestion: b?\nAnswer: c\n\nS: It rains.\nQuestion:"


def test_without_instruction_and_demonstrations_the_query_stands_alone():
    assert PromptTemplate(input="{x}", output="A: {y}", between=" ").write({"x": "1"}, ()) == "1 A:"


@given(value=st.text(max_size=20).map(str.strip), other=st.text(max_size=20))
def test_values_stand_in_the_prompt_as_they_are_braces_too(value, other):
    written = PAIR.write({"s": value + "{s}", "other": other}, ())
    assert value + "{s}" in written


def test_a_reply_with_several_places_is_taken_apart():
    assert PAIR.read(" Where is it?\nAnswer:  here \n", "block") == {
        "question": "Where is it?",
        "expected": "here",
    }


@pytest.mark.parametrize(
    "text", ["Where is it?", "Where is it?\nReply: here", " Where is it?\n\nAnswer: here"]
)
def test_a_reply_that_lacks_a_place_has_it_empty(text):
    assert PAIR.read(text, "block") == {"question": "Where is it?", "expected": ""}


@given(
    question=st.from_regex(r"[a-z ]{1,20}\?", fullmatch=True),
    answer=st.from_regex("[a-z]{1,9}", fullmatch=True),
)
def test_what_a_demonstration_replies_is_read_back(question, answer):
    shown = {"s": "x", "question": question.strip(), "expected": answer}
    assert PAIR.read(PAIR.reply(shown), "block") == {"question": question.strip(), "expected": answer}


@pytest.mark.parametrize(
    ("text", "parse", "kept"),
    [
        ("\n\n yes \nmore", "line", "yes"),
        ("", "line", ""),
        ("a\nb\n \nc", "block", "a\nb"),
        ("a\n\nc", "all", "a\n\nc"),
        ("- a\n* b\n3. c\n-  a\n\nrest", "list", "- a\n- b\n- c"),
        ("  ", "list", ""),
    ],
    ids=["line", "empty", "block", "all", "list", "no-items"],
)
def test_the_part_of_a_reply_that_counts_is_kept(text, parse, kept):
    assert cut_reply(text, parse) == kept


def test_places_are_named_once_in_order():
    assert places_of("{b} {a.c} {b} {not this} {A}") == ("b", "a.c")
    assert PAIR.places == ("s", "question", "expected")


def test_a_place_without_a_value_is_refused():
    with pytest.raises(ConfigError, match=r'has the place "b", which has no value\. Known: a'):
        fill_places("{b}", {"a": "1"})


def test_an_output_without_a_place_is_refused():
    with pytest.raises(ConfigError, match='"Answer:" has no place for the reply'):
        PromptTemplate(input="{x}", output="Answer:")
