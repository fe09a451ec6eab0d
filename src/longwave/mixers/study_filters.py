"""The other filters of Hyena's study of parametrisations: Fourier modes, transfer functions, S4.

Its Conv1d is ``ExplicitConfig(n_taps=64)``; its CKConv ``FilterConfig(d_hidden=32, modulate=False)``.
"""

# Shapes: C filters, L length, N order (modes, degree or half the state)

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.long_filter import LongFilter, undecayed
from longwave.mixers.ssm_storage import as_pairs, from_pairs, log_steps
from longwave.ops.ssm import dense_kernel, dplr_dense, dplr_discretize, legs_modes, real_readout, squarings

__all__ = [
    "FourierConfig",
    "FourierFilter",
    "S4Filter",
    "S4FilterConfig",
    "TransferConfig",
    "TransferFilter",
]


@dataclass(frozen=True, kw_only=True)
class FourierConfig:
    """Settings of filters with few Fourier modes (FNO).

    Parameters
    ----------
    kind : {"fourier"}
        Tells this configuration from those of other filters.
    n_modes : int
        Lowest frequencies, 0 among them; those beyond half of ``max_length`` are left out.
    lr : float, optional
        Learning rate of the modes; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If ``n_modes`` is below 1.
    """

    kind: Literal["fourier"] = "fourier"
    n_modes: int = 64
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.n_modes < 1:
            raise ConfigError(f'"n_modes" of FourierConfig is {self.n_modes}; a filter has at least 1 mode.')

    def build(self, n_filters: int, max_length: int) -> FourierFilter:
        """Make the filters this describes."""
        return FourierFilter(n_filters, max_length, self)


class FourierFilter(LongFilter):
    """Filters whose spectrum over ``max_length`` taps is learned at the lowest frequencies and 0 above.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.
    config : FourierConfig, optional

    Notes
    -----
    ``h = irfft(w)`` of length ``max_length``, scaled to be orthonormal. The modes ``w``, stored as pairs, are
    drawn so that filters start with unit energy; the imaginary part at frequency 0 has no effect. The
    convolution is causal, with ``h`` as its taps: nothing wraps around, as it does in a layer of FNO.

    References
    ----------
    Study of parametrisations (tables A.2 and C.1) of arXiv 2302.10866; modes: arXiv 2010.08895.
    """

    def __init__(self, n_filters: int, max_length: int, config: FourierConfig | None = None) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or FourierConfig()
        n_modes = min(config.n_modes, max_length // 2 + 1)
        self.modes = nn.Parameter(torch.randn(n_filters, n_modes, 2) / (2 * math.sqrt(n_modes)))

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, seq_len); see ``LongFilter``."""
        self._check_length(seq_len)
        modes = self.modes.to(torch.promote_types(self.modes.dtype, torch.float32))
        taps: Tensor = torch.fft.irfft(torch.view_as_complex(modes), n=self.max_length, norm="ortho")
        return taps[:, :seq_len]

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt the modes from weight decay and give them their learning rate."""
        return {"modes": undecayed(lr=self.config.lr)}


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Settings of filters given by a rational transfer function.

    Parameters
    ----------
    kind : {"transfer"}
        Tells this configuration from those of other filters.
    order : int
        Degree of numerator and denominator, N; at most ``max_length - 1`` is used.
    lr : float, optional
        Learning rate of the coefficients; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If ``order`` is below 1.
    """

    kind: Literal["transfer"] = "transfer"
    order: int = 64
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f'"order" of TransferConfig is {self.order}; the degree is at least 1.')

    def build(self, n_filters: int, max_length: int) -> TransferFilter:
        """Make the filters this describes."""
        return TransferFilter(n_filters, max_length, self)


class TransferFilter(LongFilter):
    """Impulse responses of ``(b_0 + ... + b_N z^-N) / (1 + a_1 z^-1 + ... + a_N z^-N)``.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.
    config : TransferConfig, optional

    Notes
    -----
    ``h = ifft(fft(b) / fft(a))`` of length ``max_length``: what of the response lies beyond is added at its
    start. Nothing keeps poles inside the unit circle: with one outside, the taps are those of the stable
    response that runs backwards, wrapped around, so they stay finite; one on the circle gives a peak as high
    as it is close. The denominator starts at 1, so that filters begin as N + 1 taps of unit energy in all.

    References
    ----------
    Study of parametrisations (tables A.2 and C.1) of arXiv 2302.10866; by FFT: arXiv 2405.06147.
    """

    def __init__(self, n_filters: int, max_length: int, config: TransferConfig | None = None) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or TransferConfig()
        order = min(config.order, max_length - 1)
        self.numerator = nn.Parameter(torch.randn(n_filters, order + 1) / math.sqrt(order + 1))
        self.denominator = nn.Parameter(torch.zeros(n_filters, order))  # a_1 ... a_N

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, seq_len); see ``LongFilter``."""
        self._check_length(seq_len)
        dtype = torch.promote_types(self.numerator.dtype, torch.float32)
        monic = F.pad(self.denominator.to(dtype), (1, 0), value=1.0)  # (C, N+1)
        above, below = (torch.fft.rfft(x, n=self.max_length) for x in (self.numerator.to(dtype), monic))
        taps: Tensor = torch.fft.irfft(above / below, n=self.max_length)
        return taps[:, :seq_len]

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt the coefficients from weight decay and give them their learning rate."""
        return {name: undecayed(lr=self.config.lr) for name in ("numerator", "denominator")}


@dataclass(frozen=True, kw_only=True)
class S4FilterConfig:
    """Settings of filters that are kernels of S4.

    Parameters
    ----------
    kind : {"s4"}
        Tells this configuration from those of other filters.
    d_state : int
        Size of the real state, even: half as many modes are stored.
    dt_min, dt_max : float
        Range of the steps' lengths at the start, log-uniform.
    lr : float, optional
        Learning rate of all but the read-outs; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    kind: Literal["s4"] = "s4"
    d_state: int = 64
    dt_min: float = 1e-3
    dt_max: float = 1e-1
    lr: float | None = 1e-3

    def __post_init__(self) -> None:
        if self.d_state < 2 or self.d_state % 2:
            raise ConfigError(
                f'"d_state" of S4FilterConfig is {self.d_state}; it must be even and at least 2.'
            )
        if not 0 < self.dt_min <= self.dt_max < math.inf:
            raise ConfigError(
                f"Steps of S4FilterConfig run from dt_min={self.dt_min} to dt_max={self.dt_max}; give "
                f"0 < dt_min <= dt_max."
            )

    def build(self, n_filters: int, max_length: int) -> S4Filter:
        """Make the filters this describes."""
        return S4Filter(n_filters, max_length, self)


