"""Labelled images or clips in two splits: how every reader returns them, and how they are normalised."""

# Shapes: n images, C channels, T frames (clips only), H height, W width

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from longwave.config import config_hash
from longwave.data.images.resize import resize, sizes_at_rate, to_float
from longwave.errors import DataError, ShapeError

__all__ = ["ImageDataSet", "ImageSplit", "Normalization"]

CHUNK = 1024


@dataclass(frozen=True, kw_only=True)
class ImageSplit:
    """Images and what they show.

    Parameters
    ----------
    images : Tensor, shape (n, C, H, W) or (n, C, T, H, W)
        uint8 from 0 to 255, or float32.
    labels : Tensor, shape (n,), int64

    Raises
    ------
    ShapeError
        If images and labels do not fit together.
    DataError
        If a type is another one, or a pixel is not finite.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if len(shape) not in (4, 5) or 0 in shape or tuple(self.labels.shape) != shape[:1]:
            raise ShapeError(
                f"Images have shape {shape} and labels {tuple(self.labels.shape)}; accepted are (n, C, H, W) "
                "or, for clips, (n, C, T, H, W), and (n,), with none of the sizes 0. Put channels second."
            )
        if self.images.dtype not in (torch.uint8, torch.float32) or self.labels.dtype != torch.int64:
            raise DataError(
                f"Images are {self.images.dtype} and labels {self.labels.dtype}; accepted are uint8 or "
                "float32, and int64. Convert them."
            )
        if self.images.is_floating_point():
            lost = torch.nonzero(~torch.isfinite(self.images.flatten(1)).all(1)).flatten()
            if len(lost):
                raise DataError(
                    f"{len(lost)} of {shape[0]} images have pixels that are not finite, the first is image "
                    f"{int(lost[0])}. Leave them out."
                )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Height and width."""
        return tuple(self.images.shape[-2:])

    def take(self, rows: np.ndarray | slice) -> ImageSplit:
        """Return some of the images, by their places."""
        chosen = rows if isinstance(rows, slice) else torch.from_numpy(rows)
        return ImageSplit(images=self.images[chosen], labels=self.labels[chosen])


@dataclass(frozen=True, kw_only=True)
class ImageDataSet:
    """Images for training and for testing.

    Parameters
    ----------
    name : str
    train, test : ImageSplit
        Of the same shape and type.
    classes : tuple of str
        Name of each label.

    Raises
    ------
    ShapeError
        If the splits differ in channels, frames, sizes or type.
    DataError
        If a label is the number of no class.
    """

    name: str
    train: ImageSplit
    test: ImageSplit
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        one, other = self.train.images, self.test.images
        if one.shape[1:] != other.shape[1:] or one.dtype != other.dtype:
            raise ShapeError(
                f'Training images of "{self.name}" are {tuple(one.shape[1:])} {one.dtype} and test images '
                f"{tuple(other.shape[1:])} {other.dtype}; accepted is the same for both. Resize one of them."
            )
        for split, labels in (("training", self.train.labels), ("test", self.test.labels)):
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= len(self.classes):
                raise DataError(
                    f'The {split} labels of "{self.name}" go from {low} to {high}, but there are '
                    f"{len(self.classes)} classes; accepted are labels from 0 to {len(self.classes) - 1}. "
                    "Correct the labels or name all classes."
                )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def n_channels(self) -> int:
        """1 for grey images, 3 for colours."""
        return self.train.images.shape[1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Height and width."""
        return self.train.sizes

    @cached_property
    def hash(self) -> str:
        """Of pixels, labels and classes; equal hashes mean equal data."""
        parts = (self.train.images, self.train.labels, self.test.images, self.test.labels)
        return config_hash(list(self.classes), *map(_digest, parts))

    def at_resolution(self, sizes: int | Sequence[int]) -> ImageDataSet:
        """Return the same scenes on another grid, as float32; see ``longwave.data.images.resize``.

        Parameters
        ----------
        sizes : int or sequence of int
            Height and width; a number stands for both.

        Raises
        ------
        ShapeError
            If a size is below 1.
        """
        train, test = (
            ImageSplit(images=resize(split.images, sizes), labels=split.labels)
            for split in (self.train, self.test)
        )
        return dataclasses.replace(self, train=train, test=test)

    def at_rate(self, rate: float) -> ImageDataSet:
        """Return the same scenes with pixels ``rate`` times as wide: rate 2 is half the resolution.

        Raises
        ------
        ConfigError
            If the rate is not a finite number above 0.
        """
        return self.at_resolution(sizes_at_rate(self.sizes, rate))


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """Shift and scale of each channel that bring images to mean 0 and deviation 1.

    Measure it once, on the training images at the training resolution, and use the same numbers at every
    other resolution: a mean over pixels shrinks deviations, and a model must see the same grey as the same
    number.

    Parameters
    ----------
    mean, deviation : tuple of float
        One number a channel, of images scaled to [0, 1].
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def measure(cls, split: ImageSplit) -> Normalization:
        """Measure all pixels of each channel, in float64; the deviation of a constant channel is called 1."""
        total = torch.zeros(2, split.images.shape[1], dtype=torch.float64)
        for chunk in torch.split(split.images, CHUNK):
            pixels = to_float(chunk).double().transpose(0, 1).flatten(1)
            total += torch.stack((pixels.sum(1), pixels.square().sum(1))).cpu()
        mean, square = total / (split.images.numel() / split.images.shape[1])
        variance = square - mean.square()
        is_constant = variance <= 1e-12 * square  # what rounding leaves of 0
        deviation = torch.where(is_constant, 1.0, variance.clamp(min=0).sqrt())
        return cls(mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))

    def apply(self, images: Tensor) -> Tensor:
        """Return normalised images, shape (n, C, ...), float32; uint8 is scaled to [0, 1] before.

        Raises
        ------
        ShapeError
            If images have another number of channels.
        """
        if images.ndim < 2 or images.shape[1] != len(self.mean):
            raise ShapeError(
                f"Images have shape {tuple(images.shape)}; accepted are (n, {len(self.mean)}, ...), the "
                "channels that were measured. Measure the normalisation on images like these."
            )
        mean, deviation = (
            torch.tensor(numbers, dtype=torch.float32, device=images.device).view(
                -1, *[1] * (images.ndim - 2)
            )
            for numbers in (self.mean, self.deviation)
        )
        return (to_float(images) - mean) / deviation


def _digest(tensor: Tensor) -> str:
    array = tensor.contiguous().cpu().numpy()
    return f"{array.dtype.str} {array.shape} {hashlib.sha256(array.reshape(-1).data).hexdigest()}"
