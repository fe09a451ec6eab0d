"""S4D: a diagonal state space for every channel, as a convolution or step by step."""

# Shapes: B batch, L length, D width, N stored modes (d_state / 2), R read-outs

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from longwave.errors import ConfigError
from longwave.mixers.ssm_storage import from_pairs
from longwave.mixers.state_space import DiscreteSystem, StateSpaceMixer
from longwave.ops.long_conv.bandlimit import band_mask
from longwave.ops.ssm import (
    discretize,
    initial_modes,
    ssm_final_state,
    ssm_state_outputs,
    ssm_step,
    steps_in_place,
    vandermonde,
)

__all__ = ["S4D"]


class S4D(StateSpaceMixer):
    """Diagonal state spaces, GELU and a gated linear layer.

    Parameters
    ----------
    d_model : int
        Width.
    max_length : int, optional
        Longest sequence to accept; no limit unless given, since kernels of any length come from the modes.
    d_state : int
        Size of every channel's real state, even; ``d_state / 2`` conjugate pairs.
    init : {"lin", "inv", "inv2", "quad", "real", "legs", "random"}
        Where modes start: ``longwave.ops.ssm.initial_modes``. They train as complex modes in any case.
    rule : {"zoh", "bilinear"}
        Discretisation.
    n_ssm : int
        Independent copies of modes and input weights; must divide ``d_model``. Channel ``c + r n_ssm`` has
        copy ``c``. Steps and read-outs are every channel's own.
    dt_min, dt_max : float
        Steps start log-uniform between them, in units where the slowest modes decay like ``exp(-t/2)``.
    random_dt : bool
        Draw the steps; otherwise space them evenly in their logarithm.
    bandlimit : float, optional
        Leave out modes of ``dt |Im A| / 2 pi >= bandlimit / 2`` cycles a step, for use at several rates.
    bidirectional : bool
        Look ahead as well, with a second read-out; such a mixer is not causal and does not decode.
    glu : bool
        Gate the output: a linear layer to ``2 D`` whose halves ``a, b`` give ``a * sigmoid(b)``; otherwise a
        linear layer to ``D``.
    dropout : float
        Probability of dropping an activation before that layer in training.
    tie_dropout : bool
        Drop a channel at all steps or at none.
    ssm_lr : float, optional
        Bound of the learning rate of modes, steps and input weights, which is otherwise the optimiser's; None
        sets none.
    backend : str
        Of ``longwave.ops.long_conv``.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    ``x_t = dA x_{t-1} + dB u_t``, ``y_t = 2 Re(C x_t) + skip u_t``, computed as a convolution with
    ``K_t = 2 Re sum_n C_n dB_n dA_n^t``; bidirectional, a second kernel acts on the steps after the present
    one. ``Re A = -exp(log_A_real)``, so no mode grows. Memory of a decoding state: ``D N`` complex numbers a
    sequence. Kernels and states are float32 and complex64 at least, also under autocast; float64 stays.

    Time of a step is O(D N + D²), of a forward pass O(D L (log L + D) + D N L), the last not in the batch.

    References
    ----------
    arXiv 2206.11893; the layer around it as in arXiv 2111.00396, appendix D.

    Examples
    --------
    >>> mixer = S4D(d_model=8)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    def __init__(
        self,
        d_model: int,
        max_length: int | None = None,
        *,
        d_state: int = 64,
        init: Literal["lin", "inv", "inv2", "quad", "real", "legs", "random"] = "lin",
        rule: Literal["zoh", "bilinear"] = "zoh",
        n_ssm: int = 1,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        random_dt: bool = True,
        bandlimit: float | None = None,
        bidirectional: bool = False,
        glu: bool = True,
        dropout: float = 0.0,
        tie_dropout: bool = False,
        ssm_lr: float | None = 1e-3,
        backend: str = "auto",
    ) -> None:
        if rule not in ("zoh", "bilinear"):
            raise ConfigError(f'rule is "{rule}"; give "zoh" or "bilinear".')
        modes = initial_modes(init, d_state, n_copies=n_ssm)
        super().__init__(
            d_model,
            max_length,
            modes=modes,
            entry=torch.ones_like(modes),
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
        self.rule = rule
        self.bandlimit = bandlimit

    def system(self, rate: float = 1.0) -> DiscreteSystem:
        """Make the discrete system of the present parameters, with gradients."""
        A, dt = self._modes(), torch.exp(self.log_dt.double())
        B = self._per_channel(from_pairs(self.B, torch.float64))
        C = from_pairs(self.C, self._arithmetic_type())
        if self.bandlimit is not None:
            frequency = (dt[:, None] * A.imag).detach() / (2 * torch.pi)
            C = torch.where(band_mask(frequency, self.bandlimit), C, 0)
        dA, dB = discretize(A, B, dt * rate, rule=self.rule)
        return _Diagonal(dA, dB, C)


class _Diagonal(DiscreteSystem):
    """Diagonal recurrences.

    Parameters
    ----------
    dA, dB : Tensor, shape (D, N)
        complex128.
    C : Tensor, shape (R, D, N)
        In the type of kernels and states.
    """

    def __init__(self, dA: Tensor, dB: Tensor, C: Tensor) -> None:
        self.wide_dA, self.wide_dB, self.C = dA, dB, C
        self.dA, self.dB = dA.to(C.dtype), dB.to(C.dtype)

    def kernel(self, seq_len: int) -> Tensor:
        return vandermonde(self.C * self.dB, self.wide_dA, seq_len)

    def advance(self, u: Tensor, x0: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        seq_len = u.shape[-1]
        from_state = None if x0 is None else ssm_state_outputs(self.C[0], self.wide_dA, seq_len, x0)
        return self.kernel(seq_len)[0], from_state, ssm_final_state(u, self.wide_dA, self.wide_dB, x0)

    def step(self, x: Tensor, u_t: Tensor) -> tuple[Tensor, Tensor]:
        return ssm_step(x, u_t, self.dA, self.dB, self.C[0], in_place=True)

    def steps_in_place(self, x: Tensor) -> bool:
        return steps_in_place(x)
