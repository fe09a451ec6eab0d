from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError
from longwave.generation import (
    SamplingConfig,
    filter_logits,
    keep_top_k,
    keep_top_p,
    make_generator,
    sample_ids,
)

LOGITS = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=1, max_size=12)


def smallest_set(probabilities: np.ndarray, top_p: float) -> float:
    """Return the least number of tokens that reach ``top_p``, by trying every number."""
    ordered = np.sort(probabilities)[::-1]
    return next(n for n in range(1, len(ordered) + 1) if n == len(ordered) or ordered[:n].sum() >= top_p)


@given(LOGITS, st.integers(1, 15))
def test_top_k_keeps_exactly_k_and_only_the_largest(values: list[float], top_k: int) -> None:
    logits = torch.tensor(values)
    kept = keep_top_k(logits, top_k).isfinite()
    assert int(kept.sum()) == min(top_k, len(values))
    assert kept.all() or logits[kept].min() >= logits[~kept].max()


@given(LOGITS, st.integers(1, 99).map(lambda n: n / 100 + 0.003))
def test_top_p_keeps_the_smallest_set_that_reaches_p(values: list[float], top_p: float) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    kept = keep_top_p(logits, top_p).isfinite()
    assert int(kept.sum()) == smallest_set(logits.softmax(-1).numpy(), top_p)


@given(LOGITS, st.integers(1, 99).map(lambda n: n / 100 + 0.003))
def test_top_p_keeps_only_the_most_likely(values: list[float], top_p: float) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    kept = keep_top_p(logits, top_p).isfinite()
    assert kept.all() or logits[kept].min() >= logits[~kept].max()


@given(LOGITS, st.sampled_from([0.3, 1.0, 2.5]), st.sampled_from([None, 1, 3]), st.sampled_from([None, 0.4]))
def test_kept_logits_keep_their_ratios(
    values: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> None:
    logits = torch.tensor(values, dtype=torch.float64)
    filtered = filter_logits(logits, SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p))
    kept = filtered.isfinite()
    expected = (logits[kept] / temperature).softmax(-1)
    torch.testing.assert_close(filtered.softmax(-1)[kept], expected)


@given(LOGITS)
def test_filters_at_their_ends_change_nothing(values: list[float]) -> None:
    logits = torch.tensor(values)
    assert torch.equal(keep_top_p(keep_top_k(logits, len(values)), 1.0), logits)


@given(LOGITS)
def test_a_tiny_top_p_keeps_one_token(values: list[float]) -> None:
    assert int(keep_top_p(torch.tensor(values), 1e-6).isfinite().sum()) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_filters_keep_the_type_of_their_input(dtype: torch.dtype) -> None:
    logits = torch.tensor([0.5, -1.0, 2.0], dtype=dtype)
    assert keep_top_p(keep_top_k(logits, 2), 0.9).dtype == dtype


def test_filters_leave_their_input_alone() -> None:
    logits = torch.tensor([[0.5, -1.0, 2.0]])
    before = logits.clone()
    filter_logits(logits, SamplingConfig(temperature=0.5, top_k=2, top_p=0.5))
    assert torch.equal(logits, before)


def test_filters_treat_every_row_alone() -> None:
    logits = torch.randn(3, 7, generator=make_generator(0))
    together = keep_top_p(keep_top_k(logits, 5), 0.7)
    alone = torch.stack([keep_top_p(keep_top_k(row, 5), 0.7) for row in logits])
    assert torch.equal(together, alone)


def test_draws_follow_the_filtered_probabilities(seed: int) -> None:
    logits = torch.tensor([1.0, 0.0, -1.0, 0.5])
    sampling = SamplingConfig(temperature=0.7, top_k=3)
    n = 20_000
    drawn = sample_ids(logits.expand(n, 4), sampling, make_generator(seed))
    expected = filter_logits(logits, sampling).softmax(-1)
    deviation = (drawn.bincount(minlength=4) / n - expected).abs()
    bound = 4.5 * (expected * (1 - expected) / n).sqrt()  # 4.5 standard errors
    assert (deviation <= bound).all()


@given(LOGITS, st.integers(0, 2**31))
def test_draws_stay_in_the_support(values: list[float], seed: int) -> None:
    logits = torch.tensor([values])
    sampling = SamplingConfig(top_k=4, top_p=0.8, seed=seed)
    drawn = sample_ids(logits, sampling)
    assert filter_logits(logits, sampling)[0, drawn].isfinite().all()


def test_equal_seeds_give_equal_draws(seed: int) -> None:
    logits = torch.zeros(64, 50)
    first, second = (sample_ids(logits, SamplingConfig(seed=seed)) for _ in range(2))
    assert torch.equal(first, second)


def test_draws_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    sample_ids(torch.zeros(4, 5), SamplingConfig(seed=3))
    assert torch.equal(torch.random.get_rng_state(), before)


@given(LOGITS)
def test_temperature_zero_takes_the_most_likely(values: list[float]) -> None:
    logits = torch.tensor([values])
    drawn = sample_ids(logits, SamplingConfig(temperature=0.0))
    assert logits[0, drawn] == max(values)


def test_a_tiny_temperature_is_greedy_without_overflow() -> None:
    logits = torch.tensor([[-500.0, 300.0, 299.0]])
    assert sample_ids(logits, SamplingConfig(temperature=1e-42)).item() == 1


def test_filtered_logits_of_greedy_choice_are_certain() -> None:
    filtered = filter_logits(torch.tensor([0.0, 2.0, 1.0]), SamplingConfig(temperature=0.0))
    assert filtered.softmax(-1).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(ConfigError, match=f'"{name}" is .*; it must be'):
        SamplingConfig(**setting)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_refused(bad: float, temperature: float) -> None:
    with pytest.raises(DataError, match="NaN or infinity"):
        sample_ids(torch.tensor([[0.0, bad]]), SamplingConfig(temperature=temperature))
