"""Multi-head attention with rotary positions: the layer the others are measured against."""

# Shapes: B batch, L length, P steps of a chunk, D width, H heads, E = D / H, R rotated features of a head

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from longwave.errors import ConfigError
from longwave.mixers.base import Mixer, State
from longwave.mixers.shared import SharedPart
from longwave.ops._triton import HAS_TRITON

__all__ = ["Attention", "AttentionState"]


class Rotation(SharedPart):
    """How queries and keys turn.

    Parameters
    ----------
    frequencies : Tensor, shape (R/2,), optional
        Angles a step; None where nothing turns.
    """

    def __init__(self, frequencies: Tensor | None) -> None:
        self.frequencies = frequencies


@dataclass
class AttentionState(State):
    """Keys and values of all steps so far.

    Parameters
    ----------
    keys, values : Tensor, shape (B, H, max_length, E)
        Keys are already rotated.
    count : Tensor, shape (B, H), int32
        Steps taken, for steps that are repeated on a device.
    rotation : Rotation
    """

    keys: Tensor
    values: Tensor
    count: Tensor
    rotation: Rotation

    rewinds_freely: ClassVar[bool] = True  # later entries are never read
    realigns: ClassVar[bool] = True

    def truncate(self, position: int) -> None:
        """Go back to any earlier position; see ``State.truncate``."""
        super().truncate(position)
        self.count.fill_(position)

    def _realign_tensors(self, position: int, max_length: int) -> None:
        old = self.position
        for name, turns in (("keys", True), ("values", False)):
            cache: Tensor = getattr(self, name)
            moved = cache.new_zeros((*cache.shape[:2], max_length, cache.shape[3]))
            kept = min(old, position)
            steps = cache[:, :, old - kept : old]
            moved[:, :, position - kept : position] = self._turn(steps, position - old) if turns else steps
            setattr(self, name, moved)
        self.count = torch.full_like(self.count, position)

    def _put_tensors(self, row: int, other: Self) -> None:
        start = self.position - other.position
        keys, values = (cache[0, :, : other.position] for cache in (other.keys, other.values))
        for cache, steps in ((self.keys, self._turn(keys, start)), (self.values, values)):
            cache[row, :, :start] = 0  # a mask does not hide what is no number
            cache[row, :, start : self.position] = steps

    def _turn(self, keys: Tensor, steps: int) -> Tensor:
        """Rotate keys (..., E) on by some steps, as if they had come so much later."""
        if self.rotation.frequencies is None or steps == 0:
            return keys
        angles = steps * self.rotation.frequencies
        rotated = 2 * len(angles)
        turned = _rotate(keys[..., :rotated], angles.cos(), angles.sin())
        return turned if rotated == keys.shape[-1] else torch.cat([turned, keys[..., rotated:]], dim=-1)


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
    rotary_dim : int, optional
        Features of a head that are rotated, the first ones; even; None rotates all.
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
    arXiv 1706.03762 (attention), arXiv 2104.09864, equation 34 (rotary positions; here feature ``i`` of ``R``
    rotated ones is paired with ``i + R/2``).

    Examples
    --------
    >>> mixer = Attention(d_model=8, n_heads=2)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    decode_modes = ("lazy",)

    def __init__(
        self,
        d_model: int,
        n_heads: int = 4,
        *,
        max_length: int | None = None,
        rotary: bool = True,
        rotary_dim: int | None = None,
        rotary_base: float = 10000.0,
        dropout: float = 0.0,
        is_causal: bool = True,
    ) -> None:
        super().__init__(d_model, max_length, is_causal=is_causal)
        if n_heads < 1 or d_model % n_heads:
            raise ConfigError(
                f"n_heads is {n_heads}, which does not divide d_model={d_model}. Choose a divisor."
            )
        head_dim = d_model // n_heads
        rotated = head_dim if rotary_dim is None else rotary_dim
        if rotary and (rotated % 2 or not 0 < rotated <= head_dim):
            raise ConfigError(
                f"Rotary positions need an even number of features from 2 to {head_dim}, the width of a "
                f"head, not {rotated} (d_model={d_model}, n_heads={n_heads}). Set rotary_dim, change n_heads "
                f"or set rotary=False."
            )
        if not 0 < rotary_base < math.inf:
            raise ConfigError(f"rotary_base is {rotary_base}; it must be above 0 and finite.")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
        self.n_heads = n_heads
        self.rotary = rotary
        self.rotary_dim = rotated
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
        weight = self.in_proj.weight
        keys, values = (weight.new_zeros(shape) for _ in range(2))
        with torch.inference_mode(
            False
        ):  # written in place by ``truncate``, within and without inference mode
            count = torch.zeros(batch, self.n_heads, dtype=torch.int32, device=weight.device)
        dtype = torch.promote_types(weight.dtype, torch.float32)
        rotation = Rotation(self._frequencies(weight.device, dtype) if self.rotary else None)
        return AttentionState(
            position=0,
            max_length=length,
            batch=batch,
            keys=keys,
            values=values,
            count=count,
            rotation=rotation,
        )

    @torch.no_grad()
    def prefill(self, x: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """Mix the next chunk of shape (B, P, D) in O(D P position) time."""
        self._check_chunk(x, state)
        if x.shape[1] == 0:
            return x, state
        start, end = state.position, state.position + x.shape[1]
        q, k, v = self._project(x, start=start)
        state.keys[:, :, start:end] = k
        state.values[:, :, start:end] = v
        k, v = (cache[:, :, :end].to(q.dtype) for cache in (state.keys, state.values))
        # Only a mask that says something: a fused kernel takes none, and (P, end) of a long prompt is large.
        if state.padding is not None:
            mask: Tensor | None = _padded_mask(start, end, state.padding)
        else:
            mask = None if start == 0 or end - start == 1 else _mask(start, end, x.device)
        is_causal = mask is None and start == 0
        state.position = end
        state.count.fill_(end)
        with _for_growing_caches() if q.is_cuda and end - start == 1 else contextlib.nullcontext():
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal)
        return self._merge(y), state

    def step(self, x_t: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """Mix one more step of shape (B, D) in O(D position) time."""
        if not _has_kernel(state.keys, x_t):
            y, state = self.prefill(x_t[:, None], state)
            return y[:, 0], state
        self._check_chunk(x_t[:, None], state)
        from longwave.ops.attention_step import attention_step

        with torch.no_grad():
            qkv, frequencies = self.in_proj(x_t), state.rotation.frequencies
            y = attention_step(qkv, state.keys, state.values, state.count, frequencies, state.padding)
            state.position += 1
            return self.out_proj(y), state

    def step_tensors(self, state: AttentionState) -> tuple[Tensor, ...] | None:
        """Return the cache, its count, frequencies and padding where the kernel of a step serves."""
        if not _has_kernel(state.keys):
            return None
        padding = () if state.padding is None else (state.padding,)
        return state.keys, state.values, state.count, *state.rotation.tensors(), *padding

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
            rotated = _Rotation.apply(qk[..., : self.rotary_dim], cos, sin)  # type: ignore[no-untyped-call]
            is_whole = self.rotary_dim == qk.shape[-1]
            qk = rotated if is_whole else torch.cat([rotated, qk[..., self.rotary_dim :]], dim=-1)
        q, k = qk.permute(2, 0, 3, 1, 4)
        return q, k, v[:, :, 0].transpose(1, 2)

    def _angles(
        self, start: int, length: int, device: torch.device, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of every position and frequency, each (L, 1, 1, R/2)."""
        positions = torch.arange(start, start + length, device=device, dtype=dtype)
        angles = positions[:, None, None, None] * self._frequencies(device, dtype)
        return angles.cos(), angles.sin()

    def _frequencies(self, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Return the angles a step, (R/2,)."""
        half = self.rotary_dim // 2
        frequencies: Tensor = self.rotary_base ** -(torch.arange(half, device=device, dtype=dtype) / half)
        return frequencies

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


def _has_kernel(keys: Tensor, *others: Tensor) -> bool:
    """Whether a kernel takes a step."""
    if not (HAS_TRITON and keys.is_cuda):
        return False
    from longwave.ops.attention_step import can_serve

    return can_serve(keys, *(x.detach() for x in others))


def _for_growing_caches() -> contextlib.AbstractContextManager[None]:
    """Keep cuDNN out, which plans anew for every length: some 15 ms a step, seen on an H200."""
    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


def _mask(start: int, end: int, device: torch.device) -> Tensor:
    """Say which keys the steps from ``start`` on see, (P, end)."""
    steps = torch.arange(end, device=device)
    return steps <= steps[start:, None]


def _padded_mask(start: int, end: int, padding: Tensor) -> Tensor:
    """Say which keys the steps from ``start`` on see, (B, 1, P, end).

    A step that is padding sees itself, so that its output, which nobody reads, is a number.
    """
    steps = torch.arange(end, device=padding.device)
    is_real = steps >= padding[:, None, None]  # (B, 1, end)
    seen = _mask(start, end, padding.device) & is_real | (steps == steps[start:, None])
    return seen[:, None]


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the pairs ``(i, i + R/2)`` of the last axis, in the type of the angles, rounding once."""
    y = torch.empty(x.shape, dtype=cos.dtype, device=x.device)
    first, second = x.to(cos.dtype).chunk(2, dim=-1)
    y_first, y_second = y.chunk(2, dim=-1)
    torch.mul(first, cos, out=y_first).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=y_second).addcmul_(first, sin)
    return y.to(x.dtype)
