"""Convolution with the filter of a diagonal state space, chunk by chunk: any length in bounded memory.

The filter ``k[j] = Re sum_n r_n p_n^j`` has a memory of N numbers a channel, ``x[t] = p x[t-1] + u[t]``, so a
chunk of P steps needs from everything before it only the last state:

    y[i] = (k * u)[i] + Re sum_n r_n p_n^{i+1} x_n          x <- p^P x + sum_s p^{P-1-s} u[s]

The first term is an ordinary long convolution of P taps. The maps from and to the state are real matrix
products with one table of powers, real parts above imaginary ones.
"""

# Shapes: B batch, D width, L length, N states, P steps of a chunk

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv import long_conv

__all__ = ["state_passing_conv"]

# Steps of a chunk unless given. Measured on one CPU core at B4-D64-N32-L32768, forward and backward: 0.74 s
# with 128, 0.60 with 256 and with 512, 0.79 with 1024, 1.4 with 2048.
CHUNK_SIZE = 512


def state_passing_conv(
    u: Tensor,
    poles: Tensor,
    residues: Tensor,
    skip: Tensor | None = None,
    *,
    state: Tensor | None = None,
    chunk_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Convolve causally with a sum of complex exponentials and carry the state from chunk to chunk.

    Parameters
    ----------
    u : Tensor, shape (B, D, L)
        Input, any real floating type.
    poles : Tensor, shape (D, N)
        Complex or real; what a state is multiplied by in one step. Beyond the unit circle it explodes.
    residues : Tensor, shape (D, N)
        Complex or real; the filter is ``k[d, j] = Re sum_n residues[d, n] * poles[d, n]**j``. There is **no
        factor 2**: who stores one pole of each conjugate pair, as S4D does, passes ``2 * C * B`` here.
    skip : Tensor, shape (D,), optional
        Weight of the input itself.
    state : Tensor, shape (B, D, N), optional
        What an earlier call returned, to go on from there; nothing came before unless given.
    chunk_size : int, optional
        Steps at a time. It changes memory and speed, and the result by rounding only.

    Returns
    -------
    y : Tensor, shape (B, D, L)
        In the type of ``u``.
    state : Tensor, shape (B, D, N)
        Complex, after the last step: ``x[t] = poles x[t-1] + u[t]``, the input of that step included.

    Raises
    ------
    ShapeError
        If shapes or types do not fit together.
    ConfigError
        If the chunk size is below 1.

    Notes
    -----
    ``y[t] = Re sum_n residues x[t] + skip u[t]``. O(B D L (N + log P)) time. Beside input and output, memory
    is O(D N P) for the table of powers and O(B D P) for a chunk, at any L. For the backward pass autograd
    keeps the input, as wide as the arithmetic, and a few states a chunk. Chunks are not checkpointed: their
    convolutions save nothing but inputs. Gradients flow to all five tensors, also through the state.

    Powers are made in double precision and rounded once; the rest is float32, or float64 where an input is.

    References
    ----------
    State passing as in FlashConv, arXiv 2212.14052.

    Examples
    --------
    >>> half, one = torch.tensor([[0.5]]), torch.tensor([[1.0]])
    >>> y, state = state_passing_conv(torch.tensor([[[1.0, 0.0]]]), half, one)
    >>> y, state_passing_conv(torch.tensor([[[0.0]]]), half, one, state=state)[0]
    (tensor([[[1.0000, 0.5000]]]), tensor([[[0.2500]]]))
    """
    _check(u, poles, residues, skip, state)
    chunk_size = _chunk_size(chunk_size, u.shape[-1])
    with torch.autocast(u.device.type, enabled=False):
        dtype = _arithmetic_dtype(u, poles, residues, state)
        poles, residues = poles.to(dtype.to_complex()), residues.to(dtype.to_complex())
        state = poles.new_zeros(u.shape[0], *poles.shape) if state is None else state.to(poles.dtype)
        powers = _powers(poles, chunk_size + 1)  # (D, N, P + 1)
        table = torch.cat([powers.real, powers.imag], dim=1)[..., :chunk_size]  # (D, 2N, P)
        maps = _Maps((_stack_parts(residues)[:, None] @ table)[:, 0], table, table.flip(-1), powers[..., -1])
        weights = residues * poles
        pieces = []
        for v in torch.split(u, chunk_size, dim=-1):
            if v.shape[-1] < chunk_size:
                maps = maps.shorten(v.shape[-1], powers)
            v = v.to(dtype)
            y = long_conv(v, maps.k, skip) + _from_state(weights * state, maps.table)
            state = maps.jump * state + _to_state(v, maps.backward_table)
            pieces.append(y.to(u.dtype))
    return torch.cat(pieces, dim=-1), state


class _Maps(NamedTuple):
    """What a chunk is computed with; made once, since a slice costs its whole in the backward pass."""

    k: Tensor  # (D, P), the filter's first taps
    table: Tensor  # (D, 2N, P), powers from 0 on
    backward_table: Tensor  # (D, 2N, P), the same from last to first
    jump: Tensor  # (D, N), poles**P

    def shorten(self, steps: int, powers: Tensor) -> _Maps:
        """Return the maps of a shorter last chunk."""
        backward_table = self.backward_table[..., self.table.shape[-1] - steps :]
        return _Maps(self.k[:, :steps], self.table[..., :steps], backward_table, powers[..., steps])


def _arithmetic_dtype(u: Tensor, *others: Tensor | None) -> torch.dtype:
    """Return the widest real type among the inputs, float32 at least."""
    dtype = torch.promote_types(u.dtype, torch.float32)
    for tensor in others:
        dtype = dtype if tensor is None else torch.promote_types(dtype, tensor.dtype).to_real()
    return dtype


def _powers(poles: Tensor, count: int) -> Tensor:
    """Return ``poles**j`` for j = 0 ... count - 1, (D, N, count).

    Doubling takes log2(count) products and, unlike logarithms, serves a pole at zero. In double precision,
    since the rounding of ``poles**j`` grows with j.
    """
    wide = poles.to(torch.complex128)[..., None]
    powers, step = torch.ones_like(wide), wide  # step = poles**(number of powers so far)
    while (missing := count - powers.shape[-1]) > 0:
        powers = torch.cat([powers, powers[..., :missing] * step], dim=-1)
        step = step * step
    return powers.to(poles.dtype)


def _stack_parts(values: Tensor) -> Tensor:
    """Return what a row of the table is multiplied with to give ``Re sum_n values powers``, (..., 2N)."""
    return torch.cat([values.real, -values.imag], dim=-1)


def _from_state(weighted: Tensor, table: Tensor) -> Tensor:
    """Return ``Re sum_n weighted[b, d, n] powers[d, n, i]``, (B, D, P)."""
    return (_stack_parts(weighted).transpose(0, 1) @ table).transpose(0, 1)


def _to_state(v: Tensor, backward_table: Tensor) -> Tensor:
    """Return ``sum_s poles[d, n]^{P-1-s} v[b, d, s]``, (B, D, N)."""
    parts = v.transpose(0, 1) @ backward_table.mT  # (D, B, 2N)
    real, imag = parts.transpose(0, 1).chunk(2, dim=-1)
    return torch.complex(real, imag)


def _chunk_size(chunk_size: int | None, seq_len: int) -> int:
    if chunk_size is None:
        chunk_size = CHUNK_SIZE
    if not isinstance(chunk_size, int) or chunk_size < 1:
        raise ConfigError(f"chunk_size is {chunk_size!r}; give a whole number of steps from 1 on, or None.")
    return max(1, min(chunk_size, seq_len))


def _check(u: Tensor, poles: Tensor, residues: Tensor, skip: Tensor | None, state: Tensor | None) -> None:
    if u.dim() != 3 or not u.is_floating_point():
        raise ShapeError(
            f"state_passing_conv needs a real floating-point input of shape (B, D, L), not {u.dtype} of "
            f"shape {tuple(u.shape)}. Convert it or add the missing axis."
        )
    width = u.shape[1]
    if poles.dim() != 2 or poles.shape[0] != width or residues.shape != poles.shape:
        raise ShapeError(
            f"poles and residues have shapes {tuple(poles.shape)} and {tuple(residues.shape)}; give (D, N) "
            f"for both with D = {width}, as in the input {tuple(u.shape)}. Expand what channels share."
        )
    for name, tensor in (("poles", poles), ("residues", residues)):
        if not (tensor.is_complex() or tensor.is_floating_point()):
            raise ShapeError(f"{name} is {tensor.dtype}; give a complex or real floating type.")
    if skip is not None and tuple(skip.shape) != (width,):
        raise ShapeError(f"skip has shape {tuple(skip.shape)}, not ({width},): one weight per channel.")
    wanted = (u.shape[0], *poles.shape)
    if state is not None and (tuple(state.shape) != wanted or not state.is_complex()):
        raise ShapeError(
            f"The state is {state.dtype} of shape {tuple(state.shape)}; this call needs a complex one of "
            f"shape {wanted}. Pass on what an earlier call returned."
        )
