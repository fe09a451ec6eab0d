from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Request
from longwave.data import ByteTokenizer

PROMPTS = ("", "a", "The sea", "né", "x" * 30)


def naive_logprob(client, prompt, continuation):
    """Score one token at a time by the full forward pass."""
    ids = list(prompt.encode()) or [256]
    total = 0.0
    for token in continuation.encode():
        logits = client.model(torch.tensor([ids])).double()[0, -1]
        total += float(logits.log_softmax(0)[token])
        ids.append(token)
    return total


@pytest.mark.parametrize("mixer", ["attention", "hyena"])
@torch.no_grad()
def test_scores_are_those_of_one_token_at_a_time(open_tiny, mixer):
    client = open_tiny(mixer)
    requests = [Request(prompt=prompt, continuation=" is blue"[: 3 + i]) for i, prompt in enumerate(PROMPTS)]
    for request, result in zip(requests, client.complete(requests), strict=True):
        expected = naive_logprob(client, request.prompt, request.continuation)
        assert result.completions[0].logprob == pytest.approx(expected, abs=1e-3)


def test_scores_do_not_depend_on_the_batch(open_tiny):
    requests = [Request(prompt=prompt, continuation="yes") for prompt in PROMPTS]
    together = open_tiny().complete(requests)
    alone = open_tiny(batch_tokens=1).complete(requests)
    for one, other in zip(together, alone, strict=True):
        assert one.completions[0].logprob == pytest.approx(other.completions[0].logprob, abs=1e-4)


def test_an_empty_continuation_is_certain(open_tiny):
    (result,) = open_tiny().complete([Request(prompt="a", continuation="")])
    assert (result.completions[0].logprob, result.completions[0].n_tokens) == (0.0, 0)


@pytest.mark.parametrize("mixer", ["attention", "hyena"])
def test_greedy_text_is_the_argmax_of_the_full_forward_pass(open_tiny, mixer):
    client = open_tiny(mixer)
    (result,) = client.complete([Request(prompt="The sea", max_tokens=6)])
    ids = list(b"The sea")
    logprob = 0.0
    for _ in range(6):
        scores = client.model(torch.tensor([ids])).detach().double()[0, -1].log_softmax(0)
        ids.append(int(scores.argmax()))
        logprob += float(scores.max())
    assert result.completions[0].text == ByteTokenizer().decode(ids[7:])
    assert result.completions[0].logprob == pytest.approx(logprob, abs=1e-3)


def test_greedy_text_does_not_depend_on_the_batch(open_tiny):
    requests = [Request(prompt=text, max_tokens=5) for text in ("abc", "xyz", "abd", "longer text")]
    together = [result.completions[0].text for result in open_tiny().complete(requests)]
    assert together == [open_tiny().complete([request])[0].completions[0].text for request in requests]


def test_text_ends_before_a_stop_string_and_its_logprob_does_too(open_tiny):
    client = open_tiny()
    (whole,) = client.complete([Request(prompt="abc", max_tokens=8)])
    text = whole.completions[0].text
    stop = text[3:5]
    (cut,) = client.complete([Request(prompt="abc", max_tokens=8, stop=(stop,))])
    (short,) = client.complete([Request(prompt="abc", max_tokens=len(text[: text.find(stop)].encode()))])
    assert cut.completions[0].text == text[: text.find(stop)] == short.completions[0].text
    assert cut.completions[0].finish_reason == "stop"
    assert cut.completions[0].logprob == pytest.approx(short.completions[0].logprob, abs=1e-4)


def test_samples_repeat_with_their_seed_and_differ_among_copies(open_tiny):
    request = Request(prompt="abc", max_tokens=12, temperature=1.5, n=3, seed=4)
    first, second = (
        [completion.text for completion in open_tiny().complete([request])[0].completions] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > 1


def test_greedy_copies_are_equal(open_tiny):
    (result,) = open_tiny().complete([Request(prompt="abc", max_tokens=3, n=2)])
    assert result.completions[0] == result.completions[1]


def test_no_tokens_means_no_text(open_tiny):
    (result,) = open_tiny().complete([Request(prompt="abc", max_tokens=0)])
    assert (result.completions[0].text, result.tokens_out) == ("", 0)


def test_a_request_that_does_not_fit_fails_alone(open_tiny):
    long, short = open_tiny().complete(
        [Request(prompt="x" * 60, continuation="y"), Request(prompt="x", continuation="y")]
    )
    assert "reads at most 48" in long.error
    assert short.error is None


@pytest.mark.parametrize(
    "request_",
    [Request(prompt="x" * 44, continuation="y" * 5), Request(prompt="x" * 44, max_tokens=5)],
    ids=["scored", "generated"],
)
def test_the_last_token_needs_no_room(open_tiny, request_):
    assert open_tiny().complete([request_])[0].error is None


def test_truncation_from_the_left_only_when_asked(open_tiny):
    long = Request(prompt="a" * 20 + "b" * 46, continuation="yes")
    fitting = Request(prompt="b" * 46, continuation="yes")
    (cut,) = open_tiny(truncate=True).complete([long])
    (same,) = open_tiny().complete([fitting])
    assert cut.completions[0].logprob == pytest.approx(same.completions[0].logprob, abs=1e-4)


def test_version_follows_the_weights(open_tiny):
    assert open_tiny().version == open_tiny().version != open_tiny(seed=1).version


def test_tokens_and_latency_are_counted(open_tiny):
    (result,) = open_tiny().complete([Request(prompt="abc", continuation="né")])
    assert (result.tokens_in, result.tokens_out) == (3, 3)
    assert result.latency_s > 0


def test_nothing_asked_is_nothing_answered(open_tiny):
    assert open_tiny().complete([]) == []


@given(st.text(max_size=40), st.integers(1, 6))
def test_pieces_joined_are_the_text_and_hold_whole_characters(open_tiny, text, max_tokens):
    client = open_tiny()
    pieces = client.split_text(text, max_tokens)
    assert "".join(pieces) == text
    assert all(client.count_tokens(piece) <= max(max_tokens, 4) for piece in pieces)
    assert all(client.count_tokens(piece) <= max_tokens or len(piece) == 1 for piece in pieces)


def test_a_saved_model_is_opened_by_its_folder(open_tiny, tmp_path):
    from longwave.clients import open_client

    tiny = open_tiny()
    folder = tmp_path / "run-1" / "model"
    tiny.model.save_pretrained(folder)
    tiny.tokenizer.save(folder)
    opened = open_client(f"checkpoint:{folder}")
    assert (opened.name, opened.version) == ("run-1", tiny.version)
