"""The Hyena operator: gates and long convolutions in turn.

What is unusual here, against the public reference: ``order`` counts gates, so order 2 owns one long filter a
channel and ``order - 1`` in general (the paper's own recurrence has one more, and equals this one when its
first filter is the unit impulse); ``n_heads`` works; a sequence beyond ``max_length`` is an error and never
cut; an unknown keyword is an error; there is no ``num_blocks`` (it leaks the future in the reference) and no
``inner_factor`` (it crashes there).
"""

# Shapes: B batch, L length, P steps of a chunk, D width, N order, S short taps, V filters = D / n_heads

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.base import Mixer, State
from longwave.mixers.filter_cache import FilterCache
from longwave.mixers.filters import FilterConfig, ImplicitFilter
from longwave.mixers.projections import project_from_time_last, project_to_time_last
from longwave.ops import long_conv
from longwave.ops.short_conv import short_conv, split_short_conv

__all__ = ["Hyena", "HyenaState"]


@dataclass
class HyenaState(State):
    """What Hyena remembers while it decodes; memory is ``(N-1) D max_length`` numbers a sequence.

    Parameters
    ----------
    tail : Tensor, shape (B, (N+1) D, S-1)
        Last projected inputs, for the short filter.
    inputs : Tensor, shape (N-1, D, B, max_length)
        All inputs of every long convolution so far, time last and contiguous.
    reversed_filters : Tensor, shape (N-1, V, max_length)
        The long filters from last tap to first, so that a step is a dot product of two contiguous runs.
    """

    tail: Tensor
    inputs: Tensor
    reversed_filters: Tensor


