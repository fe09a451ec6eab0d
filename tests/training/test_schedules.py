"""Warm-up rises to the peak, the cosine falls to its floor and stays there."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.training import warmup_cosine, warmup_linear, warmup_steps_down


def rates(n_steps: int, *, steps: int, warmup_steps: int, final_fraction: float) -> np.ndarray:
    return np.array(
        [
            warmup_cosine(s, steps=steps, warmup_steps=warmup_steps, final_fraction=final_fraction)
            for s in range(n_steps)
        ]
    )


def test_warmup_is_linear() -> None:
    np.testing.assert_allclose(
        rates(4, steps=100, warmup_steps=4, final_fraction=0.1), [0.25, 0.5, 0.75, 1.0]
    )


def test_the_decay_is_half_a_cosine() -> None:
    got = rates(101, steps=101, warmup_steps=1, final_fraction=0.1)
    t = np.linspace(0, 1, 101)
    np.testing.assert_allclose(got, 0.1 + 0.9 * (1 + np.cos(math.pi * t)) / 2)


def test_after_the_schedule_the_rate_stays() -> None:
    assert rates(30, steps=10, warmup_steps=2, final_fraction=0.2)[9:] == pytest.approx([0.2] * 21)


@given(steps=st.integers(1, 200), share=st.floats(0, 1), final=st.floats(0, 1))
def test_the_rate_stays_between_zero_and_the_peak(steps: int, share: float, final: float) -> None:
    got = rates(steps + 5, steps=steps, warmup_steps=round(share * steps), final_fraction=final)
    assert np.all(got >= 0)
    assert np.all(got <= 1 + 1e-12)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (5, 5), (5, 0)])
def test_short_schedules_work(steps: int, warmup: int) -> None:
    assert np.all(np.isfinite(rates(steps + 1, steps=steps, warmup_steps=warmup, final_fraction=0.1)))


def test_the_linear_schedule_falls_evenly_to_its_end() -> None:
    values = [warmup_linear(s, steps=10, warmup_steps=3, final_fraction=0.3) for s in range(12)]
    assert values == pytest.approx([1 / 3, 2 / 3, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.3, 0.3])


def test_the_rate_falls_in_steps_as_torchs_own_schedule() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.StepLR(optimizer, 100, 0.5)
    for step in range(500):
        factor = warmup_steps_down(step, steps=500, warmup_steps=0, final_fraction=1 / 16)
        assert factor == optimizer.param_groups[0]["lr"]
        optimizer.step()
        reference.step()


def test_steps_down_stay_at_their_end_and_begin_after_the_warm_up() -> None:
    values = [
        warmup_steps_down(s, steps=8, warmup_steps=2, final_fraction=0.36, decay=0.6) for s in range(10)
    ]
    assert values == pytest.approx([0.5, 1, 1, 1, 0.6, 0.6, 0.36, 0.36, 0.36, 0.36])
