"""What networks for images and video share: layers over channels that come first, on grids of 1 to 3 axes."""

# Shapes: B batch, C channels, O channels out

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "POOL",
    "ChannelNorm",
    "DropPath",
    "Pointwise",
    "Trunk",
    "convolution",
    "start",
]

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOL = {2: F.avg_pool2d, 3: F.avg_pool3d}
NORM_EPS = 1e-6
STD = 0.02


class Trunk(nn.Module, ABC):
    """A network from signals to one vector each, by way of features on a grid.

    Parameters
    ----------
    width : int
        Channels of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def features(self, x: Tensor, rate: Sequence[float]) -> Tensor:
        """Map signals (B, C, *grid) to features (B, width, *coarser grid); a rate for each axis."""

    @abstractmethod
    def pool(self, features: Tensor) -> Tensor:
        """Reduce features to (B, width)."""

    def forward(self, x: Tensor, rate: Sequence[float]) -> Tensor:
        """Map signals (B, C, *grid) to vectors (B, width)."""
        return self.pool(self.features(x, rate))


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, *grid)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every point."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Pointwise(nn.Linear):
    """A linear layer over the channels of (B, C, *grid)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, *grid) to (B, O, *grid)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class DropPath(nn.Module):
    """Drop what a block adds, of whole samples, in training; what is kept is scaled up.

    Parameters
    ----------
    probability : float
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Drop samples of (B, ...)."""
        if not self.training or self.probability == 0:
            return x
        kept = 1 - self.probability
        mask = torch.empty(x.shape[0], *[1] * (x.dim() - 1), device=x.device).bernoulli_(kept)
        return x * (mask / kept).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the probability, for printing."""
        return f"{self.probability:g}"


def convolution(
    n_dims: int, channels: int, out: int, sizes: Sequence[int], *, of_patches: bool = False, groups: int = 1
) -> nn.Module:
    """Build a convolution of 1 to 3 axes: of patches side by side, or centred on every point."""
    build = cast(Callable[..., nn.Module], CONV[n_dims])
    size = tuple(sizes)
    if of_patches:
        return build(channels, out, size, stride=size)
    return build(channels, out, size, padding=tuple(n // 2 for n in size), groups=groups)


def start(module: nn.Module) -> None:
    """Start convolutions and linear layers from N(0, 0.02²), cut at two deviations, with bias 0."""
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        nn.init.trunc_normal_(module.weight, std=STD, a=-2 * STD, b=2 * STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
