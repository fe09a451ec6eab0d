"""Timing an update gives seconds and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from longwave.training import TrainConfig, measure_step_s


def test_an_update_takes_time(config: TrainConfig) -> None:
    assert 0 < measure_step_s(config, repeats=1) < 60


def test_the_callers_random_state_is_left_alone(config: TrainConfig) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    measure_step_s(config, repeats=1)
    assert torch.equal(torch.rand(3), expected)


def test_compilation_is_asked_for(
    change: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    measure_step_s(change(compile=True), repeats=1)
    assert len(compiled) == 1
