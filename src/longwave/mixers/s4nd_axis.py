"""The kernels of one axis of S4ND: state spaces of every channel, looking back and ahead."""

# Shapes: H channels, N stored modes (d_state / 2), S copies of the modes, K kernels of a channel, L taps of a
#         direction

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, UnknownName
from longwave.mixers.filter_cache import KeepsFilters
from longwave.mixers.long_filter import undecayed
from longwave.mixers.s4nd_settings import KernelName
from longwave.mixers.ssm_storage import as_pairs, from_pairs, log_steps
from longwave.ops.long_conv.bandlimit import band_mask
from longwave.ops.ssm import (
    dense_kernel,
    discretize,
    dplr_dense,
    dplr_discretize,
    initial_modes,
    legs_modes,
    real_readout,
    squarings,
    vandermonde,
)
from longwave.ops.ssm.hippo import check_state

__all__ = ["KERNELS", "AxisKernel", "fourier_modes"]

KERNELS: tuple[KernelName, ...] = KernelName.__args__  # type: ignore[attr-defined]
MIN_DECAY = 1e-4  # of a mode at the start, so that its logarithm is finite


class AxisKernel(KeepsFilters):
    """Kernels of one axis, functions of a continuous coordinate that are sampled at any rate.

    Parameters
    ----------
    d_model : int
        Channels, H.
    n_kernels : int
        Kernels of every channel, K.
    kernel : str
        Which state spaces, and where they start; see ``S4ND``.
    d_state, n_ssm : int
    dt : tuple of float
        The least and the largest step at the start.
    rule : {"zoh", "bilinear"}
    bidirectional : bool
        Have taps for the points after the present one as well, from a second read-out.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    def __init__(
        self,
        d_model: int,
        n_kernels: int,
        *,
        kernel: KernelName,
        d_state: int,
        n_ssm: int,
        dt: tuple[float, float],
        rule: Literal["zoh", "bilinear"],
        bidirectional: bool,
    ) -> None:
        super().__init__()
        if n_ssm < 1 or d_model % n_ssm:
            raise ConfigError(f"n_ssm is {n_ssm}, which does not divide d_model={d_model}. Choose a divisor.")
        modes, low_rank, entry = _start(kernel, d_state, n_ssm)
        self.d_model = d_model
        self.kernel = kernel
        self.rule = rule
        self.bidirectional = bidirectional
        self.log_dt = nn.Parameter(log_steps(torch.rand(d_model), *dt))
        self.log_A_real = nn.Parameter((-modes.real).clamp(min=MIN_DECAY).log().float())
        self.A_imag = nn.Parameter(modes.imag.float())
        self.B = nn.Parameter(as_pairs(entry))
        self.P = None if low_rank is None else nn.Parameter(as_pairs(low_rank))
        n_readouts = 2 if bidirectional else 1
        readout = torch.randn(n_readouts, n_kernels, d_model, modes.shape[-1], dtype=torch.complex64)
        self.C = nn.Parameter(as_pairs(readout))

    def forward(self, n_taps: int, *, rate: float = 1.0, bandlimit: float | None = None) -> Tensor:
        """Sample the kernels.

        Parameters
        ----------
        n_taps : int
            Of each direction, L.
        rate : float
            Multiplies the steps.
        bandlimit : float, optional
            Share of the base resolution's frequencies whose modes are kept.

        Returns
        -------
        Tensor, shape (K, H, L), or (K, H, 2 L) looking both ways
            By lag: ``0 ... L-1``, or ``-L ... L-1``. In evaluation the last ones are kept.
        """
        return self.kept.get(
            (n_taps, rate, bandlimit), list(self.parameters()), lambda: self._taps(n_taps, rate, bandlimit)
        )

    def slow_parameters(self) -> tuple[str, ...]:
        """Return the names of steps, modes and what enters them."""
        return ("log_dt", "log_A_real", "A_imag", "B", *(("P",) if self.P is not None else ()))

    def parameter_options(self, ssm_lr: float | None) -> dict[str, dict[str, float]]:
        """Return what an optimiser must treat differently, by name."""
        return {name: undecayed(max_lr=ssm_lr) for name in self.slow_parameters()}

    @torch.no_grad()
    def draw_steps(self, dt: tuple[float, float]) -> None:
        """Draw all steps anew, log-uniform."""
        self.log_dt.copy_(log_steps(torch.rand_like(self.log_dt), *dt))

    @torch.no_grad()
    def draw_readouts(self) -> None:
        """Draw all read-outs anew, complex normal."""
        self.C.normal_(0.0, math.sqrt(0.5))

    @torch.no_grad()
    def make_averages(self) -> None:
        """Leave every kernel one slow mode that looks back, with taps that sum to 1.

        ``C_0 = -A_0 / (2 B_0)``, all else 0: the endless sum of taps is ``-2 Re(C_0 B_0 / A_0) = 1`` under
        both rules. Under the zero-order hold the first tap is ``1 - Re exp(dt A_0)``; a long step makes a
        delta.

        Raises
        ------
        ConfigError
            If the modes are not diagonal.
        """
        if self.P is not None:
            raise ConfigError(
                f'The modes of kernel "{self.kernel}" are coupled; only diagonal ones ("s4d-...") can be '
                "made an average or a delta. Build the layer with a diagonal kernel of this axis."
            )
        A, B = self._modes(), self._per_channel(from_pairs(self.B, torch.float64))
        slow = A.abs().argmin(dim=-1, keepdim=True)  # (H, 1)
        value = torch.gather(-A / (2 * B), -1, slow)
        C = torch.zeros_like(A).scatter(-1, slow, value)  # (H, N)
        self.C.zero_()
        self.C[0] = torch.view_as_real(C).to(self.C.dtype)

    def _taps(self, n_taps: int, rate: float, bandlimit: float | None) -> Tensor:
        A, dt = self._modes(), torch.exp(self.log_dt.double())
        B = self._per_channel(from_pairs(self.B, torch.float64))
        wide = torch.promote_types(self.C.dtype, torch.float32)
        C = from_pairs(self.C, wide)  # (directions, K, H, N)
        if bandlimit is not None:
            frequency = (dt[:, None] * A.imag).detach() / (2 * torch.pi)
            C = C * band_mask(frequency, bandlimit)
        if self.P is None:
            dA, dB = discretize(A, B, dt * rate, rule=self.rule)
            k = vandermonde(C * dB.to(C.dtype), dA, n_taps)
        else:
            P = self._per_channel(from_pairs(self.P, torch.float64))
            matrix, column = dplr_dense(dplr_discretize(A, P, B, dt * rate))
            rows = real_readout(C).double().flatten(0, 1)
            dense = dense_kernel(squarings(matrix, n_taps - 1), column, rows, n_taps)
            k = dense.view(*C.shape[:3], n_taps).to(wide)
        return torch.cat([k[1].flip(-1), k[0]], dim=-1) if self.bidirectional else k[0]

    def _modes(self) -> Tensor:
        """Return A, shape (H, N), in complex128: channel ``r S + s`` has copy ``s``."""
        parts = self.log_A_real.double(), self.A_imag.double()
        return self._per_channel(torch.complex(-torch.exp(parts[0]), parts[1]))

    def _per_channel(self, copies: Tensor) -> Tensor:
        """Tile (S, N) to (H, N)."""
        return copies.repeat(self.d_model // copies.shape[0], 1)


def fourier_modes(d_state: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the system that keeps the Fourier coefficients of the last two units of time.

    Parameters
    ----------
    d_state : int
        Size of the real state, even.

    Returns
    -------
    A, P, B : Tensor, shape (d_state / 2,)
        complex128: ``A_n = i pi n``, and ``P = B`` with ``1/sqrt(2)`` for n = 0 and 1 for the others. With
        both modes of each pair, ``diag(A) - P P*`` is the matrix; mode 0 is its own conjugate, counted twice.

    References
    ----------
    S4-FouT of arXiv 2206.12037.
    """
    n = torch.arange(check_state(d_state), dtype=torch.float64)
    weight = torch.ones_like(n).index_fill(0, torch.tensor([0], device=n.device), math.sqrt(0.5))
    entry = torch.complex(weight, torch.zeros_like(n))
    return torch.complex(torch.zeros_like(n), math.pi * n), entry, entry


def _start(kernel: KernelName, d_state: int, n_ssm: int) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return modes, the low rank if any, and input weights, each (S, N)."""
    if kernel not in KERNELS:
        raise UnknownName("kernel of S4ND", kernel, KERNELS)
    family, _, name = kernel.partition("-")
    if family == "s4" or name == "fourier":
        system = fourier_modes(d_state) if name == "fourier" else legs_modes(d_state)
        modes, low_rank, entry = (part.repeat(n_ssm, 1) for part in system)
        return modes, low_rank if family == "s4" else None, entry
    modes = initial_modes(name, d_state, n_copies=n_ssm)
    return modes, None, torch.ones_like(modes)
