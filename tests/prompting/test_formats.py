from __future__ import annotations

from dataclasses import replace

import pytest

from longwave.errors import DataError
from longwave.prompting import build_generation_prompt, build_joint_prompt, fill_instructions, option_letters
from longwave.scenarios import PromptFormat


def test_generation_prompt_byte_for_byte(question, make_instance):
    prompt = build_generation_prompt(
        replace(question, instructions="Answer."), make_instance("new?"), [make_instance("old?")]
    )
    assert prompt == "Answer.\n\nQ: old?\nA: yes\n\nQ: new?\nA:"


def test_joint_prompt_byte_for_byte(make_instance):
    prompt = PromptFormat(method="multiple_choice_joint", input_prefix="Question: ", output_prefix="Answer: ")
    shown = build_joint_prompt(prompt, make_instance("new?"), [make_instance("old?", right=(1,))])
    assert shown == ("Question: old?\nA. yes\nB. no\nAnswer: B\n\nQuestion: new?\nA. yes\nB. no\nAnswer:")


def test_instructions_that_end_a_line_get_no_second_end(question, make_instance):
    prompt = build_generation_prompt(replace(question, instructions="Answer.\n"), make_instance("new?"), [])
    assert prompt == "Answer.\n\nQ: new?\nA:"


@pytest.mark.parametrize("build", [build_generation_prompt, build_joint_prompt])
def test_an_example_without_a_right_answer_shows_n_a(question, make_instance, build):
    assert "A: n/a\n" in build(question, make_instance(), [make_instance("old?", right=())])


def test_the_answer_of_the_evaluated_instance_is_never_shown(question, make_instance):
    prompt = build_generation_prompt(question, make_instance(options=("secret",)), [])
    assert "secret" not in prompt


def test_instructions_of_the_instance_itself_stand_as_they_are(make_instance):
    prompt = PromptFormat(method="generation", instructions="{how_to}\nNow:", examples_by="task")
    asked = make_instance(extra={"task": "a_b", "how_to": "Label {task} with x_y."})
    assert fill_instructions(prompt, asked) == "Label {task} with x_y.\nNow:"


@pytest.mark.parametrize("by", [None, "topic"], ids=["by-nothing", "by-topic"])
def test_a_key_without_a_value_is_left_as_it_is_written(make_instance, by):
    prompt = PromptFormat(method="generation", instructions="{other} {} {a b}", examples_by=by)
    assert fill_instructions(prompt, make_instance(extra={"topic": "t"})) == "{other} {} {a b}"


def test_a_missing_name_is_left_out(make_instance):
    prompt = PromptFormat(method="generation", instructions="On {topic}.", examples_by="topic")
    assert fill_instructions(prompt, make_instance()) == "On ."


def test_other_instances_options_do_not_leak_through_instructions(make_instance):
    prompt = PromptFormat(method="generation", instructions="On {topic}. {other}", examples_by="topic")
    assert fill_instructions(prompt, make_instance(extra={"topic": "old_times"})) == "On old times. {other}"


def test_more_options_than_letters_are_refused(make_instance):
    with pytest.raises(DataError, match="27 options"):
        option_letters(make_instance(options=tuple(map(str, range(27)))))
