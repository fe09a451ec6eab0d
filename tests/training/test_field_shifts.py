"""Samples that are moved along a symmetry of their equation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longwave.errors import ConfigError
from longwave.models.pde import FNOConfig, T1Config, target_coefficients
from longwave.training import TrainConfig, train
from longwave.training.distributed import Workers
from longwave.training.field_shifts import FieldShifts, check_shifts
from longwave.training.fields import FieldTraining, open_fields

Curve = Callable[[Path], list[dict[str, float]]]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))


@pytest.fixture
def shifted(field_run: TrainConfig) -> TrainConfig:
    """Return a run on Burgers' equation, which knows no place."""
    model = replace(field_run.field_model, basis="rfft", n_modes=(9,))
    return replace(field_run, model=model, data=replace(field_run.fields, shifts=((1,),)))


def fields_of_step(config: TrainConfig, out: Path, fno: FNOConfig) -> FieldTraining:
    return open_fields(replace(config, model=fno), out, ALONE)


def test_input_and_target_move_together(shifted: TrainConfig, fno: FNOConfig, tmp_path: Path) -> None:
    training = fields_of_step(shifted, tmp_path, fno)
    still = fields_of_step(replace(shifted, data=replace(shifted.fields, shifts=())), tmp_path, fno)
    moved, kept = training.batch(3, 4, ALONE), still.batch(3, 4, ALONE)
    steps = training.shifts.draw(3, 4, ALONE)[:, 0].tolist()
    assert len(set(steps)) > 1
    for i, step in enumerate(steps):
        assert torch.equal(moved.inputs[i], kept.inputs[i].roll(step, 1))
        assert torch.equal(moved.targets[i], kept.targets[i].roll(step, 1))


def test_coefficients_move_as_the_fields_do(shifted: TrainConfig, fno: FNOConfig, tmp_path: Path) -> None:
    on_grid = fields_of_step(shifted, tmp_path / "grid", fno).batch(2, 4, ALONE)
    training = open_fields(shifted, tmp_path / "t1", ALONE)
    batch = training.batch(2, 4, ALONE)
    wanted = target_coefficients(on_grid.targets, (9,), "rfft")
    assert torch.allclose(batch.targets, wanted.kept, atol=1e-5)
    assert torch.allclose(batch.rest[1], wanted.norm, rtol=1e-5)


def test_processes_share_the_moves_of_one(shifted: TrainConfig) -> None:
    shifts = FieldShifts(((1, -1), (0, 2)), (6, 4), basis=None, seed=1)
    whole = shifts.draw(5, 8, ALONE)
    halves = [shifts.draw(5, 8, replace(ALONE, rank=rank, world=2)) for rank in (0, 1)]
    assert torch.equal(whole, torch.cat(halves))
    assert not torch.equal(whole, shifts.draw(6, 8, ALONE))


def test_an_interrupted_run_goes_on_bit_for_bit(shifted: TrainConfig, curve: Curve, tmp_path: Path) -> None:
    def stop(row: dict[str, float]) -> None:
        if row["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(shifted, tmp_path / "out", on_step=stop)
    train(shifted, tmp_path / "out")
    train(shifted, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


@pytest.mark.parametrize("direction", [(0,), (1, 0)], ids=["nowhere", "too-many-axes"])
def test_a_direction_that_does_not_fit_is_refused(
    direction: tuple[int, ...], shifted: TrainConfig, tmp_path: Path
) -> None:
    config = replace(shifted, data=replace(shifted.fields, shifts=(direction,)))
    with pytest.raises(ConfigError, match=r"has 1 whole numbers, not all 0, such as \[1\]"):
        open_fields(config, tmp_path, ALONE)


@pytest.mark.parametrize(
    "change",
    [{"basis": "dct"}, {"n_modes": (8,)}, {"n_modes": (9,), "keep_high": True}],
    ids=["cosines", "half-a-pair", "all-of-an-even-grid"],
)
def test_modes_that_cannot_move_are_refused(
    change: dict[str, object], shifted: TrainConfig, tmp_path: Path
) -> None:
    model: T1Config = dataclasses.replace(shifted.field_model, **change)
    with pytest.raises(ConfigError, match=r"Set model\.basis=rfft and model\.n_modes="):
        open_fields(replace(shifted, model=model), tmp_path, ALONE)


def test_fields_with_walls_are_refused(shifted: TrainConfig, tmp_path: Path) -> None:
    training = open_fields(shifted, tmp_path, ALONE)
    bounded = dataclasses.replace(training.data, is_periodic=False)
    with pytest.raises(ConfigError, match="is not periodic"):
        check_shifts(((1,),), training.model, bounded)
