"""The local client held against a scorer that reads one token at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients import LocalClient, Request
from longwave.data import BPETokenizer
from longwave.models import LanguageModel, LanguageModelConfig

CORPUS = "the née ☃ snow man été à la neige ☃☃ the and 日本語 日本 😀\n  sea " * 20
WINDOW = 32


@pytest.fixture(scope="module")
def bpe_client():
    """Return a tiny model over merged tokens, among them parts of characters."""
    tokenizer = BPETokenizer.train([CORPUS], 300)
    config = LanguageModelConfig(
        vocab_size=tokenizer.vocab_size, d_model=16, n_layers=1, max_length=WINDOW, mixer="attention"
    )
    model = LanguageModel(config, seed=3)
    model.embedding.weight.data.mul_(20.0)
    return LocalClient(model, tokenizer, name="bpe")


@torch.no_grad()
def naive_steps(client, prompt, tokens):
    """Log-probability of each token by a full forward pass of its own, nothing batched."""
    ids = client.tokenizer.encode(prompt) or [client.tokenizer.end_id]
    found = []
    for token in tokens:
        found.append(float(client.model(torch.tensor([ids]))[0, -1].double().log_softmax(0)[token]))
        ids.append(token)
    return found


def naive_score(client, request):
    return sum(naive_steps(client, request.prompt, client.tokenizer.encode(request.continuation)))


def ask(client, **fields):
    (result,) = client.complete([Request(**fields)])
    return result


SCORED = [
    Request(prompt="the sea", continuation=" and the ☃"),
    Request(prompt="", continuation="日本語"),
    Request(prompt="né", continuation="e"),
    Request(prompt="😀", continuation="😀😀"),
    Request(prompt="the " * 12, continuation="the"),
    Request(prompt="\n", continuation="\x00"),
]


@pytest.mark.parametrize("request_", SCORED, ids=lambda r: f"{len(r.prompt)}+{len(r.continuation)}")
def test_every_request_of_a_mixed_batch_has_its_own_score(bpe_client, request_):
    results = bpe_client.complete(SCORED)
    found = results[SCORED.index(request_)].completions[0]
    assert found.logprob == pytest.approx(naive_score(bpe_client, request_), abs=1e-4)
    assert found.n_tokens == bpe_client.count_tokens(request_.continuation)


@settings(max_examples=25)
@given(st.permutations(SCORED))
def test_scores_belong_to_their_request_in_any_order(bpe_client, requests):
    expected = {request: bpe_client.complete([request])[0].completions[0] for request in SCORED}
    for request, result in zip(requests, bpe_client.complete(requests), strict=True):
        assert result.completions[0].logprob == pytest.approx(expected[request].logprob, abs=1e-4)


@settings(max_examples=25)
@given(st.text(max_size=6), st.text(alphabet="the né☃日\n", max_size=6), st.integers(1, 64))
def test_scores_hold_for_any_text_and_batch_size(bpe_client, prompt, continuation, batch_tokens):
    request = Request(prompt=prompt, continuation=continuation)
    small = LocalClient(
        bpe_client.model, bpe_client.tokenizer, name="x", version="1", batch_tokens=batch_tokens
    )
    found = small.complete([*SCORED, request])[-1]
    assert found.completions[0].logprob == pytest.approx(naive_score(bpe_client, request), abs=1e-4)


@pytest.mark.parametrize("length", [1, 2, 31, 32])
def test_a_text_as_long_as_the_window_is_scored_whole(bpe_client, length):
    ids = (bpe_client.tokenizer.encode(CORPUS))[:length]
    text = bpe_client.tokenizer.decode(ids)
    found = ask(bpe_client, prompt="", continuation=text).completions[0]
    expected = naive_steps(bpe_client, "", bpe_client.tokenizer.encode(text))
    assert found.n_tokens == len(expected)
    assert found.logprob == pytest.approx(sum(expected), abs=1e-3)


def test_a_long_prompt_is_read_to_its_first_token(bpe_client):
    tail = " the" * (WINDOW - 3)
    one, other = (
        ask(bpe_client, prompt=first + tail, continuation=" sea").completions[0] for first in ("☃", "à")
    )
    assert one.logprob != pytest.approx(other.logprob, abs=1e-6)


def test_probabilities_of_all_next_tokens_sum_to_one(open_tiny):
    requests = [Request(prompt="abc", continuation=chr(byte)) for byte in range(128)]
    total = sum(math.exp(result.completions[0].logprob) for result in open_tiny().complete(requests))
    logits = open_tiny().model(torch.tensor([list(b"abc")])).detach()[0, -1].double().softmax(0)
    assert total == pytest.approx(float(logits[:128].sum()), abs=1e-5)


@settings(max_examples=25)
@given(st.text(alphabet="abc é", min_size=1, max_size=8), st.integers(0, 7))
def test_the_score_of_a_text_is_the_sum_over_any_cut(open_tiny, text, cut):
    # with byte tokens a cut changes nothing about how the text is read
    client, cut = open_tiny(), min(cut, len(text) - 1)
    parts = [
        Request(prompt="x", continuation=text),
        Request(prompt="x", continuation=text[:cut]),
        Request(prompt="x" + text[:cut], continuation=text[cut:]),
    ]
    whole, first, second = (result.completions[0].logprob for result in client.complete(parts))
    assert whole == pytest.approx(first + second, abs=1e-4)


def test_text_that_is_no_unicode_fails_alone(open_tiny):
    broken, fine = open_tiny().complete([Request(prompt="\ud800"), Request(prompt="a", max_tokens=1)])
    assert "half a character" in broken.error
    assert fine.error is None


def test_a_continuation_beyond_the_window_is_never_cut(open_tiny):
    result = ask(open_tiny(truncate=True), prompt="a", continuation="y" * 60)
    assert "Shorten the prompt" in result.error


def test_scoring_leaves_the_model_able_to_learn(open_tiny):
    client = open_tiny("hyena")
    ask(client, prompt="abc", continuation="d")
    client.model(torch.tensor([[1, 2, 3]])).sum().backward()
    assert client.model.embedding.weight.grad is not None
    client.model.zero_grad(set_to_none=True)


@settings(max_examples=60)
@given(st.text(alphabet="the né☃日本語à\n 😀", max_size=30), st.integers(1, 8))
def test_merged_tokens_are_cut_between_characters_and_fit(bpe_client, text, max_tokens):
    pieces = bpe_client.split_text(text, max_tokens)
    assert "".join(pieces) == text
    assert all(piece for piece in pieces)
    assert all(bpe_client.count_tokens(piece) <= max_tokens or len(piece) == 1 for piece in pieces)


@pytest.mark.parametrize(
    "text",
    [" 日日本☃tn本 éé😀à本語\n ☃😀", "en\nn語☃n日日本☃ 本本à☃éé 語日en"],
    ids=["one", "other"],
)
def test_a_token_that_a_cut_breaks_does_not_overfill_its_piece(bpe_client, text):
    pieces = bpe_client.split_text(text, 2)
    assert all(bpe_client.count_tokens(piece) <= 2 or len(piece) == 1 for piece in pieces)


@pytest.mark.parametrize("change", ["value", "shape", "tokenizer"])
def test_the_version_follows_everything_that_changes_answers(open_tiny, bpe_client, change):
    client = open_tiny()
    model = LanguageModel(client.model.config, seed=0)
    model.load_state_dict(client.model.state_dict())
    tokenizer = client.tokenizer
    if change == "value":
        model.embedding.weight.data[0, 0] += 1e-3
    elif change == "shape":
        model = LanguageModel(replace(client.model.config, d_mlp=32), seed=0)
    else:
        tokenizer = bpe_client.tokenizer
    assert LocalClient(model, tokenizer, name="tiny").version != client.version
