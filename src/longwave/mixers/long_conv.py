"""Simple long convolutions: filters stored tap by tap, kept sparse by a threshold.

What is unusual here, against the public reference: a causal layer has exactly as many taps as steps, so none
wraps around to act on the past from the future; a start that squashes every tap to zero is refused, because
it has no gradient; a shorter sequence takes the first taps of either direction; and the layer decodes step by
step.
"""

# Shapes: B batch, L length, P steps of a chunk, D width, C channels (filters a width), K taps

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.base import Mixer, State
from longwave.mixers.explicit_kernel import ExplicitKernel, KernelConfig
from longwave.mixers.long_filter import ahead_of_present
from longwave.mixers.projections import project_from_time_last
from longwave.ops import ButterflyConv, OnlineConv, long_conv

__all__ = ["LongConv", "LongConvState"]

BUTTERFLY_LR = 1e-3  # of the learned transforms, the paper's


@dataclass
class LongConvState(State):
    """What a long convolution remembers while it decodes: its stream of inputs.

    Parameters
    ----------
    conv : OnlineConv
        Of width C D; every channel keeps its inputs.
    """

    conv: OnlineConv

    rewinds_freely: ClassVar[bool] = True
    realigns: ClassVar[bool] = True


class LongConv(Mixer[LongConvState]):
    """Long convolutions with filters stored tap by tap, then a gated linear layer over channels.

    Parameters
    ----------
    d_model : int
        Width.
    max_length : int
        Longest sequence, and length of the filters.
    channels : int
        Filters for every channel of the input, C; the paper's models have 2.
    bidirectional : bool
        Look ahead as well, with a second filter for each; such a mixer is not causal and does not decode.
    init, squash, smooth, smooth_frequency
        Of the filters, as in ``KernelConfig``. The paper's thresholds range from 0.001 to 0.004.
    kernel_dropout : float
        Probability of dropping a tap in training.
    kernel_lr : float, optional
        Learning rate of the taps, in the paper's models a tenth of the others' or less; None takes the
        optimiser's.
    dropout : float
        Probability of dropping an activation in training.
    tie_dropout : bool
        Drop a channel at all steps or at none.
    transform : {"fft", "butterfly"}
        ``"butterfly"`` learns the transforms of input and filter. Such a mixer is not causal, whatever its
        filters, and meant for classification.
    backend : str
        Of ``longwave.ops.long_conv``, for ``transform="fft"``.

    Raises
    ------
    ConfigError
        If a value is out of range, or the threshold leaves no tap alive.

    Notes
    -----
    For channel ``c`` and width ``h``, ``y[t] = sum_{s<=t} k[c, h, s] u[t-s] + skip[c, h] u[t]``;
    bidirectional, ``sum_s k1[c, h, s] u[t+1+s]`` besides, so that the present step has one tap. Then GELU,
    dropout, and a linear layer from ``C D`` to ``2 D`` whose halves ``a, b`` give ``a * sigmoid(b)``. O(C D L
    (log L + D)) time. Under autocast the input is rounded to the narrow type, as that of a linear layer is.

    Decoding keeps the inputs of every channel, ``C D max_length`` numbers a sequence.

    References
    ----------
    arXiv 2302.06646, section 3; learned transforms: section 4.

    Examples
    --------
    >>> mixer = LongConv(d_model=8, max_length=100, squash=0.002)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    decode_modes = ("lazy", "epoched", "relaxed")

    def __init__(
        self,
        d_model: int,
        max_length: int | None,
        *,
        channels: int = 2,
        bidirectional: bool = False,
        init: Literal["double_exp", "random"] = "double_exp",
        squash: float = 0.003,
        smooth: int | None = None,
        smooth_frequency: int | None = None,
        kernel_dropout: float = 0.2,
        kernel_lr: float | None = 1e-3,
        dropout: float = 0.0,
        tie_dropout: bool = False,
        transform: Literal["fft", "butterfly"] = "fft",
        backend: str = "auto",
    ) -> None:
        super().__init__(d_model, max_length, is_causal=not bidirectional and transform == "fft")
        length = _check_settings(max_length, channels, dropout, transform, bidirectional)
        self.channels = channels
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.tie_dropout = tie_dropout
        self.transform = transform
        self.backend = backend
        config = KernelConfig(
            init=init,
            squash=squash,
            smooth=smooth,
            smooth_frequency=smooth_frequency,
            dropout=kernel_dropout,
            lr=kernel_lr,
        )
        copies = (2, channels) if bidirectional else (channels,)
        self.kernel = ExplicitKernel(copies, d_model, length, config)
        self.skip = nn.Parameter(torch.randn(channels, d_model))
        self.butterfly = ButterflyConv(channels * d_model, length) if transform == "butterfly" else None
        self.out_proj = nn.Linear(channels * d_model, 2 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Mix whole sequences of shape (B, L, D)."""
        self._check_input(x)
        u = _narrow(x).transpose(1, 2).repeat(1, self.channels, 1)  # (B, C D, L)
        y = F.gelu(self._convolve(u))
        if self.training and self.dropout > 0:
            drop = F.dropout1d if self.tie_dropout else F.dropout
            y = drop(y, self.dropout)
        return self._project_out(y)

    def init_state(self, batch: int, max_length: int | None = None, *, mode: str = "auto") -> LongConvState:
        """Return an empty state; ``mode`` is that of ``OnlineConv``. The filters are computed here, once."""
        length = self._state_length(max_length)
        with torch.no_grad():
            k = self.kernel.without_dropout(length).flatten(0, 1)  # (C D, K)
        conv = OnlineConv(k, length, mode, skip=self.skip.flatten(), batch=batch)
        return LongConvState(position=0, max_length=length, batch=batch, conv=conv)

    @torch.no_grad()
    def prefill(self, x: Tensor, state: LongConvState) -> tuple[Tensor, LongConvState]:
        """Mix the next chunk of shape (B, P, D)."""
        self._check_chunk(x, state)
        u = _only_real(_narrow(x), state).transpose(1, 2)
        y = state.conv.prefill(u.repeat(1, self.channels, 1))
        state.position += x.shape[1]
        return self._project_out(F.gelu(y)), state

    @torch.no_grad()
    def step(self, x_t: Tensor, state: LongConvState) -> tuple[Tensor, LongConvState]:
        """Mix one more step of shape (B, D)."""
        self._check_chunk(x_t[:, None], state)
        u_t = _only_real(_narrow(x_t)[:, None], state)[:, 0]
        y_t = state.conv.step(u_t.repeat(1, self.channels))
        state.position += 1
        return F.glu(self.out_proj(F.gelu(y_t)), dim=-1), state

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt all but the linear layer from weight decay; give taps and transforms their learning rate."""
        plain = {name: {"weight_decay": 0.0} for name in ("skip", "out_proj.bias")}
        kernel = {f"kernel.{name}": found for name, found in self.kernel.parameter_options().items()}
        learned = [name for name, _ in self.named_parameters() if name.startswith("butterfly.")]
        return plain | kernel | {name: {"weight_decay": 0.0, "lr": BUTTERFLY_LR} for name in learned}

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        Convolutions ``5 C D log2 L`` (twice that when bidirectional) and the linear layer ``2 C D²``, all
        times 2: Hyena's way of counting, appendix A.2 of arXiv 2302.10866. A learned transform of ``n``
        points counts four products for each complex one, ``n (n_1 + n_2)`` of them a sequence and channel,
        and half an FFT of ``n`` for the inverse. Transforms of filters do not grow with the batch and are not
        counted.
        """
        rows = self.channels * self.d_model
        seq_len = max(seq_len, 1)
        if self.butterfly is not None:
            n, sizes = self.butterfly.transform_u.n, self.butterfly.transform_u.sizes
            convolution = rows * n / seq_len * (4 * sum(sizes) + 2.5 * math.log2(n))
        else:
            convolution = (2 if self.bidirectional else 1) * 5 * rows * math.log2(seq_len)
        return 2.0 * (convolution + rows * 2 * self.d_model)

    def _convolve(self, u: Tensor) -> Tensor:
        """Convolve (B, C D, L), skip included."""
        seq_len = u.shape[-1]
        k = self.kernel(seq_len).flatten(-3, -2)  # (C D, L) or (2, C D, L)
        skip = self.skip.flatten()
        if self.butterfly is not None:
            y: Tensor = self.butterfly(u, k, skip)
            return y
        if self.bidirectional:
            k = ahead_of_present(k)
        return long_conv(u, k, skip, bidirectional=self.bidirectional, backend=self.backend)

    def _project_out(self, y: Tensor) -> Tensor:
        """Project (B, C D, L) to (B, L, D) through the gate."""
        return F.glu(project_from_time_last(y, self.out_proj.weight, self.out_proj.bias), dim=-1)


def _narrow(x: Tensor) -> Tensor:
    """Cast as autocast does for a linear layer, so that half types reach the convolution's GPU kernels."""
    if x.dtype == torch.float64 or not torch.is_autocast_enabled(x.device.type):
        return x
    return x.to(torch.get_autocast_dtype(x.device.type))


def _only_real(u: Tensor, state: State) -> Tensor:
    """Silence the steps of (B, P, D) that are padding."""
    real = state.real_steps(u.shape[1])
    return u if real is None else u * real


def _check_settings(
    max_length: int | None, channels: int, dropout: float, transform: str, bidirectional: bool
) -> int:
    if max_length is None:
        raise ConfigError(
            "LongConv needs max_length, the length of its filters; give the longest sequence you will use."
        )
    if channels < 1:
        raise ConfigError(f"channels is {channels}; a LongConv has at least 1 (the paper's models have 2).")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
    if transform not in ("fft", "butterfly"):
        raise ConfigError(f'transform is "{transform}"; give "fft" or "butterfly".')
    if transform == "butterfly" and bidirectional:
        raise ConfigError(
            'transform is "butterfly" and bidirectional is True; learned transforms serve filters that look '
            'back. Leave bidirectional out, or set transform="fft".'
        )
    return max_length
