"""What the local client writes, held against one full forward pass a token."""

from __future__ import annotations

import pytest
import torch

from longwave.clients import LocalClient, Request


@torch.no_grad()
def naive_scores(client, prompt, tokens):
    """Score each token by a full forward pass of its own."""
    ids = list(prompt.encode()) or [client.tokenizer.end_id]
    found = []
    for token in tokens:
        found.append(float(client.model(torch.tensor([ids]))[0, -1].double().log_softmax(0)[token]))
        ids.append(token)
    return found


@torch.no_grad()
def naive_greedy(client, prompt, n):
    """Take the most likely token of a full forward pass, n times."""
    ids = list(prompt.encode()) or [client.tokenizer.end_id]
    for _ in range(n):
        ids.append(int(client.model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[-n:]


def write(client, prompt="abc", **fields):
    (result,) = client.complete([Request(prompt=prompt, **fields)])
    return result.completions[0]


@pytest.fixture
def text(open_bigram):
    """Return the greedy text after "abc", of several different letters."""
    found = write(open_bigram(), max_tokens=12).text
    assert len(set(found)) > 5
    return found


@pytest.mark.parametrize("prompt", ["", "t", "\u65e5", "x" * 37], ids=["empty", "t", "kanji", "long"])
def test_greedy_text_and_logprob_are_the_naive_ones(open_bigram, prompt):
    client = open_bigram()
    found = write(client, prompt, max_tokens=12)
    tokens = naive_greedy(client, prompt, 12)
    assert (found.text, found.n_tokens) == (bytes(tokens).decode(), 12)
    assert found.logprob == pytest.approx(sum(naive_scores(client, prompt, tokens)), abs=1e-4)


def test_text_grows_by_one_token_at_a_time(open_bigram, text):
    requests = [Request(prompt="abc", max_tokens=n) for n in range(13)]
    assert [r.completions[0].text for r in open_bigram().complete(requests)] == [text[:n] for n in range(13)]


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_copies_are_counted_and_scored_one_by_one(open_bigram, n, temperature):
    client = open_bigram()
    request = Request(prompt="abc", max_tokens=4, temperature=temperature, n=n, seed=2)
    (result,) = client.complete([request])
    assert len(result.completions) == n
    assert result.tokens_out == 4 * n
    expected = [sum(naive_scores(client, "abc", item.text.encode())) for item in result.completions]
    assert [item.logprob for item in result.completions] == pytest.approx(expected, abs=1e-4)


def test_samples_do_not_depend_on_their_neighbours(open_bigram):
    request = Request(prompt="abc", max_tokens=6, temperature=1.0, n=2, seed=9)
    others = [Request(prompt=prompt, max_tokens=6, temperature=1.0, n=2, seed=1) for prompt in ("abc", "abd")]
    (alone,) = open_bigram().complete([request])
    assert open_bigram().complete([*others, request])[-1].completions == alone.completions


def test_sampled_letters_come_as_often_as_the_model_says(open_bigram):
    client = open_bigram(alphabet="abc")
    (result,) = client.complete([Request(prompt="a", max_tokens=1, temperature=1.0, n=4000, seed=0)])
    with torch.no_grad():
        expected = client.model(torch.tensor([[97]]))[0, -1].softmax(0)[97:100].tolist()
    texts = [item.text for item in result.completions]
    # four standard errors of a share of 4000 draws are at most 0.032
    assert [texts.count(letter) / 4000 for letter in "abc"] == pytest.approx(expected, abs=0.032)


def test_a_tiny_nucleus_is_greedy(open_bigram, text):
    assert write(open_bigram(), max_tokens=12, temperature=1.0, top_p=1e-6).text == text


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("start", range(1, 7))
def test_text_ends_before_a_stop_string_of_any_tokens(open_bigram, text, start, length):
    client = open_bigram()
    stop = text[start : start + length]
    found = write(client, max_tokens=12, stop=(stop,))
    kept = text[: text.find(stop)]
    assert (found.text, found.n_tokens, found.finish_reason) == (kept, len(kept), "stop")
    assert found.logprob == pytest.approx(sum(naive_scores(client, "abc", kept.encode())), abs=1e-4)


def test_a_stop_string_at_the_very_start_leaves_nothing(open_bigram, text):
    found = write(open_bigram(), max_tokens=12, stop=(text[:3],))
    assert (found.text, found.n_tokens, found.logprob) == ("", 0, 0.0)


def test_the_earliest_of_several_stop_strings_counts(open_bigram, text):
    stops = (text[5], text[3:6], "never")  # both end with the same token
    assert write(open_bigram(), max_tokens=12, stop=stops).text == text[: min(map(text.find, stops[:2]))]


def test_half_a_stop_string_at_the_end_is_kept(open_bigram, text):
    found = write(open_bigram(), max_tokens=5, stop=(text[3:6],))
    assert (found.text, found.finish_reason) == (text[:5], "length")


def test_a_stop_string_of_the_prompt_does_not_count(open_bigram, text):
    assert write(open_bigram(), max_tokens=12, stop=("abc" + text[0],)).text == text


def test_a_row_that_stopped_waits_for_the_others_unchanged(open_bigram, text):
    stop = (text[2],)
    requests = [Request(prompt=prompt, max_tokens=12, stop=stop) for prompt in ("abc", "xyz", "qqq")]
    together = [result.completions[0] for result in open_bigram().complete(requests)]
    alone = [open_bigram().complete([request])[0].completions[0] for request in requests]
    assert [item.text for item in together] == [item.text for item in alone]
    assert len({item.n_tokens for item in together}) > 1


class OtherEnd:
    """A tokenizer with another token as the end of the document."""

    def __init__(self, inner, end_id):
        self.inner, self.end_id = inner, end_id

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_the_end_of_the_document_ends_a_text_and_is_not_part_of_it(open_bigram, text):
    client = open_bigram()
    ending = LocalClient(client.model, OtherEnd(client.tokenizer, ord(text[4])), name="x", version="1")
    kept = text[: text.find(text[4])]
    found = write(ending, max_tokens=12)
    assert (found.text, found.n_tokens, found.finish_reason) == (kept, len(kept), "stop")
    assert found.logprob == pytest.approx(sum(naive_scores(client, "abc", kept.encode())), abs=1e-4)


@pytest.mark.parametrize("n", range(1, 7))
def test_a_character_cut_by_max_tokens_is_shown_as_one_sign(open_bigram, n):
    client = open_bigram(alphabet="\u00e9")  # two bytes, in any order the model likes
    found = write(client, max_tokens=n)
    assert found.text == bytes(naive_greedy(client, "abc", n)).decode(errors="replace")
    assert found.n_tokens == n


def test_a_generation_is_truncated_from_the_left(open_bigram):
    requests = [Request(prompt=prompt + "b" * 44, max_tokens=5) for prompt in ("a" * 30, "")]
    cut, same = open_bigram(truncate=True).complete(requests)
    assert cut.completions == same.completions
    assert cut.tokens_in == 44
