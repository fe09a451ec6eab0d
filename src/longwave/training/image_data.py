"""Images and clips as the data of a run: where they come from, and the resolutions it goes through."""

# Shapes: n samples, C channels, T frames (clips only), H height, W width

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from longwave.data.images import AugmentConfig, sizes_at_rate
from longwave.errors import ConfigError

__all__ = ["Bandlimit", "ImageDataConfig", "ImageStage", "StagePlace"]

Bandlimit = float | Literal["model", "none"]


@dataclass(frozen=True, kw_only=True)
class ImageStage:
    """A part of a run at one resolution.

    Parameters
    ----------
    rate : float
        Distance between pixels as a multiple of the full resolution's: 4 for a quarter of the points an axis.
    steps : int
        Updates.
    bandlimit : float, "model" or "none"
        Share of the full resolution's frequencies that kernels of S4ND keep: ``1 / rate`` is what the grid of
        the stage shows. ``"model"`` is the limit in the configuration of the model, ``"none"`` no limit.
    restart : bool
        Begin the schedule of the learning rate anew; it then ends with the last stage before the next
        restart.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # config.py looks into no tuples

    rate: float = 1.0
    steps: int
    bandlimit: Bandlimit = "model"
    restart: bool = False

    def __post_init__(self) -> None:
        sizes_at_rate((1,), self.rate)
        if self.steps < 1:
            raise ConfigError(f'"steps" of a stage is {self.steps}; accepted is 1 or more. Change it.')
        if not isinstance(self.bandlimit, str) and not 0 < self.bandlimit <= 1:
            raise ConfigError(
                f'"bandlimit" of a stage is {self.bandlimit}; accepted is above 0 and up to 1, "model" or '
                '"none". Change it.'
            )


@dataclass(frozen=True, kw_only=True)
class StagePlace:
    """Where a step stands.

    Parameters
    ----------
    number : int
        Of its stage, from 0.
    step, steps : int
        Its place in the schedule of the learning rate, from 0, and the length of that.
    """

    number: int
    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class ImageDataConfig:
    """Which images or clips to learn from, and at which resolutions.

    Parameters
    ----------
    source : str
        ``"mnist"``, ``"omniglot"``, ``"moving-digits"`` (clips), which are bundled; ``"digits"`` of
        scikit-learn; an npz file; a folder of MNIST's or CIFAR's files, or with a sub-folder of pictures for
        each class; or ``"hf:NAME"``, a data set of the Hugging Face hub.
    size : int, optional
        Height and width of the full resolution, the base that rates and bandlimits count from; default that
        of the source. Pictures are cropped to a square.
    rate : float
        Train at ``round(size / rate)`` points an axis. Time of clips stays as it is.
    stages : tuple of ImageStage
        Resolutions to go through instead, one after the other. Their steps add up to those of the run.
    n_train, n_test : int, optional
        Samples, chosen by chance; default all. Of moving digits, how many are made.
    validation_fraction : float
        Share of each class of the training samples to hold out of the training.
    seed : int
        Chooses samples, and makes clips.
    options : mapping
        How the source is read, e.g. ``{"task": "character"}``; on the command line ``data.task=character`` is
        enough. Keys are those of ``load_omniglot``, ``read_npz``, ``read_cifar``, ``read_image_folder``,
        ``read_hugging_face`` and ``MovingDigitsConfig``.
    normalize : {"channels", "none"}
        Whether the model reads channels of mean 0 and deviation 1, measured on the training samples at the
        last resolution of the run, or pixels from 0 to 1.
    augment : AugmentConfig
        Random changes of training samples; by default none.
    label_smoothing : float
        Share of a target that is spread evenly over all classes.

    Raises
    ------
    ConfigError
        If a number is out of range, or both rate and stages are given.
    """

    source: str = "mnist"
    size: int | None = None
    rate: float = 1.0
    stages: tuple[ImageStage, ...] = ()
    n_train: int | None = None
    n_test: int | None = None
    validation_fraction: float = 0.0
    seed: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    normalize: Literal["channels", "none"] = "channels"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        sizes_at_rate((1,), self.rate)
        for name, lowest in (("size", 1), ("n_train", 1), ("n_test", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise ConfigError(f'"{name}" is {value}; accepted is {lowest} or more. Change it.')
        for name in ("validation_fraction", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f'"{name}" is {getattr(self, name)}; accepted is 0 to below 1. Change it, or leave it '
                    "out."
                )
        if self.stages and self.rate != 1:
            raise ConfigError(
                f'"rate" is {self.rate:g} and there are {len(self.stages)} stages, each with a rate of its '
                "own. Leave one of the two out."
            )

    def stages_of(self, steps: int) -> tuple[ImageStage, ...]:
        """Return the stages of a run of so many steps: one, where none are given.

        Raises
        ------
        ConfigError
            If theirs add up to another number.
        """
        if not self.stages:
            return (ImageStage(rate=self.rate, steps=steps),)
        total = sum(stage.steps for stage in self.stages)
        if total != steps:
            raise ConfigError(
                f'The stages of "data" have {total} steps together, but "steps" is {steps}. Make them equal.'
            )
        return self.stages

    def place(self, step: int, steps: int) -> StagePlace:
        """Return where a step, from 0, of a run of so many stands; steps beyond are in the last stage."""
        stages = self.stages_of(steps)
        ends = [sum(stage.steps for stage in stages[: n + 1]) for n in range(len(stages))]
        number = next((n for n, end in enumerate(ends) if step < end), len(stages) - 1)
        restarts = [n for n, stage in enumerate(stages) if stage.restart or n == 0]
        begun = max(n for n in restarts if n <= number)
        after = min((n for n in restarts if n > number), default=len(stages))
        first = ends[begun] - stages[begun].steps
        return StagePlace(number=number, step=step - first, steps=ends[after - 1] - first)
