"""The Fourier neural operator: a lift, layers of a spectral and a pointwise linear map, a projection.

What is unusual here, against the first public code

* the grid may have 1 to 3 axes of any sizes, odd ones too, and other sizes than in training;
* points get the coordinates of a periodic grid, ``i / N``, which a finer grid shares, where the public code
  stretches them from border to border and so moves them with the resolution;
* only the modes that are kept are computed (``longwave.mixers.low_modes``).
"""

# Shapes: B batch, C channels, D axes of the grid

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from longwave.mixers import SpectralConv
from longwave.models._checks import check_sizes
from longwave.models._initialise import seeded
from longwave.models.pde.base import FieldModel
from longwave.models.pde.domain import append_coordinates, crop, pad
from longwave.models.pde.pointwise import ChannelMLP, PointwiseLinear, activation_function
from longwave.models.pde.spectral_config import SpectralConfig

__all__ = ["FNO", "FNOConfig"]


@dataclass(frozen=True, kw_only=True)
class FNOConfig(SpectralConfig):
    """Sizes and parts of a Fourier neural operator.

    Parameters
    ----------
    kind : {"fno"}
        Says in a file which model it is.
    in_channels, out_channels : int
        Of the fields, coordinates not counted.
    n_modes : tuple of int
        Modes of each axis of the grid, 1 to 3 axes, counted as ``SpectralConv`` does: 12 keeps the
        frequencies up to 11 cycles of the domain, of both signs.
    d_model : int
        Channels inside.
    n_layers : int
    d_projection : int
        Inner width of the projection.
    d_lift : int, optional
        Inner width of a lift of two layers; None for the linear one of the paper.
    activation : {"gelu", "relu", "sin", "identity"}
        After every layer but the last. ``"identity"`` makes a linear stack.
    coordinates : {"start", "centre", "ends", "none"}
        Channels with the place of every point, see ``grid_coordinates``; ``"none"`` leaves them out, and the
        operator commutes with shifts of a periodic field.
    padding : float
        What to append to every axis with zeros, for fields that are not periodic: from 1 on a number of
        points, below 1 a share of the axis, which is the same place on every grid.
    init : {"fno", "vp"}
        How spectral weights start, see ``SpectralConv``; with ``"vp"`` the first layer takes in white noise
        on ``resolution`` and the others what it lets through.
    resolution : tuple of int, optional
        The grid of the training data, for ``"vp"``; None takes the input to lie inside the modes.

    Raises
    ------
    ConfigError
        If a size is below 1, there are no or more than 3 axes, or the padding is no number of points.
    """

    kind: Literal["fno"] = "fno"
    d_model: int = 32
    d_lift: int | None = None
    init: Literal["fno", "vp"] = "fno"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(d_lift=1 if self.d_lift is None else self.d_lift)


class FNO(FieldModel):
    """A Fourier neural operator.

    Parameters
    ----------
    config : FNOConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Raises
    ------
    ConfigError
        If the resolution has other axes than the modes.

    Notes
    -----
    ``v_0 = lift([x, coordinates])``, ``v_{l+1} = act(K_l v_l + W_l v_l + b_l)`` without the activation in
    the last layer, ``y = W_2 gelu(W_1 v_L + b_1) + b_2``; ``K`` is a ``SpectralConv``. Any grid of at least
    ``2 n_modes`` points an axis will do (on the last axis ``2 n_modes - 1``), whatever the training grid was.

    References
    ----------
    arXiv 2010.08895, section 4.

    Examples
    --------
    >>> import torch
    >>> model = FNO(FNOConfig(in_channels=1, out_channels=1, n_modes=(4, 4), d_model=8))
    >>> model(torch.zeros(2, 1, 21, 16)).shape
    torch.Size([2, 1, 21, 16])
    """

    config_class = FNOConfig
    config: FNOConfig

    def __init__(self, config: FNOConfig, *, seed: int = 0) -> None:
        super().__init__(config)
        with seeded(seed):
            self.lift: nn.Module = (
                PointwiseLinear(config.n_inputs, config.d_model)
                if config.d_lift is None
                else ChannelMLP(config.n_inputs, config.d_lift, config.d_model)
            )
            self.layers = nn.ModuleList(_Layer(config, is_first=i == 0) for i in range(config.n_layers))
            self.projection = ChannelMLP(config.d_model, config.d_projection, config.out_channels)
        self.activation = activation_function(config.activation)

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
            If channels or axes differ from the configuration's, or the grid cannot show the modes.
        """
        self._check(x)
        v = self.lift(append_coordinates(x, self.config.coordinates))  # (B, C, *grid)
        v = pad(v, self.config.padding)
        for i, layer in enumerate(self.layers):
            v = layer(v) if i == len(self.layers) - 1 else self.activation(layer(v))
        y: Tensor = self.projection(crop(v, x.shape[2:]))
        return y


class _Layer(nn.Module):
    """One layer without its activation."""

    def __init__(self, config: FNOConfig, *, is_first: bool) -> None:
        super().__init__()
        width = config.d_model
        self.spectral = SpectralConv(
            width, width, config.n_modes, init=config.init, resolution=config.resolution if is_first else None
        )
        self.pointwise = PointwiseLinear(width, width)

    def forward(self, v: Tensor) -> Tensor:
        y: Tensor = self.spectral(v) + self.pointwise(v)
        return y
