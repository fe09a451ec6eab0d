"""The Hyena operator: gates and long convolutions in turn.

What is unusual here, against the public reference: ``order`` counts gates, so order 2 owns one long filter a
channel and ``order - 1`` in general (the paper's own recurrence has one more, and equals this one when its
first filter is the unit impulse); ``n_heads`` works; a sequence beyond ``max_length`` is an error and never
cut; an unknown keyword is an error; there is no ``num_blocks`` (it leaks the future in the reference) and no
``inner_factor`` (it crashes there).
"""

# Shapes: B batch, L length, P steps of a chunk, D width, N order, S short taps, E outer_head_dim,
# V filters = D / (n_heads E)

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.base import Mixer
from longwave.mixers.filter_cache import KeepsFilters
from longwave.mixers.filters import FilterConfig
from longwave.mixers.hyena_settings import HyenaFilter, check_settings
from longwave.mixers.hyena_state import HyenaState
from longwave.mixers.long_filter import LongFilter, StreamingConv
from longwave.mixers.outer_products import columns, rows, sum_rows
from longwave.mixers.projections import project_from_time_last, project_to_time_last
from longwave.mixers.recent import RecentSteps
from longwave.mixers.window_conv import gated_conv
from longwave.ops import OnlineConv
from longwave.ops.short_conv import short_conv, split_short_conv

__all__ = ["Hyena", "HyenaState"]


