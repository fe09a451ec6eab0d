from __future__ import annotations

import pytest
import torch

from longwave.clients import Request

pytestmark = pytest.mark.extra("hf")
KINDS = ("gpt2", "llama")
PROMPTS = ("the", "the sea is blue", "né", "x" * 20, "Question: one\nAnswer:")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def texts(results):
    return [completion.text for result in results for completion in result.completions]


@torch.no_grad()
def test_greedy_text_is_the_argmax_of_the_full_forward_pass(open_transformers, kind):
    client = open_transformers(kind)
    (result,) = client.complete([Request(prompt="the sea", max_tokens=6)])
    ids = {"gpt2": [], "llama": [1]}[kind] + client._tokens.encode("the sea")[0]
    start, logprob = len(ids), 0.0
    for _ in range(6):
        scores = client.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(0)
        ids.append(int(scores.argmax()))
        logprob += float(scores.max())
    assert 0 not in ids[start:]
    assert result.completions[0].text == client.tokenizer.decode(ids[start:])
    assert result.completions[0].logprob == pytest.approx(logprob, abs=1e-4)
    assert result.tokens_out == 6


def test_greedy_text_does_not_depend_on_the_batch(open_transformers, kind):
    requests = [Request(prompt=prompt, max_tokens=8) for prompt in PROMPTS]
    together = open_transformers(kind).complete(requests)
    alone = open_transformers(kind, batch_tokens=1).complete(requests)
    assert texts(together) == texts(alone)
    for one, other in zip(together, alone, strict=True):
        assert one.completions[0].logprob == pytest.approx(other.completions[0].logprob, abs=1e-4)


def test_sampled_text_does_not_depend_on_the_batch(open_transformers, kind):
    requests = [
        Request(prompt=prompt, max_tokens=8, temperature=0.7 + i / 10, top_p=0.9, n=i % 3 + 1, seed=i)
        for i, prompt in enumerate(PROMPTS)
    ]
    mixed = [*requests, Request(prompt="the", max_tokens=8)]
    together = open_transformers(kind).complete(mixed)[:-1]
    assert texts(together) == texts(open_transformers(kind, batch_tokens=1).complete(requests))
    assert [len(result.completions) for result in together] == [1, 2, 3, 1, 2]


def test_samples_repeat_with_their_seed_and_differ_among_copies(open_transformers):
    request = Request(prompt="the", max_tokens=8, temperature=1.5, n=3, seed=4)
    first, second = (texts(open_transformers().complete([request])) for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    assert texts(open_transformers().complete([Request(**{**vars(request), "seed": 5})])) != first


def test_samples_follow_the_models_distribution(open_transformers):
    client = open_transformers()
    request = Request(prompt="the sea", max_tokens=1, temperature=1.0, n=400, seed=0)
    (result,) = client.complete([request])
    mean = sum(item.logprob for item in result.completions) / 400
    with torch.no_grad():
        scores = client.model(torch.tensor([client._tokens.encode("the sea")[0]])).logits[0, -1].double()
    logprobs = scores.log_softmax(0)
    entropy = -float((logprobs.exp() * logprobs).sum())
    deviation = float((logprobs.exp() * (logprobs + entropy) ** 2).sum()) ** 0.5
    assert abs(mean + entropy) < 4 * deviation / 400**0.5


def test_a_tiny_top_p_is_greedy(open_transformers):
    (drawn,) = open_transformers().complete(
        [Request(prompt="the", max_tokens=5, temperature=1.0, top_p=1e-6)]
    )
    (greedy,) = open_transformers().complete([Request(prompt="the", max_tokens=5)])
    assert texts([drawn]) == texts([greedy])


def test_greedy_copies_are_equal(open_transformers):
    (result,) = open_transformers().complete([Request(prompt="the", max_tokens=3, n=2)])
    assert result.completions[0] == result.completions[1]
    assert result.tokens_out == 6


def test_no_tokens_means_no_text(open_transformers):
    (result,) = open_transformers().complete([Request(prompt="the", max_tokens=0, n=2, temperature=1.0)])
    assert [(item.text, item.n_tokens) for item in result.completions] == [("", 0), ("", 0)]


def test_text_ends_before_a_stop_string_and_its_logprob_does_too(open_transformers, kind):
    client = open_transformers(kind)
    (whole,) = client.complete([Request(prompt="the", max_tokens=8)])
    text = whole.completions[0].text
    stop = next(text[i : i + 2] for i in range(3, len(text)) if "\ufffd" not in text[i : i + 2])
    other = Request(prompt="the sea is", max_tokens=8)
    cut, beside = client.complete([Request(prompt="the", max_tokens=8, stop=(stop,)), other])
    assert cut.completions[0].text == text[: text.find(stop)]
    assert cut.completions[0].finish_reason == "stop"
    assert cut.completions[0].n_tokens < 8
    (alone,) = client.complete([other])
    assert texts([beside]) == texts([alone])  # a neighbour that has ended changes nothing


@torch.no_grad()
def test_text_ends_with_its_document(open_transformers):
    client = open_transformers("llama")
    ids = [1, *client._tokens.encode("the")[0]]
    for _ in range(3):
        ids.append(int(client.model(torch.tensor([ids])).logits[0, -1].argmax()))
    (whole,) = client.complete([Request(prompt="the", max_tokens=3)])
    assert ids[-1] not in ids[-3:-1]
    client._end_ids = frozenset({ids[-1]})
    (ended,) = client.complete([Request(prompt="the", max_tokens=3)])
    assert (ended.completions[0].finish_reason, ended.tokens_out) == ("stop", 2)
    assert whole.completions[0].text.startswith(ended.completions[0].text)
    assert whole.completions[0].finish_reason == "length"


def test_a_models_own_defaults_of_generation_are_put_aside(open_transformers, tiny_transformers, tmp_path):
    import json

    from longwave.clients import open_client

    tiny_transformers.save_tiny(tmp_path)
    path = tmp_path / "generation_config.json"
    told = {"do_sample": True, "repetition_penalty": 50.0, "temperature": 9.0, "eos_token_id": [0, 5]}
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **told}), "utf-8")
    client = open_client(f"hf:{tmp_path}?device=cpu")
    asked = [Request(prompt="the", max_tokens=8)]
    assert texts(client.complete(asked)) == texts(open_transformers().complete(asked))
    assert client._end_ids == {0, 5}
