"""Spectral convolutions: a matrix of its own for every low Fourier mode of a field.

What is unusual here

* weights are stored as pairs of real numbers, which every optimiser, cast and way of training in parallel
  understands, with the modes first, so that the product is one batched product of matrices;
* the modes that a grid cannot show are an error, not a silent cut.
"""

# Shapes: B batch, C channels, or I and O of in and out; D axes of the grid, m modes of an axis, M of all
#         N points of an axis, Q of all axes before it, P of all behind it

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.low_modes import axis_modes, from_axis_modes, from_low_modes, kept_shape, low_modes
from longwave.mixers.ssm_storage import from_pairs

__all__ = ["FactorizedSpectralConv", "SpectralConv", "SpectralInit"]

SpectralInit = Literal["fno", "vp"]
MAX_DIMS = 3


class SpectralConv(nn.Module):
    """Multiply the low Fourier modes of a field by matrices and drop the others: FNO's kernel integral.

    Parameters
    ----------
    in_channels, out_channels : int
    n_modes : sequence of int
        ``m`` of each axis, which also tells how many axes there are, 1 to 3. As in the FNO paper's code, the
        last axis keeps the frequencies ``0 ... m-1`` cycles, whose conjugates are those below 0, and every
        other axis ``-m ... m-1``: two blocks of ``m x m`` corners in 2-D, four in 3-D.
    init : {"fno", "vp"}
        ``"fno"``: both parts uniform in [0, 1) over ``I O``, the paper's. ``"vp"``: normal, so that the
        output has the total variance of the input.
    resolution : sequence of int, optional
        For ``"vp"``, the grid on which the input is white noise; without, the input lies inside the modes.

    Attributes
    ----------
    weight : Parameter, shape (2 m_1, ..., 2 m_(D-1), m_D, I, O, 2)
        Real and imaginary parts; an axis with both signs in the order ``0 ... m-1, -m ... -1``.

    Raises
    ------
    ConfigError
        If a size is below 1, there are more than 3 axes, or the start is unknown.

    Notes
    -----
    ``y = F^-1( W_k (F x)_k )``, in float32 or wider whatever autocast says. The kernel knows lengths, not
    points: the same weights act on any grid that shows the modes. Output modes of the plane ``k_D = 0`` are
    the mean of ``k`` and the conjugate of ``-k``, see ``from_low_modes``. Nothing but the modes is kept for
    the gradient.

    ``"vp"``: both parts N(0, N / (2 I M)), with ``N`` points of ``resolution`` and ``M`` the modes that are
    kept, each counting 2 (itself and its conjugate), those of the plane ``k_D = 0`` one half.

    References
    ----------
    arXiv 2010.08895, section 4; the variance-preserving start: arXiv 2211.14453.

    Examples
    --------
    >>> conv = SpectralConv(3, 5, n_modes=(4, 4))
    >>> conv(torch.zeros(2, 3, 21, 17)).shape, tuple(conv.weight.shape)
    (torch.Size([2, 5, 21, 17]), (8, 4, 3, 5, 2))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        n_modes: Sequence[int],
        *,
        init: SpectralInit = "fno",
        resolution: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(in_channels, out_channels, n_modes)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.n_modes = tuple(n_modes)
        if resolution is not None:
            _check_resolution(resolution, n_modes)
        self.weight = nn.Parameter(torch.empty(*kept_shape(n_modes), in_channels, out_channels, 2))
        _draw(self.weight, n_modes, init, resolution)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve fields.

        Parameters
        ----------
        x : Tensor, shape (B, I, *grid), real

        Returns
        -------
        Tensor, shape (B, O, *grid)
            In the type of ``x``.

        Raises
        ------
        ShapeError
            If channels or axes differ from the layer's, or the grid cannot show the modes.
        """
        _check_field(self, x, self.in_channels)
        wide = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            z = low_modes(x.to(wide), self.n_modes)  # (*kept, B, I)
            w = from_pairs(self.weight, wide)  # (*kept, I, O)
            n_axes = len(self.n_modes)
            y = torch.bmm(z.flatten(0, n_axes - 1), w.flatten(0, n_axes - 1))  # (M, B, O)
            return from_low_modes(torch.unflatten(y, 0, z.shape[:n_axes]), x.shape[2:]).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        return f"{self.in_channels}, {self.out_channels}, n_modes={self.n_modes}"