class Hyena(Mixer[HyenaState], KeepsFilters):
    """Gated long convolutions, with implicit filters or others.

    Parameters
    ----------
    d_model : int
        Width.
    max_length : int
        Longest sequence, and length of the filters.
    order : int
        Gates, at least 2; there are ``order - 1`` long convolutions.
    n_heads : int
        Heads that share their filters: filter ``v`` serves the ``n_heads`` neighbouring channels from ``v *
        n_heads`` on, one of each head. Must divide ``d_model``. "256 groups for 4096 channels" is 16.
    outer_head_dim : int
        Above 1, the multi-head Hyena of arXiv 2310.18780: heads of E neighbouring channels each remember
        the ``E x E`` products of a key and a value through one filter, and a query reads them. Must divide
        ``d_model``; for order 2 with ``n_heads=1`` only.
    short_kernel_size : int
        Taps of the explicit filter on all projections.
    dropout : float
        Probability of dropping an input of a long convolution in training.
    bidirectional : bool
        Look ahead as well, with a second filter a channel; such a mixer is not causal and does not decode.
        The short filter looks back in either case.
    filter : HyenaFilter, optional
        Kind and settings of the long filters: a ``FilterConfig``, ``ModalConfig``, ``ExplicitConfig``,
        ``DecayingConfig``, ``FourierConfig``, ``TransferConfig`` or ``S4FilterConfig``.
    backend : str
        Of ``longwave.ops.long_conv``.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    Projections ``x_0 ... x_{N-1}, v`` of the input, short filter on each; then ``w = v`` and, for ``i = N-1
    ... 1``, ``w <- (T_h + d) (x_i * w)`` with the causal convolution ``T_h`` and the skip ``d`` of step
    ``N-1-i``; the output is ``W_out (x_0 * w)``. O(N D L (log L + D)) time.

    With ``E = outer_head_dim`` above 1, in head ``m`` for ``i, j`` below E: ``Y[i, j] = (T_m + d_m) (x_1[i]
    v[j])`` and ``o[j] = sum_i x_0[i] Y[i, j]`` in place of that, with one ``d`` a head. O(D E L log L) time.

    The filters depend on parameters alone. Evaluation without gradients keeps them, ``(N-1) V L`` numbers in
    float32 for one length, until the length or a parameter changes or ``train()`` is called.

    References
    ----------
    Definition 3.1 and section 3 of arXiv 2302.10866, in the convention of its released checkpoints; section 4
    of arXiv 2310.18780 (MultiHyena).

    Examples
    --------
    >>> mixer = Hyena(d_model=8, max_length=100)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    def __init__(
        self,
        d_model: int,
        max_length: int | None,
        *,
        order: int = 2,
        n_heads: int = 1,
        outer_head_dim: int = 1,
        short_kernel_size: int = 3,
        dropout: float = 0.0,
        bidirectional: bool = False,
        filter: HyenaFilter | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(d_model, max_length, is_causal=not bidirectional)
        check_settings(d_model, max_length, order, n_heads, outer_head_dim, short_kernel_size, dropout)
        self.order = order
        self.n_heads = n_heads
        self.outer_head_dim = outer_head_dim
        self.short_kernel_size = short_kernel_size
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.backend = backend
        self.in_proj = nn.Linear(d_model, (order + 1) * d_model)
        self.short_weight = nn.Parameter(torch.empty((order + 1) * d_model, short_kernel_size))
        self.short_bias = nn.Parameter(torch.empty((order + 1) * d_model))
        self.n_filters = d_model // (n_heads * outer_head_dim)
        n_directions = 2 if bidirectional else 1
        self.filter: LongFilter = (filter or FilterConfig()).build(
            self.n_filters * (order - 1) * n_directions, int(max_length or 0)
        )
        self.skip = nn.Parameter(torch.randn(order - 1, d_model // outer_head_dim))
        self.out_proj = nn.Linear(d_model, d_model)
        bound = 1 / math.sqrt(short_kernel_size)  # a Conv1d's own draw
        nn.init.uniform_(self.short_weight, -bound, bound)
        nn.init.uniform_(self.short_bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Mix whole sequences of shape (B, L, D)."""
        self._check_input(x)
        # N gates and the value, each (B, D, L); the short filter adds the projection's bias in passing
        *gates, w = split_short_conv(
            project_to_time_last(x, self.in_proj.weight),
            self.short_weight,
            self.short_bias,
            offset=self.in_proj.bias,
            parts=self.order + 1,
        )
        filters = self._present_filters(x.shape[1])
        for step, gate in self._inner_gates(gates):
            gate = rows(gate, self.outer_head_dim)  # (B, D E, L)
            w = gated_conv(
                columns(w, self.outer_head_dim),
                filters[step],
                self._skip_of(step),
                gate_in=F.dropout(gate, self.dropout) if self.training and self.dropout > 0 else gate,
                gate_out=rows(gates[0], self.outer_head_dim) if step == self.order - 2 else None,
                bidirectional=self.bidirectional,
                backend=self.backend,
            )
        return self._project_out(w)

    def filters(self, seq_len: int) -> Tensor:
        """Return the long filters in the order of their use.

        Returns
        -------
        Tensor, shape (N-1, V, K)
            K is ``seq_len``, or less for a filter of few taps. Bidirectional: (N-1, 2, V, K), looking back
            and looking ahead.
        """
        taps: Tensor = self.filter(seq_len)
        # The step varies fastest, so that each convolution has slow and fast windows, as in the reference.
        if self.bidirectional:
            return taps.view(self.n_filters, self.order - 1, 2, taps.shape[-1]).permute(1, 2, 0, 3)
        return taps.view(self.n_filters, self.order - 1, taps.shape[-1]).transpose(0, 1)

    @property
    def decode_modes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Modes of ``init_state``: those of ``OnlineConv``, and the recurrence that some filters have."""
        online = ("lazy", "epoched", "relaxed")
        return ("recurrent", *online) if self.filter.has_recurrence else online

    def init_state(self, batch: int, max_length: int | None = None, *, mode: str = "auto") -> HyenaState:
        """Return an empty state; the filters are computed here, once.

        Parameters
        ----------
        batch : int
        max_length : int, optional
            Steps to make room for; ``self.max_length`` unless given.
        mode : str
            One of ``decode_modes``, or ``"auto"``: recurrent where filters are modal or have few taps, else
            the fastest measured of ``OnlineConv``.

        Raises
        ------
        ConfigError
            If the mixer looks ahead, or has no such mode.
        ShapeError
            If ``max_length`` is beyond the mixer's.
        """
        length = self._state_length(max_length)
        if mode not in ("auto", *self.decode_modes):
            raise ConfigError(
                f'Hyena with {type(self.filter).__name__} has no decode mode "{mode}". Choose "auto" or '
                f"one of {', '.join(self.decode_modes)}; modal filters (longwave distill) decode recurrently."
            )
        is_recurrent = mode == "recurrent" or (mode == "auto" and self.filter.has_recurrence)
        with torch.no_grad():
            convs = self._recurrences(batch) if is_recurrent else self._online_convs(batch, length, mode)
        weight = self.in_proj.weight
        dtype = torch.promote_types(weight.dtype, torch.float32)
        recent = RecentSteps(
            batch, self.in_proj.out_features, self.short_kernel_size - 1, dtype, weight.device
        )
        return HyenaState(position=0, max_length=length, batch=batch, recent=recent, convs=convs)

    @torch.no_grad()
    def prefill(self, x: Tensor, state: HyenaState) -> tuple[Tensor, HyenaState]:
        """Mix the next chunk of shape (B, P, D)."""
        self._check_chunk(x, state)
        if x.shape[1] == 0:
            return x, state
        real = state.real_steps(x.shape[1])  # (B, P, 1)
        real = None if real is None else real.mT
        projected = project_to_time_last(x, self.in_proj.weight)
        biased = projected.to(state.recent.dtype) + self.in_proj.bias[:, None]
        window = state.recent.append(_masked(biased, real))  # (B, (N+1) D, S-1+P)
        z = short_conv(window, self.short_weight, self.short_bias)[..., self.short_kernel_size - 1 :]
        *gates, w = z.to(projected.dtype).chunk(self.order + 1, dim=1)
        for step, gate in self._inner_gates(gates):
            w = state.convs[step].prefill(_masked(self._products(gate, w), real))
        state.position += x.shape[1]
        return self._project_out(rows(gates[0], self.outer_head_dim) * w), state

    @torch.no_grad()
    def step(self, x_t: Tensor, state: HyenaState) -> tuple[Tensor, HyenaState]:
        """Mix one more step of shape (B, D)."""
        self._check_chunk(x_t[:, None], state)
        real = state.real_steps(1)  # (B, 1, 1)
        real = None if real is None else real[:, 0]
        projected = self.in_proj(x_t)  # (B, (N+1) D)
        z = self._short_step(_masked(projected, real), state).to(projected.dtype)
        *gates, w = z.chunk(self.order + 1, dim=1)
        for step, gate in self._inner_gates(gates):
            w = state.convs[step].step(_masked(self._products(gate, w), real))
        state.position += 1
        y_t = rows(gates[0], self.outer_head_dim) * w
        return self.out_proj(sum_rows(y_t, self.outer_head_dim)), state

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt filter network, skips and biases from weight decay; give the filter its learning rate."""
        names = ("in_proj.bias", "out_proj.bias", "short_bias", "skip")
        filter_options = {f"filter.{name}": found for name, found in self.filter.parameter_options().items()}
        return {name: {"weight_decay": 0.0} for name in names} | filter_options

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        Projections ``(N+1) D²``, short filters ``(N+1) D S``, long convolutions ``5 (N-1) D E log2 L`` (twice
        that when bidirectional: two filters) or at most one for every tap of filters that have few, output
        ``D²``, all times 2: appendix A.2 of arXiv 2302.10866. Computing the filters, which does not grow with
        the batch, is not counted there nor here.
        """
        width, order = self.d_model, self.order
        projections = (order + 2) * width**2
        short = (order + 1) * width * self.short_kernel_size
        long = (order - 1) * width * self.outer_head_dim * self.filter.conv_flops(seq_len)
        return 2.0 * (projections + short + (2 * long if self.bidirectional else long))

    def _inner_gates(self, gates: list[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Yield each long convolution's number and the gate before it: the last gate first."""
        yield from enumerate(reversed(gates[1:]))

    def _present_filters(self, seq_len: int) -> Tensor:
        """Return ``filters``; those of the last call if it was in evaluation and nothing changed since."""
        if self.training or self.filter.training:  # a filter that drops taps is another in every call
            return self.filters(seq_len)
        sources = [*self.filter.parameters(), *self.filter.buffers()]
        return self.kept.get(seq_len, sources, lambda: self.filters(seq_len))

    def _products(self, gate: Tensor, w: Tensor) -> Tensor:
        """Return what enters a long convolution, (B, D E, ...)."""
        return rows(gate, self.outer_head_dim) * columns(w, self.outer_head_dim)

    def _skip_of(self, step: int) -> Tensor:
        """Return the skip of one long convolution for each of its D E channels."""
        return rows(self.skip[step][None], self.outer_head_dim**2)[0]

    def _project_out(self, w: Tensor) -> Tensor:
        """Sum heads' rows and project (B, D E, L) to (B, L, D)."""
        read = sum_rows(w, self.outer_head_dim)
        return project_from_time_last(read, self.out_proj.weight, self.out_proj.bias)

    def _short_step(self, projected: Tensor, state: HyenaState) -> Tensor:
        window = state.recent.append(projected[..., None])  # (B, (N+1) D, S)
        return (window * self.short_weight.flip(-1)).sum(-1) + self.short_bias

    def _online_convs(self, batch: int, length: int, mode: str) -> tuple[StreamingConv, ...]:
        filters = self.filters(length)  # (N-1, V, length)
        filters = filters.to(torch.promote_types(filters.dtype, self.skip.dtype))
        return tuple(
            OnlineConv(taps, length, mode, skip=self._skip_of(step), batch=batch)
            for step, taps in enumerate(filters)
        )

    def _recurrences(self, batch: int) -> tuple[StreamingConv, ...]:
        n_convs = self.order - 1
        return tuple(
            self.filter.stream(slice(step, None, n_convs), self._skip_of(step), batch)
            for step in range(n_convs)
        )


def _masked(x: Tensor, real: Tensor | None) -> Tensor:
    return x if real is None else x * real
