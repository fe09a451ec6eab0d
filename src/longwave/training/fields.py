"""Fields as training data: samples gone through in epochs, judged by relative errors on unseen ones.

What is unusual about it

* a model on coefficients never leaves them in training: inputs and targets are transformed once, before the
  first update, and the loss is, by Parseval's theorem, that of the fields;
* before the first update the run says what no model on its modes can get below, and what trivial
  predictions score;
* loss and errors are those of the fields in their own units, whatever scale the model works in.
"""

# Shapes: B batch, n samples, C channels, grid 1 to 3 axes

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from longwave.data import ExampleSampler
from longwave.data.pde import FieldPairs, PDEDataSet
from longwave.errors import ConfigError, DataError
from longwave.models.pde import (
    CoefficientModel,
    FieldModel,
    T1Config,
    T1PlusConfig,
    TargetCoefficients,
    check_goal,
    choose_basis,
    coefficient_relative_l2,
    irreducible_loss,
    relative_l2,
    target_coefficients,
)
from longwave.models.pde.coefficient_model import unit_of
from longwave.models.pde.t1_config import resolve
from longwave.training.config import TrainConfig
from longwave.training.data import Z_95, Batch, Setting
from longwave.training.distributed import Workers
from longwave.training.field_data import FieldDataConfig, load_fields
from longwave.training.field_shifts import FieldShifts, check_shifts
from longwave.training.field_symmetries import FieldSymmetries, check_symmetries, odd_channels
from longwave.training.models import FieldModelConfig, Model, build_model
from longwave.training.operators import ChannelScale, Operator, OperatorRecord
from longwave.training.writers import Row

__all__ = ["FieldTraining", "open_fields", "sample_errors"]

logger = logging.getLogger(__name__)

ON_DEVICE_BYTES = 4 << 30  # training samples up to this size live on the device
NOTABLE = 0.1  # an irreducible loss worth a warning where no goal is given
WORSE = 2.0  # as is one so many times that of another basis


def open_fields(config: TrainConfig, out: Path, workers: Workers) -> FieldTraining:
    """Make the data, in the first process; the others wait and read. Settle the model by them.

    Raises
    ------
    ConfigError
        If the model does not fit the data, or its modes cannot reach the goal.
    DataError, MissingFile
        If the data cannot be used, or a target is zero everywhere.
    """
    if config.distributed == "fsdp":
        raise ConfigError(
            'distributed is "fsdp"; accepted with models of fields are "none" and "ddp", for they fit every '
            'device whole. Set it to "ddp".'
        )
    made = load_fields(config.fields, workers.device) if workers.is_first else None
    workers.wait()
    data = made or load_fields(config.fields, workers.device)
    _refuse_zeros(data)
    model = _settle(config.field_model, data)
    symmetries = config.fields.chosen_symmetries()
    check_shifts(symmetries.directions, model, data)
    check_symmetries(symmetries.moves, model, data)
    training = FieldTraining(config, data, model, workers.device)
    if workers.is_first:
        training.save(out)
    return training


