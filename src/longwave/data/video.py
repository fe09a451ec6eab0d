"""Clips of real digits that move and bounce: a frame shows which digit, only time shows where it moves to."""

# Shapes: n clips, T frames, S side of a frame, d side of a digit

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from longwave.data.images import ImageDataSet, ImageSplit, to_float
from longwave.errors import ConfigError, ShapeError

__all__ = ["MovingDigitsConfig", "make_moving_digits"]

TRAIN, TEST = 0, 1
DIRECTIONS = {
    4: ("right", "down", "left", "up"),
    8: ("right", "down-right", "down", "down-left", "left", "up-left", "up", "up-right"),
}
SPREAD = 0.6  # of the angles of a direction that are drawn; the rest lies between it and the next one
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class MovingDigitsConfig:
    """Clips of one digit each.

    Parameters
    ----------
    target : {"digit", "direction", "both"}
        What is to be told. The direction is the one at the beginning: later the digit has bounced, so that
        the order of frames matters.
    n_train, n_test : int
        Clips.
    n_frames : int
    size : int
        Height and width of a frame, in pixels.
    speed : float
        Pixels a frame; each clip has its own, from half of this to this.
    n_directions : {4, 8}
    seed : int
        Seeds the clips. Clip 7 of a seed is the same for any ``n_train``.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    target: Literal["digit", "direction", "both"] = "direction"
    n_train: int = 2000
    n_test: int = 500
    n_frames: int = 16
    size: int = 32
    speed: float = 2.0
    n_directions: Literal[4, 8] = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("n_train", 1), ("n_test", 1), ("n_frames", 2), ("size", 2), ("seed", 0)):
            if getattr(self, name) < lowest:
                raise ConfigError(
                    f'"{name}" is {getattr(self, name)}; accepted is {lowest} or more. Change it.'
                )
        if self.n_directions not in DIRECTIONS:
            raise ConfigError(f'"n_directions" is {self.n_directions}; accepted are 4 and 8. Change it.')
        if self.target not in ("digit", "direction", "both"):
            raise ConfigError(
                f'"target" is "{self.target}"; accepted are "digit", "direction" and "both". Change it.'
            )
        if not 0 < self.speed < math.inf:
            raise ConfigError(f'"speed" is {self.speed}; accepted is a number above 0. Change it.')

    @property
    def steady_steps(self) -> int:
        """Steps from frame to frame before a digit may bounce: a quarter of the clip."""
        return max(1, self.n_frames // 4)


def make_moving_digits(digits: ImageDataSet, config: MovingDigitsConfig) -> ImageDataSet:
    """Make clips of digits that move straight and bounce off the sides.

    Parameters
    ----------
    digits : ImageDataSet
        Square grey images on black; ``load_mnist().at_rate(2)`` has digits of 14 x 14. Training clips show
        training images and test clips test images.
    config : MovingDigitsConfig

    Returns
    -------
    ImageDataSet
        Shape (n, 1, T, S, S), uint8.

    Raises
    ------
    ShapeError
        If images are not square and grey.
    ConfigError
        If frames leave a digit no room for the first quarter of its way.

    Notes
    -----
    Places are real numbers: a digit between pixels is interpolated linearly. For other resolutions make clips
    at the finest one and take ``at_rate``, which leaves time alone.
    """
    side = digits.sizes[0]
    if digits.train.images.ndim != 4 or digits.n_channels != 1 or digits.sizes != (side, side):
        raise ShapeError(
            f'"{digits.name}" has images of shape {tuple(digits.train.images.shape[1:])}; accepted is (1, '
            "d, d). Give square grey images."
        )
    room = config.size - side
    needed = config.speed * config.steady_steps
    if room < needed:
        raise ConfigError(
            f"A digit of {side} pixels in frames of {config.size} has {room} pixels to move, but goes "
            f"{needed:g} before it may bounce (speed {config.speed:g}, {config.steady_steps} steps). Use "
            "larger frames, smaller digits or a lower speed."
        )
    train, test = (
        _make_split(split, config, (config.seed, number), count, room)
        for split, number, count in (
            (digits.train, TRAIN, config.n_train),
            (digits.test, TEST, config.n_test),
        )
    )
    return ImageDataSet(
        name=f"moving-{digits.name}", train=train, test=test, classes=_classes(digits, config)
    )


def _classes(digits: ImageDataSet, config: MovingDigitsConfig) -> tuple[str, ...]:
    directions = DIRECTIONS[config.n_directions]
    if config.target == "both":
        return tuple(f"{digit} {direction}" for digit in digits.classes for direction in directions)
    return directions if config.target == "direction" else digits.classes


def _make_split(
    source: ImageSplit, config: MovingDigitsConfig, seed: tuple[int, int], count: int, room: int
) -> ImageSplit:
    numbers = np.random.default_rng((*seed, 1)).random((count, 6))  # a row a clip: the same for any count
    chosen = (numbers[:, 0] * len(source)).astype(np.int64)
    direction = (numbers[:, 1] * config.n_directions).astype(np.int64)
    angle = (direction + SPREAD * (numbers[:, 2] - 0.5)) * (2 * np.pi / config.n_directions)
    speed = config.speed * (1 + numbers[:, 3]) / 2
    velocity = speed[:, None] * np.stack((np.sin(angle), np.cos(angle)), axis=1)  # rows count downwards
    places = _bounce(numbers[:, 4:], velocity, config, room)
    shown = source.take(chosen)
    frames = [
        _draw(images, where, config.size)
        for images, where in zip(torch.split(shown.images, CHUNK), torch.split(places, CHUNK), strict=True)
    ]
    labels = {"digit": shown.labels, "direction": torch.from_numpy(direction)}
    labels["both"] = shown.labels * config.n_directions + labels["direction"]
    return ImageSplit(images=torch.cat(frames), labels=labels[config.target])


def _bounce(start: np.ndarray, velocity: np.ndarray, config: MovingDigitsConfig, room: int) -> Tensor:
    """Return where the upper left corner of each digit is, shape (n, T, 2), row and column."""
    steady = velocity * config.steady_steps
    low, high = np.maximum(0, -steady), room - np.maximum(0, steady)
    first = low + start * (high - low)
    straight = first[:, None] + velocity[:, None] * np.arange(config.n_frames)[:, None]
    folded = np.mod(straight, 2 * room)
    return torch.from_numpy(np.minimum(folded, 2 * room - folded))


def _draw(images: Tensor, places: Tensor, size: int) -> Tensor:
    """Return clips (n, 1, T, S, S), uint8: each digit at its places, interpolated linearly between pixels."""
    pixels = torch.arange(size)[:, None]
    parts = torch.arange(images.shape[-1])
    # weight of each part of a digit in each pixel of a frame, an axis at a time: (n, T, S, d)
    rows, columns = (
        (1 - (pixels - parts - places[..., axis, None, None].float()).abs()).clamp(min=0) for axis in (0, 1)
    )
    frames = rows @ to_float(images) @ columns.transpose(-1, -2)
    return (frames * 255).round().to(torch.uint8)[:, None]
