"""Networks on a sequence of patches: the Vision Transformer, and the same with S4ND in place of attention."""

# Shapes: B batch, C channels, D width, L patches, G and W patches of a column and of a row

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import Attention, S4NDConfig
from longwave.models._checks import check_fractions, check_sizes
from longwave.models.images.parts import (
    NORM_EPS,
    STD,
    DropPath,
    Trunk,
    start,
)

__all__ = ["ViT", "ViTConfig"]


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Sizes and layers of a network on patches.

    Parameters
    ----------
    kind : {"vit"}
        Says in a file which network it is.
    mixer : {"attention", "s4nd"}
        Attention comes with a class token, which is also the output, and learned positions; S4ND on the
        patches row by row needs neither, and the output is the mean.
    patch : int
        Points a side.
    image_size : int
        Points a side of the images that positions are learned for; others take interpolated ones.
    d_model, n_layers, n_heads : int
    d_mlp : int, optional
        Default ``4 * d_model``.
    channels : int
        Kernels of every channel of an S4ND.
    s4nd : S4NDConfig
        Kernels of every S4ND, of one axis.
    dropout, drop_path : float
        Of what mixers and MLPs compute; of the last block, earlier ones in proportion.

    Raises
    ------
    ConfigError
        If a size is below 1, an image has no whole number of patches, or a probability is outside [0, 1).
    """

    kind: Literal["vit"] = "vit"
    mixer: Literal["attention", "s4nd"] = "attention"
    patch: int = 16
    image_size: int = 224
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_mlp: int | None = None
    channels: int = 2
    s4nd: S4NDConfig = field(default_factory=lambda: S4NDConfig(kernel="s4d-legs", dt=(1e-3, 1e-1)))
    dropout: float = 0.0
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        names = ("patch", "image_size", "d_model", "n_layers", "n_heads", "channels")
        check_sizes(**{name: getattr(self, name) for name in names}, d_mlp=self.mlp_width)
        check_fractions(dropout=self.dropout, drop_path=self.drop_path)
        if self.image_size % self.patch:
            raise ConfigError(
                f'"image_size" is {self.image_size}, no multiple of "patch", {self.patch}. Give one that is.'
            )

    @property
    def mlp_width(self) -> int:
        """Inner width of the MLPs."""
        return 4 * self.d_model if self.d_mlp is None else self.d_mlp


class ViT(Trunk):
    """Patches as a sequence, pre-norm blocks of a mixer and an MLP, a norm, the class token or the mean.

    Parameters
    ----------
    config : ViTConfig
    in_channels, n_dims : int
        Images only: 2 axes.

    Notes
    -----
    The rate of an S4ND is that along a row. On another resolution the rows of the sequence have another
    length, so unlike in two axes the same weights are not the same function.

    References
    ----------
    arXiv 2010.11929; with S4ND in place of attention: arXiv 2210.06583, section 5.1.
    """

    def __init__(self, config: ViTConfig, in_channels: int, n_dims: int) -> None:
        super().__init__(config.d_model)
        if n_dims != 2:
            raise ConfigError(f"A ViT takes images, of 2 axes, not {n_dims}. Use a ConvNeXt for video.")
        self.config = config
        self.embedding = nn.Conv2d(in_channels, config.d_model, config.patch, stride=config.patch)
        self.class_token: nn.Parameter | None = None
        self.positions: nn.Parameter | None = None
        if config.mixer == "attention":
            side = config.image_size // config.patch
            self.class_token = nn.Parameter(torch.empty(1, 1, config.d_model).normal_(0, STD))
            self.positions = nn.Parameter(torch.empty(1, 1 + side * side, config.d_model).normal_(0, STD))
        drops = torch.linspace(0, config.drop_path, config.n_layers, device="cpu").tolist()
        self.blocks = nn.ModuleList(_Block(config, drop) for drop in drops)
        self.norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.apply(start)

    def features(self, x: Tensor, rate: Sequence[float]) -> Tensor:
        """Map images (B, C, H, W) to (B, D, L), the class token first if there is one.

        Raises
        ------
        ShapeError
            If the image is smaller than a patch.
        """
        if min(x.shape[2:]) < self.config.patch:
            raise ShapeError(
                f"An image of {x.shape[2]} x {x.shape[3]} points has no patch of {self.config.patch}. Lower "
                "patch or take larger images."
            )
        grid: Tensor = self.embedding(x)  # (B, D, G, W)
        z = grid.flatten(2).mT  # (B, L, D)
        if self.class_token is not None and self.positions is not None:
            z = torch.cat([self.class_token.expand(len(z), -1, -1).to(z.dtype), z], 1)
            z = z + self._positions(self.positions, grid.shape[2:]).to(z.dtype)
        for block in self.blocks:
            z = block(z, rate[-1])
        normed: Tensor = self.norm(z)
        return normed.mT

    def pool(self, features: Tensor) -> Tensor:
        """Take the class token, or the mean where there is none."""
        return features.mean(-1) if self.class_token is None else features[..., 0]

    def _positions(self, positions: Tensor, grid: Sequence[int]) -> Tensor:
        """Return the positions for a grid of patches, interpolated if it is another than the learned one."""
        side = self.config.image_size // self.config.patch
        if tuple(grid) == (side, side):
            return positions
        square = positions[:, 1:].mT.reshape(1, -1, side, side)
        other = F.interpolate(square, size=list(grid), mode="bicubic", antialias=True)
        return torch.cat([positions[:, :1], other.flatten(2).mT], 1)


class _Block(nn.Module):
    """``z + mixer(norm(z))``, then ``z + mlp(norm(z))``."""

    def __init__(self, config: ViTConfig, drop_path: float) -> None:
        super().__init__()
        self.mixer_norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.attention: Attention | None = None
        if config.mixer == "attention":
            self.attention = Attention(
                config.d_model, config.n_heads, rotary=False, is_causal=False, dropout=config.dropout
            )
        else:
            self.s4nd = config.s4nd.build(
                config.d_model, 1, channels=config.channels, out="glu", dropout=config.dropout
            )
        self.mlp_norm = nn.LayerNorm(config.d_model, eps=NORM_EPS)
        self.up = nn.Linear(config.d_model, config.mlp_width)
        self.down = nn.Linear(config.mlp_width, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, z: Tensor, rate: float) -> Tensor:
        normed = self.mixer_norm(z)
        mixed = self.s4nd(normed.mT, rate).mT if self.attention is None else self.attention(normed)
        z = z + self.drop_path(self.dropout(mixed))
        y: Tensor = z + self.drop_path(self.dropout(self.down(F.gelu(self.up(self.mlp_norm(z))))))
        return y
