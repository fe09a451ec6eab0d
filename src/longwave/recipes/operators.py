"""What runs of operator learning have in common: fields, epochs, and the optimiser of the papers."""

from __future__ import annotations

import dataclasses
import math

from longwave.config import load_config, to_dict
from longwave.models.pde import FFNOConfig, FNOConfig, T1Config, UNetConfig
from longwave.training import FieldDataConfig, OptimConfig, TrainConfig
from longwave.training.field_data import FieldShape, describe_fields
from longwave.training.models import FieldModelConfig

__all__ = ["epochs_of", "fit_to_fields", "operator_run", "set_epochs", "tiny_flow"]

EVALUATIONS = 25  # in a run
CHECKPOINTS = 10


def operator_run(
    model: FieldModelConfig,
    data: FieldDataConfig,
    *,
    epochs: int = 500,
    batch_size: int = 64,
    lr: float = 1e-3,
    decay: float = 0.5,
    falls: int = 4,
    seed: int = 0,
) -> TrainConfig:
    """Return a run with AdamW, weight decay 1e-4 and a rate that falls ``falls`` times at equal distances.

    Parameters
    ----------
    model : FieldModelConfig
    data : FieldDataConfig
    epochs, batch_size : int
    lr, decay : float
        Learning rate, and what each fall multiplies it by.
    falls : int
    seed : int

    References
    ----------
    The defaults are those of the Navier-Stokes runs of arXiv 2211.14453 in its public code: 500 epochs, the
    rate halved every 100.
    """
    optim = OptimConfig(
        lr=lr,
        betas=(0.9, 0.999),
        weight_decay=1e-4,
        clip=0.0,
        warmup_fraction=0.0,
        schedule="step",
        decay=decay,
        final_lr_fraction=decay**falls,
    )
    config = TrainConfig(model=model, data=data, optim=optim, steps=1, batch_size=batch_size, seed=seed)
    return set_epochs(config, epochs)


def set_epochs(config: TrainConfig, epochs: float) -> TrainConfig:
    """Return a run of so many passes over its training samples, begun ones whole updates.

    Evaluations, checkpoints and rows of metrics move along.
    """
    n_train = describe_fields(config.fields).n_train
    steps = max(1, math.ceil(epochs * n_train / config.batch_size))
    return dataclasses.replace(
        config,
        steps=steps,
        eval_every=math.ceil(steps / EVALUATIONS),
        checkpoint_every=math.ceil(steps / CHECKPOINTS),
        log_every=max(1, min(100, steps // 100)),
    )


def epochs_of(config: TrainConfig) -> float:
    """Return how often a run goes through its training samples."""
    return config.steps * config.batch_size / describe_fields(config.fields).n_train


def fit_to_fields(config: TrainConfig) -> TrainConfig:
    """Give the model the channels and the grid of its data, and no more modes than the grid has.

    Raises
    ------
    ConfigError
        If the run is none on fields, or their settings are wrong.
    """
    model = _fitted(config.field_model, describe_fields(config.fields))
    return dataclasses.replace(config, model=model)


def tiny_flow() -> FieldDataConfig:
    """Return a flow that is simulated in seconds: 32 points a side, 100 samples, a fifth of the time."""
    return FieldDataConfig(
        equation="navier_stokes_1e-3", n_train=100, n_test=20, resolution=32, options={"horizon": 10.0}
    )


def _fitted(model: FieldModelConfig, shape: FieldShape) -> FieldModelConfig:
    sizes = shape.sizes
    changed: dict[str, object] = {"in_channels": shape.in_channels, "out_channels": shape.out_channels}
    if isinstance(model, UNetConfig):
        changed["n_dims"] = len(sizes)
        changed["n_levels"] = min(model.n_levels, min(sizes).bit_length() - 1)
    elif isinstance(model, FNOConfig | FFNOConfig):
        changed["n_modes"] = _modes(model.n_modes, tuple(n // 2 for n in sizes))
        changed["resolution"] = None if model.resolution is None else sizes
    else:
        changed["resolution"] = sizes
        if model.n_modes is not None:
            changed["n_modes"] = _modes(model.n_modes, sizes)
        if isinstance(model, T1Config) and changed.get("n_modes") != model.n_modes:
            changed["kept"] = None
    return load_config(type(model), {**to_dict(model), **changed})


def _modes(wanted: tuple[int, ...], most: tuple[int, ...]) -> tuple[int, ...]:
    """Keep the modes of a model where the grid has them; on another number of axes those of the first."""
    each = wanted if len(wanted) == len(most) else wanted[:1] * len(most)
    return tuple(max(1, min(pair)) for pair in zip(each, most, strict=True))
