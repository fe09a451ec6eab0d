"""A walk through a chain: rounds, branches, and steps that are never asked."""

from __future__ import annotations

from longwave.clients.base import Completion
from longwave.prompting.ama import Chain, Decision, PromptTemplate, Row, RowFormat, Step, get_chain_file, play

ASK = PromptTemplate(input="Q: {question}", output="A: {answer}")
ROW = Row(fields={"input": "why", "options": "- a\n- b"}, options=("a", "b"))


def step(name, question, **more):
    return Step(name=name, template=ASK, given={"question": question}, **more)


def chain(*steps, decide):
    return Chain(name="c", format=RowFormat(), steps=steps, decisions=decide)


def say(*texts):
    return [Completion(text=text, logprob=-1.0, n_tokens=1) for text in texts]


def test_steps_that_do_not_read_each_other_are_asked_in_one_round():
    made = chain(
        step("first", "{input} 1"),
        step("second", "{input} 2"),
        step("last", "{first} {second}"),
        decide=(Decision(rule="option", of=("last",)),),
    )
    start = play(made, ROW, ())
    assert [call.step.name for call in start.pending] == ["first", "second"]
    then = play(made, ROW, say("x", "y"))
    assert [call.step.name for call in then.pending] == ["last"]
    assert then.pending[0].texts["first"] == "x"
    end = play(made, ROW, say("x", "y", "b"))
    assert (end.vote, end.pending, len(end.calls)) == (1, (), 3)


def test_a_later_decision_is_asked_only_where_the_first_gives_none():
    made = chain(
        step("open", "{input}"),
        step("closed", "{input} {open}"),
        decide=(Decision(rule="option", of=("open",)), Decision(rule="option", of=("closed",))),
    )
    assert play(made, ROW, say("a")).vote == 0
    assert [call.step.name for call in play(made, ROW, say("who")).pending] == ["closed"]
    assert play(made, ROW, say("who", "b")).vote == 1
    nothing = play(made, ROW, say("who", "what"))
    assert (nothing.vote, nothing.pending) == (None, ())


def test_a_step_is_asked_once_an_option_and_reads_the_reply_to_the_same_option():
    made = chain(
        step("question", "{option}", each="options"),
        step("answer", "{question}", each="options"),
        decide=(Decision(rule="one-yes", of=("answer",)),),
    )
    assert [call.texts["option"] for call in play(made, ROW, ()).pending] == ["a", "b"]
    second = play(made, ROW, say("is it a?", "is it b?")).pending
    assert [call.texts["question"] for call in second] == ["is it a?", "is it b?"]
    assert play(made, ROW, say("?", "?", "no", "yes")).vote == 1


def test_options_are_shown_both_ways_round():
    made = chain(step("choice", "{options}", each="orders"), decide=(Decision(rule="agree", of=("choice",)),))
    assert [call.texts["options"] for call in play(made, ROW, ()).pending] == ["- a\n- b", "- b\n- a"]


def test_without_options_a_step_for_each_is_never_asked():
    made = chain(
        step("answer", "{option}", each="options"), decide=(Decision(rule="one-yes", of=("answer",)),)
    )
    found = play(made, Row(fields={}), ())
    assert (found.vote, found.pending) == (None, ())


def test_parts_of_a_reply_are_read_by_name():
    pair = PromptTemplate(input="S: {s}", output="Q: {q}\nA: {expected}")
    made = chain(
        Step(name="wh", template=pair, given={"s": "{input}"}, parse="block"),
        step("answer", "{wh} / {wh.expected}"),
        decide=(Decision(rule="option", of=("answer",)),),
    )
    pending = play(made, ROW, say("who?\nA: me")).pending
    assert (pending[0].texts["wh"], pending[0].texts["wh.expected"]) == ("who?", "me")


def test_a_continuation_is_scored_text():
    made = chain(
        step("s", "{input}", each="options", continuation="{option}."),
        decide=(Decision(rule="likeliest", of=("s",)),),
    )
    assert [call.continuation for call in play(made, ROW, ()).pending] == [" a.", " b."]


def test_the_walk_depends_on_the_replies_alone():
    file = get_chain_file("story-cloze")
    made, row = file.build()[0], file.format().read(file.instance())
    replies = say("q1", "q2", "yes", "yes")
    assert play(made, row, replies) == play(made, row, replies)
