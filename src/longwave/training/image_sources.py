"""From what a configuration names as its source to images or clips at full resolution."""

# Shapes: n samples, C channels, T frames (clips only), H height, W width

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from longwave.config import load_config
from longwave.data.images import (
    ImageDataSet,
    ImageSplit,
    load_digits,
    load_mnist,
    load_omniglot,
    read_cifar,
    read_hugging_face,
    read_image_folder,
    read_mnist,
    read_npz,
)
from longwave.data.video import MovingDigitsConfig, make_moving_digits
from longwave.errors import ConfigError, MissingFile, UnknownName, nearest
from longwave.training.image_data import ImageDataConfig

__all__ = ["BUNDLED", "ImageShape", "describe_images", "load_images"]

HUB = "hf:"
SPLITS = {"train": 0, "test": 1}  # whose samples are chosen by which stream of numbers


@dataclass(frozen=True, kw_only=True)
class ImageShape:
    """What a model and a schedule have to fit.

    Parameters
    ----------
    n_channels, n_classes : int
    sizes : tuple of int
        Height and width of the full resolution.
    n_frames : int, optional
        Of clips; None for images.
    n_train : int
        Samples to train on.
    """

    n_channels: int
    n_classes: int
    sizes: tuple[int, ...]
    n_frames: int | None
    n_train: int


def describe_images(config: ImageDataConfig) -> ImageShape:
    """Tell the shape of data; they are read for it.

    Raises
    ------
    As ``load_images``.
    """
    data = load_images(config)
    shape = data.train.images.shape
    return ImageShape(
        n_channels=data.n_channels,
        n_classes=data.n_classes,
        sizes=data.sizes,
        n_frames=shape[2] if len(shape) == 5 else None,
        n_train=len(split_validation(config, data)[0]),
    )


def load_images(config: ImageDataConfig) -> ImageDataSet:
    """Read the data at full resolution; what is held out for validation is among the training samples.

    Raises
    ------
    ConfigError
        If an option is unknown or wrong, there are fewer samples than wanted, or the source has fewer points
        than ``size``.
    MissingFile, DataError, MissingExtra, UnknownName
        If the source cannot be used.
    """
    data = _reader(config)()
    data = dataclasses.replace(
        data,
        train=_choose(data.train, config.n_train, config.seed, "train"),
        test=_choose(data.test, config.n_test, config.seed, "test"),
    )
    return data if config.size is None else _at_size(data, config.size)


def split_validation(config: ImageDataConfig, data: ImageDataSet) -> tuple[ImageSplit, ImageSplit | None]:
    """Return what to train on, and what of the training samples is held out, if anything."""
    from longwave.data.images.npz import split_rows

    if not config.validation_fraction:
        return data.train, None
    return split_rows(data.train, config.validation_fraction, config.seed)


@dataclass(frozen=True, kw_only=True)
class _NoOptions:
    """A source that is read in one way only."""


@dataclass(frozen=True, kw_only=True)
class _OmniglotOptions:
    task: Literal["alphabet", "character"] = "alphabet"


@dataclass(frozen=True, kw_only=True)
class _NpzOptions:
    channels: Literal["first", "last"] | None = None
    test_share: float = 0.2


@dataclass(frozen=True, kw_only=True)
class _CifarOptions:
    labels: Literal["fine", "coarse"] = "fine"


@dataclass(frozen=True, kw_only=True)
class _FolderOptions:
    mode: Literal["L", "RGB"] = "RGB"
    test_share: float = 0.2


@dataclass(frozen=True, kw_only=True)
class _HubOptions:
    config: str | None = None
    image: str = "image"
    label: str = "label"
    splits: tuple[str, str] = ("train", "test")
    mode: Literal["L", "RGB"] = "RGB"


def _mnist(config: ImageDataConfig) -> ImageDataSet:
    load_config(_NoOptions, config.options)
    return load_mnist()


def _digits(config: ImageDataConfig) -> ImageDataSet:
    load_config(_NoOptions, config.options)
    return load_digits()


def _omniglot(config: ImageDataConfig) -> ImageDataSet:
    return load_omniglot(load_config(_OmniglotOptions, config.options).task)


def _moving_digits(config: ImageDataConfig) -> ImageDataSet:
    own = {"n_train": config.n_train, "n_test": config.n_test, "seed": config.seed}
    given = {name: value for name, value in own.items() if value is not None}
    return make_moving_digits(
        load_mnist().at_rate(2), load_config(MovingDigitsConfig, {**config.options, **given})
    )


BUNDLED: dict[str, Callable[[ImageDataConfig], ImageDataSet]] = {
    "digits": _digits,
    "mnist": _mnist,
    "moving-digits": _moving_digits,
    "omniglot": _omniglot,
}
"""Sources that need no file."""


def _reader(config: ImageDataConfig) -> Callable[[], ImageDataSet]:
    source, options, seed = config.source, config.options, config.seed
    if source in BUNDLED:
        return lambda: BUNDLED[source](config)
    if source.startswith(HUB):
        hub = load_config(_HubOptions, options)
        return lambda: read_hugging_face(source.removeprefix(HUB), size=config.size, **vars(hub))
    path = Path(source)
    if path.suffix == ".npz":
        npz = load_config(_NpzOptions, options)
        return lambda: read_npz(path, seed=seed, **vars(npz))
    if not path.is_dir():
        if nearest(source, BUNDLED):
            raise UnknownName("source of images", source, BUNDLED)
        raise MissingFile(
            f'No folder "{source}". Set data to a folder, an npz file, "hf:NAME" or one of: '
            f"{', '.join(BUNDLED)}."
        )
    if any(path.glob("train-images-idx3-ubyte*")):
        load_config(_NoOptions, options)
        return lambda: read_mnist(path)
    if _is_cifar(path):
        cifar = load_config(_CifarOptions, options)
        return lambda: read_cifar(path, **vars(cifar))
    pictures = load_config(_FolderOptions, options)
    return lambda: read_image_folder(path, size=config.size, seed=seed, **vars(pictures))


def _is_cifar(folder: Path) -> bool:
    """Whether a folder has CIFAR's files; those of the Python version are refused by their reader."""
    return any(
        (folder / name).is_file() for name in ("data_batch_1.bin", "data_batch_1", "train.bin", "train")
    )


def _choose(split: ImageSplit, count: int | None, seed: int, name: Literal["train", "test"]) -> ImageSplit:
    """Return so many samples in the order they had: the same ones for the same seed."""
    if count is None or count == len(split):
        return split
    if count > len(split):
        raise ConfigError(
            f'"n_{name}" is {count}, but the source has {len(split)} {name} samples. Ask for fewer.'
        )
    rng = np.random.default_rng((seed, SPLITS[name], 1))
    return split.take(np.sort(rng.permutation(len(split))[:count]))


def _at_size(data: ImageDataSet, size: int) -> ImageDataSet:
    height, width = data.sizes
    if size > height:
        raise ConfigError(
            f'"{data.name}" has {height} points from top to bottom, fewer than {size}; enlarged images show '
            "nothing more. Ask for fewer."
        )
    return data if size == height else data.at_resolution((size, max(1, round(size * width / height))))
