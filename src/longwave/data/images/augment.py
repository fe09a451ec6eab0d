"""Random changes of training images that are functions of a seed and a step: a resumed run repeats them."""

# Shapes: B batch, C channels, T frames (clips only), H height, W width

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.data.images.draws import AFFINE, CROP, ERASE, FLIP, Draw
from longwave.data.images.resize import to_float
from longwave.errors import ConfigError

__all__ = ["AugmentConfig", "augment", "random_affine", "random_crop", "random_erase", "random_flip"]

ERASED_AREA = (0.02, 0.33)
ERASED_ASPECT = (0.3, 1 / 0.3)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How training images change; by default not at all.

    Parameters
    ----------
    degrees : float
        Rotation by up to so many degrees either way.
    scale : float
        Larger or smaller by up to this share.
    shear : float
        Slant by up to this many pixels across for a pixel down.
    padding : int
        Pixels of zeros on each side from which images of the old size are cropped.
    flip : bool
        Mirror every second image, left to right; not for digits, nor for labels of direction.
    erase : float
        Probability of a rectangle of zeros.
    mixup, cutmix : float
        Parameter of the distribution of mixing weights; 0 is none. With both, a step has one of them.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    padding: int = 0
    flip: bool = False
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        highest = {"degrees": 180.0, "scale": 0.99, "erase": 1.0}
        for name in (field.name for field in fields(self)):
            value, top = getattr(self, name), highest.get(name, math.inf)
            if not 0 <= value <= top or value == math.inf:
                accepted = "0 or more" if top == math.inf else f"0 to {top:g}"
                raise ConfigError(f'"{name}" is {value}; accepted is {accepted}. Change it, or leave it out.')


def augment(images: Tensor, config: AugmentConfig, draw: Draw) -> Tensor:
    """Rotate, scale, slant, crop, mirror and erase, as configured and in this order.

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W) or (B, C, T, H, W)
        Normalised, so that the zeros of padding and of erased places are the mean, or in [0, 1], where zero
        is black. All frames of a clip change alike.
    config : AugmentConfig
    draw : Draw

    Returns
    -------
    Tensor
        Of the same shape, float32. Depends on images, config, and draw alone.
    """
    images = to_float(images)
    if config.degrees or config.scale or config.shear:
        images = random_affine(images, draw, degrees=config.degrees, scale=config.scale, shear=config.shear)
    if config.padding:
        images = random_crop(images, draw, padding=config.padding)
    if config.flip:
        images = random_flip(images, draw)
    return random_erase(images, draw, probability=config.erase) if config.erase else images


def random_affine(
    images: Tensor, draw: Draw, *, degrees: float = 0.0, scale: float = 0.0, shear: float = 0.0
) -> Tensor:
    """Rotate, scale and slant each image about its middle; zeros come in from outside.

    Parameters
    ----------
    images : Tensor, shape (B, C, [T,] H, W), float
    draw : Draw
    degrees, scale, shear : float
        See ``AugmentConfig``.

    Notes
    -----
    Bilinear. Angles are true ones on images that are not square as well.
    """
    frames = _frames(to_float(images))
    height, width = frames.shape[-2:]
    limits = torch.tensor([math.radians(degrees), scale, shear])
    angle, growth, slant = ((2 * draw.uniform(AFFINE, len(frames), 3) - 1) * limits).unbind(1)
    cos, sin = angle.cos() / (1 + growth), angle.sin() / (1 + growth)
    # where a pixel comes from, in half widths and half heights; rows are x and y
    rows = (cos, (cos * slant + sin) * height / width, -sin * width / height, cos - sin * slant)
    matrix = torch.stack(rows, 1).view(-1, 2, 2)
    theta = F.pad(matrix, (0, 1)).to(frames.device, frames.dtype, non_blocking=True)
    grid = F.affine_grid(theta, list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, align_corners=False).view_as(images)


def random_crop(images: Tensor, draw: Draw, *, padding: int = 4) -> Tensor:
    """Move each image by up to ``padding`` pixels along both axes; zeros come in from outside."""
    frames = _frames(images)
    n, _, height, width = frames.shape
    corner = (draw.uniform(CROP, n, 2) * (2 * padding + 1)).long().clamp(max=2 * padding)
    corner = corner.to(frames.device, non_blocking=True)
    padded = F.pad(frames, (padding, padding, padding, padding))
    rows = corner[:, :1] + torch.arange(height, device=frames.device)
    columns = corner[:, 1:] + torch.arange(width, device=frames.device)
    image = torch.arange(n, device=frames.device)[:, None, None]
    cropped = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None]]
    return cropped.permute(0, 3, 1, 2).reshape(images.shape)


def random_flip(images: Tensor, draw: Draw) -> Tensor:
    """Mirror every second image, left to right, by chance."""
    is_flipped = (draw.uniform(FLIP, len(images), 1) < 0.5).to(images.device, non_blocking=True)
    return torch.where(is_flipped.view(-1, *[1] * (images.ndim - 1)), images.flip(-1), images)


def random_erase(images: Tensor, draw: Draw, *, probability: float = 0.25) -> Tensor:
    """Set a rectangle of some images to zero: 2 % to 33 % of the area, sides in a ratio of up to 3.3.

    References
    ----------
    arXiv 1708.04896; a rectangle that does not fit is cut to the image here, not drawn again.
    """
    height, width = images.shape[-2:]
    chance, area, aspect, down, across = draw.uniform(ERASE, len(images), 5).unbind(1)
    area = height * width * (ERASED_AREA[0] + area * (ERASED_AREA[1] - ERASED_AREA[0]))
    low, high = (math.log(limit) for limit in ERASED_ASPECT)
    aspect = (low + aspect * (high - low)).exp()
    tall = (area * aspect).sqrt().round().clamp(1, height)
    wide = (area / aspect).sqrt().round().clamp(1, width)
    top, left = (down * (height - tall + 1)).floor(), (across * (width - wide + 1)).floor()
    mask = (
        rectangles(top, left, top + tall, left + wide, height, width) & (chance < probability)[:, None, None]
    )
    return replace_inside(images, mask, torch.zeros_like(images))


def _frames(images: Tensor) -> Tensor:
    """Return (B, C, H, W): the frames of a clip as channels, so that all change alike."""
    return images.flatten(1, -3)


def rectangles(top: Tensor, left: Tensor, bottom: Tensor, right: Tensor, height: int, width: int) -> Tensor:
    """Return which pixels lie in a rectangle, shape (B, H, W); edges outside the image are cut off."""
    y, x = torch.arange(height), torch.arange(width)
    rows = (y >= top[:, None]) & (y < bottom[:, None])
    columns = (x >= left[:, None]) & (x < right[:, None])
    return rows[:, :, None] & columns[:, None, :]


def replace_inside(images: Tensor, mask: Tensor, inside: Tensor) -> Tensor:
    """Return ``inside`` where the mask, (B, H, W), holds, and the images elsewhere."""
    shape = (len(images), *[1] * (images.ndim - 3), *images.shape[-2:])
    return torch.where(mask.view(shape).to(images.device, non_blocking=True), inside, images)
