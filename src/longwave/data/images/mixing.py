"""Training images mixed with each other, as functions of a seed and a step: mixup and cutmix."""

# Shapes: B batch, C channels, T frames (clips only), H height, W width, K classes

from __future__ import annotations

import torch
from torch import Tensor

from longwave.data.images.augment import AugmentConfig, rectangles, replace_inside
from longwave.data.images.draws import BOX, CHOICE, CUTMIX, MIXUP, Draw
from longwave.data.images.resize import to_float
from longwave.errors import ShapeError

__all__ = ["cutmix", "mix", "mixup"]


def mix(
    images: Tensor, labels: Tensor, n_classes: int, config: AugmentConfig, draw: Draw
) -> tuple[Tensor, Tensor]:
    """Mix images by mixup or cutmix, as configured; with both, each step has either by chance.

    Parameters
    ----------
    images : Tensor, shape (B, C, [T,] H, W), float
    labels : Tensor, shape (B,), int64
    n_classes : int
    config : AugmentConfig
    draw : Draw

    Returns
    -------
    images : Tensor
    targets : Tensor, shape (B, K), float32
        Share of each class; what ``torch.nn.functional.cross_entropy`` takes.

    Raises
    ------
    ShapeError
        If labels are not as many as images, or one is the number of no class.
    """
    _check(images, labels, n_classes)
    targets = torch.zeros(len(labels), n_classes, device=labels.device).scatter_(1, labels[:, None], 1.0)
    has_cutmix = bool(config.cutmix)
    if config.mixup and config.cutmix:
        # of the step, not of a share of its batch
        has_cutmix = Draw(seed=draw.seed, step=draw.step).uniform(CHOICE, 1, 1).item() < 0.5
    if has_cutmix:
        return cutmix(images, targets, draw, alpha=config.cutmix)
    return mixup(images, targets, draw, alpha=config.mixup) if config.mixup else (images, targets)


def mixup(images: Tensor, targets: Tensor, draw: Draw, *, alpha: float = 0.2) -> tuple[Tensor, Tensor]:
    """Return each image blended with another one, and the shares of classes blended alike.

    References
    ----------
    arXiv 1710.09412, with a weight for each image instead of one for the batch.
    """
    images = to_float(images)
    weight = draw.beta(MIXUP, len(images), alpha).to(images.device, non_blocking=True)
    other = draw.partners(MIXUP, len(images)).to(images.device, non_blocking=True)
    return _blend(images, images[other], weight), _blend(targets, targets[other], weight)


def cutmix(images: Tensor, targets: Tensor, draw: Draw, *, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return each image with a rectangle of another one, and classes in proportion to their areas.

    References
    ----------
    arXiv 1905.04899, algorithm 1, with a rectangle for each image instead of one for the batch.
    """
    n, (height, width) = len(images), images.shape[-2:]
    side = (1 - draw.beta(CUTMIX, n, alpha)).sqrt()
    middle_y, middle_x = draw.uniform(BOX, n, 2).unbind(1)
    middle_y, middle_x = (middle_y * height).floor(), (middle_x * width).floor()
    half_y, half_x = (side * height / 2).floor(), (side * width / 2).floor()
    mask = rectangles(
        middle_y - half_y, middle_x - half_x, middle_y + half_y, middle_x + half_x, height, width
    )
    other = draw.partners(CUTMIX, n).to(images.device, non_blocking=True)
    kept = 1 - mask.float().mean((1, 2)).to(targets.device, non_blocking=True)
    return replace_inside(images, mask, images[other]), _blend(targets, targets[other], kept)


def _check(images: Tensor, labels: Tensor, n_classes: int) -> None:
    """Refuse labels that do not fit; their values on the CPU only, for a GPU would be waited for."""
    if labels.shape == images.shape[:1] and (
        labels.is_cuda or (int(labels.min()) >= 0 and int(labels.max()) < n_classes)
    ):
        return
    raise ShapeError(
        f"Labels have shape {tuple(labels.shape)} and go from {int(labels.min())} to {int(labels.max())}; "
        f"accepted is one for each of {len(images)} images, from 0 to {n_classes - 1}. Correct them."
    )


def _blend(one: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    weight = weight.view(-1, *[1] * (one.ndim - 1))
    return weight * one + (1 - weight) * other