class FactorizedSpectralConv(nn.Module):
    """Convolve along one axis at a time and add up: FFNO's kernel integral.

    Parameters
    ----------
    channels : int
        In and out.
    n_modes : sequence of int
        ``m`` of each axis, 1 to 3 axes: frequencies ``0 ... m-1`` cycles and their conjugates.
    init, resolution
        As in ``SpectralConv``, for each axis.

    Attributes
    ----------
    weights : ParameterList
        One for each axis, shape (m, C, C, 2): real and imaginary parts.

    Raises
    ------
    ConfigError
        As ``SpectralConv``.

    References
    ----------
    arXiv 2111.13802, section 3.
    """

    def __init__(
        self,
        channels: int,
        n_modes: Sequence[int],
        *,
        init: SpectralInit = "vp",
        resolution: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(channels, channels, n_modes)
        if resolution is not None:
            _check_resolution(resolution, n_modes)
        self.channels = channels
        self.n_modes = tuple(n_modes)
        self.weights = nn.ParameterList(torch.empty(m, channels, channels, 2) for m in n_modes)
        for axis, weight in enumerate(self.weights):
            _draw(weight, n_modes[axis : axis + 1], init, resolution and resolution[axis : axis + 1])

    def forward(self, x: Tensor) -> Tensor:
        """Convolve fields (B, C, *grid); shapes, types and errors as those of ``SpectralConv``."""
        _check_field(self, x, self.channels)
        wide = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            field = x.to(wide)
            parts = (
                _convolve_axis(field, from_pairs(weight, wide), axis)
                for axis, weight in enumerate(self.weights, start=2)
            )
            return functools.reduce(torch.add, parts).to(x.dtype)

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        return f"{self.channels}, n_modes={self.n_modes}"


def _convolve_axis(x: Tensor, w: Tensor, axis: int) -> Tensor:
    """Multiply the modes of one axis of (B, C, *grid) by matrices (m, C, C)."""
    before, n, after = x.shape[2:axis], x.shape[axis], x.shape[axis + 1 :]
    lines = x.reshape(*x.shape[:2], math.prod(before), n, math.prod(after))  # (B, C, Q, N, P)
    z = axis_modes(lines, len(w))  # (m, C, B, Q, P)
    y = torch.bmm(w.mT, z.flatten(2))
    return from_axis_modes(torch.unflatten(y, 2, z.shape[2:]), n).reshape(x.shape)


def _draw(
    weight: Tensor, n_modes: Sequence[int], init: SpectralInit, resolution: Sequence[int] | None
) -> None:
    """Start weights of shape (*kept, I, O, 2)."""
    n_in, n_out = weight.shape[-3:-1]
    if init == "fno":
        nn.init.uniform_(weight, 0.0, 1 / (n_in * n_out))
    elif init == "vp":
        nn.init.normal_(weight, 0.0, math.sqrt(_white_gain(n_modes, resolution) / (2 * n_in)))
    else:
        raise ConfigError(f'init is "{init}"; give "fno" or "vp".')


def _white_gain(n_modes: Sequence[int], resolution: Sequence[int] | None) -> float:
    """Return the points of a grid over the modes kept of it; 1 without a grid."""
    if resolution is None:
        return 1.0
    plane = math.prod(kept_shape(n_modes)[:-1])
    return math.prod(resolution) / (plane * (2 * (n_modes[-1] - 1) + 0.5))


def _check_field(conv: SpectralConv | FactorizedSpectralConv, x: Tensor, channels: int) -> None:
    if x.ndim != 2 + len(conv.n_modes) or x.shape[1] != channels:
        raise ShapeError(
            f"A {type(conv).__name__} of {channels} channels and modes {conv.n_modes} takes (B, {channels}) "
            f"and {len(conv.n_modes)} axes of a grid, not {tuple(x.shape)}. Reshape the field or build the "
            "layer with its sizes."
        )


def _check_sizes(in_channels: int, out_channels: int, n_modes: Sequence[int]) -> None:
    if min(in_channels, out_channels) < 1:
        raise ConfigError(
            f"A spectral convolution from {in_channels} to {out_channels} channels was asked for; it takes "
            "at least 1 of each."
        )
    if not 1 <= len(n_modes) <= MAX_DIMS or min(n_modes) < 1:
        raise ConfigError(
            f"n_modes is {tuple(n_modes)}; give 1 to {MAX_DIMS} numbers of at least 1, one for each axis of "
            "the grid."
        )


def _check_resolution(resolution: Sequence[int], n_modes: Sequence[int]) -> None:
    if len(resolution) != len(n_modes):
        raise ConfigError(
            f'"resolution" is {tuple(resolution)}; modes {tuple(n_modes)} need {len(n_modes)} sizes. Give '
            "the points of each axis."
        )
