"""ConvNeXt, and ConvNeXt whose convolutions are S4ND, for images and for video.

What is unusual here: one network for both, where video has an axis of time in front that is halved once, in
the stem, and never again; every S4ND is told the rate, while pools and strides count points at any rate.
"""

# Shapes: B batch, C channels, D width of a stage

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models._checks import check_fractions, check_sizes
from longwave.models.images.parts import (
    POOL,
    ChannelNorm,
    DropPath,
    Pointwise,
    Trunk,
    convolution,
    start,
)

__all__ = ["ConvNeXt", "ConvNeXtConfig"]

MLP_RATIO = 4
LAYER_SCALE = 1e-6
Rate = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class ConvNeXtConfig:
    """Sizes and layers of a ConvNeXt.

    Parameters
    ----------
    kind : {"convnext"}
        Says in a file which network it is.
    mixer : {"conv", "s4nd"}
        The depthwise convolutions of all blocks.
    stem : {"conv", "s4nd"}
        Patches through a linear layer; or S4ND from all input channels to ``stem_channels``, the mean of each
        patch and a gated linear layer.
    downsample : {"conv", "s4nd"}
        Between stages: 2 x 2 points through a linear layer; or S4ND, the mean of 2 x 2 points and a gated
        linear layer. The published number of parameters is that of ``"conv"``.
    depths, widths : tuple of int
        Blocks and channels of every stage.
    patch, stem_kernel, stem_channels : int
        Points a side of a patch; longest kernel of an S4ND stem in each direction; its channels.
    kernel_size : int
        Of ``"conv"``, odd.
    time_patch, time_kernel, stem_time_kernel : int
        The same along the axis of time, for video.
    s4nd : S4NDConfig
        Kernels of every S4ND.
    drop_path : float
        Probability of dropping the last block; earlier ones are dropped less, in proportion.

    Raises
    ------
    ConfigError
        If a size is below 1, depths and widths differ in number, a kernel is even or a probability outside
        [0, 1).
    """

    kind: Literal["convnext"] = "convnext"
    mixer: Literal["conv", "s4nd"] = "conv"
    stem: Literal["conv", "s4nd"] = "conv"
    downsample: Literal["conv", "s4nd"] = "conv"
    depths: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)
    patch: int = 4
    stem_kernel: int = 16
    stem_channels: int = 32
    kernel_size: int = 7
    time_patch: int = 2
    time_kernel: int = 3
    stem_time_kernel: int = 4
    s4nd: S4NDConfig = field(default_factory=S4NDConfig)
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        space = ("depths", "widths", "patch", "stem_kernel", "stem_channels", "kernel_size")
        time = ("time_patch", "time_kernel", "stem_time_kernel")
        check_sizes(**{name: getattr(self, name) for name in (*space, *time)})
        check_fractions(drop_path=self.drop_path)
        for name in ("depths", "widths"):  # YAML has lists only
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if len(self.depths) != len(self.widths):
            raise ConfigError(
                f'"depths" is {self.depths} and "widths" is {self.widths}; give one of each for every stage.'
            )
        if self.kernel_size % 2 == 0 or self.time_kernel % 2 == 0:
            raise ConfigError(
                f'"kernel_size" is {self.kernel_size} and "time_kernel" is {self.time_kernel}; only odd '
                "kernels keep the resolution."
            )

    def box(self, space: int, time: int, n_dims: int) -> tuple[int, ...]:
        """Return a size for every axis of a grid, time first if there is one."""
        return (time, space, space)[3 - n_dims :]