class Hyena(Mixer[HyenaState]):
    """Gated long convolutions with implicit filters.

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
        n_heads`` on, one of each head. Must divide ``d_model``.
    short_kernel_size : int
        Taps of the explicit filter on all projections.
    dropout : float
        Probability of dropping an input of a long convolution in training.
    bidirectional : bool
        Look ahead as well, with a second filter a channel; such a mixer is not causal and does not decode.
        The short filter looks back in either case.
    filter : FilterConfig, optional
        Settings of the long filters.
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

    The filters depend on parameters alone. Evaluation without gradients keeps them, ``(N-1) V L`` numbers in
    float32 for one length, until the length or a parameter changes or ``train()`` is called.

    References
    ----------
    Definition 3.1 and section 3 of arXiv 2302.10866, in the convention of its released checkpoints.

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
        short_kernel_size: int = 3,
        dropout: float = 0.0,
        bidirectional: bool = False,
        filter: FilterConfig | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(d_model, max_length, is_causal=not bidirectional)
        _check_settings(d_model, max_length, order, n_heads, short_kernel_size, dropout)
        self.order = order
        self.n_heads = n_heads
        self.short_kernel_size = short_kernel_size
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.backend = backend
        self.in_proj = nn.Linear(d_model, (order + 1) * d_model)
        self.short_weight = nn.Parameter(torch.empty((order + 1) * d_model, short_kernel_size))
        self.short_bias = nn.Parameter(torch.empty((order + 1) * d_model))
        self.n_filters = d_model // n_heads
        n_directions = 2 if bidirectional else 1
        self.filter = ImplicitFilter(
            self.n_filters * (order - 1) * n_directions, int(max_length or 0), filter
        )
        self.skip = nn.Parameter(torch.randn(order - 1, d_model))
        self.out_proj = nn.Linear(d_model, d_model)
        self._kept_filters = FilterCache()
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
            w = long_conv(
                w,
                filters[step],
                self.skip[step],
                gate_in=F.dropout(gate, self.dropout) if self.training and self.dropout > 0 else gate,
                gate_out=gates[0] if step == self.order - 2 else None,
                bidirectional=self.bidirectional,
                backend=self.backend,
            )
        return self._project_out(w)

    def filters(self, seq_len: int) -> Tensor:
        """Return the long filters in the order of their use.

        Returns
        -------
        Tensor, shape (N-1, V, seq_len)
            Bidirectional: (N-1, 2, V, seq_len), looking back and looking ahead.
        """
        taps: Tensor = self.filter(seq_len)
        # The step varies fastest, so that each convolution has slow and fast windows, as in the reference.
        if self.bidirectional:
            return taps.view(self.n_filters, self.order - 1, 2, seq_len).permute(1, 2, 0, 3)
        return taps.view(self.n_filters, self.order - 1, seq_len).transpose(0, 1)

    def train(self, mode: bool = True) -> Hyena:
        """Set training or evaluation; training forgets the filters that evaluation kept."""
        if mode:
            self._kept_filters.clear()
        return super().train(mode)

    def init_state(self, batch: int, max_length: int | None = None) -> HyenaState:
        """Return an empty state; the filters are computed here, once."""
        length = self._state_length(max_length)
        with torch.no_grad():
            filters = self.filters(length).flip(-1).contiguous()
        tail = filters.new_zeros(batch, self.in_proj.out_features, self.short_kernel_size - 1)
        inputs = filters.new_zeros(self.order - 1, self.d_model, batch, length)
        return HyenaState(
            position=0, max_length=length, batch=batch, tail=tail, inputs=inputs, reversed_filters=filters
        )

    @torch.no_grad()
    def prefill(self, x: Tensor, state: HyenaState) -> tuple[Tensor, HyenaState]:
        """Mix the next chunk of shape (B, P, D); the long convolutions see all inputs so far."""
        self._check_chunk(x, state)
        if x.shape[1] == 0:
            return x, state
        projected = project_to_time_last(x, self.in_proj.weight)
        biased = projected.to(state.tail.dtype) + self.in_proj.bias[:, None]
        window = torch.cat([state.tail, biased], dim=-1)  # (B, (N+1) D, S-1+P)
        state.tail = window[..., x.shape[1] :].clone()
        z = short_conv(window, self.short_weight, self.short_bias)[..., self.short_kernel_size - 1 :]
        *gates, w = z.to(projected.dtype).chunk(self.order + 1, dim=1)
        start, end = state.position, state.position + x.shape[1]
        for step, gate in self._inner_gates(gates):
            inputs = state.inputs[step, :, :, :end]
            inputs[..., start:] = (gate * w).transpose(0, 1)
            taps = state.reversed_filters[step, :, state.max_length - end :].flip(-1)
            w = long_conv(inputs.transpose(0, 1), taps, self.skip[step], backend=self.backend)[..., start:]
        state.position = end
        return self._project_out(gates[0] * w.to(projected.dtype)), state

    @torch.no_grad()
    def step(self, x_t: Tensor, state: HyenaState) -> tuple[Tensor, HyenaState]:
        """Mix one more step of shape (B, D) in O(D position) time: one dot product a filter."""
        self._check_chunk(x_t[:, None], state)
        projected = self.in_proj(x_t)  # (B, (N+1) D)
        z = self._short_step(projected, state).to(projected.dtype)
        *gates, w = z.chunk(self.order + 1, dim=1)
        for step, gate in self._inner_gates(gates):
            w = self._long_step(gate * w, step, state).to(projected.dtype)
        state.position += 1
        return self.out_proj(gates[0] * w), state

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt filter network, skips and biases from weight decay; give the filter its learning rate."""
        names = ("in_proj.bias", "out_proj.bias", "short_bias", "skip")
        filter_options = {f"filter.{name}": found for name, found in self.filter.parameter_options().items()}
        return {name: {"weight_decay": 0.0} for name in names} | filter_options

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        Projections ``(N+1) D²``, short filters ``(N+1) D S``, long convolutions ``5 (N-1) D log2 L`` (twice
        that when bidirectional: two filters), output ``D²``, all times 2: appendix A.2 of arXiv 2302.10866.
        Computing the filters, which does not grow with the batch, is not counted there nor here.
        """
        width, order = self.d_model, self.order
        projections = (order + 2) * width**2
        short = (order + 1) * width * self.short_kernel_size
        long = 5 * (order - 1) * width * math.log2(max(seq_len, 1))
        return 2.0 * (projections + short + long)

    def _inner_gates(self, gates: list[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Yield each long convolution's number and the gate before it: the last gate first."""
        yield from enumerate(reversed(gates[1:]))

    def _present_filters(self, seq_len: int) -> Tensor:
        """Return ``filters``; those of the last call if it was in evaluation and nothing changed since."""
        if self.training or self.filter.training:  # a filter that drops taps is another in every call
            return self.filters(seq_len)
        sources = [*self.filter.parameters(), *self.filter.buffers()]
        return self._kept_filters.get(seq_len, sources, lambda: self.filters(seq_len))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Hyena:
        self._kept_filters.clear()  # moving or casting replaces values behind the parameters' backs
        moved: Hyena = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    def _project_out(self, w: Tensor) -> Tensor:
        """Project (B, D, L) to (B, L, D)."""
        return project_from_time_last(w, self.out_proj.weight, self.out_proj.bias)

    def _short_step(self, projected: Tensor, state: HyenaState) -> Tensor:
        window = torch.cat([state.tail, projected.to(state.tail.dtype)[..., None]], dim=-1)  # (B, (N+1) D, S)
        state.tail = window[..., 1:]
        return (window * self.short_weight.flip(-1)).sum(-1) + self.short_bias

    def _long_step(self, w: Tensor, step: int, state: HyenaState) -> Tensor:
        """Add (B, D) inputs to the history and return the convolution's newest output, skip included."""
        batch, end = w.shape[0], state.position + 1
        newest = w.t().to(state.inputs.dtype)  # (D, B)
        state.inputs[step, :, :, state.position] = newest
        history = state.inputs[step].view(self.n_filters, self.n_heads * batch, state.max_length)[..., :end]
        taps = state.reversed_filters[step, :, state.max_length - end :, None]  # (V, end, 1)
        with torch.autocast(w.device.type, enabled=False):
            y = torch.bmm(history, taps).view(self.d_model, batch)
            return (y + self.skip[step][:, None] * newest).t()


def _check_settings(
    d_model: int, max_length: int | None, order: int, n_heads: int, short_kernel_size: int, dropout: float
) -> None:
    if max_length is None:
        raise ConfigError(
            "Hyena needs max_length, the length of its filters; give the longest sequence you will use."
        )
    if order < 2:
        raise ConfigError(f"order is {order}; Hyena has at least 2 gates (order 2 is one long convolution).")
    if n_heads < 1 or d_model % n_heads:
        raise ConfigError(f"n_heads is {n_heads}, which does not divide d_model={d_model}. Choose a divisor.")
    if short_kernel_size < 1:
        raise ConfigError(f"short_kernel_size is {short_kernel_size}; it must be at least 1 (1 only scales).")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
