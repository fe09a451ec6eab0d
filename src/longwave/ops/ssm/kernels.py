"""Kernels of one step of a state space: what is remembered is read once and written once, in place.

What is unusual here: a program keeps the system of its heads in registers and takes several sequences one
after the other, since a system is as large as a state; a shift is a ring whose oldest entry is overwritten,
and where that is stands on the device, so that a captured graph of the launch stays right.
"""

# Shapes: M sequences (all axes before), H heads, N stored modes; B batch, D width, S slots of a ring

# ruff: noqa: PLR0913 - the compiler takes no structures
# mypy: ignore-errors

import triton
import triton.language as tl

__all__ = ["diagonal_kernel", "shift_kernel"]

SIZES = ["M", "u_row", "in_row", "out_row", "B", "k_row"]


@triton.jit
def _parts(at, is_mode):
    """Load real and imaginary parts, which lie side by side: four numbers a thread at a time."""
    pairs = tl.load(at, mask=is_mode, other=0.0)
    return tl.split(tl.reshape(pairs, (pairs.shape[0], pairs.shape[1] // 2, 2)))


@triton.jit(do_not_specialize=SIZES)
def diagonal_kernel(
    x, x_new, dA, dB, C, u, gate_in, gate_out, skip, y,
    M, H, N, u_row, in_row, out_row, ROWS: tl.constexpr, HEADS: tl.constexpr, MODES: tl.constexpr,
):  # fmt: skip
    """One program HEADS heads of ROWS sequences; complex tensors are pairs, rows of heads are contiguous."""
    h = tl.program_id(0) * HEADS + tl.arange(0, HEADS)
    n = tl.arange(0, 2 * MODES)
    is_head = h < H
    pair, is_mode = h[:, None] * N * 2 + n[None, :], is_head[:, None] & (n < 2 * N)[None, :]
    a_re, a_im = _parts(dA + pair, is_mode)
    b_re, b_im = _parts(dB + pair, is_mode)
    c_re, c_im = _parts(C + pair, is_mode)
    d = tl.zeros((HEADS,), tl.float32)
    if skip is not None:
        d = tl.load(skip + h, mask=is_head, other=0.0).to(tl.float32)
    first = tl.program_id(1) * ROWS
    for m in range(first, tl.minimum(first + ROWS, M)):
        row = tl.cast(m, tl.int64)
        v = tl.load(u + row * u_row + h, mask=is_head, other=0.0).to(tl.float32)
        if gate_in is not None:
            v *= tl.load(gate_in + row * in_row + h, mask=is_head, other=0.0).to(tl.float32)
        old_re, old_im = _parts(x + row * H * N * 2 + pair, is_mode)
        re = a_re * old_re - a_im * old_im + b_re * v[:, None]
        im = a_re * old_im + a_im * old_re + b_im * v[:, None]
        tl.debug_barrier()  # in place: threads that hold the same modes have all read them
        both = tl.reshape(tl.join(re, im), (HEADS, 2 * MODES))
        tl.store(x_new + row * H * N * 2 + pair, both, mask=is_mode)
        read = 2 * tl.sum(c_re * re - c_im * im, axis=1) + d * v
        if gate_out is not None:
            read *= tl.load(gate_out + row * out_row + h, mask=is_head, other=0.0).to(tl.float32)
        tl.store(y + row * H + h, read.to(y.dtype.element_ty), mask=is_head)


@triton.jit(do_not_specialize=SIZES)
def shift_kernel(
    ring, slot, k, taps, skip, y, B, D, S, k_row, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
    SLOTS: tl.constexpr,
):  # fmt: skip
    """One program CHANNELS channels of ROWS sequences; ``slot`` (B, D) has one value, the oldest entry's."""
    channel = tl.program_id(0) * CHANNELS
    d, s = channel + tl.arange(0, CHANNELS), tl.arange(0, SLOTS)
    first = tl.program_id(1) * ROWS
    oldest = tl.load(slot + tl.cast(first, tl.int64) * D + channel)
    tl.debug_barrier()  # all have read it before one writes the next
    is_channel = d < D
    is_kept = is_channel[:, None] & (s < S)[None, :]
    lag = (oldest - s + S) % S
    weight = tl.load(taps + d[:, None] * S + lag[None, :], mask=is_kept, other=0.0).to(tl.float32)
    w = tl.load(skip + d, mask=is_channel, other=0.0).to(tl.float32)
    for b in range(first, tl.minimum(first + ROWS, B)):
        row = tl.cast(b, tl.int64)
        new = tl.load(k + row * k_row + d, mask=is_channel, other=0.0).to(tl.float32)
        at = ring + row * D * S + d * S
        kept = tl.load(at[:, None] + s[None, :], mask=is_kept, other=0.0).to(tl.float32)
        window = tl.where((s == oldest)[None, :], new[:, None], kept)
        tl.store(y + row * D + d, tl.sum(window * weight, axis=1) + w * new, mask=is_channel)
        tl.store(at + oldest, new.to(ring.dtype.element_ty), mask=is_channel)
        tl.store(slot + row * D + d, tl.zeros((CHANNELS,), tl.int32) + (oldest + 1) % S, mask=is_channel)
