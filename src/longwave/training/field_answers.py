"""What a trained operator says to the test samples of its data, on the training grid and on others."""

# Shapes: n samples, C channels, grid 1 to 3 axes

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from longwave.config import config_hash, load_config, read_run_record
from longwave.data.pde import Channel, PDEDataSet
from longwave.errors import ConfigError, DataError, MissingFile, ShapeError
from longwave.models.pde import T1Config, T1PlusConfig
from longwave.training.config import TrainConfig
from longwave.training.field_data import FieldDataConfig, load_fields
from longwave.training.models import FieldModelConfig
from longwave.training.operators import Operator
from longwave.training.run_folder import lasting_settings, load_operator

__all__ = ["FieldAnswers", "answer_fields", "operator_name"]


@dataclass(frozen=True, kw_only=True)
class FieldAnswers:
    """The answers of one operator on one grid, as arrays.

    Parameters
    ----------
    data, model, version, run : str
        Names of data set and model, and hashes: of the configuration without its seed, and of the run.
    seed : int
        Of the run.
    resolution : tuple of int
    is_training_grid, is_periodic : bool
    input_channels, target_channels : tuple of (str, str)
        Names and units.
    inputs, targets, predictions : ndarray, shape (n, C, *grid)
        Predictions are NaN where there are none.
    error : str, optional
        Why there are none.
    floors : mapping of str to ndarray
        Predictions that understand nothing, by name; on the training grid.
    """

    data: str
    model: str
    version: str
    run: str
    seed: int
    resolution: tuple[int, ...]
    is_training_grid: bool
    is_periodic: bool
    input_channels: tuple[tuple[str, str], ...]
    target_channels: tuple[tuple[str, str], ...]
    inputs: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    error: str | None = None
    floors: Mapping[str, np.ndarray] = field(default_factory=dict)


def operator_name(model: FieldModelConfig) -> str:
    """Return what reports call a model: its kind, and the basis of one on coefficients."""
    return f"{model.kind}-{model.basis}" if isinstance(model, T1Config | T1PlusConfig) else model.kind


def answer_fields(
    run: Path | str,
    resolutions: Sequence[int] = (),
    *,
    name: str | None = None,
    device: torch.device | str = "cpu",
    batch_size: int = 20,
) -> Iterator[FieldAnswers]:
    """Let the operator of a run answer the test samples of its data, grid by grid.

    Parameters
    ----------
    run : Path or str
        Folder of a run on fields.
    resolutions : sequence of int
        Grids besides that of the training, by the points of their first axis. A coarser one shows the same
        samples; for a finer one an equation is solved anew from the same seeds.
    name : str, optional
        What to call the model; default its kind.
    device : device
    batch_size : int
        Samples at a time.

    Yields
    ------
    FieldAnswers
        The training grid first. A grid that the model cannot read has an ``error``.

    Raises
    ------
    MissingFile, CheckpointError
        If there is no trained operator.
    DataError
        If the data are not those of the training, or a file is asked for a finer grid than it has.
    """
    folder = Path(run)
    record = read_run_record(folder)
    if record is None:
        raise MissingFile(f'"{folder}" holds no run. Name the folder of a training run on fields.')
    config = load_config(TrainConfig, record.config)
    operator, about = load_operator(folder, device)
    data = load_fields(config.fields, device)
    if data.hash != about.data_hash:
        raise DataError(
            f'The data of "{folder}" are no longer those it was trained on (hash {data.hash}, then '
            f"{about.data_hash}). Restore them, or train again."
        )
    owner = _Owner(
        model=name or operator_name(about.model),
        version=config_hash(lasting_settings(config, "seed", "device", "steps"), config.steps)[:8],
        run=record.hash,
        seed=config.seed,
    )
    answers = _answer(operator, data, owner, batch_size, torch.device(device))
    yield replace(answers, is_training_grid=True, floors=_floors(data))
    for points in dict.fromkeys(resolutions):
        if points != data.sizes[0]:
            there = _at_resolution(config.fields, data, points, device)
            yield _answer(operator, there, owner, batch_size, torch.device(device))


@dataclass(frozen=True, kw_only=True)
class _Owner:
    """Whose the answers are."""

    model: str
    version: str
    run: str
    seed: int


def _answer(
    operator: Operator, data: PDEDataSet, owner: _Owner, batch_size: int, device: torch.device
) -> FieldAnswers:
    test, error = data.test, None
    predictions = np.full(tuple(test.targets.shape), np.nan, dtype=np.float32)
    try:
        with torch.no_grad():
            for start in range(0, len(test), batch_size):
                rows = slice(start, start + batch_size)
                predictions[rows] = operator(test.inputs[rows].to(device)).float().cpu().numpy()
    except ShapeError as caught:
        error = str(caught)
    return FieldAnswers(
        data=data.name,
        model=owner.model,
        version=owner.version,
        run=owner.run,
        seed=owner.seed,
        resolution=data.sizes,
        is_training_grid=False,
        is_periodic=data.is_periodic,
        input_channels=_named(data.input_channels),
        target_channels=_named(data.target_channels),
        inputs=test.inputs.numpy(),
        targets=test.targets.numpy(),
        predictions=predictions,
        error=error,
    )


def _floors(data: PDEDataSet) -> dict[str, np.ndarray]:
    test = data.test
    mean = data.train.targets.mean(dim=0, keepdim=True)
    found = {"mean field": mean.expand_as(test.targets)}
    if test.inputs.shape == test.targets.shape:
        found["unchanged"] = test.inputs
    return {name: fields.numpy() for name, fields in found.items()}


def _at_resolution(
    config: FieldDataConfig, data: PDEDataSet, points: int, device: torch.device | str
) -> PDEDataSet:
    """Return the test samples on another grid; the training samples may be fewer."""
    if points < data.sizes[0]:
        return data.at_resolution(points)
    if config.equation is None:
        raise ConfigError(
            f'"{config.file}" has {data.sizes[0]} points on its first axis; {points} are more. Ask for fewer.'
        )
    return load_fields(replace(config, resolution=points, n_train=1), device)


def _named(channels: Sequence[Channel]) -> tuple[tuple[str, str], ...]:
    return tuple((channel.name, channel.unit) for channel in channels)
