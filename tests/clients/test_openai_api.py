from __future__ import annotations

import pytest

from longwave.clients import Request
from longwave.clients.http_failures import FailedTry
from longwave.clients.openai_api import Dialect, write_body, write_scoring_body
from longwave.errors import Refused

ASKED = Request(prompt="One two", max_tokens=5, temperature=0.5, top_p=0.9, stop=("\n", "x"), n=3, seed=7)


def write(request=ASKED, dialect=None, **more):
    dialect = dialect or Dialect(api="completions")
    return write_body("gpt", request, dialect, n=more.pop("n", request.n), seed=request.seed)


def refuse(status=400, param="", words=""):
    return FailedTry(Refused(words), status=status, param=param, words=words)


def test_completions_get_the_prompt_as_it_is():
    assert write() == {
        "model": "gpt",
        "prompt": "One two",
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n", "x"],
        "n": 3,
        "seed": 7,
        "logprobs": 1,
    }


def test_chats_get_the_prompt_as_a_message_of_the_user():
    body = write(dialect=Dialect(api="chat"))
    assert body["messages"] == [{"role": "user", "content": "One two"}]
    assert body["logprobs"] is True
    assert "prompt" not in body


def test_what_says_nothing_is_not_sent():
    assert write(Request(prompt="a", max_tokens=2)) == {
        "model": "gpt",
        "prompt": "a",
        "max_tokens": 2,
        "temperature": 0.0,
        "logprobs": 1,
    }


def test_what_the_user_omits_is_not_sent():
    body = write(dialect=Dialect(api="chat", omitted=frozenset({"temperature", "seed", "top_p"})))
    assert {"temperature", "seed", "top_p"} & set(body) == set()


def test_scoring_echoes_the_text_and_asks_for_nothing_more():
    body = write_scoring_body("gpt", "a text", Dialect(api="completions"))
    assert (body["echo"], body["max_tokens"], body["logprobs"], body["temperature"]) == (True, 0, 1, 0)


@pytest.mark.parametrize(
    "failed",
    [refuse(404), refuse(405), refuse(501), refuse(400, words="This is a chat model, not a completion one")],
    ids=["absent", "no-method", "not-implemented", "chat-model"],
)
def test_a_server_without_completions_is_asked_as_a_chat(failed):
    dialect = Dialect(api="auto")
    assert dialect.learn("/completions", {}, failed)
    assert dialect.path == "/chat/completions"
    assert not dialect.learn("/chat/completions", {}, failed)


def test_the_interface_that_was_asked_for_stays():
    assert not Dialect(api="completions").learn("/completions", {}, refuse(404))


def test_the_interface_that_answered_stays():
    dialect = Dialect(api="auto")
    dialect.settle("/completions", {})
    assert not dialect.learn("/completions", {}, refuse(404))
    other = Dialect(api="auto")
    other.settle("/chat/completions", {})
    assert other.path == "/chat/completions"


def test_a_new_name_of_max_tokens_is_learned():
    dialect = Dialect(api="chat")
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    assert dialect.learn(dialect.path, write(dialect=dialect), refuse(400, "max_tokens", words))
    body = write(dialect=dialect)
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    "failed", [refuse(400, "logprobs"), refuse(422, words="Unexpected fields in the request: {'logprobs'}")]
)
def test_refused_log_probabilities_are_left_out(failed):
    dialect = Dialect(api="chat")
    assert dialect.learn(dialect.path, write(dialect=dialect), failed)
    body = write(dialect=dialect)
    assert "logprobs" not in body
    assert not dialect.learn(dialect.path, body, failed)


def test_refused_stop_strings_are_left_out():
    dialect = Dialect(api="chat")
    assert dialect.learn(dialect.path, write(dialect=dialect), refuse(400, "stop"))
    assert "stop" not in write(dialect=dialect)


def test_a_server_that_gives_one_at_a_time_is_asked_so():
    dialect = Dialect(api="chat")
    assert dialect.learn(dialect.path, write(dialect=dialect), refuse(400, "n"))
    assert "n" not in write(dialect=dialect)


def test_scoring_takes_a_token_where_none_is_refused():
    dialect = Dialect(api="completions")
    body = write_scoring_body("gpt", "a", dialect)
    failed = refuse(400, words="max_tokens must be at least 1")
    assert dialect.learn(dialect.path, body, failed)
    body = write_scoring_body("gpt", "a", dialect)
    assert body["max_tokens"] == 1
    assert not dialect.learn(dialect.path, body, failed)


def test_a_server_that_crashes_over_no_token_gets_one():
    dialect = Dialect(api="completions")
    body = write_scoring_body("gpt", "a", dialect)
    assert dialect.is_trial(body)
    assert dialect.learn(dialect.path, body, refuse(500))
    body = write_scoring_body("gpt", "a", dialect)
    assert not dialect.is_trial(body)
    assert not dialect.learn(dialect.path, body, refuse(500))


def test_a_server_that_took_no_token_once_may_fail_later():
    dialect = Dialect(api="completions")
    body = write_scoring_body("gpt", "a", dialect)
    dialect.settle(dialect.path, body)
    assert not dialect.is_trial(body)
    assert not dialect.learn(dialect.path, body, refuse(500))


def test_scoring_does_not_do_without_log_probabilities():
    dialect = Dialect(api="completions")
    body = write_scoring_body("gpt", "a", dialect)
    assert not dialect.learn(dialect.path, body, refuse(400, "logprobs"))


@pytest.mark.parametrize("setting", ["temperature", "seed", "top_p"])
def test_what_changes_answers_is_never_left_out_unasked(setting):
    dialect = Dialect(api="chat")
    assert not dialect.learn(dialect.path, write(dialect=dialect), refuse(400, setting, f"no {setting}"))


@pytest.mark.parametrize("status", [None, 401, 429, 500])
def test_other_failures_teach_nothing(status):
    dialect = Dialect(api="auto")
    assert not dialect.learn(dialect.path, write(), refuse(status, "logprobs"))
