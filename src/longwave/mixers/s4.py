"""S4: state spaces that are diagonal plus rank one, started from HiPPO-LegS."""

# Shapes: B batch, L length, D width, N stored modes (d_state / 2), R read-outs

from __future__ import annotations

import torch
from torch import Tensor, nn

from longwave.mixers.ssm_storage import as_pairs, from_pairs
from longwave.mixers.state_space import DiscreteSystem, StateSpaceMixer
from longwave.ops.ssm import (
    DPLRStep,
    complex_state,
    dense_final_state,
    dense_kernel,
    dense_state_outputs,
    dplr_dense,
    dplr_discretize,
    dplr_step,
    legs_modes,
    real_readout,
    real_state,
    squarings,
)

__all__ = ["S4"]


class S4(StateSpaceMixer):
    """State spaces ``A = diag(Lambda) - P P*`` under the bilinear rule, GELU and a gated linear layer.

    Parameters
    ----------
    d_model, max_length, d_state, n_ssm, dt_min, dt_max, random_dt, bidirectional, glu, dropout, tie_dropout
        As in ``S4D``.
    ssm_lr, backend
        As in ``S4D``.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    Starts as HiPPO-LegS exactly, of which S4D-LegS is the diagonal part. One ``P`` on both sides keeps every
    ``A`` stable. The read-out ``C`` is the parameter, not its truncated form for one length, so every length
    is exact and none changes the layer. Kernels come from squarings of the dense discrete matrix in float64,
    O(D N³ log L): slower to make than S4D's, and not growing with the batch. A decoding step is O(D N), by
    the low-rank form.

    References
    ----------
    arXiv 2111.00396. One ``P`` for both sides: arXiv 2202.09729, section 4.1.

    Examples
    --------
    >>> mixer = S4(d_model=8, d_state=16)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    def __init__(
        self,
        d_model: int,
        max_length: int | None = None,
        *,
        d_state: int = 64,
        n_ssm: int = 1,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        random_dt: bool = True,
        bidirectional: bool = False,
        glu: bool = True,
        dropout: float = 0.0,
        tie_dropout: bool = False,
        ssm_lr: float | None = 1e-3,
        backend: str = "auto",
    ) -> None:
        modes, low_rank, entry = (x.repeat(n_ssm, 1) for x in legs_modes(d_state))
        super().__init__(
            d_model,
            max_length,
            modes=modes,
            entry=entry,
            dt_min=dt_min,
            dt_max=dt_max,
            random_dt=random_dt,
            bidirectional=bidirectional,
            glu=glu,
            dropout=dropout,
            tie_dropout=tie_dropout,
            ssm_lr=ssm_lr,
            backend=backend,
        )
        self.P = nn.Parameter(as_pairs(low_rank))

    def system(self, rate: float = 1.0) -> DiscreteSystem:
        """Make the discrete system of the present parameters, with gradients."""
        P, B = (self._per_channel(from_pairs(x, torch.float64)) for x in (self.P, self.B))
        exact = dplr_discretize(self._modes(), P, B, torch.exp(self.log_dt.double()) * rate)
        return _LowRank(exact, from_pairs(self.C, self._arithmetic_type()))

    def _slow_parameters(self) -> tuple[str, ...]:
        return (*super()._slow_parameters(), "P")


class _LowRank(DiscreteSystem):
    """Recurrences of diagonal plus rank one.

    Parameters
    ----------
    exact : DPLRStep
        In complex128.
    C : Tensor, shape (R, D, N)
        In the type of kernels and states.
    """

    def __init__(self, exact: DPLRStep, C: Tensor) -> None:
        self.exact, self.C = exact, C
        self.rounded = DPLRStep(*(part.to(C.dtype) for part in exact))

    def kernel(self, seq_len: int) -> Tensor:
        powers, dB = self._dense(seq_len - 1)
        return dense_kernel(powers, dB, real_readout(self.C).double(), seq_len).to(self.C.real.dtype)

    def advance(self, u: Tensor, x0: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        seq_len, kind = u.shape[-1], self.C.real.dtype
        powers, dB = self._dense(seq_len if x0 is not None else seq_len - 1)
        readout = real_readout(self.C[0]).double()
        start = None if x0 is None else real_state(x0).double()
        kernel = dense_kernel(powers, dB, readout[None], seq_len)[0].to(kind)
        final = complex_state(dense_final_state(powers, u.double(), dB, start).to(kind))
        if start is None:
            return kernel, None, final
        return kernel, dense_state_outputs(powers, readout, seq_len, start).to(kind), final

    def step(self, x: Tensor, u_t: Tensor) -> tuple[Tensor, Tensor]:
        return dplr_step(x, u_t, self.rounded, self.C[0])

    def _dense(self, seq_len: int) -> tuple[list[Tensor], Tensor]:
        dA, dB = dplr_dense(self.exact)
        return squarings(dA, seq_len), dB
