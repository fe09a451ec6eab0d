"""The adapter: two linear layers with a bottleneck, and how its outputs are compared.

Shapes: n points, d width of the embeddings, H hidden units, C classes, A anchors, U points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError

__all__ = ["AdapterConfig", "AdapterNet"]


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Settings of an adapter.

    Parameters
    ----------
    hidden : int
        ``H``.
    batchnorm : bool
        Batch norm and ReLU between the layers; without it GELU, and a bias in the first layer.
    mix : float
        Share of the network in ``z = mix·net(x) + (1 - mix)·x/|x|``, above 0 and at most 1. Only directions
        count, so that 0.5 is the usual residual connection.
    temperature : float
        Factor of the cosines in the logits.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    hidden: int = 128
    batchnorm: bool = True
    mix: float = 1.0
    temperature: float = 100.0

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ConfigError(f"hidden is {self.hidden}; accepted are whole numbers >= 1.")
        if not 0 < self.mix <= 1:
            raise ConfigError(f"mix is {self.mix}; accepted is above 0 and up to 1. 1 leaves the input out.")
        if not self.temperature > 0:
            raise ConfigError(f"temperature is {self.temperature}; accepted are numbers above 0.")


class AdapterNet(nn.Module):
    """Map frozen embeddings (n, d) to adapted ones (n, d).

    Parameters
    ----------
    d_model : int
        ``d``.
    config : AdapterConfig
    generator : torch.Generator
        Of the initial weights: uniform within ±1/√(inputs of the layer).

    Notes
    -----
    ``net(x) = W₂ h + b₂`` with ``h = relu(batchnorm(W₁ x))``. Section 2 of the specification of the adapters
    (arXiv 2207.07180 and its code).
    """

    def __init__(self, d_model: int, config: AdapterConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.read = nn.Linear(d_model, config.hidden, bias=not config.batchnorm)
        self.norm = nn.BatchNorm1d(config.hidden) if config.batchnorm else None
        self.write = nn.Linear(config.hidden, d_model)
        with torch.no_grad():
            for layer in (self.read, self.write):
                bound = layer.in_features**-0.5
                for parameter in layer.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)

    def hidden(self, x: Tensor) -> Tensor:
        """Return hidden units, (n, d) -> (n, H)."""
        h = self.read(x)
        norm = self.norm
        if norm is None:
            return F.gelu(h)
        if len(h) == 1:  # one point has no deviation: the running statistics have to do
            return F.relu(
                F.batch_norm(h, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            )
        return F.relu(norm(h))

    def forward(self, x: Tensor) -> Tensor:
        """Return adapted embeddings, (n, d) -> (n, d)."""
        return self._mixed(self.write(self.hidden(x)), x)

    def logits(self, x: Tensor, q: Tensor) -> Tensor:
        """Return temperature times cosine with class embeddings (C, d), unit rows: (n, C)."""
        return self.config.temperature * F.normalize(self(x), dim=1) @ q.T

    def cosines(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return the cosines between chosen points and all points: x (U, d), rows (A,) -> (A, U).

        Notes
        -----
        With ``V = [W₂ b₂]`` and ``g = [h 1]``, outputs are ``V g`` and their inner products ``gᵀ (VᵀV) g``:
        products of width H + 1, where encoding first takes products of width d. Exact, but for rounding.
        """
        if self.config.mix < 1:
            z = F.normalize(self(x), dim=1)
            return pick_rows(z, rows) @ z.T
        h = self.hidden(x)  # (U, H)
        g = torch.cat([h, h.new_ones(len(h), 1)], dim=1)  # (U, H + 1)
        v = torch.cat([self.write.weight, self.write.bias[:, None]], dim=1)  # (d, H + 1)
        gram = g @ (v.T @ v)
        lengths = (gram * g).sum(dim=1).clamp_min(torch.finfo(g.dtype).tiny).sqrt()  # (U,)
        unit = gram / lengths[:, None]
        return pick_rows(unit, rows) @ (g / lengths[:, None]).T

    def _mixed(self, z: Tensor, x: Tensor) -> Tensor:
        mix = self.config.mix
        return z if mix == 1 else mix * z + (1 - mix) * F.normalize(x, dim=1)


def pick_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Return chosen rows; on a GPU by a product, whose gradient is summed in a fixed order."""
    if x.device.type == "cpu":
        return x[rows]
    chosen = x.new_zeros(len(rows), len(x))
    return chosen.scatter_(1, rows[:, None], 1.0) @ x
