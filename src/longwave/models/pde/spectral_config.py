"""What the configurations of FNO and of its factorised form have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longwave.models._checks import check_sizes
from longwave.models.pde.base import check_modes
from longwave.models.pde.domain import check_padding

__all__ = ["SpectralConfig"]


@dataclass(frozen=True, kw_only=True)
class SpectralConfig:
    """Sizes and parts, as ``FNOConfig`` and ``FFNOConfig`` tell them."""

    in_channels: int
    out_channels: int
    n_modes: tuple[int, ...]
    d_model: int
    n_layers: int = 4
    d_projection: int = 128
    activation: Literal["gelu", "relu", "sin", "identity"] = "gelu"
    coordinates: Literal["start", "centre", "ends", "none"] = "start"
    padding: float = 0.0
    init: Literal["fno", "vp"]
    resolution: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        names = ("in_channels", "out_channels", "d_model", "n_layers", "d_projection")
        check_sizes(**{name: getattr(self, name) for name in names})
        object.__setattr__(self, "n_modes", check_modes(self.n_modes))
        if self.resolution is not None:
            object.__setattr__(self, "resolution", tuple(self.resolution))
        check_padding(self.padding)

    @property
    def n_dims(self) -> int:
        """Axes of the grid."""
        return len(self.n_modes)

    @property
    def n_inputs(self) -> int:
        """Channels that the lift reads, coordinates counted."""
        return self.in_channels + (self.n_dims if self.coordinates != "none" else 0)
