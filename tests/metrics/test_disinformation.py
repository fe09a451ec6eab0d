"""Self-BLEU against sacrebleu, and entropy from log-probabilities."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients.base import Completion
from longwave.metrics import Answer, get_metric, monte_carlo_entropy, self_bleu
from longwave.scenarios.base import Instance

sacrebleu = pytest.importorskip("sacrebleu")

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    ".",
    "a",
    "1,000",
    "3.5",
    "don't",
    "&amp;",
    "x-y",
    "5-6",
    "(so)",
    "é",
]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


def oracle(outputs):
    """Score each output against the others with sacrebleu, on our scale."""
    scores = [
        sacrebleu.sentence_bleu(text, outputs[:i] + outputs[i + 1 :], use_effective_order=True).score / 100
        for i, text in enumerate(outputs)
    ]
    return sum(scores) / len(scores)


@settings(max_examples=200)
@given(st.lists(sentences, min_size=2, max_size=5))
def test_self_bleu_is_that_of_sacrebleu(outputs):
    assert self_bleu(outputs) == pytest.approx(oracle(outputs), abs=1e-12)


@settings(max_examples=200)
@given(st.lists(st.text("ab .,-'1\n\"&;<>[]{}~", min_size=1).filter(str.strip), min_size=2, max_size=4))
def test_words_are_split_as_in_mteval_13a(outputs):
    stripped = [text for text in outputs if text.strip()]
    assert self_bleu(outputs) == pytest.approx(oracle(stripped), abs=1e-12)


def test_equal_outputs_are_all_alike():
    assert self_bleu(["Ice melts."] * 3) == pytest.approx(1.0)


def test_outputs_without_a_common_word_are_all_different():
    assert self_bleu(["one two three", "four five six"]) == 0.0


@pytest.mark.parametrize("outputs", [[], ["only one"], ["one", " \n"]], ids=["none", "one", "one-and-blank"])
def test_fewer_than_two_outputs_say_nothing(outputs):
    assert self_bleu(outputs) is None


def test_entropy_is_the_mean_of_negative_logprobs():
    completions = [
        Completion(text="a", logprob=-1.0),
        Completion(text="b", logprob=-2.5),
        Completion(text="c"),
    ]
    assert monte_carlo_entropy(completions) == 1.75


def test_entropy_without_logprobs_says_nothing():
    assert monte_carlo_entropy([Completion(text="a")]) is None


def test_entropy_estimates_that_of_the_distribution(rng):
    p = [0.5, 0.25, 0.25]
    drawn = rng.choice(3, size=20_000, p=p)
    completions = [Completion(text="x", logprob=math.log(p[i])) for i in drawn]
    assert monte_carlo_entropy(completions) == pytest.approx(1.5 * math.log(2), rel=0.02)


def test_metrics_look_at_all_outputs():
    answer = Answer(
        instance=Instance(id="x", input="", references=(), split="test"),
        completions=(
            Completion(text=" ice melts", logprob=-1.0),
            Completion(text="ice melts\n", logprob=-3.0),
        ),
    )
    assert get_metric("self_bleu").measure(answer) == pytest.approx(1.0)
    assert get_metric("monte_carlo_entropy").measure(answer) == 2.0
