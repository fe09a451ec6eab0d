"""The hosted client against a made-up server, in this process: nothing travels and no time passes."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest

from longwave.clients import CachedClient, Request, StreamingClient, open_client
from longwave.errors import BudgetExceeded, ConfigError, MissingFile, UnknownName

ASKED = [Request(prompt=f"Question {i}", max_tokens=3) for i in range(20)]
ONE = ASKED[:1]


def texts(results):
    return [completion.text for result in results for completion in result.completions]


def test_results_come_in_the_order_of_requests_whatever_comes_first(api, open_hosted):
    one_by_one = open_hosted(api.FakeServer(), "concurrency=1").complete(ASKED)
    client = open_hosted(api.FakeServer(), "concurrency=7")
    assert texts(client.complete(ASKED)) == texts(one_by_one)
    shuffled = [index for group in client.complete_stream(ASKED) for index, _ in group]
    assert sorted(shuffled) == list(range(20))


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_requests_are_under_way_than_allowed(api, open_hosted, concurrency):
    server = api.FakeServer()
    open_hosted(server, f"concurrency={concurrency}").complete(ASKED)
    assert server.most_under_way == concurrency


def test_it_works_inside_a_running_event_loop(api, open_hosted):
    async def notebook():
        return open_hosted(api.FakeServer()).complete(ONE)

    assert asyncio.run(notebook())[0].error is None


def test_it_streams(api, open_hosted):
    assert isinstance(open_hosted(api.FakeServer()), StreamingClient)


def test_a_chat_and_a_completion_server_give_what_they_have(api, open_hosted):
    server = api.FakeServer(apis=("chat",))
    (result,) = open_hosted(server).complete(ONE)
    assert [path for path, _, _ in server.requests] == ["/v1/completions", "/v1/chat/completions"]
    assert result.completions[0].n_tokens == 3
    assert result.completions[0].logprob < 0
    assert (result.tokens_in, result.tokens_out) == (2, 3)


def test_which_interface_there_is_is_found_out_once(api, open_hosted):
    server = api.FakeServer(apis=("chat",))
    client = open_hosted(server)
    client.complete(ASKED)
    client.complete(ASKED)
    assert [path for path, _, _ in server.requests].count("/v1/completions") == 1


def test_an_interface_that_is_named_is_the_one_asked(api, open_hosted):
    server = api.FakeServer()
    open_hosted(server, "api=chat").complete(ONE)
    assert [path for path, _, _ in server.requests] == ["/v1/chat/completions"]


@pytest.mark.parametrize("gives", [1, 2])
def test_missing_completions_are_asked_for_with_other_seeds(api, open_hosted, gives):
    server = api.FakeServer(gives=gives)
    (result,) = open_hosted(server).complete(
        [Request(prompt="a", n=4, temperature=1.0, seed=10, max_tokens=2)]
    )
    assert len(set(texts([result]))) == 4
    assert [body["seed"] for body in server.bodies] == list(range(10, 14, gives))
    assert result.tokens_out == 8


def test_greedy_copies_are_asked_for_once(api, open_hosted):
    server = api.FakeServer()
    (result,) = open_hosted(server).complete([Request(prompt="a", n=3, max_tokens=2)])
    assert len(server.requests) == 1
    assert "n" not in server.bodies[0]
    assert len(result.completions) == 3


def test_what_the_server_refuses_is_written_otherwise(api, open_hosted):
    server = api.FakeServer(
        refuse={"logprobs": "No logprobs.", "max_tokens": "Use 'max_completion_tokens' instead.", "n": "One."}
    )
    (result,) = open_hosted(server, "api=chat").complete(
        [Request(prompt="a", n=2, temperature=1.0, max_tokens=3)]
    )
    assert result.error is None
    assert [completion.logprob for completion in result.completions] == [None, None]
    assert sum(completion.n_tokens for completion in result.completions) == result.tokens_out == 6


def test_refused_stop_strings_cut_here(api, open_hosted):
    stop = texts(open_hosted(api.FakeServer()).complete(ONE))[0].split()[1]
    asked = [Request(prompt=ONE[0].prompt, max_tokens=3, stop=(stop,))]
    plain = open_hosted(api.FakeServer()).complete(asked)
    refused = open_hosted(api.FakeServer(refuse={"stop": "No stop."})).complete(asked)
    assert texts(refused)[0] == texts(plain)[0]
    assert refused[0].completions[0].finish_reason == "stop"


def test_a_refused_temperature_is_told_and_may_be_omitted(api, open_hosted):
    server = api.FakeServer(refuse={"temperature": "Only 1 is supported."})
    assert "Only 1 is supported" in open_hosted(server, "api=chat").complete(ONE)[0].error
    assert open_hosted(server, "api=chat&omit=temperature").complete(ONE)[0].error is None


def test_continuations_are_scored_by_echo(api, open_hosted):
    server = api.FakeServer()
    (result,) = open_hosted(server).complete([Request(prompt="One two", continuation=" three four")])
    (completion,) = result.completions
    expected = api.logprob("One two three") + api.logprob("One two three four")
    assert completion.logprob == pytest.approx(expected)
    assert (completion.text, completion.n_tokens, completion.finish_reason) == (" three four", 2, "scored")
    assert server.bodies[0]["max_tokens"] == 0


@pytest.mark.parametrize("status", [400, 500])
def test_a_server_that_writes_at_least_one_token_scores_too(api, open_hosted, status):
    server = api.FakeServer(script=[api.complaint(status, "max_tokens must be positive", param="max_tokens")])
    time = api.FakeTime()
    (result,) = open_hosted(server, time=time).complete([Request(prompt="One two", continuation=" three")])
    assert time.sleeps == []
    assert server.bodies[-1]["max_tokens"] == 1
    assert result.completions[0].logprob == pytest.approx(api.logprob("One two three"))
    assert result.tokens_out == 1


def test_a_text_after_nothing_needs_a_beginning(api, open_hosted):
    asked = [Request(prompt="", continuation="Three")]
    assert "prefix=<|endoftext|>" in open_hosted(api.FakeServer()).complete(asked)[0].error
    server = api.FakeServer()
    (result,) = open_hosted(server, "prefix=%3Cs%3E ").complete(asked)
    assert result.error is None
    assert server.bodies[0]["prompt"] == "<s> Three"
    assert open_hosted(api.FakeServer(begins=("<s>",))).complete(asked)[0].error is None


@pytest.mark.parametrize(
    ("server", "why"),
    [({"apis": ("chat",)}, "its interface is that of chats"), ({"tells": False}, "does not echo texts")],
)
def test_a_server_that_cannot_score_says_what_can(api, open_hosted, server, why):
    (result,) = open_hosted(api.FakeServer(**server)).complete([Request(prompt="a", continuation=" b")])
    assert why in result.error
    assert "hf:NAME" in result.error


def test_half_a_surrogate_pair_fails_alone(api, open_hosted):
    bad, good = open_hosted(api.FakeServer()).complete([Request(prompt="a\ud800"), ASKED[0]])
    assert "no Unicode text (character 1)" in bad.error
    assert good.error is None


def test_nothing_asked_is_nothing_sent(api, open_hosted):
    server = api.FakeServer()
    assert open_hosted(server).complete([]) == []
    assert server.requests == []


def test_cost_is_tokens_times_prices(api, open_hosted):
    client = open_hosted(api.FakeServer(), "price_in=2&price_out=10")
    (result,) = client.complete(ONE)
    assert result.cost_usd == pytest.approx((2 * 2 + 3 * 10) / 1e6)
    assert client.budget.spent_usd == pytest.approx(result.cost_usd)


def test_without_prices_cost_is_unknown(api, open_hosted):
    assert open_hosted(api.FakeServer()).complete(ONE)[0].cost_usd is None


def test_tokens_that_no_server_counts_are_estimated(api, open_hosted):
    (result,) = open_hosted(api.FakeServer(usage=False), "price_in=1&price_out=1").complete(ONE)
    assert (result.tokens_in, result.tokens_out) == (3, 3)
    (scored,) = open_hosted(api.FakeServer(usage=False)).complete([Request(prompt="a b", continuation=" c")])
    assert (scored.tokens_in, scored.tokens_out) == (2, 0)


HIGHEST = 10 + 64 + 3  # bytes of a question, room for a template, tokens to write


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_limit_of_money_ends_the_run_after_what_was_answered(api, open_hosted, concurrency):
    limit = (HIGHEST + 5 * 6) / 1e6
    client = open_hosted(
        api.FakeServer(), f"price_in=1&price_out=1&max_usd={limit}&concurrency={concurrency}&api=chat"
    )
    got = {}
    groups = (got.update(group) for group in client.complete_stream(ASKED))
    with pytest.raises(BudgetExceeded, match="raise max_usd"):
        list(groups)
    assert sorted(got) == list(range(7))  # the first one leaves 30 tokens, six more leave none
    assert all(result.error is None for result in got.values())
    assert client.budget.spent_usd <= limit


def test_what_was_answered_before_the_limit_is_cached(api, open_hosted, tmp_path):
    path = tmp_path / "requests.sqlite"
    options = "price_in=1&price_out=1&api=chat"
    server = api.FakeServer()
    poor = open_hosted(server, f"{options}&max_usd=0.0001&concurrency=1")
    with CachedClient(poor, path) as cached, pytest.raises(BudgetExceeded):
        cached.complete(ASKED)
    n_paid = len(server.requests)
    assert n_paid > 2
    rich = api.FakeServer()
    with CachedClient(open_hosted(rich, options), path) as cached:
        results = cached.complete(ASKED)
    assert sum(result.is_cached for result in results) == n_paid
    assert len(rich.requests) == 20 - n_paid


def test_a_request_of_unknown_fate_counts_as_paid(api, open_hosted):
    server = api.FakeServer(script=[api.Reply(error=httpx.ReadTimeout(""))])
    client = open_hosted(server, "price_in=1&price_out=1&api=chat")
    client.complete(ONE)
    assert client.budget.spent_usd == pytest.approx((HIGHEST + 5) / 1e6)
    assert client.budget.reserved_usd == 0


@pytest.mark.parametrize("reply", [{"status": 500}, {"error": httpx.ConnectError("refused")}])
def test_a_request_that_nobody_took_costs_nothing(api, open_hosted, reply):
    client = open_hosted(api.FakeServer(script=[api.Reply(**reply)]), "price_in=1&price_out=1&api=chat")
    client.complete(ONE)
    assert client.budget.spent_usd == pytest.approx(5 / 1e6)


def test_prices_may_come_from_a_file(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text("[gpt]\nin = 1.5\nout = 2\n", "utf-8")
    client = open_client(f"openai:gpt@http://127.0.0.1:9?prices={path}&max_usd=1")
    assert client.budget.price.usd_in == 1.5
    with pytest.raises(UnknownName):
        open_client(f"openai:gpt-x@http://127.0.0.1:9?prices={path}")
    with pytest.raises(MissingFile):
        open_client("openai:gpt@http://127.0.0.1:9?prices=nowhere.toml")


def test_version_follows_what_answers_depend_on():
    def version(spec):
        return open_client(f"openai:gpt@{spec}").version

    base = version("http://127.0.0.1:9")
    assert base == version("http://127.0.0.1:9/v1/?rpm=5&price_in=1&price_out=1&concurrency=2")
    others = ["http://127.0.0.1:8", "http://127.0.0.1:9?api=chat", "http://127.0.0.1:9?omit=seed"]
    assert len({base, *map(version, others), version("http://127.0.0.1:9?prefix=x")}) == 5
    assert version("http://127.0.0.1:9?version=2025-06") == "2025-06"


def test_texts_are_counted_and_cut_by_bytes_without_a_tokenizer():
    client = open_client("openai:gpt@http://127.0.0.1:9")
    assert client.max_length is None
    assert [client.count_tokens(text) for text in ("", "abcd", "abcde", "né\N{SNOWMAN}")] == [0, 1, 2, 2]


def test_a_named_key_that_is_missing_is_told_before_anything_is_asked():
    with pytest.raises(ConfigError, match='"MY_KEY"'):
        open_client("openai:gpt@http://127.0.0.1:9?key=MY_KEY")


def test_the_key_lets_us_in(api, open_hosted, monkeypatch):
    server = api.FakeServer(key=api.KEY)
    assert "Set LONGWAVE_API_KEY" in open_hosted(server).complete(ONE)[0].error
    monkeypatch.setenv("LONGWAVE_API_KEY", api.KEY)
    assert open_hosted(server).complete(ONE)[0].error is None


def test_the_key_is_nowhere_but_in_the_header(api, open_hosted, monkeypatch, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LONGWAVE_API_KEY", api.KEY)
    server = api.FakeServer(
        script=[
            api.complaint(401, f"Incorrect API key provided: {api.KEY}."),
            api.Reply(500, body=f"<title>{api.KEY}</title>"),
            api.Reply(error=httpx.ReadError(api.KEY)),
            api.Reply(302, {"location": f"https://x/{api.KEY}"}),
        ]
    )
    client = open_hosted(server, "api=chat&concurrency=1")
    with CachedClient(client, tmp_path / "requests.sqlite") as cached:
        results = cached.complete(ASKED)
    assert all(headers["authorization"] == f"Bearer {api.KEY}" for _, _, headers in server.requests)
    seen = [caplog.text, repr(client), repr(vars(client)), repr(results), json.dumps(server.bodies)]
    seen += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(result.error is not None for result in results) == 2
    assert [text for text in seen if api.KEY in text] == []
