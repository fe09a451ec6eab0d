"""One step of a state space: diagonal, or the shift that remembers the last inputs as they are."""

# Shapes: H channels, N stored modes, B batch, D width, S taps and slots of a ring

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops._triton import HAS_TRITON

__all__ = ["shift_step", "ssm_step", "steps_in_place"]


def ssm_step(
    x: Tensor,
    u_t: Tensor,
    dA: Tensor,
    dB: Tensor,
    C: Tensor,
    *,
    skip: Tensor | None = None,
    gate_in: Tensor | None = None,
    gate_out: Tensor | None = None,
    in_place: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take one step of the recurrence.

    Parameters
    ----------
    x : Tensor, shape (..., H, N)
        Complex state before the step.
    u_t : Tensor, shape (..., H)
        Input of the step, real.
    dA, dB, C : Tensor, shape (H, N)
        Discrete system, complex; see ``discretize``.
    skip : Tensor, shape (H,), optional
        Weight of the gated input itself, added to the output.
    gate_in, gate_out : Tensor, shape (..., H), optional
        Multiply the input and the output.
    in_place : bool
        Allow the new state to take the memory of the old one, which must not be read afterwards; it does
        where ``steps_in_place`` says so.

    Returns
    -------
    y_t : Tensor, shape (..., H)
        ``gate_out (2 Re sum_n C_n x_n + skip v)`` of the new state, with ``v = gate_in u_t``: the input of
        the step is in it. In the type of ``gate_out`` if given, else the real type of ``x`` or wider.
    x : Tensor, shape (..., H, N)
        ``dA x + dB v``.

    Notes
    -----
    On a GPU, without gradients, one Triton kernel that reads and writes a complex64 state once.
    """
    if x.is_cuda and x.numel() and _can_serve(x, u_t, skip, gate_in, gate_out):
        from longwave.ops.ssm.triton import launch_diagonal

        H, N = x.shape[-2:]
        x = x.contiguous()
        new = x if in_place else torch.empty_like(x)
        gates = (None if z is None else z.reshape(-1, H) for z in (gate_in, gate_out))
        rows, new_rows = x.view(-1, H, N), new.view(-1, H, N)
        y = launch_diagonal(rows, new_rows, u_t.reshape(-1, H), (dA, dB, C), skip, *gates)
        return y.view(x.shape[:-1]), new
    v = u_t if gate_in is None else u_t.to(torch.promote_types(u_t.dtype, x.dtype.to_real())) * gate_in
    x = dA * x + dB * v[..., None]
    y = 2 * (C.real * x.real - C.imag * x.imag).sum(-1)
    y = y if skip is None else y + skip * v
    return y if gate_out is None else (gate_out * y).to(gate_out.dtype), x


def shift_step(
    ring: Tensor, slot: Tensor, k_t: Tensor, taps: Tensor, skip: Tensor, *, position: int
) -> Tensor:
    """Take one step of a convolution with few taps, from a ring of the last inputs.

    Parameters
    ----------
    ring : Tensor, shape (B, D, S)
        The last inputs, that of step ``t`` in slot ``t mod S``; contiguous, changed in place.
    slot : Tensor, shape (B, D), int32
        ``position mod S`` everywhere, contiguous, brought to the next step in place: a captured graph of this
        function finds it there.
    k_t : Tensor, shape (B, D)
        Input of the step.
    taps : Tensor, shape (D, S)
        ``taps[:, 0]`` weighs the input of the step.
    skip : Tensor, shape (D,)
        Weight of the input itself, added.
    position : int
        Number of the step.

    Returns
    -------
    Tensor, shape (B, D)
        ``sum_j taps[j] k[t-j] + skip k[t]`` in the type of ``taps``, if it is float32 or wider.
    """
    if ring.is_cuda and ring.numel() and _can_serve(ring, k_t, taps, skip):
        from longwave.ops.ssm.triton import launch_shift

        return launch_shift(ring, slot, k_t, taps, skip)
    S = ring.shape[-1]
    oldest = position % S
    k_t = k_t.to(ring.dtype)
    ring[..., oldest] = k_t
    slot.fill_((oldest + 1) % S)
    by_slot = taps.flip(-1).roll(oldest + 1, -1)  # the tap of slot s is (oldest - s) mod S
    return (ring * by_slot).sum(-1) + skip * k_t


def steps_in_place(x: Tensor) -> bool:
    """Say whether ``ssm_step`` and ``shift_step`` leave a state where it is, changed.

    They do on a GPU with Triton, for a contiguous state of complex64 (a ring of any real type to float32),
    without gradients: then the same work on the same memory is all there is to a step, and a captured graph
    can repeat it.
    """
    return x.is_cuda and x.numel() > 0 and x.is_contiguous() and _can_serve(x)


def _can_serve(x: Tensor, *others: Tensor | None) -> bool:
    if not HAS_TRITON:
        return False
    from longwave.ops.ssm.triton import can_serve

    return can_serve(x, *others)