class S4Filter(LongFilter):
    """Kernels of S4: one system that starts as HiPPO-LegS, with a step length and a read-out a filter.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.
    config : S4FilterConfig, optional

    Notes
    -----
    ``h[t] = C dA^t dB`` under the bilinear rule, with a step length and a read-out a filter, in float64.
    O(C M³ log L) time for a state of size M, and the same taps at every length.

    References
    ----------
    Study of parametrisations (tables A.2 and C.1) of arXiv 2302.10866; the system: arXiv 2111.00396.
    """

    def __init__(self, n_filters: int, max_length: int, config: S4FilterConfig | None = None) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or S4FilterConfig()
        A, P, B = legs_modes(config.d_state)
        self.log_decay = nn.Parameter((-A.real).log().float())
        self.frequency = nn.Parameter(A.imag.float())
        self.P = nn.Parameter(as_pairs(P))
        self.B = nn.Parameter(as_pairs(B))
        self.C = nn.Parameter(math.sqrt(0.5) * torch.randn(n_filters, len(A), 2))
        self.log_dt = nn.Parameter(log_steps(torch.rand(n_filters), config.dt_min, config.dt_max))

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, seq_len); see ``LongFilter``."""
        self._check_length(seq_len)
        kind = torch.promote_types(self.C.dtype, torch.float32)
        with torch.autocast(self.C.device.type, enabled=False):
            A = torch.complex(-self.log_decay.double().exp(), self.frequency.double())
            P, B, C = (from_pairs(x, torch.float64) for x in (self.P, self.B, self.C))
            A, P, B = (x.expand(self.n_filters, -1) for x in (A, P, B))
            dA, dB = dplr_dense(dplr_discretize(A, P, B, self.log_dt.double().exp()))
            powers = squarings(dA, max(seq_len - 1, 0))
            return dense_kernel(powers, dB, real_readout(C)[None], seq_len)[0].to(kind)

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt all from weight decay; give all but the read-outs their learning rate."""
        slow = {name: undecayed(lr=self.config.lr) for name in ("log_decay", "frequency", "P", "B", "log_dt")}
        return slow | {"C": {"weight_decay": 0.0}}
