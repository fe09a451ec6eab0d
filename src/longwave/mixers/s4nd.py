"""S4ND: state spaces of one, two or three axes, as global convolutions of signals, images and video.

What is unusual here, against the public code: pieces of a sum (``rank``) on any number of axes; kernels
shorter than the input that still end at lag -1 on one side; no skip where it has no meaning; half types; the
kernel knows nothing of a length, so any size of the input gives the same function; no kernel is ever made in
the space of all axes.
"""

# Shapes: B batch, H width, D axes, L points of an axis, P taps of it, R pieces of the sum, c kernels of a
#         channel, O channels out

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.s4nd_axis import AxisKernel
from longwave.mixers.s4nd_settings import (
    MAX_DIMS,
    KernelName,
    Steps,
    check_bandlimits,
    check_rates,
    check_steps,
    per_axis,
)
from longwave.ops import conv_nd

__all__ = ["S4ND"]

SSM_LR = 1e-3


class S4ND(nn.Module):
    """Convolve every channel with a sum of outer products of state-space kernels, one an axis.

    Parameters
    ----------
    d_model : int
        Width of the input, H.
    dim : int
        Axes, D, 1 to 3.
    d_state : int
        Size of every real state, even.
    kernel : str or sequence of str
        State spaces of every axis and where they start. ``"s4d-NAME"``: diagonal, with the modes of
        ``longwave.ops.ssm.initial_modes`` (lin, inv, inv2, quad, legs, real, random) or ``"s4d-fourier"``,
        which do not decay at the start. ``"s4"`` and ``"s4-fourier"``: diagonal plus rank one under the
        bilinear rule, HiPPO-LegS and a sliding window of Fourier coefficients; slower.
    n_ssm : int
        Independent copies of modes and input weights; must divide ``d_model``.
    dt : pair of float, or a pair for each axis
        Steps start log-uniform between the two. A kernel is about ``2 / dt`` points long.
    rule : {"zoh", "bilinear"}
        Discretisation of diagonal kernels.
    bidirectional : bool or sequence of bool
        Look both ways along an axis; otherwise back only.
    rank : int
        Outer products that are averaged, R.
    bandlimit : float, or sequence of float or None, optional
        Leave out modes of ``dt |Im A| / 2 pi >= bandlimit / 2`` cycles a point of the base resolution.
    channels : int
        Kernels of every channel, c: ``c H`` channels come out of the convolution.
    out_channels : int, optional
        Let every output channel be a sum over all input channels, with a kernel for each pair; no skip then.
    l_max : int, or sequence of int or None, optional
        Longest kernel of an axis in each direction, in points of the base resolution; by default the input's.
    activation : {"gelu"}, optional
        Before the linear layer.
    out : {"glu", "linear"}, optional
        Linear layer over channels, with a gate or without, to ``out_channels`` or ``d_model``; None leaves
        activation, dropout and linear layer out.
    dropout : float
        Probability of dropping a channel, at all points, before the linear layer in training.

    Attributes
    ----------
    axes : ModuleList
        The ``AxisKernel`` of every axis.
    d_output : int
        Channels of the output.
    ssm_lr : float or None
        Bound of the learning rate of steps, modes and input weights, 1e-3 until it is set; None sets none.
    backend : str
        Of ``conv_nd``, "auto" until it is set.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    ``y_h = K_h * u_h + skip_h u_h`` with ``K_h(t_1 ... t_D) = 1/R sum_r prod_d k_{d,h,r}(t_d)``, zeros
    outside the input. ``k_{d,h,r}`` is the kernel of S4D (see there); all axes and channels have their steps.
    Bidirectional, lags below 0 have read-outs of their own, the first one acting at lag -1; of two axes one
    piece covers all four quadrants.

    Steps of ``rate`` times the length sample the same function of the same domain: 2 serves an image of half
    as many points an axis. Under the zero-order hold ``dB`` is the integral over a step, so no amplitude
    changes. The mask of the bandlimit takes ``dt`` without the rate. It is made anew in every call; masked
    read-outs get gradients of zero.

    Time of a point is O(c R sum_d L_d) up to some 1000 points an axis, O(c log(L_1 ... L_D)) beyond. Kernels
    and convolutions are computed in float32 or wider, also under autocast. In evaluation without gradients
    kernels are kept until something changes.

    References
    ----------
    arXiv 2210.06583.

    Examples
    --------
    >>> layer = S4ND(d_model=8, dim=2)
    >>> layer(torch.zeros(2, 8, 28, 28)).shape, layer(torch.zeros(2, 8, 7, 7), rate=4.0).shape
    (torch.Size([2, 8, 28, 28]), torch.Size([2, 8, 7, 7]))
    """

    def __init__(
        self,
        d_model: int,
        dim: int = 2,
        *,
        d_state: int = 64,
        kernel: KernelName | Sequence[KernelName] = "s4d-lin",
        n_ssm: int = 1,
        dt: Steps = (0.1, 1.0),
        rule: Literal["zoh", "bilinear"] = "zoh",
        bidirectional: bool | Sequence[bool] = True,
        rank: int = 1,
        bandlimit: float | Sequence[float | None] | None = None,
        channels: int = 1,
        out_channels: int | None = None,
        l_max: int | Sequence[int | None] | None = None,
        activation: Literal["gelu"] | None = "gelu",
        out: Literal["glu", "linear"] | None = "glu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_sizes(d_model, dim, rank, channels, out_channels)
        _check_choices(rule, activation, out, dropout)
        self.d_model, self.dim, self.rank, self.channels = d_model, dim, rank, channels
        self.out_channels, self.activation = out_channels, activation
        self.dropout = dropout
        self.ssm_lr: float | None = SSM_LR
        self.backend: Literal["auto", "fft", "matrices"] = "auto"
        self.l_max = _check_lengths(l_max, dim)
        self.bandlimit = check_bandlimits(bandlimit, dim)
        n_kernels = rank * (channels if out_channels is None else out_channels)
        kinds: tuple[KernelName, ...] = per_axis("kernel", kernel, dim)
        ways: tuple[bool, ...] = per_axis("bidirectional", bidirectional, dim)
        self.axes = nn.ModuleList(
            AxisKernel(
                d_model,
                n_kernels,
                kernel=kind,
                d_state=d_state,
                n_ssm=n_ssm,
                dt=steps,
                rule=rule,
                bidirectional=both,
            )
            for kind, both, steps in zip(kinds, ways, check_steps(dt, dim), strict=True)
        )
        mixed = channels * d_model if out_channels is None else out_channels
        self.skip = nn.Parameter(torch.randn(mixed)) if out_channels is None else None
        wanted = d_model if out_channels is None else out_channels
        self.gated = out == "glu"
        self.out_proj = None if out is None else nn.Linear(mixed, 2 * wanted if self.gated else wanted)
        self.d_output = mixed if out is None else wanted

    def forward(self, u: Tensor, rate: float | Sequence[float] = 1.0) -> Tensor:
        """Convolve signals, and mix their channels as the layer was built.

        Parameters
        ----------
        u : Tensor, shape (B, H, L_1, ..., L_D)
            Real; any size.
        rate : float, or sequence of float
            Distance between points, as a multiple of the base resolution's.

        Returns
        -------
        Tensor, shape (B, d_output, L_1, ..., L_D)
            In the type of ``u``, or with a linear layer that of autocast.

        Raises
        ------
        ShapeError
            If channels, axes, type or device are not the layer's, or the input is longer than the kernel of
            an axis that looks back only.
        ConfigError
            If a rate is not above 0.
        """
        self._check_input(u)
        rates = check_rates(rate, self.dim)
        kernels, ahead = self._kernels(u.shape[2:], rates)
        repeated = u.repeat(1, self.channels, *[1] * self.dim) if self.channels > 1 else u
        return self._project_out(conv_nd(repeated, kernels, ahead, self.skip, backend=self.backend))

    def kernel(self, sizes: Sequence[int], rate: float | Sequence[float] = 1.0) -> Tensor:
        """Return the kernel in the space of all axes, to look at; ``forward`` never makes it.

        Parameters
        ----------
        sizes : sequence of int
            Points of the input, an axis each.
        rate : float, or sequence of float

        Returns
        -------
        Tensor, shape (c H, ...) or (O, H, ...)
            An axis that looks both ways has lags ``-L ... L-1``, lag 0 at index L; any other ``0 ... L-1``.

        Raises
        ------
        ConfigError, ShapeError
            As ``forward``.
        """
        lengths: tuple[int, ...] = per_axis("sizes", list(sizes), self.dim)
        kernels, _ = self._kernels(lengths, check_rates(rate, self.dim))
        letters = "xyz"[: self.dim]
        terms = ",".join(f"r...{axis}" for axis in letters)
        found: Tensor = torch.einsum(f"{terms}->...{letters}", *kernels)
        return found

    def set_bandlimit(self, bandlimit: float | Sequence[float | None] | None) -> None:
        """Set another bandlimit, of all axes or each; None sets none.

        Raises
        ------
        ConfigError
            If one is not above 0 and up to 1.
        """
        self.bandlimit = check_bandlimits(bandlimit, self.dim)

    def reinit_axis(self, axis: int, dt: float | tuple[float, float], *, delta: bool = True) -> None:
        """Start the kernels of one axis anew, as inflation does with the axis of time.

        Parameters
        ----------
        axis : int
            Counted from 0, or from -1 backwards.
        dt : float or pair of float
            New steps.
        delta : bool
            Make every kernel an average over about ``2 / dt`` points back, with taps that sum to 1. From a
            step of 100 on and under the zero-order hold it is a delta: the layer then acts on every slice of
            this axis as it would without the axis. Otherwise read-outs are drawn.

        Raises
        ------
        ConfigError
            If there is no such axis, a step is not above 0, or ``delta`` is asked of modes that are coupled.
        """
        if not -self.dim <= axis < self.dim:
            raise ConfigError(f"axis is {axis}; this layer has axes 0 to {self.dim - 1}. Name one of them.")
        kernel = self.axes[axis]
        steps = check_steps((dt, dt) if isinstance(dt, int | float) else dt, 1)[0]
        if not isinstance(kernel, AxisKernel):  # what someone put in its place
            raise ConfigError(
                f"Axis {axis} is a {type(kernel).__name__}, no AxisKernel; it cannot start anew."
            )
        if delta:
            kernel.make_averages()
        else:
            kernel.draw_readouts()
        kernel.draw_steps(steps)

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Give steps, modes and input weights their learning rate; exempt them, skip and bias from decay.

        Read-outs take the optimiser's own settings, as the paper's code has them.
        """
        slow = {
            f"axes.{axis}.{name}": options
            for axis, kernel in enumerate(self.axes)
            if isinstance(kernel, AxisKernel)
            for name, options in kernel.parameter_options(self.ssm_lr).items()
        }
        plain = (["skip"] if self.skip is not None else []) + (["out_proj.bias"] if self.out_proj else [])
        return slow | {name: {"weight_decay": 0.0} for name in plain}

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        mixed = "" if self.out_channels is None else f", out_channels={self.out_channels}"
        return f"{self.d_model}, dim={self.dim}, rank={self.rank}, channels={self.channels}{mixed}"

    def _kernels(self, sizes: Sequence[int], rates: Sequence[float]) -> tuple[list[Tensor], list[int]]:
        """Sample the kernels of every axis, (R, c H, P) or (R, O, H, P), and count their taps ahead."""
        kernels, ahead = [], []
        for axis, kernel in enumerate(self.axes):
            n = self._n_taps(axis, sizes[axis], rates[axis])
            k = kernel(n, rate=rates[axis], bandlimit=self.bandlimit[axis])
            k = k.view(self.rank, -1, *k.shape[1:])
            kernels.append(k.flatten(1, 2) if self.out_channels is None else k)
            ahead.append(n if k.shape[-1] > n else 0)
        if self.rank > 1:
            kernels[-1] = kernels[-1] / self.rank
        return kernels, ahead

    def _n_taps(self, axis: int, n_points: int, rate: float) -> int:
        longest = self.l_max[axis]
        if longest is None:
            return n_points
        n = max(1, round(longest / rate))
        if n < n_points and not self.axes[axis].bidirectional:
            raise ShapeError(
                f"Axis {axis} has {n_points} points, but its kernel looks back {n} (l_max={longest}, "
                f"rate={rate:g}). Cut the input or build the layer with a longer l_max."
            )
        return min(n, n_points)

    def _project_out(self, y: Tensor) -> Tensor:
        """Take (B, c H, ...) or (B, O, ...) through activation, dropout, linear layer and gate."""
        if self.out_proj is None:
            return y
        y = F.gelu(y) if self.activation else y
        if self.training and self.dropout > 0:
            y = F.dropout1d(y.flatten(2), self.dropout).view(y.shape)
        z = self.out_proj(y.movedim(1, -1))
        return (F.glu(z, dim=-1) if self.gated else z).movedim(-1, 1)

    def _check_input(self, u: Tensor) -> None:
        if u.dim() != 2 + self.dim or u.shape[1] != self.d_model or 0 in u.shape[2:]:
            axes = ", ".join(f"L{d + 1}" for d in range(self.dim))
            raise ShapeError(
                f"S4ND(d_model={self.d_model}, dim={self.dim}) takes input of shape (B, {self.d_model}, "
                f"{axes}), not {tuple(u.shape)}. Put channels before the axes, or build the layer with its "
                "sizes."
            )
        device = self.axes[0].log_dt.device
        if u.device != device:
            raise ShapeError(f"The input is on {u.device}, the layer on {device}. Move them to one device.")
        if not u.is_floating_point():
            raise ShapeError(f"S4ND takes real floating-point input, not {u.dtype}. Convert it first.")


def _check_sizes(d_model: int, dim: int, rank: int, channels: int, out_channels: int | None) -> None:
    if not 1 <= dim <= MAX_DIMS:
        raise ConfigError(f"dim is {dim}; S4ND has 1 to {MAX_DIMS} axes.")
    sizes = {"d_model": d_model, "rank": rank, "channels": channels, "out_channels": out_channels}
    for name, value in sizes.items():
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1. Give a positive whole number.")
    if out_channels is not None and channels > 1:
        raise ConfigError(
            f"channels is {channels} and out_channels {out_channels}; where channels are mixed there is one "
            "kernel for each pair. Leave one of them out."
        )


def _check_choices(rule: str, activation: str | None, out: str | None, dropout: float) -> None:
    if rule not in ("zoh", "bilinear"):
        raise ConfigError(f'rule is "{rule}"; give "zoh" or "bilinear".')
    if activation not in ("gelu", None):
        raise ConfigError(f'activation is "{activation}"; give "gelu" or None.')
    if out not in ("glu", "linear", None):
        raise ConfigError(f'out is "{out}"; give "glu", "linear" or None.')
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")


def _check_lengths(l_max: int | Sequence[int | None] | None, dim: int) -> tuple[int | None, ...]:
    lengths: tuple[int | None, ...] = per_axis("l_max", l_max, dim)
    if any(one is not None and one < 1 for one in lengths):
        raise ConfigError(f"l_max is {l_max}; a kernel has at least 1 point, None sets no limit.")
    return lengths
