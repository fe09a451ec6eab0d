"""The T1 block: channels mix within each mode, then modes mix along each axis within each channel.

The residual stream is kept as (M, B, C), modes first: mixing channels is one batched product with a matrix a
mode, and the lift and the head are plain linear layers. Mixing modes wants channels first, so a block turns
its update around twice. The axes go round: each product takes the axis in front and puts its modes at the
back, after which the next one is in front.
"""

# Shapes: M modes kept, m_d modes of axis d of their box, B batch, C channels

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["FrequencyMixing", "T1Block"]


class FrequencyMixing(nn.Module):
    """A linear map over the modes of each axis, another one for each channel.

    Parameters
    ----------
    channels : int
    n_modes : sequence of int
        Of each axis.

    Notes
    -----
    ``y[b, c, j1, j2] = sum_{k1, k2} U_c[k1, j1] V_c[k2, j2] x[b, c, k1, k2]``. Matrices start from
    N(0, 1/m). ``C sum_d m_d`` products a mode.
    """

    def __init__(self, channels: int, n_modes: Sequence[int]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(channels, m, m) / math.sqrt(m)) for m in n_modes
        )  # (C, from, to)

    def forward(self, x: Tensor) -> Tensor:
        """Map (C, m_1 ... m_d, B), in this order and any shape of the rest, to (C, B, m_1 ... m_d)."""
        for weight in self.weights:
            front = x.reshape(x.shape[0], weight.shape[1], -1)  # (C, m, the axes to come, B, those done)
            x = torch.bmm(front.mT, weight)
        return x


class T1Block(nn.Module):
    """A residual layer on coefficients.

    Parameters
    ----------
    d_model : int
    n_modes : sequence of int
        Modes of each axis of the box.
    activation : callable
        Between the two mixings, on coefficients.
    std : float
        Deviation of the channel mixing's initial weights, N(0, std^2).
    kept : Tensor of int64, shape (M,), optional
        Places of the modes in the box, row by row, when they do not fill it.

    Notes
    -----
    ``z + mix_modes(act(mix_channels(z)))``. Modes that are not kept count as zeros when modes are mixed.
    ``C^2 M + C (m_1^2 + m_2^2)`` weights and ``C^2 M + C (m_1 + m_2) M`` products a field.

    References
    ----------
    arXiv 2211.14453; the public code for the order of the mixings.
    """

    kept: Tensor | None

    def __init__(
        self,
        d_model: int,
        n_modes: Sequence[int],
        activation: Callable[[Tensor], Tensor],
        *,
        std: float,
        kept: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.box_size = math.prod(n_modes)
        self.register_buffer("kept", kept, persistent=False)
        n_kept = self.box_size if kept is None else len(kept)
        self.channel_weight = nn.Parameter(std * torch.randn(n_kept, d_model, d_model))  # (M, from, to)
        self.activation = activation
        self.frequency_mixing = FrequencyMixing(d_model, n_modes)

    def forward(self, z: Tensor) -> Tensor:
        """Map a residual stream of shape (M, B, C) to the next."""
        M, B, C = z.shape
        h: Tensor = self.activation(torch.bmm(z, self.channel_weight))
        h = h.reshape(M * B, C).t().contiguous()  # (C, M B)
        if self.kept is not None:
            box = h.new_zeros(C, self.box_size, B)
            h = box.index_copy(1, self.kept, h.reshape(C, M, B))
        h = self.frequency_mixing(h).reshape(C, B, self.box_size)
        if self.kept is not None:
            h = h.index_select(2, self.kept)
        h = h.transpose(0, 1).reshape(B * C, M).t().contiguous()  # rows first: twice as fast as all at once
        return z + h.reshape(M, B, C)
