"""Networks of constant resolution: residual layers of S4ND, or of small convolutions, on every pixel."""

# Shapes: B batch, C channels, D width

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models._checks import check_fractions, check_sizes
from longwave.models.images.parts import (
    NORM_EPS,
    ChannelNorm,
    Pointwise,
    Trunk,
    convolution,
    start,
)

__all__ = ["Isotropic", "IsotropicConfig"]


@dataclass(frozen=True, kw_only=True)
class IsotropicConfig:
    """Sizes and layers of an isotropic network.

    Parameters
    ----------
    kind : {"isotropic"}
        Says in a file which network it is.
    mixer : {"s4nd", "conv"}
        Layers that see the whole image, or ``kernel_size`` points an axis.
    d_model, n_layers : int
        Width and depth.
    kernel_size : int
        Of ``"conv"``, odd.
    s4nd : S4NDConfig
        Kernels of ``"s4nd"``.
    dropout : float
        Probability of dropping a channel, at all points, in every layer.
    sequence : bool
        Read the points as one sequence, row by row (frame by frame), with layers of one axis.
    encoder : {"linear", "s4nd"}
        What comes first: a linear layer on every pixel, or S4ND from all input channels to ``d_model``.
    norm : {"point", "domain"}
        Mean and deviation over the channels of every point, or over channels and points together. The second
        hardly changes with the resolution; the first makes steps of a grey pixel's shades.

    Raises
    ------
    ConfigError
        If a size is below 1, ``kernel_size`` is even or a probability outside [0, 1).
    """

    kind: Literal["isotropic"] = "isotropic"
    mixer: Literal["s4nd", "conv"] = "s4nd"
    d_model: int = 256
    n_layers: int = 6
    kernel_size: int = 3
    s4nd: S4NDConfig = field(default_factory=S4NDConfig)
    dropout: float = 0.0
    sequence: bool = False
    encoder: Literal["linear", "s4nd"] = "linear"
    norm: Literal["point", "domain"] = "point"

    def __post_init__(self) -> None:
        check_sizes(d_model=self.d_model, n_layers=self.n_layers, kernel_size=self.kernel_size)
        check_fractions(dropout=self.dropout)
        if self.kernel_size % 2 == 0:
            raise ConfigError(f'"kernel_size" is {self.kernel_size}; only odd kernels keep the resolution.')


class Isotropic(Trunk):
    """A linear layer on every pixel, residual layers, a norm, and the mean.

    Parameters
    ----------
    config : IsotropicConfig
    in_channels, n_dims : int

    Notes
    -----
    A layer is ``x + W glu(conv(norm(x)))`` with GELU and dropout before the gated linear layer, whichever the
    convolution. A sequence has the rate along a row. Its rows have other lengths at another resolution, so
    that unlike in two axes the same weights are not the same function there.

    References
    ----------
    Section 5.3 of arXiv 2210.06583.
    """

    def __init__(self, config: IsotropicConfig, in_channels: int, n_dims: int) -> None:
        super().__init__(config.d_model)
        self.is_sequence = config.sequence
        n_dims = 1 if config.sequence else n_dims
        self.encoder: S4ND | Pointwise
        if config.encoder == "s4nd":
            self.encoder = config.s4nd.build(in_channels, n_dims, out_channels=config.d_model)
        else:
            self.encoder = Pointwise(in_channels, config.d_model)
        self.norms = nn.ModuleList(_norm(config) for _ in range(config.n_layers))
        self.mixers = nn.ModuleList(_mixer(config, n_dims) for _ in range(config.n_layers))
        self.norm = _norm(config)

    def features(self, x: Tensor, rate: Sequence[float]) -> Tensor:
        """Map signals (B, C, *grid) to (B, D, *grid), or to (B, D, all points) as a sequence."""
        if self.is_sequence:
            x, rate = x.flatten(2), rate[-1:]
        x = self.encoder(x, rate) if isinstance(self.encoder, S4ND) else self.encoder(x)
        for norm, mixer in zip(self.norms, self.mixers, strict=True):
            x = x + mixer(norm(x), rate)
        normed: Tensor = self.norm(x)
        return normed

    def pool(self, features: Tensor) -> Tensor:
        """Take the mean over the grid."""
        return features.flatten(2).mean(-1)


class ConvMixer(nn.Module):
    """A small convolution, GELU, dropout and a gated linear layer: what S4ND is measured against.

    Parameters
    ----------
    d_model, n_dims, kernel_size : int
    dropout : float
    """

    def __init__(self, d_model: int, n_dims: int, kernel_size: int, dropout: float) -> None:
        super().__init__()
        self.conv = convolution(n_dims, d_model, d_model, [kernel_size] * n_dims)
        self.dropout = dropout
        self.out_proj = Pointwise(d_model, 2 * d_model)
        self.apply(start)

    def forward(self, x: Tensor, rate: Sequence[float]) -> Tensor:  # noqa: ARG002 - a tap is a pixel at any rate
        """Map (B, D, *grid) to the same shape, whatever the rate."""
        y = F.gelu(self.conv(x))
        if self.training and self.dropout > 0:
            y = F.dropout1d(y.flatten(2), self.dropout).view(y.shape)
        return F.glu(self.out_proj(y), dim=1)


def _norm(config: IsotropicConfig) -> nn.Module:
    if config.norm == "domain":
        return nn.GroupNorm(1, config.d_model, eps=NORM_EPS)
    return ChannelNorm(config.d_model)


def _mixer(config: IsotropicConfig, n_dims: int) -> S4ND | ConvMixer:
    if config.mixer == "s4nd":
        return config.s4nd.build(config.d_model, n_dims, out="glu", dropout=config.dropout)
    return ConvMixer(config.d_model, n_dims, config.kernel_size, config.dropout)
