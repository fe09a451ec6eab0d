"""The requests that evaluation harnesses send, as they were seen, and the answers read as those read them."""

from __future__ import annotations

import pytest

LM_EVAL = {"temperature": 0, "seed": 1234, "model": "tiny"}


@pytest.fixture
def end(shared_engine):
    """Let the model end every text that is scored right away."""
    shared_engine.script[b"The sea is blue"] = []
    yield
    del shared_engine.script[b"The sea is blue"]


@pytest.mark.usefixtures("end")
def test_lm_eval_scores_continuations(http, fake) -> None:
    """lm-evaluation-harness 0.4.13: pairs of context and continuation as ids, one token drawn and dropped.

    The first text is followed by the end token, which has to be told as well: the harness drops the last
    token, whichever it is.
    """
    texts, n_context = ["The sea is blue", "The sea is deep water"], 10
    ids = [list(text.encode()) for text in texts]
    body = {**LM_EVAL, "prompt": ids, "max_tokens": 1, "logprobs": 1, "echo": True}
    answer = http.post("/v1/completions", json=body).json()
    for choice, prompt in zip(sorted(answer["choices"], key=lambda c: c["index"]), ids, strict=True):
        values = choice["logprobs"]["token_logprobs"][n_context:-1]
        likely = choice["logprobs"]["top_logprobs"][n_context:-1]
        places = range(n_context, len(prompt))
        assert values == [fake.log_prob(prompt[place], place) for place in places]
        is_greedy = [value == max(top.values()) for value, top in zip(values, likely, strict=True)]
        assert is_greedy == [False] * len(places)


def test_lm_eval_generates(http, fake) -> None:
    prompts = [list(b"Question: one"), list(b"Question: two!")]
    body = {**LM_EVAL, "prompt": prompts, "max_tokens": 24, "stop": ["\n", ">"]}
    answer = http.post("/v1/completions", json=body).json()
    texts = {choice["index"]: choice["text"] for choice in answer["choices"]}
    assert texts == {i: fake.written(tuple(ids), 1234)[:-1] for i, ids in enumerate(prompts)}


def test_lm_eval_finds_the_tokenizer_of_the_server(http) -> None:
    assert "eos_token" in http.get("/tokenizer_info").json()
    body = {"prompt": "test", "add_special_tokens": False}
    assert http.post("/tokenize", json=body).json()["tokens"] == [*b"test"]


def test_lm_eval_asks_a_chat(http) -> None:
    messages = [{"role": "user", "content": "Which is a sea?"}]
    body = {**LM_EVAL, "messages": messages, "max_tokens": 24, "stop": ["\n", ">"]}
    answer = http.post("/v1/chat/completions", json=body).json()
    assert [choice["message"]["content"][0] for choice in answer["choices"]] == ["<"]


def test_inspect_asks_a_chat(http) -> None:
    """Inspect, provider ``openai-api``: a bearer token, headers of its own, plain settings."""
    headers = {
        "authorization": "Bearer none",
        "x-irid": "3FLefdKTH2BFmpFmecZfcs",
        "x-stainless-lang": "python",
    }
    body = {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say one"}],
        "max_tokens": 20,
        "seed": 3,
        "stop": ["###"],
        "temperature": 0.5,
        "n": 2,
        "logprobs": True,
        "top_logprobs": 2,
    }
    answer = http.post("/v1/chat/completions", json=body, headers=headers).json()
    assert len(answer["choices"]) == 2
    assert all(len(choice["logprobs"]["content"]) == 20 for choice in answer["choices"])
