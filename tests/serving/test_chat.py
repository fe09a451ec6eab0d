"""What OpenAI's own client reads from ``/v1/chat/completions``."""

from __future__ import annotations

import openai
import pytest

from longwave.serving.bodies import Message
from longwave.serving.chat import write_out

HELLO = [{"role": "user", "content": "Hello"}]
WRITTEN = "User: Hello\nAssistant:"


def ask(client: openai.OpenAI, messages: object = HELLO, **options: object):
    return client.chat.completions.create(model="tiny", messages=messages, **{"seed": 0, **options})


def test_a_conversation_is_written_out_and_continued(fake, client, shared_engine) -> None:
    answer = ask(client, max_tokens=8)
    text = fake.written(tuple(WRITTEN.encode()), 0)[:8]
    assert answer.choices[0].message.model_dump(exclude_none=True) == {"role": "assistant", "content": text}
    assert (answer.object, answer.choices[0].finish_reason) == ("chat.completion", "length")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(WRITTEN), 8)


def test_every_turn_is_a_line_without_blanks_around() -> None:
    parts = [{"type": "text", "text": " Why"}, {"type": "text", "text": "?\n"}]
    turns = [("system", "Be brief."), ("developer", "Now."), ("user", parts), ("assistant", " So. ")]
    assert write_out([Message(role=role, content=content) for role, content in turns]) == (
        "System: Be brief.\nSystem: Now.\nUser: Why?\nAssistant: So.\nAssistant:"
    )


def test_an_answer_can_be_sent_back_as_it_came(client, shared_engine) -> None:
    first = ask(client, max_tokens=3).choices[0].message
    ask(client, [*HELLO, first.model_dump(), {"role": "user", "content": "And?"}], max_tokens=3)
    prompt = bytes(shared_engine.requests[-1].ids).decode()
    assert prompt == f"User: Hello\nAssistant: {first.content}\nUser: And?\nAssistant:"


@pytest.mark.parametrize("turn", ["User", "System", "Assistant"])
def test_an_answer_ends_before_the_next_turn(client, shared_engine, turn) -> None:
    shared_engine.script[WRITTEN.encode()] = [*f" Hi.\n{turn}: Bye".encode()]
    try:
        choice = ask(client).choices[0]
    finally:
        del shared_engine.script[WRITTEN.encode()]
    assert (choice.message.content, choice.finish_reason) == (" Hi.", "stop")


def test_the_rest_of_the_model_is_used_when_nobody_says_how_much(client, shared_engine) -> None:
    ask(client)
    assert shared_engine.requests[-1].max_new_tokens == 512 - len(WRITTEN) + 1


def test_both_names_of_the_limit_are_known(client, shared_engine) -> None:
    ask(client, max_completion_tokens=5)
    assert shared_engine.requests[-1].max_new_tokens == 5


def test_tokens_are_told_with_their_bytes(fake, client, shared_engine) -> None:
    shared_engine.script[WRITTEN.encode()] = [*"né".encode()]
    try:
        told = ask(client, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    finally:
        del shared_engine.script[WRITTEN.encode()]
    assert [token.token for token in told] == ["n", "", "é", ""]
    assert bytes(byte for token in told for byte in token.bytes).decode() == "né"
    assert told[0].logprob == fake.log_prob(ord("n"), len(WRITTEN))
    assert [(likely.token, likely.bytes) for likely in told[0].top_logprobs] == [("o", [111]), ("p", [112])]
    assert told[1].top_logprobs[0].bytes is None  # a part of a character


@pytest.mark.parametrize("options", [{}, {"logprobs": True, "top_logprobs": 1}], ids=["plain", "scored"])
def test_a_stream_joins_to_the_whole_answer(client, options) -> None:
    asked = {"n": 3, "max_tokens": 20, **options}
    whole = ask(client, **asked)
    events = list(ask(client, **asked, stream=True, stream_options={"include_usage": True}))
    texts, told, reasons = ["", "", ""], [[], [], []], [None, None, None]
    for event in events[:-1]:
        (choice,) = event.choices
        texts[choice.index] += choice.delta.content or ""
        told[choice.index] += choice.logprobs.content if choice.logprobs else []
        reasons[choice.index] = choice.finish_reason
    assert texts == [choice.message.content for choice in whole.choices]
    assert reasons == ["length"] * 3
    assert told == [choice.logprobs.content if choice.logprobs else [] for choice in whole.choices]
    assert events[-1].usage == whole.usage
    assert [event.choices[0].delta.role for event in events[:3]] == ["assistant"] * 3
    assert {event.object for event in events} == {"chat.completion.chunk"}


def test_the_clients_own_joining_of_a_stream_agrees(client) -> None:
    short = {"messages": HELLO, "seed": 0, "stop": ">"}
    with client.chat.completions.stream(model="tiny", **short) as stream:
        joined = stream.get_final_completion()
    assert joined.choices[0].message.content == ask(client, stop=">").choices[0].message.content


def test_what_has_no_influence_is_ignored(client) -> None:
    answer = ask(
        client,
        max_tokens=3,
        user="u",
        metadata={"a": "b"},
        store=True,
        service_tier="auto",
        safety_identifier="s",
        prompt_cache_key="k",
        tools=[],
        tool_choice="none",
        parallel_tool_calls=False,
        response_format={"type": "text"},
        modalities=["text"],
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
    )
    assert answer.choices[0].message.content == ask(client, max_tokens=3).choices[0].message.content
