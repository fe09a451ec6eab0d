"""What every model of fields has: checked input, and a form on disk."""

# Shapes: B batch, C channels, grid 1 to 3 axes

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.models._pretrained import SavedModel

__all__ = ["FieldConfig", "FieldModel", "check_modes"]

MAX_DIMS = 3


class FieldConfig(Protocol):
    """What the configuration of any model of fields tells: a frozen dataclass with more besides."""

    @property
    def in_channels(self) -> int:
        """Channels of the input field."""
        ...

    @property
    def out_channels(self) -> int:
        """Channels of the output field."""
        ...

    @property
    def n_dims(self) -> int:
        """Axes of the grid."""
        ...


class FieldModel(SavedModel, ABC):
    """A model from fields to fields on the same grid.

    Parameters
    ----------
    config : FieldConfig
        Of type ``config_class``.
    """

    def __init__(self, config: FieldConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Map fields of shape (B, C_in, *grid) to (B, C_out, *grid)."""

    def _check(self, x: Tensor) -> None:
        n_dims, channels = self.config.n_dims, self.config.in_channels
        is_field = x.ndim == 2 + n_dims and x.is_floating_point() and 0 not in x.shape[2:]
        if not is_field or x.shape[1] != channels:
            axes = ", ".join(f"N{d + 1}" for d in range(n_dims))
            raise ShapeError(
                f"The input has shape {tuple(x.shape)} and type {x.dtype}; this {type(self).__name__} takes "
                f"real fields of shape (B, {channels}, {axes}). Put channels before the grid, or build the "
                "model with in_channels and axes of the data."
            )


def check_modes(n_modes: Sequence[int]) -> tuple[int, ...]:
    """Return modes of 1 to 3 axes as a tuple, which YAML cannot write.

    Raises
    ------
    ConfigError
        If there are no or more than 3 axes, or one has less than 1 mode.
    """
    if not 1 <= len(n_modes) <= MAX_DIMS or min(n_modes) < 1:
        raise ConfigError(
            f'"n_modes" is {list(n_modes)}; give 1 to {MAX_DIMS} numbers of at least 1, one for each axis of '
            "the grid."
        )
    return tuple(n_modes)
