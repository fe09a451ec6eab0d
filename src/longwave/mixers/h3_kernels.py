"""The two state spaces of H3 as filters: one that shifts, one that decays and turns."""

# Shapes: D width, H heads, M states of the shift, N stored modes (half of d_state), L length

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, UnknownName
from longwave.mixers.filter_cache import KeepsFilters
from longwave.mixers.long_filter import undecayed
from longwave.mixers.ssm_storage import as_pairs, from_pairs, log_steps
from longwave.ops import discretize, ssm_kernel
from longwave.ops.ssm import initial_modes

__all__ = ["DiagonalKernel", "ShiftKernel"]

RULES = ("bilinear", "zoh")
NO_LENGTH = -1  # key of the discrete system among the kept taps


class ShiftKernel(KeepsFilters):
    """A memory of the last steps: the state moves by one entry a step, and a read-out weighs it.

    Parameters
    ----------
    width : int
        Channels, D.
    n_states : int
        Steps remembered, M.
    train_b : bool
        Learn how an input enters the state, too; otherwise it enters at the first entry.
    max_lr : float, optional
        Bound of the way in's learning rate; None sets none.

    Raises
    ------
    ConfigError
        If ``n_states`` is below 1.

    Notes
    -----
    With ``x <- shift(x) + B k_t`` and ``y_t = C x``, tap ``j`` is the cross-correlation ``sum_n C[n]
    B[n-j]``, which is ``C[j]`` for ``B = e_1``, and zero from M on. ``C`` starts uniformly within
    ``1/sqrt(M)``.

    References
    ----------
    Section 3.1 of arXiv 2212.14052.
    """

    def __init__(
        self, width: int, n_states: int, *, train_b: bool = False, max_lr: float | None = None
    ) -> None:
        super().__init__()
        if n_states < 1:
            raise ConfigError(f"shift_state is {n_states}; remember at least 1 step (the paper's is 64).")
        self.n_states = n_states
        self.max_lr = max_lr
        self.C = nn.Parameter(torch.empty(width, n_states))
        self.B = nn.Parameter(torch.zeros(width, n_states)) if train_b else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the read-out again from torch's global generator; inputs enter at the first entry."""
        nn.init.uniform_(self.C, -1 / math.sqrt(self.n_states), 1 / math.sqrt(self.n_states))
        if self.B is not None:
            with torch.no_grad():
                self.B.zero_()
                self.B[:, 0] = 1

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (D, min(M, seq_len)), float32 or wider."""
        if self.B is None:
            taps = self.C.to(torch.promote_types(self.C.dtype, torch.float32))
        elif self.training:
            taps = self._correlate(self.B)
        else:
            taps = self.kept.get(self.n_states, [self.B, self.C], partial(self._correlate, self.B))
        return taps[:, :seq_len]

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt the way in from weight decay; the read-out is its owner's matter."""
        if self.B is None:
            return {}
        return {"B": undecayed(max_lr=self.max_lr)}

    def _correlate(self, B: Tensor) -> Tensor:
        """Return all taps for any way in, (D, M)."""
        taps = self.C.to(torch.promote_types(self.C.dtype, torch.float32))
        # window s holds B[n + s - M + 1] for n = 0 ... M - 1, so the last one has no shift
        windows = F.pad(B.to(taps.dtype), (self.n_states - 1, 0)).unfold(-1, self.n_states, 1)
        return (windows * taps[:, None]).sum(-1).flip(-1)


class DiagonalKernel(KeepsFilters):
    """A state space with independent modes for every head.

    Parameters
    ----------
    n_heads : int
        Filters, H.
    d_state : int
        Size of the real state, even: ``N = d_state / 2`` modes are stored.
    rule : {"bilinear", "zoh"}
        How continuous time becomes steps.
    dt_min, dt_max : float
        Range of the steps' lengths at the start, log-uniform.
    max_lr : float, optional
        Bound of the learning rate of modes, way in and step lengths; None sets none.

    Raises
    ------
    ConfigError
        If a value is out of range.
    UnknownName
        If there is no such rule.

    Notes
    -----
    ``A = -exp(log_decay) + i frequency`` starts at ``-1/2 + i pi n``, ``B`` at 1, ``C`` at the complex
    standard normal of total variance 1. Complex parameters are stored as two reals. Evaluation without
    gradients keeps the taps of one length, and the discrete system.

    References
    ----------
    S4D-Lin of arXiv 2206.11893; section 3.1 of arXiv 2212.14052.
    """

    def __init__(
        self,
        n_heads: int,
        d_state: int,
        *,
        rule: str = "bilinear",
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        max_lr: float | None = None,
    ) -> None:
        super().__init__()
        if rule not in RULES:
            raise UnknownName("discretisation rule", rule, RULES)
        if not 0 < dt_min <= dt_max < math.inf:
            raise ConfigError(
                f"dt_min is {dt_min} and dt_max is {dt_max}; step lengths are finite, above 0, the smaller "
                f"one first. The paper's are 0.001 and 0.1."
            )
        self.rule = rule
        self.max_lr = max_lr
        modes = initial_modes("lin", d_state, n_copies=n_heads)  # (H, N)
        self.log_decay = nn.Parameter((-modes.real).log().float())
        self.frequency = nn.Parameter(modes.imag.float())
        self.B = nn.Parameter(as_pairs(torch.ones_like(modes)))  # (H, N, 2)
        self.C = nn.Parameter(math.sqrt(0.5) * torch.randn(*modes.shape, 2))
        self.log_dt = nn.Parameter(log_steps(torch.rand(n_heads), dt_min, dt_max))

    @property
    def n_modes(self) -> int:
        """Stored modes of a head, N."""
        return self.log_decay.shape[1]

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps of every head, shape (H, seq_len), float32 or wider."""
        if self.training:
            return self._taps(seq_len)
        return self.kept.get(seq_len, list(self.parameters()), lambda: self._taps(seq_len))

    def system(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``dA``, ``dB`` and ``C`` of the recurrence, (H, N), complex128."""
        A, B, C, dt = (part.to(torch.promote_types(part.dtype, torch.float64)) for part in self._continuous())
        dA, dB = discretize(A, B, dt, rule=self.rule)
        return dA, dB, C

    def step_system(self) -> Tensor:
        """Return ``system`` stacked, (3, H, N), in the complex type of a state."""

        def compute() -> Tensor:
            dtype = torch.promote_types(self.log_dt.dtype, torch.float32).to_complex()
            return torch.stack(self.system()).to(dtype)

        return self.kept.get(NO_LENGTH, list(self.parameters()), compute)

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt modes, way in and steps from weight decay, at their bound of the learning rate."""
        option = undecayed(max_lr=self.max_lr)
        return {name: dict(option) for name in ("log_decay", "frequency", "B", "log_dt")}

    def _continuous(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return A, B, C and dt in float32 or wider."""
        dtype = torch.promote_types(self.log_dt.dtype, torch.float32)
        A = torch.complex(-self.log_decay.to(dtype).exp(), self.frequency.to(dtype))
        B, C = (from_pairs(part, dtype) for part in (self.B, self.C))
        return A, B, C, self.log_dt.to(dtype).exp()

    def _taps(self, seq_len: int) -> Tensor:
        return ssm_kernel(*self._continuous(), seq_len, rule=self.rule)
