"""The factorised Fourier neural operator: one axis at a time, then an MLP, around a residual stream.

What is unusual here: the modes of an axis are those of a half axis, ``0 ... m-1`` cycles and their
conjugates, so an axis of ``2 m - 1`` points will do; weights can be shared by all layers and are then stored
once.
"""

# Shapes: B batch, C channels, D axes of the grid

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from longwave.mixers import FactorizedSpectralConv
from longwave.models._checks import check_sizes
from longwave.models._initialise import seeded
from longwave.models.pde.base import FieldModel
from longwave.models.pde.domain import append_coordinates, crop, pad
from longwave.models.pde.pointwise import ChannelMLP, PointwiseLinear, activation_function
from longwave.models.pde.spectral_config import SpectralConfig

__all__ = ["FFNO", "FFNOConfig"]


@dataclass(frozen=True, kw_only=True)
class FFNOConfig(SpectralConfig):
    """Sizes and parts of a factorised Fourier neural operator.

    Parameters
    ----------
    kind : {"ffno"}
        Says in a file which model it is.
    in_channels, out_channels : int
        Of the fields, coordinates not counted.
    n_modes : tuple of int
        Modes of each axis, 1 to 3 axes: 16 keeps the frequencies up to 15 cycles of the domain.
    d_model : int
        Channels inside.
    n_layers : int
    d_mlp : int, optional
        Inner width of the MLPs; default ``2 * d_model``.
    d_projection : int
        Inner width of the projection.
    share_weights : bool
        Use the same spectral weights in all layers.
    activation, coordinates, padding
        As in ``FNOConfig``; the activation is that of the MLPs.
    init : {"fno", "vp"}
        How spectral weights start, see ``SpectralConv``.
    resolution : tuple of int, optional
        The grid of the training data, for ``"vp"``: the first layer then takes in white noise. None takes all
        fields to lie inside the modes.

    Raises
    ------
    ConfigError
        If a size is below 1, there are no or more than 3 axes, or the padding is no number of points.
    """

    kind: Literal["ffno"] = "ffno"
    d_model: int = 64
    d_mlp: int | None = None
    share_weights: bool = False
    init: Literal["fno", "vp"] = "vp"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(mlp_width=self.mlp_width)

    @property
    def mlp_width(self) -> int:
        """Inner width of the MLPs."""
        return 2 * self.d_model if self.d_mlp is None else self.d_mlp


class FFNO(FieldModel):
    """A factorised Fourier neural operator.

    Parameters
    ----------
    config : FFNOConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Raises
    ------
    ConfigError
        If the resolution has other axes than the modes.

    Notes
    -----
    ``v_{l+1} = v_l + mlp_l( sum_d K_{l,d} v_l )`` with one ``FactorizedSpectralConv`` a layer (or one for
    all), between a linear lift and a projection of two layers. Spectral weights grow with the sum of the
    modes of the axes, where those of FNO grow with their product.

    References
    ----------
    arXiv 2111.13802, section 3.

    Examples
    --------
    >>> import torch
    >>> model = FFNO(FFNOConfig(in_channels=1, out_channels=1, n_modes=(4, 4), d_model=8))
    >>> model(torch.zeros(2, 1, 21, 16)).shape
    torch.Size([2, 1, 21, 16])
    """

    config_class = FFNOConfig
    config: FFNOConfig

    def __init__(self, config: FFNOConfig, *, seed: int = 0) -> None:
        super().__init__(config)
        width = config.d_model
        with seeded(seed):
            self.lift = PointwiseLinear(config.n_inputs, width)
            self.spectral = nn.ModuleList(
                FactorizedSpectralConv(
                    width, config.n_modes, init=config.init, resolution=None if i else config.resolution
                )
                for i in range(1 if config.share_weights else config.n_layers)
            )
            act = activation_function(config.activation)
            self.mlps = nn.ModuleList(
                ChannelMLP(width, config.mlp_width, width, act) for _ in range(config.n_layers)
            )
            self.projection = ChannelMLP(width, config.d_projection, config.out_channels)

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
        v = pad(self.lift(append_coordinates(x, self.config.coordinates)), self.config.padding)
        for i, mlp in enumerate(self.mlps):
            v = v + mlp(self.spectral[0 if self.config.share_weights else i](v))  # (B, C, *grid)
        y: Tensor = self.projection(crop(v, x.shape[2:]))
        return y
