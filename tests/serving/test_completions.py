"""What OpenAI's own client reads from ``/v1/completions``."""

from __future__ import annotations

import httpx
import openai
import pytest

from longwave.data import ByteTokenizer


def ask(client: openai.OpenAI, prompt: object = "ab", **options: object):
    return client.completions.create(model="tiny", prompt=prompt, **{"seed": 0, **options})


def text_of(fake, prompt: str | list[int], n: int, seed: int = 0) -> str:
    ids = tuple(prompt.encode() if isinstance(prompt, str) else prompt)
    return (fake.written(ids, seed) * n)[:n]


def test_a_text_is_continued(fake, client) -> None:
    answer = ask(client, max_tokens=20)
    assert answer.choices[0].text == text_of(fake, "ab", 20)
    assert (answer.object, answer.model, answer.id[:5]) == ("text_completion", "tiny", "cmpl-")
    assert (answer.choices[0].finish_reason, answer.choices[0].logprobs) == ("length", None)
    assert answer.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 2,
        "completion_tokens": 20,
        "total_tokens": 22,
    }


def test_sixteen_tokens_are_drawn_when_nobody_says_how_many(client) -> None:
    assert ask(client).usage.completion_tokens == 16


@pytest.mark.parametrize(
    ("prompt", "each"),
    [
        pytest.param(["ab", "c"], ["ab", "c"], id="texts"),
        pytest.param([97, 98], ["ab"], id="ids"),
        pytest.param([[97, 98], [99]], ["ab", "c"], id="lists-of-ids"),
    ],
)
def test_a_prompt_comes_in_four_forms(fake, client, prompt, each) -> None:
    answer = ask(client, prompt)
    assert [choice.text for choice in answer.choices] == [text_of(fake, one, 16) for one in each]
    assert [choice.index for choice in answer.choices] == list(range(len(each)))
    assert answer.usage.prompt_tokens == sum(map(len, each))


def test_an_empty_prompt_stands_for_the_end_of_the_text_before(fake, client, shared_engine) -> None:
    answer = ask(client, "")
    assert shared_engine.requests[-1].ids == (256,)
    assert answer.choices[0].text == text_of(fake, [256], 16)


def test_several_completions_of_a_prompt_have_seeds_that_follow(fake, client) -> None:
    answer = ask(client, ["ab", "c"], n=2, seed=7)
    assert [choice.text for choice in answer.choices] == [
        text_of(fake, prompt, 16, seed) for prompt in ("ab", "c") for seed in (7, 8)
    ]
    assert answer.usage.prompt_tokens == 3


def test_settings_reach_the_engine(client, shared_engine) -> None:
    ask(client, temperature=0.5, top_p=0.9, max_tokens=3, seed=-5, extra_body={"top_k": 7})
    request = shared_engine.requests[-1]
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (0.5, 0.9, 7)
    assert (request.seed, request.max_new_tokens, request.end_id) == (-5, 3, 256)


def test_without_a_seed_every_request_draws_anew(client, shared_engine) -> None:
    for _ in range(2):
        client.completions.create(model="tiny", prompt="ab")
    first, second = shared_engine.requests[-2:]
    assert first.seed != second.seed


def test_a_text_ends_at_the_end_token(client, shared_engine) -> None:
    shared_engine.script[b"short"] = [*b"done"]
    answer = ask(client, "short")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("done", "stop")
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize("stop", ["de", ["x", "fg", "de"]], ids=str)
def test_a_text_ends_before_a_stop_string(client, shared_engine, stop) -> None:
    shared_engine.script[b"stops"] = [*b"abcdefgh"]
    answer = ask(client, "stops", stop=stop)
    assert answer.choices[0].text == "abc"
    assert answer.choices[0].finish_reason == "stop"


def test_scores_of_a_prompt_alone(fake, client) -> None:
    answer = ask(client, "né", max_tokens=0, echo=True, logprobs=1)
    (choice,) = answer.choices
    told = choice.logprobs
    assert (choice.text, told.tokens, told.text_offset) == ("né", ["n", "", "é"], [0, 1, 1])
    assert told.token_logprobs == [None, *(fake.log_prob(t, i) for i, t in enumerate("né".encode()) if i)]
    assert told.top_logprobs[0] is None
    assert (choice.finish_reason, answer.usage.completion_tokens) == ("length", 0)


