"""Every mistake gets a status and a message that helps, in OpenAI's form."""

from __future__ import annotations

import openai
import pytest

from longwave.errors import DataError
from longwave.serving import EngineClosed, Overloaded, ServerConfig

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
JSON = {"content-type": "application/json"}
HALF = r"\ud800"  # of a character, as JSON writes it
USER = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("path", "body", "param", "says"),
    [
        (COMPLETIONS, {}, "prompt", '"prompt" is missing. Accepted: A text, a list of texts'),
        (COMPLETIONS, {"prompt": []}, "prompt", '"prompt" is []'),
        (COMPLETIONS, {"prompt": [[]]}, "prompt", '"prompt" is [[]]'),
        (COMPLETIONS, {"prompt": ["a", 1]}, "prompt", '"prompt" is ["a", 1]'),
        (COMPLETIONS, {"prompt": [1, 257]}, "prompt", "Token 257 is outside the vocabulary (0 to 256)"),
        (COMPLETIONS, {"prompt": [-1]}, "prompt", '"prompt" is [-1]'),
        (COMPLETIONS, {"prompt": "x", "temperature": 3}, "temperature", '"temperature" is 3. Accepted: 0'),
        (COMPLETIONS, {"prompt": "x", "temperature": "1"}, "temperature", '"temperature" is "1"'),
        (COMPLETIONS, {"prompt": "x", "top_p": 0}, "top_p", '"top_p" is 0. Accepted: Above 0'),
        (COMPLETIONS, {"prompt": "x", "n": 0}, "n", '"n" is 0. Accepted: 1 to 128'),
        (COMPLETIONS, {"prompt": "x", "n": True}, "n", '"n" is true'),
        (COMPLETIONS, {"prompt": "x", "max_tokens": -1}, "max_tokens", '"max_tokens" is -1. Accepted: 0 or'),
        (COMPLETIONS, {"prompt": "x", "logprobs": 21}, "logprobs", '"logprobs" is 21. Accepted: 0 to 20'),
        (COMPLETIONS, {"prompt": "x", "seed": 1 << 63}, "seed", '"seed" is 9223372036854775808'),
        (COMPLETIONS, {"prompt": "x", "stop": ["a"] * 5}, "stop", "Accepted: A text, or up to 4"),
        (COMPLETIONS, {"prompt": "x", "stop": ""}, "stop", '"stop" is ""'),
        (COMPLETIONS, {"prompt": "x", "stop": "y" * 257}, "stop", "1 to 256 characters"),
        (COMPLETIONS, {"prompt": "x", "best_of": 3}, "best_of", '"best_of" is 3 and "n" is 1'),
        (COMPLETIONS, {"prompt": "x", "suffix": "y"}, "suffix", '"suffix" is "y". Accepted: Nothing'),
        (COMPLETIONS, {"prompt": "x", "frequency_penalty": 0.5}, "frequency_penalty", "Accepted: 0 only"),
        (COMPLETIONS, {"prompt": "x", "logit_bias": {"5": 1}}, "logit_bias", "logits are not changed here"),
        (COMPLETIONS, {"prompt": "x", "max_token": 5}, "max_token", 'Did you mean "max_tokens"'),
        (COMPLETIONS, {"prompt": "x" * 500}, "prompt", "has 500 tokens and 16 more were asked for"),
        (COMPLETIONS, {"prompt": ["x"] * 65, "n": 2}, None, "asks for 130 completions"),
        (
            COMPLETIONS,
            {"prompt": "x", "stream_options": {"usage": 1}},
            "stream_options",
            "stream_options.usage",
        ),
        (CHAT, {"messages": []}, "messages", '"messages" is []. Accepted: Messages'),
        (CHAT, {"messages": "x"}, "messages", '"messages" is "x"'),
        (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, "messages", '"messages[0].role" is "tool"'),
        (CHAT, {"messages": [{"role": "user"}]}, "messages", '"messages[0].content" is missing'),
        (CHAT, {"messages": USER, "top_logprobs": 2}, "top_logprobs", '"logprobs" is not true'),
        (CHAT, {"messages": USER, "max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "the same"),
        (CHAT, {"messages": USER, "max_tokens": 600}, "messages", "and 600 more were asked for"),
        (CHAT, {"messages": USER, "tools": [{"type": "function"}]}, "tools", "no tools are called here"),
        (CHAT, {"messages": USER, "response_format": {"type": "json_object"}}, "response_format", "only"),
        (CHAT, {"messages": USER, "reasoning_effort": "low"}, "reasoning_effort", "no parameter"),
        ("/tokenize", {"prompt": 5}, "prompt", '"prompt" is 5. Accepted: A text'),
        ("/detokenize", {"tokens": [300]}, "tokens", "Token 300 is outside"),
    ],
)
def test_a_wrong_parameter_is_told_with_what_is_accepted(http, path, body, param, says) -> None:
    named = body if "tokenize" in path else {"model": "tiny", **body}
    answer = http.post(path, json=named)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert says in error["message"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b"{", "application/json", id="broken"),
        pytest.param(b"[1]", "application/json", id="list"),
        pytest.param(b"null", "application/json", id="null"),
        pytest.param(b"", "application/json", id="empty"),
        pytest.param(b"[" * 100_000, "application/json", id="deep"),
        pytest.param(b"\xff", "application/json", id="no-utf8"),
        pytest.param(b'{"model": "tiny", "prompt": "x"}', "text/plain", id="other-type"),
    ],
)
def test_a_body_that_is_no_json_object_is_told(http, content, kind) -> None:
    answer = http.post(COMPLETIONS, content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("The body is not a JSON object.")


@pytest.mark.parametrize("text", ["NaN", "1e999"], ids=["nan", "infinite"])
@pytest.mark.parametrize("name", ["prompt", "temperature"])
def test_numbers_that_are_none_are_refused(http, text, name) -> None:
    answer = http.post(
        COMPLETIONS, content=f'{{"model": "tiny", "prompt": "x", "{name}": {text}}}', headers=JSON
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize("name", ["prompt", "temperature", "model", "other", HALF], ids=ascii)
def test_half_a_character_is_refused(http, name) -> None:
    content = f'{{"model": "tiny", "prompt": "x", "{name}": "{HALF}"}}'
    answer = http.post(COMPLETIONS, content=content, headers=JSON)
    assert answer.status_code == (404 if name == "model" else 400)
    assert answer.json()["error"]["message"]


def test_a_long_value_is_not_repeated_whole(http) -> None:
    answer = http.post(COMPLETIONS, json={"model": "tiny", "prompt": "x", "user": ["y" * 1000]})
    assert len(answer.json()["error"]["message"]) < 200


@pytest.mark.parametrize("path", [COMPLETIONS, CHAT, "/tokenize"])
def test_another_model_is_not_here(http, path) -> None:
    body = {"messages": USER} if path == CHAT else {"prompt": "x"}
    answer = http.post(path, json={"model": "gpt-9", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert error["message"] == 'There is no model "gpt-9" here. This server has "tiny".'


def test_openais_client_raises_its_own_errors(client) -> None:
    with pytest.raises(openai.BadRequestError, match="max_tokens") as caught:
        client.completions.create(model="tiny", prompt="x", max_tokens=-1)
    assert caught.value.param == "max_tokens"
    with pytest.raises(openai.NotFoundError, match="This server has"):
        client.models.retrieve("gpt/9")


def test_a_page_that_is_not_there_names_those_that_are(http) -> None:
    answer = http.get("/v2/models")
    assert (answer.status_code, "/v1/models" in answer.json()["error"]["message"]) == (404, True)


def test_a_wrong_method_says_which_is_right(http) -> None:
    answer = http.get(COMPLETIONS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        pytest.param(DataError("The logits contain NaN."), 500, "The logits contain NaN.", id="ours"),
        pytest.param(Overloaded("Too many wait."), 503, "Too many wait.", id="overloaded"),
        pytest.param(EngineClosed("Closed."), 503, "The server is stopping.", id="closed"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_engine_that_fails_on_the_way_is_told(engine, serve, connect, error, status, says, stream) -> None:
    engine.fails = error
    client = connect(serve())
    with pytest.raises(openai.APIError, match=says) as caught:
        list(client.completions.create(model="tiny", prompt="x", stream=stream))
    assert stream or caught.value.status_code == status
    assert engine.n_open == 0


def test_a_defect_is_told_without_its_details(engine, serve, connect, caplog) -> None:
    engine.fails = KeyError("a secret of the prompt")
    client = connect(serve())
    with pytest.raises(openai.InternalServerError, match=r"The server failed \(KeyError\)") as caught:
        client.completions.create(model="tiny", prompt="x")
    assert "secret" not in str(caught.value)
    assert caught.value.response.headers["x-request-id"] in caplog.text


def test_a_full_engine_asks_to_come_back(engine, serve, connect) -> None:
    engine.room = 1
    client = connect(serve())
    with pytest.raises(openai.InternalServerError, match="Ask again later") as caught:
        client.completions.create(model="tiny", prompt=["a", "b"])
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (503, "1")
    assert caught.value.code == "overloaded"
    assert engine.n_open == 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"name": ""}, "name"), ({"timeout_s": 0.0}, "timeout_s"), ({"grace_s": -1.0}, "grace_s")],
    ids=["name", "timeout", "grace"],
)
def test_a_wrong_limit_is_told(settings, says) -> None:
    with pytest.raises(ValueError, match=f'"{says}" is'):
        ServerConfig(**{"name": "tiny", **settings})
