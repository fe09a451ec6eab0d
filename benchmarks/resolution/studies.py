"""What is trained: one configuration for every study, model and seed, twins of about equal parameters.

Norms are those of the whole grid, for all: that of a point makes steps of the shades of a grey pixel, and a
step of a mean is not the mean of steps, so features would change with the resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from longwave.config import apply_overrides
from longwave.data.images import AugmentConfig
from longwave.mixers import S4NDConfig
from longwave.models.images import ImageClassifierConfig, IsotropicConfig
from longwave.models.video import VideoClassifierConfig
from longwave.recipes.images import image_run, stages_in
from longwave.training import ImageDataConfig, TrainConfig

MNIST_RATE, OMNIGLOT_RATE, VIDEO_RATE = 4.0, 7.0, 2.0
STEPS = (0.4, 4.0)  # of kernels at the start, in points of the training grid: 0.1 to 1 of MNIST at 28 x 28
RATES, SHARES = (4.0, 2.0, 1.0), (50, 25, 25)  # of progressive resizing, as published for CIFAR
DIGIT_CHANGES = AugmentConfig(degrees=12, scale=0.12, shear=0.15, padding=2)
GENTLE_CHANGES = AugmentConfig(degrees=10, scale=0.1)
LIMITED, UNLIMITED, CONV, SEQUENCE = "s4nd", "s4nd-unlimited", "conv", "s4nd-sequence"
PROGRESSIVE, CONV_PROGRESSIVE = "s4nd-progressive", "conv-progressive"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question: which models are trained for it, and which resolutions they are shown."""

    models: tuple[str, ...]
    resolutions: tuple[int, ...]
    steps: int
    quick_steps: int
    batch_size: int = 100


