"""Kernels of the short convolution: one pass forward, one pass backward, both near the time of a copy.

What is unusual here: eight neighbouring steps are taken apart into eight registers of a thread, so that lags
are other registers and not other loads; a thread reads its own eight steps and the eight beside them, in
vectors, whatever the number of taps. Rows that are not whole octets take one load a lag instead. Sums over
batch and time are kept per program and added up in a fixed order: gradients repeat bit by bit.
"""

# Shapes: B batch, D width, L length, K taps, T steps of a block, S programs a channel

# ruff: noqa: RUF005, PLR0913 - the compiler takes sums of tuples, not stars, and no structures
# mypy: ignore-errors

import triton
import triton.language as tl

__all__ = ["backward_kernel", "forward_kernel"]

# One compilation serves all sizes, for UNIT says how they divide; single values need no alignment.
VALUES = ["k", "bias", "offset", "sums"]
SIZES = ["D", "L", "n_blocks", "n_items", "S", "u_b", "u_d", "g_b", "g_d", "y_b", "y_d"]


@triton.jit
def _apart(x):
    """Take (T,) apart into eight (T/8,), one for each step of an octet; no value leaves its thread."""
    even, odd = tl.split(tl.reshape(x, (x.shape[0] // 8, 2, 2, 2)))
    x04, x26 = tl.split(even)
    x15, x37 = tl.split(odd)
    x0, x4 = tl.split(x04)
    x2, x6 = tl.split(x26)
    x1, x5 = tl.split(x15)
    x3, x7 = tl.split(x37)
    return x0, x1, x2, x3, x4, x5, x6, x7


@triton.jit
def _together(x):
    """Undo ``_apart``."""
    even = tl.join(tl.join(x[0], x[4]), tl.join(x[2], x[6]))
    odd = tl.join(tl.join(x[1], x[5]), tl.join(x[3], x[7]))
    return tl.reshape(tl.join(even, odd), (x[0].shape[0] * 8,))


@triton.jit
def _taps(k, d, K: tl.constexpr):
    taps = ()
    for j in tl.static_range(K):
        taps = taps + (tl.load(k + d * K + j).to(tl.float32),)
    return taps


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=VALUES)
def forward_kernel(
    u,
    k,
    bias,
    offset,
    y,
    D,
    L,
    n_blocks,
    u_b,
    u_d,
    y_b,
    y_d,
    K: tl.constexpr,
    T: tl.constexpr,
    UNIT: tl.constexpr,
):
    """One program a row and block of T steps; L and strides count units of UNIT steps."""
    row = tl.program_id(0) // n_blocks
    b, d = (row // D).to(tl.int64), row % D
    t = (tl.program_id(0) % n_blocks) * T + tl.arange(0, T)
    end = L * UNIT
    p = u + (b * u_b + d.to(tl.int64) * u_d) * UNIT + t
    q = y + (b * y_b + d.to(tl.int64) * y_d) * UNIT + t
    taps = _taps(k, d, K)
    start = 0.0
    if bias is not None:
        start = tl.load(bias + d).to(tl.float32)
    shift = 0.0
    if offset is not None:
        shift = tl.load(offset + d).to(tl.float32)
    if UNIT == 8:
        own = tl.load(p, mask=t < end, other=0.0).to(tl.float32) + shift
        if K > 1:
            is_past = (t >= 8) & (t < end)
            past = tl.load(p - 8, mask=is_past, other=0.0).to(tl.float32)
            if offset is not None:
                past = tl.where(is_past, past + shift, 0.0)
            x = _apart(past) + _apart(own)
        else:
            x = _apart(own) + _apart(own)
        out = ()
        for i in tl.static_range(8):
            total = taps[0] * x[8 + i] + start
            for j in tl.static_range(1, K):
                total += taps[j] * x[8 + i - j]
            out = out + (total.to(y.dtype.element_ty),)
        tl.store(q, _together(out), mask=t < end)
    else:
        total = tl.zeros((T,), tl.float32) + start
        for j in tl.static_range(K):
            is_past = (t >= j) & (t < end)
            x = tl.load(p - j, mask=is_past, other=0.0).to(tl.float32)
            if offset is not None:
                x = tl.where(is_past, x + shift, 0.0)
            total += taps[j] * x
        tl.store(q, total.to(y.dtype.element_ty), mask=t < end)


@triton.jit
def _add_lagged(sums, x, w, K: tl.constexpr):
    """Add the products of octets x with w, one tap later for every sum."""
    new = ()
    for j in tl.static_range(K):
        total = sums[j]
        for i in tl.static_range(8):
            total += x[i] * w[i + j]
        new = new + (total,)
    return new


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=VALUES)
def backward_kernel(
    g,
    u,
    k,
    offset,
    du,
    sums,
    L,
    n_blocks,
    n_items,
    S,
    g_b,
    g_d,
    u_b,
    u_d,
    y_b,
    y_d,
    K: tl.constexpr,
    T: tl.constexpr,
    UNIT: tl.constexpr,
):
    """All gradients of a channel over its n_items pairs of sequence and block, shared by S programs.

    ``du[t] = sum_j k[j] g[t+j]`` and ``dk[j] = sum_t u[t] g[t+j]`` need the same later steps of g. A program
    leaves K + 2 sums: those of the taps, of the bias and of the offset.
    """
    d, s = (tl.program_id(0) // S).to(tl.int64), tl.program_id(0) % S
    end = L * UNIT
    taps = _taps(k, d, K)
    shift = 0.0
    if offset is not None:
        shift = tl.load(offset + d).to(tl.float32)
    W: tl.constexpr = T // UNIT
    zero = tl.zeros((W,), tl.float32)
    dk = ()
    for _ in tl.static_range(K):
        dk = dk + (zero,)
    dbias, doffset = zero, zero
    share = tl.cdiv(n_items, S)
    for n in range(s * share, tl.minimum((s + 1) * share, n_items)):
        b = (n // n_blocks).to(tl.int64)
        t = (n % n_blocks) * T + tl.arange(0, T)
        p = g + (b * g_b + d * g_d) * UNIT + t
        v = tl.load(u + (b * u_b + d * u_d) * UNIT + t, mask=t < end, other=0.0).to(tl.float32) + shift
        q = du + (b * y_b + d * y_d) * UNIT + t
        if UNIT == 8:
            own = _apart(tl.load(p, mask=t < end, other=0.0).to(tl.float32))
            w = own + own
            if K > 1:
                w = own + _apart(tl.load(p + 8, mask=t + 8 < end, other=0.0).to(tl.float32))
            dk = _add_lagged(dk, _apart(v), w, K)
            out = ()
            for i in tl.static_range(8):
                total = taps[0] * w[i]
                for j in tl.static_range(1, K):
                    total += taps[j] * w[i + j]
                dbias += w[i]
                doffset += total
                out = out + (total.to(du.dtype.element_ty),)
            tl.store(q, _together(out), mask=t < end)
        else:
            total = zero
            new = ()
            for j in tl.static_range(K):
                w = tl.load(p + j, mask=t + j < end, other=0.0).to(tl.float32)
                total += taps[j] * w
                new = new + (dk[j] + v * w,)
                if j == 0:
                    dbias += w
            doffset += total
            dk = new
            tl.store(q, total.to(du.dtype.element_ty), mask=t < end)
    o = sums + (d * S + s) * (K + 2)
    for j in tl.static_range(K):
        tl.store(o + j, tl.sum(dk[j]))
    tl.store(o + K, tl.sum(dbias))
    tl.store(o + K + 1, tl.sum(doffset))
