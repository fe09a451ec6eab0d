"""What runs on images and clips have in common: epochs, the optimiser, and a model that follows its data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

from longwave.errors import ConfigError
from longwave.models.images import ImageClassifierConfig, ViTConfig
from longwave.training import ImageDataConfig, ImageStage, OptimConfig, TrainConfig
from longwave.training.image_data import Bandlimit
from longwave.training.image_sources import ImageShape, describe_images
from longwave.training.models import ClassifierModelConfig

__all__ = ["epochs_in", "fit_to_images", "image_run", "set_image_steps", "stages_in", "steps_for"]

EVALUATIONS = 20  # in a run
CHECKPOINTS = 10


def image_run(
    model: ClassifierModelConfig,
    data: ImageDataConfig,
    *,
    steps: int,
    batch_size: int = 50,
    lr: float = 1e-2,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.999),
    warmup_steps: int = 0,
    final_lr_fraction: float = 0.0,
    seed: int = 0,
) -> TrainConfig:
    """Return a run with AdamW and a rate that rises for some steps and falls along half a cosine.

    Steps, modes and input weights of S4ND learn at up to 1e-3 and do not decay, whatever is set here.

    Parameters
    ----------
    model : ClassifierModelConfig
    data : ImageDataConfig
    steps, batch_size : int
    lr, weight_decay : float
    betas : (float, float)
    warmup_steps : int
    final_lr_fraction : float
    seed : int

    References
    ----------
    The defaults are those of the CIFAR runs of arXiv 2210.06583 in its public code.
    """
    optim = OptimConfig(
        lr=lr,
        betas=betas,
        weight_decay=weight_decay,
        clip=0.0,
        warmup_fraction=warmup_steps / steps,
        final_lr_fraction=final_lr_fraction,
    )
    config = TrainConfig(model=model, data=data, optim=optim, steps=steps, batch_size=batch_size, seed=seed)
    return set_image_steps(config, steps)


def stages_in(
    steps: int,
    rates: Sequence[float],
    shares: Sequence[float],
    *,
    bandlimits: Sequence[float | None] | None = None,
    restart: bool = False,
) -> tuple[ImageStage, ...]:
    """Divide the steps of a run into stages.

    Parameters
    ----------
    steps : int
    rates : sequence of float
    shares : sequence of float
        Of the steps, by proportion.
    bandlimits : sequence of float or None, optional
        None is no limit; default that of the model.
    restart : bool
        Begin the schedule of the learning rate anew in each.

    Raises
    ------
    ConfigError
        If there are fewer steps than stages.
    """
    if steps < len(rates):
        raise ConfigError(f"{steps} steps cannot go through {len(rates)} stages. Give more steps.")
    ends: list[int] = []
    for n, _ in enumerate(rates, start=1):
        wanted = round(steps * sum(shares[:n]) / sum(shares))
        ends.append(min(max(wanted, n, *(end + 1 for end in ends)), steps - len(rates) + n))
    limits: list[Bandlimit] = ["model"] * len(rates)
    if bandlimits is not None:
        limits = ["none" if limit is None else limit for limit in bandlimits]
    return tuple(
        ImageStage(rate=rate, steps=end - before, bandlimit=limit, restart=restart)
        for rate, before, end, limit in zip(rates, [0, *ends[:-1]], ends, limits, strict=True)
    )


def set_image_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """Return a run of so many steps; its stages keep their shares.

    Evaluations, checkpoints and rows of metrics move along.
    """
    data = config.images
    if data.stages:
        shares = [stage.steps for stage in data.stages]
        lengths = [s.steps for s in stages_in(steps, [1.0] * len(shares), shares)]
        stages = [dataclasses.replace(stage, steps=n) for stage, n in zip(data.stages, lengths, strict=True)]
        data = dataclasses.replace(data, stages=tuple(stages))
    return dataclasses.replace(
        config,
        data=data,
        steps=steps,
        eval_every=math.ceil(steps / EVALUATIONS),
        checkpoint_every=math.ceil(steps / CHECKPOINTS),
        log_every=max(1, min(100, steps // 100)),
    )


def epochs_in(config: TrainConfig, shape: ImageShape) -> float:
    """Return how often a run goes through its training samples."""
    return config.steps * config.batch_size / shape.n_train


def steps_for(epochs: float, batch_size: int, shape: ImageShape) -> int:
    """Return the updates of so many passes over the training samples, a begun one whole."""
    return max(1, math.ceil(epochs * shape.n_train / batch_size - 1e-9))


def fit_to_images(config: TrainConfig, shape: ImageShape | None = None) -> TrainConfig:
    """Give the model the channels and classes of its data, and the size where it needs one.

    Raises
    ------
    ConfigError
        If the model is one of images and the data are clips, or the other way round.
    """
    shape = describe_images(config.images) if shape is None else shape
    model = config.image_model
    kind, what = ("image", "images") if shape.n_frames is None else ("video", "clips")
    if model.kind != kind:
        raise ConfigError(
            f'"{config.images.source}" has {what}, but the model is of kind "{model.kind}". Use a recipe for '
            f"{what}, such as {'s4nd' if kind == 'image' else 's4nd-moving-digits'}."
        )
    trunk = model.trunk
    if isinstance(trunk, ViTConfig):
        trunk = dataclasses.replace(trunk, image_size=shape.sizes[0] // trunk.patch * trunk.patch)
    return dataclasses.replace(
        config,
        model=dataclasses.replace(
            cast(ImageClassifierConfig, model),
            trunk=trunk,
            in_channels=shape.n_channels,
            n_classes=shape.n_classes,
        ),
    )
