"""Images at other resolutions: exact means where the size divides, antialiased interpolation elsewhere."""

# Shapes: any leading axes, H height, W width

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["resize", "sizes_at_rate", "to_float"]

WHITE = 255


def to_float(images: Tensor) -> Tensor:
    """Return images as float32: integers from 0 to 255 become 0 to 1, floats stay as they are."""
    return images.float() if images.is_floating_point() else images.float() / WHITE


def resize(images: Tensor, sizes: int | Sequence[int]) -> Tensor:
    """Bring images, or the frames of clips, to another resolution of the same scene.

    Parameters
    ----------
    images : Tensor, shape (..., H, W)
        uint8 or float; at least one leading axis.
    sizes : int or sequence of int
        New height and width; a number stands for both.

    Returns
    -------
    Tensor, shape (..., *sizes), float32
        uint8 is scaled to [0, 1].

    Raises
    ------
    ShapeError
        If a size is below 1, or images have no leading axis.

    Notes
    -----
    Where both new sizes divide the old ones, each new pixel is the mean of the pixels it covers, exactly: 28
    to 14 to 7 is 28 to 7. Elsewhere interpolation is linear with a triangular filter as wide as a new pixel
    (``antialias`` of ``torch.nn.functional.interpolate``), and plainly linear where images grow. Corners of
    the scene stay in place in both cases, and no value leaves the range there was.
    """
    height, width = (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)
    if images.ndim < 3 or min(height, width, *images.shape) < 1:
        raise ShapeError(
            f"Images of shape {tuple(images.shape)} cannot be brought to {height} x {width}; accepted are "
            "shapes (..., H, W) with an axis before H, and sizes of 1 or more. Change the sizes."
        )
    old_height, old_width = images.shape[-2:]
    if old_height % height == 0 and old_width % width == 0:
        return _block_means(images, height, width)
    flat = to_float(images).reshape(-1, 1, old_height, old_width)
    resized = F.interpolate(flat, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    return resized.reshape(*images.shape[:-2], height, width)


def sizes_at_rate(sizes: Sequence[int], rate: float) -> tuple[int, ...]:
    """Return the sizes of a grid whose pixels are ``rate`` times as wide: rate 2 is half the resolution.

    Raises
    ------
    ConfigError
        If the rate is not a finite number above 0.

    Examples
    --------
    >>> sizes_at_rate((28, 28), 4)
    (7, 7)
    """
    if not 0 < rate < math.inf:
        raise ConfigError(f"The rate is {rate}; accepted is a number above 0, 2 for half the resolution.")
    return tuple(max(1, round(size / rate)) for size in sizes)


def _block_means(images: Tensor, height: int, width: int) -> Tensor:
    down, across = images.shape[-2] // height, images.shape[-1] // width
    if down == across == 1:
        return to_float(images)
    blocks = images.reshape(*images.shape[:-2], height, down, width, across)
    if images.is_floating_point():
        return blocks.float().mean((-3, -1))
    return blocks.sum((-3, -1)).float() / (WHITE * down * across)  # integers are summed as integers: exact