def test_a_long_echoed_prompt_is_joined_like_a_short_one(fake, engine, serve, connect) -> None:
    engine.max_length = 10_000
    told = ask(connect(serve()), "né" * 2000, max_tokens=0, echo=True, logprobs=0).choices[0]
    assert "".join(told.logprobs.tokens) == told.text == "né" * 2000
    assert told.logprobs.token_logprobs[5999] == fake.log_prob(0xA9, 5999)


def test_probable_tokens_are_told_with_the_one_that_was_drawn(fake, client) -> None:
    told = ask(client, max_tokens=3, logprobs=2).choices[0].logprobs
    for place, (token, value) in enumerate(zip(told.tokens, told.token_logprobs, strict=True)):
        likely = {chr(t): p for t, p in fake.top(ord(token), 2 + place, 2)}
        assert told.top_logprobs[place] == {**likely, token: value}


def test_no_probable_tokens_leave_the_drawn_one(client) -> None:
    told = ask(client, max_tokens=2, logprobs=0).choices[0].logprobs
    assert told.top_logprobs == [
        {token: value} for token, value in zip(told.tokens, told.token_logprobs, strict=True)
    ]


def test_an_infinite_log_probability_is_written_as_a_number(client, shared_engine, monkeypatch, fake) -> None:
    monkeypatch.setattr(fake, "log_prob", lambda *_: float("-inf"))
    assert ask(client, max_tokens=1, logprobs=0).choices[0].logprobs.token_logprobs == [-9999.0]


@pytest.mark.parametrize(
    "options", [{}, {"echo": True}, {"logprobs": 1}, {"echo": True, "logprobs": 2}], ids=str
)
@pytest.mark.parametrize("stop", [None, "☃b"], ids=["unstopped", "stopped"])
def test_a_stream_joins_to_the_whole_answer(client, shared_engine, options, stop) -> None:
    shared_engine.script["☃?".encode()] = [*"né ☃☃b😀".encode()]
    asked = {"prompt": ["☃?", "other"], "n": 2, "max_tokens": 30, "stop": stop, **options}
    whole = ask(client, **asked)
    joined = {choice.index: {"text": "", "reason": None, "logprobs": None} for choice in whole.choices}
    events = list(ask(client, **asked, stream=True, stream_options={"include_usage": True}))
    for event in events[:-1]:
        (choice,) = event.choices
        mine = joined[choice.index]
        assert mine["reason"] is None
        mine["text"] += choice.text
        mine["reason"] = choice.finish_reason
        if choice.logprobs is not None:
            lists = choice.logprobs.model_dump()
            mine["logprobs"] = {k: (mine["logprobs"] or {}).get(k, []) + v for k, v in lists.items()}
    for choice in whole.choices:
        told = choice.logprobs and choice.logprobs.model_dump()
        assert joined[choice.index] == {"text": choice.text, "reason": choice.finish_reason, "logprobs": told}
    assert (events[-1].choices, events[-1].usage) == ([], whole.usage)
    assert len({event.id for event in events}) == 1


def test_a_stream_tells_no_usage_unless_it_is_asked_to(client) -> None:
    assert all(event.usage is None for event in ask(client, stream=True))


def test_a_stream_is_made_of_lines_of_data(http) -> None:
    asked = {"model": "tiny", "prompt": "ab", "stream": True, "max_tokens": 2}
    answer = http.post("/v1/completions", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.text.split("\n\n")
    assert all(line.startswith("data: {") for line in lines[:-2])
    assert lines[-2:] == ["data: [DONE]", ""]


def test_models_are_listed_and_described(client) -> None:
    (listed,) = client.models.list()
    assert listed == client.models.retrieve("tiny")
    assert (listed.id, listed.object, listed.max_model_len) == ("tiny", "model", 512)


def test_texts_become_tokens_and_back(http) -> None:
    ids = http.post("/tokenize", json={"prompt": "né", "model": "tiny"}).json()
    assert ids == {"tokens": ByteTokenizer().encode("né"), "count": 3, "max_model_len": 512}
    assert http.post("/detokenize", json={"tokens": ids["tokens"]}).json() == {"prompt": "né"}


def test_the_end_token_has_a_name(http) -> None:
    name = http.get("/tokenizer_info").json()["eos_token"]
    assert http.post("/tokenize", json={"prompt": name}).json()["tokens"] == [256]


def test_a_long_text_is_encoded_like_a_short_one(http: httpx.Client) -> None:
    assert http.post("/tokenize", json={"prompt": "ab" * 5000}).json()["count"] == 10_000