STUDIES = {
    "zero-shot": Study(
        models=(LIMITED, CONV, UNLIMITED), resolutions=(7, 14, 28), steps=2400, quick_steps=60
    ),
    "omniglot": Study(
        models=(LIMITED, CONV, UNLIMITED), resolutions=(15, 21, 35, 105), steps=2400, quick_steps=20
    ),
    "full": Study(models=(LIMITED, CONV, SEQUENCE), resolutions=(28,), steps=4500, quick_steps=2),
    "progressive": Study(
        models=(PROGRESSIVE, CONV_PROGRESSIVE), resolutions=(28,), steps=4500, quick_steps=4
    ),
    "video": Study(models=(LIMITED, CONV), resolutions=(16,), steps=2000, quick_steps=2, batch_size=50),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training run."""

    study: str
    model: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.study}-{self.model}-seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is the same for all runs.

    ``data`` is an npz file of digits in place of the bundled ones; ``settings`` are put over every
    configuration, to try others.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    data: str = "mnist"
    is_quick: bool = False
    settings: tuple[str, ...] = ()


def cells(parts: Sequence[str], models: Sequence[str] | None, seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield the runs: the first seed of everything first, and the longest first among those."""
    for seed in seeds:
        for study in sorted(parts, key=lambda part: -STUDIES[part].steps):
            for model in STUDIES[study].models:
                if models is None or model in models:
                    yield Cell(study=study, model=model, seed=seed)


def configure(cell: Cell, plan: Plan) -> TrainConfig:
    """Return the run of a cell."""
    study = STUDIES[cell.study]
    steps = study.quick_steps if plan.is_quick else study.steps
    config = BUILD[cell.study](cell, plan, steps)
    if plan.is_quick:
        config = replace(config, batch_size=20, data=replace(config.images, n_train=300, n_test=60))
    config = replace(
        config,
        device=plan.device,
        eval_every=config.steps,
        checkpoint_every=max(1, config.steps // 4),
        log_every=max(1, config.steps // 40),
    )
    return apply_overrides(config, plan.settings)


def zero_shot(cell: Cell, plan: Plan, steps: int) -> TrainConfig:
    """MNIST at 7 x 7 points: kernels kept to what that grid shows, all kernels, and 3 x 3 convolutions."""
    data = ImageDataConfig(source=plan.data, rate=MNIST_RATE)
    return run_of(of_images(across_trunk(cell.model, MNIST_RATE)), data, cell, steps)


def omniglot(cell: Cell, plan: Plan, steps: int) -> TrainConfig:  # noqa: ARG001 - its data are bundled
    """8 alphabets of Omniglot at 15 x 15 points."""
    data = ImageDataConfig(source="omniglot", rate=OMNIGLOT_RATE, augment=GENTLE_CHANGES)
    return run_of(of_images(across_trunk(cell.model, OMNIGLOT_RATE), n_classes=8), data, cell, steps)


def across_trunk(model: str, rate: float) -> IsotropicConfig:
    """Return the network for other resolutions than the one it is trained at, about 25,000 parameters."""
    kernels = S4NDConfig(
        d_state=16,
        dt=(STEPS[0] / rate, STEPS[1] / rate),
        bandlimit=1 / rate if model == LIMITED else None,
    )
    return isotropic(model, kernels, width=48, conv_width=27, depth=3)


def full(cell: Cell, plan: Plan, steps: int) -> TrainConfig:
    """MNIST at 28 x 28, changed at random: S4ND, 3 x 3 convolutions, and S4ND on 784 pixels in a row."""
    data = ImageDataConfig(source=plan.data, augment=DIGIT_CHANGES)
    if cell.model == SEQUENCE:
        kernels = S4NDConfig(kernel="s4d-legs", dt=(1e-3, 1e-1))
        trunk = IsotropicConfig(d_model=64, n_layers=4, sequence=True, s4nd=kernels, norm="domain")
        return run_of(of_images(trunk), data, cell, steps)
    return run_of(of_images(digits_trunk(cell.model)), data, cell, steps)


def progressive(cell: Cell, plan: Plan, steps: int) -> TrainConfig:
    """The runs of ``full`` with half of the steps at 7 x 7, a quarter at 14 x 14 and the rest at 28 x 28."""
    is_conv = cell.model == CONV_PROGRESSIVE
    limits = None if is_conv else (0.25, 0.5, None)
    stages = stages_in(steps, RATES, SHARES, bandlimits=limits)
    data = ImageDataConfig(source=plan.data, augment=DIGIT_CHANGES, stages=stages)
    return run_of(of_images(digits_trunk(CONV if is_conv else LIMITED)), data, cell, steps)


def video(cell: Cell, plan: Plan, steps: int) -> TrainConfig:  # noqa: ARG001 - its digits are bundled
    """Clips of digits that move in one of 8 directions, 16 frames of 16 x 16: S4ND and convolutions."""
    kernels = S4NDConfig(d_state=32, bandlimit=(None, 1 / VIDEO_RATE, 1 / VIDEO_RATE))
    trunk = isotropic(cell.model, kernels, width=48, conv_width=22, depth=4)
    data = ImageDataConfig(source="moving-digits", rate=VIDEO_RATE, n_train=4000, n_test=1000)
    model = VideoClassifierConfig(trunk=trunk, in_channels=1, n_classes=8)
    return run_of(model, data, cell, steps)


def digits_trunk(model: str) -> IsotropicConfig:
    """Return the network for whole digits, 100,000 parameters either way."""
    return isotropic(model, S4NDConfig(), width=64, conv_width=48, depth=4)


def isotropic(model: str, kernels: S4NDConfig, *, width: int, conv_width: int, depth: int) -> IsotropicConfig:
    """Return layers of S4ND, or of convolutions that are narrower, since they have weights for every pair."""
    if model == CONV:
        return IsotropicConfig(mixer="conv", d_model=conv_width, n_layers=depth, norm="domain")
    return IsotropicConfig(d_model=width, n_layers=depth, s4nd=kernels, norm="domain")


def of_images(trunk: IsotropicConfig, *, n_classes: int = 10) -> ImageClassifierConfig:
    return ImageClassifierConfig(trunk=trunk, in_channels=1, n_classes=n_classes)


def run_of(
    model: ImageClassifierConfig | VideoClassifierConfig, data: ImageDataConfig, cell: Cell, steps: int
) -> TrainConfig:
    """Return a run with the optimiser that all share."""
    return image_run(
        model,
        data,
        steps=steps,
        batch_size=STUDIES[cell.study].batch_size,
        lr=5e-3,
        weight_decay=0.05,
        warmup_steps=max(1, steps // 20),
        seed=cell.seed,
    )


BUILD: dict[str, Callable[[Cell, Plan, int], TrainConfig]] = {
    "zero-shot": zero_shot,
    "omniglot": omniglot,
    "full": full,
    "progressive": progressive,
    "video": video,
}
