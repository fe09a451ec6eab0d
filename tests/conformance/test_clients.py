"""One contract for every client that comes with the package."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest

from longwave.clients import (
    CachedClient,
    Client,
    Completion,
    FakeClient,
    HostedClient,
    HuggingFaceClient,
    LocalClient,
    ReplayClient,
    Request,
    StreamingClient,
    open_client,
)
from longwave.clients.hosted_settings import read_spec
from longwave.clients.replay import CACHE_NAME
from longwave.registry import entries

TEXT = "Two  words\nand né, \N{SNOWMAN}\U0001f40d. "
REQUESTS = (
    Request(prompt="One two", continuation=" three"),
    Request(prompt="", continuation="Three"),
    Request(prompt="One two", max_tokens=3),
    Request(prompt="One two", max_tokens=3, n=2, temperature=1.0, seed=1),
)
FIXTURES = Path(__file__).parents[1] / "fixtures"
FAKES = ("first", "uniform", "echo", "random=3", "constant=x")


def make_local():
    from longwave.data import ByteTokenizer
    from longwave.models import LanguageModel, LanguageModelConfig

    config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=1, max_length=64, mixer="attention")
    return LocalClient(LanguageModel(config), ByteTokenizer(), name="tiny")


@cache
def load_fixture(name):
    spec = importlib.util.spec_from_file_location(name, FIXTURES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_hosted():
    server = load_fixture("openai_server").FakeServer(begins=("<s>",))
    name, address, settings = read_spec("tiny@http://127.0.0.1:9")
    return HostedClient(name, address, settings, transport=server.transport())


@cache
def make_hugging_face():
    tiny = load_fixture("tiny_transformers")
    tokenizer = tiny.make_tokenizer()
    return HuggingFaceClient(tiny.make_model("gpt2", len(tokenizer)), tokenizer, name="tiny")


MAKE = {"checkpoint": make_local, "hf": make_hugging_face, "openai": make_hosted}


@pytest.fixture(
    params=[
        *(f"fake:{rule}" for rule in FAKES),
        *("checkpoint", "openai", "replay", "cached"),
        pytest.param("hf", marks=pytest.mark.extra("hf")),
    ]
)
def client(request, tmp_path):
    if request.param.startswith("fake"):
        yield open_client(request.param)
        return
    if request.param in MAKE:
        yield MAKE[request.param]()
        return
    with CachedClient(make_local(), tmp_path / CACHE_NAME) as cached:
        if request.param == "cached":
            yield cached
            return
        cached.complete(REQUESTS)
        cached.count_tokens(TEXT)
        for piece in cached.split_text(TEXT, 5):
            cached.count_tokens(piece)
    replay = ReplayClient(tmp_path)
    yield replay
    replay.close()


def test_every_registered_kind_is_held_to_this_contract():
    special = {"rule"}  # answers questions of its own kind only: tests/clients/test_rules.py
    assert set(entries("clients")) <= {"fake", "checkpoint", "hf", "openai", "replay"} | special


def test_it_is_a_client_with_a_name_and_a_version(client):
    assert isinstance(client, Client)
    assert client.name
    assert client.version


def test_one_result_a_request_in_order(client):
    results = client.complete(REQUESTS)
    assert [len(result.completions) for result in results] == [1, 1, 1, 2]
    assert [result.completions[0].text for result in results[:2]] == [" three", "Three"]


def test_scores_are_logprobs_with_their_tokens(client):
    for result in client.complete(REQUESTS[:2]):
        assert result.completions[0].logprob <= 0
        assert result.completions[0].n_tokens > 0
        assert result.completions[0].finish_reason == "scored"


def test_completions_keep_to_max_tokens(client):
    for result in client.complete(REQUESTS[2:]):
        assert all(completion.n_tokens <= 3 for completion in result.completions)


def test_equal_requests_get_equal_answers(client):
    first, second = client.complete(REQUESTS), client.complete(REQUESTS)
    assert [result.completions for result in first] == [result.completions for result in second]


def test_pieces_joined_are_the_text_and_small_enough(client):
    pieces = client.split_text(TEXT, 5)
    assert "".join(pieces) == TEXT
    assert all(client.count_tokens(piece) <= 5 for piece in pieces)
    assert client.count_tokens(TEXT) > 5


def test_a_client_of_ones_own_needs_nothing_but_the_protocol():
    assert isinstance(FakeClient(lambda _: Completion(text="")), Client)


def test_nothing_asked_is_nothing_answered(client):
    assert client.complete([]) == []


def test_the_order_of_requests_changes_no_answer(client):
    there, back = client.complete(REQUESTS), client.complete(REQUESTS[::-1])
    for one, other in zip(there, back[::-1], strict=True):
        assert [item.text for item in one.completions] == [item.text for item in other.completions]
        assert [item.n_tokens for item in one.completions] == [item.n_tokens for item in other.completions]


def test_what_is_reported_adds_up(client):
    for request, result in zip(REQUESTS, client.complete(REQUESTS), strict=True):
        assert result.error is None
        assert len(result.completions) == request.n
        assert result.latency_s >= 0
        if request.continuation is None:
            assert result.tokens_out == sum(item.n_tokens for item in result.completions)


def test_what_streams_gives_each_place_once_and_the_same_answers(client):
    if not isinstance(client, StreamingClient):
        assert len(client.complete(REQUESTS)) == len(REQUESTS)
        return
    groups = list(client.complete_stream(REQUESTS))
    assert all(groups)
    streamed = dict(pair for group in groups for pair in group)
    assert sorted(streamed) == list(range(len(REQUESTS)))
    assert sum(map(len, groups)) == len(REQUESTS)
    for place, result in enumerate(client.complete(REQUESTS)):
        assert streamed[place].completions == result.completions