class ConvNeXt(Trunk):
    """A stem, stages of residual blocks that halve the resolution in between, the mean and a norm.

    Parameters
    ----------
    config : ConvNeXtConfig
    in_channels, n_dims : int

    Notes
    -----
    A block is ``x + scale * mlp(norm(conv(x)))``, with a depthwise convolution and a scale that starts at
    1e-6.

    References
    ----------
    arXiv 2201.03545; with S4ND: arXiv 2210.06583, section 5.1.
    """

    def __init__(self, config: ConvNeXtConfig, in_channels: int, n_dims: int) -> None:
        super().__init__(config.widths[-1])
        self.config = config
        self.stem = _Stem(config, in_channels, n_dims)
        drops = torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist()
        self.downsamples = nn.ModuleList(
            _Downsample(config, *pair, n_dims)
            for pair in zip(config.widths[:-1], config.widths[1:], strict=True)
        )
        self.stages = nn.ModuleList()
        for depth, width in zip(config.depths, config.widths, strict=True):
            self.stages.append(
                nn.ModuleList(_Block(config, width, drops.pop(0), n_dims) for _ in range(depth))
            )
        self.norm = ChannelNorm(config.widths[-1])
        self.apply(start)

    def features(self, x: Tensor, rate: Rate) -> Tensor:
        """Map signals (B, C, *grid) to (B, D, *coarser grid).

        Raises
        ------
        ShapeError
            If the grid has too few points for the stem and all stages.
        """
        self._check_grid(x.shape[2:])
        x = self.stem(x, rate)
        for number, stage in enumerate(self.stages):
            if number:
                x = self.downsamples[number - 1](x, rate)
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, rate)
        return x

    def pool(self, features: Tensor) -> Tensor:
        """Take the mean over the grid and normalise it."""
        pooled: Tensor = self.norm(features.flatten(2).mean(-1))
        return pooled

    def _check_grid(self, sizes: Sequence[int]) -> None:
        side = self.config.patch * 2 ** (len(self.config.widths) - 1)
        least = self.config.box(side, self.config.time_patch, len(sizes))
        if any(n < low for n, low in zip(sizes, least, strict=True)):
            raise ShapeError(
                f"A grid of {' x '.join(map(str, sizes))} points is too small for patches of "
                f"{self.config.patch} and {len(self.config.widths)} stages; it takes at least "
                f"{' x '.join(map(str, least))}. Lower patch or take away stages."
            )


class _Stem(nn.Module):
    """From pixels to patches."""

    def __init__(self, config: ConvNeXtConfig, in_channels: int, n_dims: int) -> None:
        super().__init__()
        width, self.n_dims = config.widths[0], n_dims
        self.patch = config.box(config.patch, config.time_patch, n_dims)
        self.norm = ChannelNorm(width)
        self.conv: S4ND | nn.Module
        if config.stem == "s4nd":
            kernel = config.box(config.stem_kernel, config.stem_time_kernel, n_dims)
            self.conv = config.s4nd.build(
                in_channels, n_dims, out_channels=config.stem_channels, l_max=kernel
            )
            self.linear: nn.Module | None = Pointwise(config.stem_channels, 2 * width)
        else:
            self.conv = convolution(n_dims, in_channels, width, self.patch, of_patches=True)
            self.linear = None

    def forward(self, x: Tensor, rate: Rate) -> Tensor:
        if self.linear is None:
            y: Tensor = self.norm(self.conv(x))
            return y
        y = self.norm(F.glu(self.linear(POOL[self.n_dims](self.conv(x, rate), self.patch)), dim=1))
        return y


class _Downsample(nn.Module):
    """To half the points of each axis but time, and more channels."""

    def __init__(self, config: ConvNeXtConfig, width: int, out: int, n_dims: int) -> None:
        super().__init__()
        self.n_dims, self.stride = n_dims, config.box(2, 1, n_dims)
        self.norm = ChannelNorm(width)
        self.conv: S4ND | nn.Module
        if config.downsample == "s4nd":
            self.conv = config.s4nd.build(width, n_dims)
            self.linear: nn.Module | None = Pointwise(width, 2 * out)
        else:
            self.conv = convolution(n_dims, width, out, self.stride, of_patches=True)
            self.linear = None

    def forward(self, x: Tensor, rate: Rate) -> Tensor:
        if self.linear is None:
            y: Tensor = self.conv(self.norm(x))
            return y
        return F.glu(self.linear(POOL[self.n_dims](self.conv(self.norm(x), rate), self.stride)), dim=1)


class _Block(nn.Module):
    """A depthwise convolution and an MLP over channels, scaled and added."""

    def __init__(self, config: ConvNeXtConfig, width: int, drop_path: float, n_dims: int) -> None:
        super().__init__()
        self.conv: S4ND | nn.Module
        if config.mixer == "s4nd":
            self.conv = config.s4nd.build(width, n_dims)
        else:
            size = config.box(config.kernel_size, config.time_kernel, n_dims)
            self.conv = convolution(n_dims, width, width, size, groups=width)
        self.norm = ChannelNorm(width)
        self.up = Pointwise(width, MLP_RATIO * width)
        self.down = Pointwise(MLP_RATIO * width, width)
        self.scale = nn.Parameter(torch.full((width,), LAYER_SCALE))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, rate: Rate) -> Tensor:
        y = self.conv(x, rate) if isinstance(self.conv, S4ND) else self.conv(x)
        y = self.down(F.gelu(self.up(self.norm(y))))
        scaled = y * self.scale.view(-1, *[1] * (x.dim() - 2))
        added: Tensor = x + self.drop_path(scaled)
        return added
