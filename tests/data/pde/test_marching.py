"""Steps in time: order, blow-up and warnings."""

from __future__ import annotations

import logging
import math

import pytest
import torch

from longwave.data.pde.marching import IntegratingFactor, StepLimit, count_steps, march
from longwave.errors import ConfigError


def error_of(n_steps: int) -> float:
    """Solve w' = -w - w^2 from 1 to time 1, where w = 1 / (2 e^t - 1)."""
    step = IntegratingFactor(torch.ones(1, dtype=torch.float64), 1 / n_steps, lambda w: -(w**2))
    start = (torch.ones(1, 1, dtype=torch.float64),)
    (state,) = march(step, start, n_frames=1, steps_a_frame=n_steps, dt=1 / n_steps)
    return abs(float(state[0]) - 1 / (2 * math.e - 1))


def test_steps_are_of_fourth_order() -> None:
    assert error_of(32) / error_of(64) == pytest.approx(16, rel=0.15)


def test_decay_alone_is_exact_whatever_the_step() -> None:
    rate = torch.tensor([1.0, 1e4], dtype=torch.float64)
    step = IntegratingFactor(rate, 0.5, torch.zeros_like)
    (w,) = step((torch.ones(3, 2, dtype=torch.float64),))
    assert torch.allclose(w, torch.exp(-rate / 2).expand(3, 2), rtol=1e-14)


def test_frames_are_equally_spaced() -> None:
    frames = march(lambda s: (s[0] + 1,), (torch.zeros(1),), n_frames=3, steps_a_frame=150, dt=1.0)
    assert [float(frame[0]) for frame in frames] == [150, 300, 450]


@pytest.mark.parametrize(
    ("horizon", "n_frames", "dt", "expected"),
    [(1.0, 1, 0.1, (10, 0.1)), (1.0, 2, 0.15, (4, 0.125)), (0.5, 1, 2.0, (1, 0.5))],
    ids=["whole", "rounded-up", "one"],
)
def test_steps_fill_the_time_and_are_no_longer(horizon, n_frames, dt, expected) -> None:
    assert count_steps(horizon, n_frames, dt) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "value"), [("horizon", 0.0), ("dt", math.inf), ("dt", math.nan), ("n_frames", 0)]
)
def test_times_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f'"{name}" of a simulation is {value}'):
        count_steps(**{"horizon": 1.0, "n_frames": 1, "dt": 0.1, name: value})


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_blow_up_names_sample_steps_and_a_smaller_step(dtype: torch.dtype) -> None:
    state = (torch.tensor([[1.0], [10.0], [1.0]], dtype=dtype),)
    frames = march(lambda s: (s[0] ** 1.05,), state, n_frames=1, steps_a_frame=250, dt=0.5, first=40)
    with pytest.raises(
        ConfigError, match=r"Sample 41 .* between steps 100 and 200 .*lost are 1 .*dt = 0\.25"
    ):
        next(frames)


def test_large_numbers_are_no_blow_up() -> None:
    huge = torch.full((2, 4), 1e38)
    assert len(list(march(lambda s: s, (huge,), n_frames=1, steps_a_frame=1, dt=1.0))) == 1


def test_steps_beyond_the_stable_ones_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    limit = StepLimit(lambda _: torch.tensor([0.1, 2.0]), 0.5)
    with caplog.at_level(logging.WARNING):
        for first in (10, 20):
            state = (torch.zeros(2),)
            list(march(lambda s: s, state, n_frames=3, steps_a_frame=1, dt=0.5, first=first, limit=limit))
    assert [record.getMessage() for record in caplog.records] == [
        "At step 1 sample 11 moves 2.00 times as far in one step as is stable; take dt = 0.25 or less."
    ]


@pytest.mark.gpu
def test_a_captured_step_is_the_step() -> None:
    state = (torch.rand(4, 8, dtype=torch.float64, device="cuda"),)

    def step(s):
        return (s[0] + 0.1 * torch.sin(s[0]),)

    (frame,) = march(step, state, n_frames=1, steps_a_frame=7, dt=1.0)
    expected = state
    for _ in range(7):
        expected = step(expected)
    assert torch.allclose(frame[0], expected[0], rtol=1e-14)
