"""Linear layers over the channels of a field, point by point, on any number of axes."""

# Shapes: B batch, C channels, N points of a grid

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError

__all__ = ["ChannelMLP", "PointwiseLinear", "activation_function"]

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "sin": torch.sin,
    "identity": lambda x: x,
}


def activation_function(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation by its name.

    Raises
    ------
    ConfigError
        If there is no such activation.
    """
    if name not in FUNCTIONS:
        raise ConfigError(f'activation is "{name}"; give one of {", ".join(FUNCTIONS)}.')
    return FUNCTIONS[name]


class PointwiseLinear(nn.Linear):
    """A linear layer from (B, C_in, *grid) to (B, C_out, *grid); weights as those of ``nn.Linear``."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the channels of every point by the matrix and add the bias."""
        weight = self.weight.expand(x.shape[0], -1, -1)
        y = torch.baddbmm(self.bias[:, None], weight, x.flatten(2))  # (B, C_out, N)
        return torch.unflatten(y, 2, x.shape[2:])


class ChannelMLP(nn.Module):
    """Two linear layers over channels with an activation between them."""

    def __init__(
        self,
        in_channels: int,
        d_hidden: int,
        out_channels: int,
        activation: Callable[[Tensor], Tensor] = F.gelu,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.up = PointwiseLinear(in_channels, d_hidden)
        self.down = PointwiseLinear(d_hidden, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, *grid) to (B, C_out, *grid)."""
        y: Tensor = self.down(self.activation(self.up(x)))
        return y
