"""How the channel mixings of a T1 start, so that a transform's output keeps the variance of its input."""

from __future__ import annotations

import math

from longwave.models.pde.t1_config import T1Config

__all__ = ["channel_std"]


def channel_std(config: T1Config, layer: int) -> float:
    """Return the deviation of a block's channel mixing, whose weights start from N(0, std^2).

    Parameters
    ----------
    config : T1Config
    layer : int
        Counted from 0.

    Notes
    -----
    With C channels, N points and M modes, the square of the deviation is

    * ``"plain"``: ``1 / C``, which keeps the variance of a mode;
    * ``"vp"``: ``N / (C M)``, so that M modes carry the variance that white noise has on N points;
    * ``"vp-data"``: ``1 / (C e)``, with the share ``e`` of their energy that the modes keep of real inputs,
      which are not white: usually close to ``"plain"``.

    With ``first_layer_only`` blocks after the first start as ``"plain"``: the energy is in the modes by then,
    and the factor in every block would let the variance grow by ``1 + N / 2M`` each time. ``"fno"`` is the
    uniform start of the Fourier neural operator and no matter of this function.

    References
    ----------
    arXiv 2211.14453, and its public code for the first layer alone.
    """
    gain = 1.0
    if layer == 0 or not config.first_layer_only:
        if config.init == "vp":
            gain = math.prod(config.resolution) / config.mode_count
        elif config.init == "vp-data":
            gain = 1 / (config.input_energy or 1.0)
    return math.sqrt(gain / config.d_model)
