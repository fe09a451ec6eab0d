"""A U-Net of the Deep Flow Prediction family, for grids of any size.

What is unusual here: the way up takes each field to the size that the way down had, so sizes need not be
powers of two; only the coarsest level must keep a point. That level has no batch norm, which could not see a
variance in a single point.
"""

# Shapes: B batch, C channels

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.models._checks import check_sizes
from longwave.models._initialise import seeded
from longwave.models.pde.base import MAX_DIMS, FieldModel

__all__ = ["UNet", "UNetConfig"]

DEEP = 2  # levels at the bottom, where the grid has 4 points or few more: smaller kernels
GROWTH = (
    1,
    2,
    2,
    4,
    8,
    8,
    8,
)  # channels of each level, as multiples of the first; deeper ones repeat the last
SLOPE = 0.2
CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MODE = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Sizes of a U-Net.

    Parameters
    ----------
    kind : {"unet"}
        Says in a file which model it is.
    in_channels, out_channels : int
        Of the fields.
    channel_exponent : int
        The first level has ``2 ** channel_exponent`` channels, those below it 2, 2, 4, 8, 8, 8 times as many.
    n_levels : int
        Halvings of the grid. An axis needs ``2 ** n_levels`` points or more: 7 for 128 points, 6 for 64.
    n_dims : int
        Axes of the grid, 1 to 3.

    Raises
    ------
    ConfigError
        If a size is below 1 or there are more than 3 axes.
    """

    kind: Literal["unet"] = "unet"
    in_channels: int
    out_channels: int
    channel_exponent: int = 6
    n_levels: int = 7
    n_dims: int = 2

    def __post_init__(self) -> None:
        names = ("in_channels", "out_channels", "n_levels", "n_dims")
        check_sizes(**{name: getattr(self, name) for name in names})
        if self.n_dims > MAX_DIMS:
            raise ConfigError(f'"n_dims" is {self.n_dims}; a grid has 1 to {MAX_DIMS} axes.')
        if self.channel_exponent < 0:
            raise ConfigError(f'"channel_exponent" is {self.channel_exponent}; it must be at least 0.')

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from the finest."""
        growth = (GROWTH[min(level, len(GROWTH) - 1)] for level in range(self.n_levels))
        return tuple(2**self.channel_exponent * times for times in growth)


class UNet(FieldModel):
    """A U-Net: convolutions down to a point and up again, each level joined with its own size.

    Parameters
    ----------
    config : UNetConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Notes
    -----
    Down, for each level: LeakyReLU(0.2) (not before the first), a convolution with 4 points an axis and
    stride 2, batch norm (not in the first level nor the deepest). Up: ReLU, linear interpolation to the size
    above, a convolution with 3 points an axis, batch norm (not at the end); then the field of that level is
    appended. The two deepest levels (from the third on) have kernels of 2 points down and of 1 point up; of
    an odd number of points they leave out the last, which still passes beside them.

    Against the public code: linear interpolation everywhere, where it repeats points and ends with a
    transposed convolution.

    References
    ----------
    arXiv 1810.08217, section 4; the same network on coefficients: arXiv 2211.14453.

    Examples
    --------
    >>> model = UNet(UNetConfig(in_channels=3, out_channels=2, channel_exponent=3, n_levels=4))
    >>> model(torch.zeros(2, 3, 21, 16)).shape
    torch.Size([2, 2, 21, 16])
    """

    config_class = UNetConfig
    config: UNetConfig

    def __init__(self, config: UNetConfig, *, seed: int = 0) -> None:
        super().__init__(config)
        with seeded(seed):
            self.down = nn.ModuleList(_Down(config, level) for level in range(config.n_levels))
            self.up = nn.ModuleList(_Up(config, level) for level in range(config.n_levels))

    def forward(self, x: Tensor) -> Tensor:
        """Map fields to fields on the same grid.

        Parameters
        ----------
        x : Tensor, shape (B, C_in, *grid), real

        Returns
        -------
        Tensor, shape (B, C_out, *grid)

        Raises
        ------
        ShapeError
            If channels or axes differ from the configuration's, or an axis cannot be halved so often.
        """
        self._check(x)
        self._check_grid(x.shape[2:])
        fields = [x]
        for i, down in enumerate(self.down):
            fields.append(down(F.leaky_relu(fields[-1], SLOPE) if i else x))
        y = fields.pop()
        for up in reversed(self.up):
            skip = fields.pop()
            y = up(y, skip.shape[2:])
            y = torch.cat([y, skip], 1) if fields else y
        return y

    def _check_grid(self, sizes: Sequence[int]) -> None:
        levels = self.config.n_levels
        if min(sizes) < 2**levels:
            raise ShapeError(
                f"A grid of {' x '.join(map(str, sizes))} points cannot be halved {levels} times; it takes "
                f"at least {2**levels} points an axis. Build the U-Net with n_levels="
                f"{max(1, min(sizes).bit_length() - 1)} or take a finer grid."
            )


class _Down(nn.Module):
    """A convolution to half the grid, and its norm."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        above, width = (config.in_channels, *config.widths)[level : level + 2]
        has_norm = 0 < level < config.n_levels - 1
        kernel, padding = (2, 0) if _is_deep(config, level) else (4, 1)
        self.conv = CONV[config.n_dims](above, width, kernel, stride=2, padding=padding, bias=not has_norm)
        self.norm = NORM[config.n_dims](width) if has_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


class _Up(nn.Module):
    """Interpolation to a finer grid, a convolution there, and its norm."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        joined = 1 if level == config.n_levels - 1 else 2
        out, width = (config.out_channels, *config.widths)[level : level + 2]
        kernel, padding = (1, 0) if _is_deep(config, level) else (3, 1)
        self.mode = MODE[config.n_dims]
        self.conv = CONV[config.n_dims](joined * width, out, kernel, padding=padding, bias=level == 0)
        self.norm = NORM[config.n_dims](out) if level else nn.Identity()

    def forward(self, x: Tensor, sizes: Sequence[int]) -> Tensor:
        x = F.interpolate(F.relu(x), size=list(sizes), mode=self.mode, align_corners=False)
        y: Tensor = self.norm(self.conv(x))
        return y


def _is_deep(config: UNetConfig, level: int) -> bool:
    return level >= max(DEEP, config.n_levels - DEEP)
