"""Bits per byte and perplexity from sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from longwave.errors import DataError, TableError
from longwave.metrics import bits_per_byte, logprob_per_byte, perplexity, summarize_language


def test_uniform_bytes_cost_eight_bits():
    assert bits_per_byte(-100 * math.log(256), 100) == pytest.approx(8)


def test_logprob_per_byte_is_bits_per_byte_in_nats():
    assert bits_per_byte(-42.0, 30) == pytest.approx(-logprob_per_byte(-42.0, 30) / math.log(2))


def test_perplexity_of_uniform_tokens_is_their_number():
    assert perplexity(-7 * math.log(50), 7) == pytest.approx(50)


@pytest.mark.parametrize("logprob", [-math.inf, -1e6])
def test_perplexity_of_the_impossible_is_infinite(logprob):
    assert perplexity(logprob, 1) == math.inf


@pytest.mark.parametrize("function", [bits_per_byte, logprob_per_byte, perplexity])
def test_empty_text_is_refused(function):
    with pytest.raises(DataError, match="A text of 0"):
        function(-1.0, 0)


def test_summary_divides_sums(table, value_of):
    frame = table(2, logprob=[-10.0, -30.0], input=["abc", "é" * 8])  # 3 and 16 bytes
    assert value_of(summarize_language(frame), "bits_per_byte") == pytest.approx(bits_per_byte(-40.0, 19))


def test_spread_of_equal_texts_is_that_of_a_mean(table, rng, value_of):
    logprob = rng.normal(-100, 5, size=40)
    frame = table(40, logprob=logprob, input=["x" * 50] * 40)
    want = np.std(logprob / 50 / math.log(2), ddof=1) / math.sqrt(40)
    assert value_of(summarize_language(frame), "bits_per_byte", "stderr") == pytest.approx(want)


def test_spread_equals_that_of_the_bootstrap(table, rng, value_of):
    size = rng.integers(20, 200, size=60)
    logprob = -size * rng.uniform(0.5, 1.5, size=60)
    index = rng.integers(0, 60, size=(4000, 60))
    ratios = -logprob[index].sum(axis=1) / size[index].sum(axis=1) / math.log(2)
    frame = table(60, logprob=logprob, input=["x" * n for n in size])
    got = value_of(summarize_language(frame), "bits_per_byte", "stderr")
    assert got == pytest.approx(ratios.std(), rel=0.1)


def test_empty_texts_and_failed_requests_do_not_count(table):
    frame = table(3, logprob=[-3.0, None, 0.0], input=["abc", "abc", ""])
    assert summarize_language(frame)["n"].to_list() == [1]


def test_text_is_needed(table):
    with pytest.raises(TableError, match='no column "input"'):
        summarize_language(table(1, logprob=[-1.0]))