class FieldTraining:
    """Training data from fields.

    Parameters
    ----------
    config : TrainConfig
    data : PDEDataSet
    model : FieldModelConfig
        With nothing left open.
    device : torch.device
    """

    unit = "samples"

    def __init__(
        self, config: TrainConfig, data: PDEDataSet, model: FieldModelConfig, device: torch.device
    ) -> None:
        self.data, self.model = data, model
        self.hash = data.hash
        self.units_per_step = config.batch_size
        self.sampler = ExampleSampler(len(data.train), config.seed)
        inputs, targets = data.train.inputs, data.train.targets
        self.input_scale, self.target_scale = _scales(config.fields, inputs, targets)
        self.lost = report_loss(model, data, config.fields.goal)
        self.floors = floors(data)
        self.tensors = self._tensors(inputs, targets)
        self.shifts, self.symmetries = _open_moves(config, model, data)
        if sum(t.numel() * t.element_size() for t in self.tensors) <= ON_DEVICE_BYTES:
            self.tensors = tuple(tensor.to(device) for tensor in self.tensors)

    def learner(self, model: Model) -> nn.Module:
        """Return the model between the scales of its channels, on coefficients if it works on them."""
        if isinstance(model, CoefficientModel):
            return _OnCoefficients(model, self.target_scale, self.data.sizes)
        return self.operator(model)

    def operator(self, model: Model) -> Operator:
        """Return the model with the scales of the training data."""
        device = next(model.parameters()).device
        return Operator(
            cast(FieldModel, model), ChannelScale(*self.input_scale.lists()).to(device),
            ChannelScale(*self.target_scale.lists()).to(device),
        )  # fmt: skip

    def start_step(self, step: int, model: Model) -> None:
        """Change nothing: all steps are alike."""

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's samples of a step."""
        rows = torch.from_numpy(self.sampler.rows(step, batch_size, workers.rank, workers.world))
        inputs, targets, *rest = (
            tensor[rows.to(tensor.device)].to(workers.device) for tensor in self.tensors
        )
        if self.symmetries is not None or self.shifts is not None:
            samples = self._move(torch.cat([inputs, targets], 1), step, batch_size, workers)
            inputs, targets = samples[:, : inputs.shape[1]], samples[:, inputs.shape[1] :]
        return Batch(inputs=inputs, targets=targets, rest=tuple(rest))

    def loss(self, learner: nn.Module, batch: Batch) -> Tensor:
        """Return the mean relative L2 error."""
        predicted = learner(batch.inputs)
        if batch.rest:
            return coefficient_relative_l2(predicted, TargetCoefficients(batch.targets, *batch.rest))
        return relative_l2(predicted, batch.targets)

    def measure(self, loss: float, batch: Batch, workers: Workers) -> Row:
        """Return ``loss``, the mean relative L2 error of the update's samples."""
        total, rows = workers.sum(loss * len(batch.inputs), len(batch.inputs))
        return {"loss": total / rows}

    def evaluate(self, model: Model, setting: Setting) -> Row:
        """Return relative errors on unseen and on as many seen samples, with what trivial predictions score.

        The 95 % interval is that of a mean over independent samples.
        """
        test = self._score(model, self.data.test, setting)
        n_test = len(self.data.test)
        half = Z_95 * test["deviation"] / math.sqrt(n_test)
        seen = FieldPairs(inputs=self.data.train.inputs[:n_test], targets=self.data.train.targets[:n_test])
        row = {
            "test_relative_l2": test["relative_l2"],
            "test_relative_l2_low": max(0.0, test["relative_l2"] - half),
            "test_relative_l2_high": test["relative_l2"] + half,
            "test_relative_l1": test["relative_l1"],
            "train_relative_l2": self._score(model, seen, setting)["relative_l2"],
            **{f"floor_{name}": value for name, value in self.floors.items()},
        }
        return row if self.lost is None else {**row, "irreducible_loss": self.lost}

    def save(self, folder: Path) -> None:
        """Write the scales, the names of channels and the settled model."""
        record = OperatorRecord.of(self.data, self.model, self.input_scale, self.target_scale, self.lost)
        record.write(folder)

    def _tensors(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Return what batches are cut from."""
        with torch.device("meta"):  # its weights are not needed
            model = build_model(self.model)
        if not isinstance(model, CoefficientModel):
            return inputs, targets
        read = model.encode(self.input_scale.apply_to(inputs))
        modes = None if model.config.keep_high else model.config.box
        wanted = target_coefficients(targets, modes, model.config.basis)
        return read, wanted.kept, wanted.dropped, wanted.norm

    def _move(self, samples: Tensor, step: int, batch_size: int, workers: Workers) -> Tensor:
        """Move samples, inputs and targets together, as symmetries of the equation do."""
        if self.symmetries is not None:
            samples = self.symmetries.move(samples, self.symmetries.draw(step, batch_size, workers))
        if self.shifts is not None:
            samples = self.shifts.move(samples, self.shifts.draw(step, batch_size, workers))
        return samples

    def _score(self, model: Model, pairs: FieldPairs, setting: Setting) -> Row:
        """Return means, and the deviation of the relative L2 error, over samples of all processes."""
        workers = setting.workers
        mine = slice(workers.rank, None, workers.world)
        held = FieldPairs(inputs=pairs.inputs[mine], targets=pairs.targets[mine])
        with setting.autocast:
            l2, l1 = sample_errors(self.operator(model), held, setting.batch_size, workers.device)
        total, squares, absolute = workers.sum(float(l2.sum()), float((l2**2).sum()), float(l1.sum()))
        mean = total / len(pairs)
        variance = max(0.0, squares / len(pairs) - mean**2) * len(pairs) / max(1, len(pairs) - 1)
        return {"relative_l2": mean, "relative_l1": absolute / len(pairs), "deviation": math.sqrt(variance)}


class _OnCoefficients(nn.Module):
    """A model from coefficients to coefficients in the units of the targets."""

    def __init__(self, model: CoefficientModel, targets: ChannelScale, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.model, self.sizes = model, sizes
        self.targets = ChannelScale(*targets.lists())

    def forward(self, z: Tensor) -> Tensor:
        orthonormal = self.model.network(z) * unit_of(self.model.config)
        return self.targets.undo_coefficients(orthonormal, self.sizes)


def sample_errors(
    operator: nn.Module, pairs: FieldPairs, batch_size: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Return the relative L2 and L1 errors of each sample, (n,) float64 each.

    Parameters
    ----------
    operator : nn.Module
        Maps fields to fields, in their units.
    pairs : FieldPairs
    batch_size : int
        Samples at a time.
    device : torch.device
        Where the operator is.
    """
    errors = np.zeros((2, len(pairs)))
    was_training = operator.training
    operator.eval()
    with torch.no_grad():
        for start in range(0, len(pairs), batch_size):
            rows = slice(start, start + batch_size)
            target = pairs.targets[rows].to(device, torch.float64).flatten(1)
            missed = operator(pairs.inputs[rows].to(device)).double().flatten(1) - target
            for row, order in enumerate((2, 1)):
                share = missed.norm(p=order, dim=1) / target.norm(p=order, dim=1)
                errors[row, rows] = share.cpu().numpy()
    operator.train(was_training)
    return errors[0], errors[1]


def floors(data: PDEDataSet) -> dict[str, float]:
    """Return the relative L2 error on the test samples of predictions that understand nothing, by name.

    ``"mean_field"`` always predicts the mean of the training targets, ``"unchanged"`` the input, where it has
    the channels of the target.
    """
    test = data.test
    found = {"mean_field": data.train.targets.mean(dim=0, keepdim=True).expand_as(test.targets)}
    if test.inputs.shape == test.targets.shape:
        found["unchanged"] = test.inputs
    return {name: float(relative_l2(fields.double(), test.targets)) for name, fields in found.items()}


def report_loss(model: FieldModelConfig, data: PDEDataSet, goal: float | None) -> float | None:
    """Log what the modes of a model lose of the test targets; a warning if it is much, None without modes.

    Raises
    ------
    ConfigError
        If it is as much as the goal.
    """
    if not isinstance(model, T1Config | T1PlusConfig) or model.keep_high:
        return None
    targets, kept = data.test.targets, model.kept if isinstance(model, T1Config) else None
    if goal is not None:
        return check_goal(targets, model.box, model.basis, goal=goal, kept=kept)
    lost = irreducible_loss(targets, model.box, model.basis, kept=kept)
    box = " x ".join(map(str, model.box))
    best = choose_basis(targets, model.box)
    least = irreducible_loss(targets, model.box, best)
    if lost > NOTABLE or (lost > WORSE * least and lost > NOTABLE / 100):
        logger.warning(
            '%s modes in the basis "%s" lose %.3g of the test targets (relative L2), which no training gets '
            'back; in the basis "%s" as many lose %.3g. Keep more modes, or set model.basis to "auto".',
            box, model.basis, lost, best, least,
        )  # fmt: skip
    else:
        logger.info('%s modes in the basis "%s" lose %.3g of the test targets.', box, model.basis, lost)
    return lost


def _scales(config: FieldDataConfig, inputs: Tensor, targets: Tensor) -> tuple[ChannelScale, ChannelScale]:
    """Measure channels; those whose sign a symmetry changes have mean 0, as all moved samples together."""
    if config.normalize == "none":
        return ChannelScale.none(inputs.shape[1]), ChannelScale.none(targets.shape[1])
    odd_inputs, odd_targets = odd_channels(config.chosen_symmetries())
    return _scale(inputs, odd_inputs), _scale(targets, odd_targets)


def _scale(fields: Tensor, odd: Collection[int]) -> ChannelScale:
    mean, std = ChannelScale.of(fields).lists()
    return ChannelScale(
        [0.0 if channel in odd else value for channel, value in enumerate(mean)],
        [math.hypot(value, mean[channel]) if channel in odd else value for channel, value in enumerate(std)],
    )


def _open_moves(
    config: TrainConfig, model: FieldModelConfig, data: PDEDataSet
) -> tuple[FieldShifts | None, FieldSymmetries | None]:
    basis = model.basis if isinstance(model, T1Config | T1PlusConfig) else None
    found = config.fields.chosen_symmetries()
    shifts = FieldShifts(found.directions, data.sizes, basis=basis, seed=config.seed)
    symmetries = FieldSymmetries(
        found.moves, data.sizes, is_periodic=data.is_periodic, basis=basis, seed=config.seed
    )
    return shifts if found.directions else None, symmetries if found.moves else None


def _refuse_zeros(data: PDEDataSet) -> None:
    for name, pairs in (("training", data.train), ("test", data.test)):
        empty = torch.nonzero(pairs.targets.flatten(1).abs().amax(1) == 0).flatten()
        if len(empty):
            raise DataError(
                f'The target of {name} sample {int(empty[0])} of "{data.name}" is zero everywhere '
                f"({len(empty)} are); a relative error has no meaning there. Leave such samples out."
            )


def _settle(model: FieldModelConfig, data: PDEDataSet) -> FieldModelConfig:
    """Check a model against the data, and let them decide what it leaves open."""
    found = {
        "in_channels": len(data.input_channels),
        "out_channels": len(data.target_channels),
        "n_dims": len(data.sizes),
    }
    for key, value in found.items():
        if getattr(model, key) != value:
            raise ConfigError(
                f'model.{key} is {getattr(model, key)}, but "{data.name}" has {value}. Set it to {value}.'
            )
    grid = getattr(model, "resolution", None)
    if grid is not None and tuple(grid) != data.sizes:
        raise ConfigError(
            f'model.resolution is {list(grid)}, but the grid of "{data.name}" is {list(data.sizes)}. '
            "Set it to that."
        )
    if isinstance(model, T1Config):
        return resolve(model, data.train.inputs, data.train.targets)
    return model
