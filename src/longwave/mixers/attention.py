"""Multi-head attention with rotary positions: the layer the others are measured against."""

# Shapes: B batch, L length, P steps of a chunk, D width, H heads, E = D / H

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.base import Mixer, State

__all__ = ["Attention", "AttentionState"]


@dataclass
class AttentionState(State):
    """Keys and values of all steps so far.

    Parameters
    ----------
    keys, values : Tensor, shape (B, H, max_length, E)
        Keys are already rotated.
    """

    keys: Tensor
    values: Tensor


class Attention(Mixer[AttentionState]):
    """Softmax attention over all present and past steps.

    Parameters
    ----------
    d_model : int
        Width.
    n_heads : int
        Heads; must divide ``d_model``, and leave an even width a head when ``rotary`` is on.
    max_length : int, optional
        Longest sequence; None sets no limit (a state then needs its own).
    rotary : bool
        Rotate queries and keys by their position, so that scores depend on distances; otherwise the mixer
        knows no order but the causal one.
    rotary_base : float
        Ratio of the longest to the shortest wavelength.
    dropout : float
        Probability of dropping an attention weight in training.
    is_causal : bool
        Look at present and past only.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    ``softmax(Q K^T / sqrt(E)) V`` per head by ``scaled_dot_product_attention``: O(D L²) time, O(D L) memory
    where torch has a fused kernel. Angles are computed in float32 or wider.

    References
    ----------
    arXiv 1706.03762 (attention), arXiv 2104.09864, equation 34 (rotary positions; here feature ``i`` is
    paired with ``i + E/2``).

    Examples
    --------
    >>> mixer = Attention(d_model=8, n_heads=2)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int = 4,
        *,
        max_length: int | None = None,
        rotary: bool = True,
        rotary_base: float = 10000.0,
        dropout: float = 0.0,
        is_causal: bool = True,
    ) -> None:
        super().__init__(d_model, max_length, is_causal=is_causal)
        if n_heads < 1 or d_model % n_heads:
            raise ConfigError(
                f"n_heads is {n_heads}, which does not divide d_model={d_model}. Choose a divisor."
            )
        if rotary and (d_model // n_heads) % 2:
            raise ConfigError(
                f"Rotary positions need an even width a head, not {d_model // n_heads} (d_model={d_model}, "
                f"n_heads={n_heads}). Change n_heads or set rotary=False."
            )
        if not 0 < rotary_base < math.inf:
            raise ConfigError(f"rotary_base is {rotary_base}; it must be above 0 and finite.")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
        self.n_heads = n_heads
        self.rotary = rotary
        self.rotary_base = rotary_base
        self.dropout = dropout
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Mix whole sequences of shape (B, L, D)."""
        self._check_input(x)
        q, k, v = self._project(x, start=0)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=self.is_causal)
        return self._merge(y)

    def init_state(self, batch: int, max_length: int | None = None) -> AttentionState:
        """Return an empty state; its keys and values have the parameters' type."""
        length = self._state_length(max_length)
        shape = (batch, self.n_heads, length, self.d_model // self.n_heads)
        keys, values = (self.in_proj.weight.new_zeros(shape) for _ in range(2))
        return AttentionState(position=0, max_length=length, batch=batch, keys=keys, values=values)

    @torch.no_grad()
    def prefill(self, x: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """Mix the next chunk of shape (B, P, D) in O(D P position) time."""
        self._check_chunk(x, state)
        start, end = state.position, state.position + x.shape[1]
        q, k, v = self._project(x, start=start)
        state.keys[:, :, start:end] = k
        state.values[:, :, start:end] = v
        k, v = (cache[:, :, :end].to(q.dtype) for cache in (state.keys, state.values))
        steps = torch.arange(end, device=x.device)
        mask = steps <= steps[start:, None]  # (P, end)
        state.position = end
        return self._merge(F.scaled_dot_product_attention(q, k, v, attn_mask=mask)), state

    def step(self, x_t: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """Mix one more step of shape (B, D) in O(D position) time."""
        y, state = self.prefill(x_t[:, None], state)
        return y[:, 0], state

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt biases from weight decay."""
        return {name: {"weight_decay": 0.0} for name in ("in_proj.bias", "out_proj.bias")}

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        Projections ``4 D²``, scores and weighted sum ``2 L D``, all times 2, and the softmax ``3 H L``; the
        masked half is counted, as in appendix F of arXiv 2203.15556 and in Hyena's comparison.
        """
        products = 4 * self.d_model**2 + 2 * seq_len * self.d_model
        return 2.0 * products + 3.0 * self.n_heads * seq_len

    def _project(self, x: Tensor, *, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values (B, H, L, E), the first two rotated from position ``start`` on."""
        batch, length, _ = x.shape
        qkv = self.in_proj(x).view(batch, length, 3, self.n_heads, self.d_model // self.n_heads)
        qk, v = qkv.split([2, 1], dim=2)
        if self.rotary:
            cos, sin = self._angles(start, length, x.device, torch.promote_types(qk.dtype, torch.float32))
            qk = _Rotation.apply(qk, cos, sin)  # type: ignore[no-untyped-call]
        q, k = qk.permute(2, 0, 3, 1, 4)
        return q, k, v[:, :, 0].transpose(1, 2)

    def _angles(
        self, start: int, length: int, device: torch.device, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of every position and frequency, each (L, 1, 1, E/2)."""
        half = self.d_model // self.n_heads // 2
        exponents = torch.arange(half, device=device, dtype=dtype) / half
        positions = torch.arange(start, start + length, device=device, dtype=dtype)
        angles = positions[:, None, None, None] * self.rotary_base**-exponents
        return angles.cos(), angles.sin()

    def _merge(self, y: Tensor) -> Tensor:
        """Join heads (B, H, L, E) and project to (B, L, D)."""
        mixed: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return mixed


class _Rotation(torch.autograd.Function):
    """Rotation of queries and keys; its gradient is the rotation back."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _rotate(x, cos, sin)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grad_outputs: Tensor
    ) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors  # type: ignore[attr-defined]
        grad: Tensor = _Rotation.apply(grad_outputs[0], cos, -sin)  # type: ignore[no-untyped-call]
        return grad, None, None


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs ``(i, i + E/2)`` of the last axis, in the type of the angles, rounding once."""
    y = torch.empty(x.shape, dtype=cos.dtype, device=x.device)
    first, second = x.to(cos.dtype).chunk(2, dim=-1)
    y_first, y_second = y.chunk(2, dim=-1)
    torch.mul(first, cos, out=y_first).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=y_second).addcmul_(first, sin)
    return y.to(x.dtype)
