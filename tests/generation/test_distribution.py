"""Draws follow the distribution the settings describe, by chi-square; extreme settings stay sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from longwave.errors import ConfigError, DataError
from longwave.generation import SamplingConfig, make_generator, sample_ids
from longwave.generation.text import _decode_stream
from longwave.generation.text_pieces import WINDOW

LOGITS = np.array([1.0, 3.0, -0.5, 2.5, 0.0, 2.0, -np.inf])
N_DRAWS = 20_000


def naive_probabilities(
    temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> np.ndarray:
    """Filter by sorting and summing, one token after the other."""
    weights = np.exp(LOGITS / temperature)
    order = np.argsort(-weights, kind="stable")
    if top_k is not None:
        weights[order[top_k:]] = 0
    weights /= weights.sum()
    if top_p is not None:
        total = 0.0
        for token in order:
            if total >= top_p:
                weights[token] = 0
            total += weights[token]
    return weights / weights.sum()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 3.0},
        {"top_k": 3},
        {"top_p": 0.8},
        {"temperature": 2.0, "top_k": 4, "top_p": 0.7},
    ],
    ids=lambda s: "-".join(f"{k}{v}" for k, v in s.items()) or "plain",
)
def test_frequencies_pass_a_chi_square_test(settings: dict[str, float], seed: int) -> None:
    logits = torch.from_numpy(LOGITS).float().expand(N_DRAWS, -1)
    drawn = sample_ids(logits, SamplingConfig(**settings), make_generator(seed))
    counts = drawn.bincount(minlength=len(LOGITS)).numpy()
    expected = naive_probabilities(**settings)
    assert counts[expected == 0].sum() == 0
    kept = expected > 0
    assert chisquare(counts[kept], N_DRAWS * expected[kept]).pvalue > 1e-3


def test_rows_of_a_batch_are_drawn_independently(seed: int) -> None:
    drawn = sample_ids(torch.zeros(2 * N_DRAWS, 2), SamplingConfig(), make_generator(seed)).view(-1, 2)
    pairs = (2 * drawn[:, 0] + drawn[:, 1]).bincount(minlength=4).numpy()
    assert chisquare(pairs).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [1e-300, 1e-50, 1e-45, 1e-38], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_the_smallest_temperatures_are_greedy(temperature: float, dtype: torch.dtype) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]], dtype=dtype)
    assert sample_ids(logits, SamplingConfig(temperature=temperature)).item() == 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_row_without_any_possible_token_is_refused(temperature: float) -> None:
    logits = torch.tensor([[0.0, 1.0], [-torch.inf, -torch.inf]])
    with pytest.raises(DataError, match="NaN or infinity"):
        sample_ids(logits, SamplingConfig(temperature=temperature))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_token_ruled_out_is_never_drawn(temperature: float) -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf]]).expand(100, 3)
    assert set(sample_ids(logits, SamplingConfig(temperature=temperature)).tolist()) == {1}


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 10**30], ids=["2^64", "below-2^63", "10^30"])
def test_a_seed_of_more_than_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(ConfigError, match=f'"seed" is {seed}; it must fit into 64 bits'):
        SamplingConfig(seed=seed)


@pytest.mark.parametrize("seed", [2**64 - 1, -(2**63), 0])
def test_every_seed_of_64_bits_draws(seed: int) -> None:
    assert sample_ids(torch.zeros(1, 3), SamplingConfig(seed=seed)).item() in range(3)


@given(st.integers(-(2**31), 2**31), st.floats(-50, 50))
def test_a_constant_added_to_all_logits_changes_no_draw(seed: int, shift: float) -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, 0.5]], dtype=torch.float64).expand(20, 4)
    settings = SamplingConfig(seed=seed, temperature=0.7, top_p=0.9)
    assert torch.equal(sample_ids(logits, settings), sample_ids(logits + shift, settings))


class Bytes:
    """Every id is a byte; 256 ends the text."""

    end_id = 256

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode("utf-8", errors="replace")


@pytest.mark.parametrize("text", ["é" * 80, "日本" * 50, "👩‍👧 a" * 30, "a" * 200], ids=["2", "3", "4", "1"])
def test_a_long_stream_of_wide_characters_comes_whole(text: str) -> None:
    codec = Bytes()
    assert len(codec.encode(text)) > 3 * WINDOW
    assert list(_decode_stream(codec, iter(codec.encode(text)))) == list(text)


@given(st.text(min_size=WINDOW, max_size=4 * WINDOW), st.integers(0, 3))
def test_a_long_stream_that_begins_inside_a_character_adds_up(text: str, cut: int) -> None:
    codec = Bytes()
    ids = list(text.encode(errors="ignore"))[cut:]
    assert "".join(_decode_stream(codec, iter(ids))) == codec.decode(ids)


def test_greedy_choice_takes_the_first_of_equals() -> None:
    tied: Tensor = torch.tensor([[0.0, 2.0, 2.0, 1.0]])
    assert sample_ids(tied, SamplingConfig(temperature=0.0)).item() == 1
