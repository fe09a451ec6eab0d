"""Transform Once: one transform in, a network on the coefficients, one transform out.

What is unusual here, against the paper's public code

* lift and head are linear or act on one mode alone, so they run on the few coefficients that are kept, and
  only the input channels are ever transformed; the output is the same, the cost hardly depends on the grid;
* a real Fourier basis for periodic fields, or the cosine basis, chosen by what the data lose;
* 1 to 3 axes, another number of modes on each, and other grids than the one of training.
"""

# Shapes: B batch, C channels, M modes kept, D axes of the grid

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from longwave.models._initialise import seeded
from longwave.models.pde.coefficient_model import CoefficientLift, CoefficientModel, box_places
from longwave.models.pde.initialise import channel_std
from longwave.models.pde.pointwise import activation_function
from longwave.models.pde.t1_block import T1Block
from longwave.models.pde.t1_config import T1Config, resolve

__all__ = ["T1", "T1Config"]


class T1(CoefficientModel):
    """A network from the lowest coefficients of fields to those of other fields.

    Parameters
    ----------
    config : T1Config
        With nothing left open to the data; else use ``T1.from_data``.
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Raises
    ------
    ConfigError
        If the basis or the modes are still open.

    Notes
    -----
    ``z = S T x`` are the lowest coefficients of an orthonormal transform, ``v = W [z, T(coordinates)] +
    b T(1)``, blocks ``v <- v + mix_modes(act(mix_channels(v)))``, ``y = V_2 sin(V_1 v)``, and the output is
    ``T^-1`` of ``y`` with zeros above. Lifting ``[x, coordinates]`` point by point before the transform, and
    running the head on all modes, gives the same: the lift is linear, and a head without biases takes zeros
    to zeros.

    The network reads coefficients divided by ``sqrt(N)``, which on any grid are those of the same function.
    A sine is bounded and the head starts small: it would have to grow for long to give the orthonormal
    coefficients of a large grid. On Darcy flow (85 x 85, 256 samples, 20 epochs) the test error was 0.30 with
    those (``scaling="orthonormal"``) and 0.09 without.

    With ``keep_high``, modes outside the box pass from lift to head on the whole grid of the input.

    The head is computed in the type of its weights under autocast, for float16 knows no 1e-8.

    References
    ----------
    arXiv 2211.14453.

    Examples
    --------
    >>> config = T1Config(in_channels=1, out_channels=1, resolution=(32, 32), n_modes=(8, 6), basis="dct")
    >>> model = T1(config)
    >>> x = torch.zeros(2, 1, 32, 32)
    >>> model(x).shape, model(x, sizes=(64, 64)).shape, model.coefficients(x).shape
    (torch.Size([2, 1, 32, 32]), torch.Size([2, 1, 64, 64]), torch.Size([2, 1, 8, 6]))
    """

    config_class = T1Config
    config: T1Config
    kept: Tensor | None

    def __init__(self, config: T1Config, *, seed: int = 0) -> None:
        super().__init__(config)
        box, width = config.box, config.d_model
        kept = None if config.kept is None else torch.tensor(config.kept)
        activation = activation_function(config.activation)
        self.register_buffer("kept", kept, persistent=False)
        with seeded(seed):
            self.lift = CoefficientLift(config, width)
            self.blocks = nn.ModuleList(
                T1Block(width, box, activation, std=channel_std(config, i), kept=kept)
                for i in range(config.n_layers)
            )
            self.head_up = nn.Linear(width, config.d_head, bias=False)
            self.head_down = nn.Linear(config.d_head, config.out_channels, bias=False)
            self._initialise()

    @classmethod
    def from_data(cls, config: T1Config, inputs: Tensor, targets: Tensor, *, seed: int = 0) -> Self:
        """Build a model after settling by data what the configuration leaves open.

        Parameters
        ----------
        config : T1Config
            ``basis="auto"``, ``energy``, ``top`` and ``init="vp-data"`` ask for data.
        inputs, targets : Tensor, shape (n, C, *resolution)
            The training data. What the modes lose of the targets is logged.
        seed : int

        Raises
        ------
        ShapeError, DataError
            If the data do not fit the configuration or hold something else than numbers.
        """
        return cls(resolve(config, inputs, targets), seed=seed)

    def network(self, z: Tensor) -> Tensor:
        """Map coefficients to coefficients, shape (B, C_in, *n_modes) to (B, C_out, *n_modes)."""
        sizes = z.shape[2:]
        if self.config.keep_high:
            places = box_places(sizes, self.config.box, self.kept, z.device)
            v = self.lift(z)  # (all modes, B, C)
            y = self._head(v.index_copy(0, places, self._mix(v[places]).to(v.dtype)))
        else:
            y = self._head(self._mix(self.lift(z, self.kept)))  # (B, C_out, M)
            if self.kept is not None:
                y = y.new_zeros(*y.shape[:2], math.prod(sizes)).index_copy(2, self.kept, y)
        return y.reshape(*y.shape[:2], *sizes)

    def _mix(self, v: Tensor) -> Tensor:
        for block in self.blocks:
            v = block(v)
        return v

    def _head(self, v: Tensor) -> Tensor:
        """Map the residual stream (M, B, C) to coefficients (B, C_out, M)."""
        with torch.autocast(v.device.type, enabled=False):
            y: Tensor = self.head_down(torch.sin(self.head_up(v.to(self.head_up.weight.dtype))))
        return y.permute(1, 2, 0)

    def _initialise(self) -> None:
        for layer in (self.head_up, self.head_down):
            nn.init.normal_(layer.weight, 0.0, self.config.head_std)
        if self.config.init == "fno":
            for block in self.blocks:
                nn.init.uniform_(block.get_parameter("channel_weight"), 0.0, 1 / self.config.d_model**2)
