"""GPU kernels for sequences that fit on chip: a program holds a whole one, and reads and writes it once.

A program owns one channel. It makes the spectrum of the channel's filter, keeps it in registers, and takes
the sequences of its share of the batch one by one: load, gate, scale, transform, multiply, transform back,
gate, store. The backward kernel also sums the filter's gradient over those sequences, as a spectrum, in
registers; ``finish_kernel`` adds the shares in a fixed order, so gradients repeat bit for bit.
"""

# Shapes: B batch, D width, L length, K taps; P = N1 N2 points of a tile, at least L

# ruff: noqa: PLR0913 - a kernel takes its arguments flat
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl

from longwave.ops.long_conv.triton.transforms import (
    load_factors,
    power_of_two,
    read,
    real_inverse,
    real_transform,
    scaled,
    write,
)

__all__ = ["backward_kernel", "finish_kernel", "forward_kernel"]


@triton.jit
def _filter(k, k_row, k_ahead, skip, h, share, o, K, f1r, f1i, f2r, f2i, f2n, tr, ti, BOTH: tl.constexpr):
    """Return the spectrum of a channel's filter in fp16, and its scale; the skip is a tap at lag zero."""
    row = (h // share) * k_row
    taps = read(k, row, o, K, False)
    if skip is not None:
        taps += tl.where(o == 0, tl.load(skip + h).to(tl.float32), 0.0)
    if BOTH:
        ahead = read(k, row + k_ahead, o, K, False)
        largest = tl.maximum(tl.abs(taps), tl.abs(ahead))
    else:
        largest = tl.abs(taps)
    scale, inverse = power_of_two(tl.max(tl.max(largest, 1), 0))
    kr, ki = real_transform((taps * inverse).to(tl.float16), f1r, f1i, f2r, f2i, f2n, tr, ti)
    if BOTH:  # what looks ahead is an adjoint: its spectrum enters conjugated
        ar, ai = real_transform((ahead * inverse).to(tl.float16), f1r, f1i, f2r, f2i, f2n, tr, ti)
        kr += ar
        ki -= ai
    return kr.to(tl.float16), ki.to(tl.float16), scale


@triton.jit
def forward_kernel(
    u, a, b, k, skip, y, f1, f2, t1, B, D, L8, K, share, k_row, k_ahead,
    u_b, u_d, a_b, a_d, b_b, b_d, n_each,
    V: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr, BOTH: tl.constexpr, FULL: tl.constexpr,
    GAIN: tl.constexpr, WIDE: tl.constexpr, SAME: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Compute y = b * conv(a * u). Length and strides are in units of V: so the compiler knows it divides."""
    h = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1) * n_each
    first = part.to(tl.int64) if WIDE else part  # 64-bit offsets cost registers
    L = L8 * V
    o, f1r, f1i, _, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    kr, ki, ks = _filter(k, k_row, k_ahead, skip, h, share, o, K, f1r, f1i, f2r, f2i, f2n, tr, ti, BOTH)
    for step in tl.range(0, tl.minimum(n_each, B - part), num_stages=STAGES):
        i = first + step
        out = (i * D + h) * L
        x = read(u, out if SAME else (i * u_b + h * u_d) * V, o, L, FULL)
        if a is not None:
            x = x * read(a, out if SAME else (i * a_b + h * a_d) * V, o, L, FULL)
        x, s = scaled(x)
        xr, xi = real_transform(x, f1r, f1i, f2r, f2i, f2n, tr, ti)
        zr, zi = xr * kr - xi * ki, xr * ki + xi * kr
        c = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti) * (ks * s * GAIN)
        if b is not None:
            c = c * read(b, out if SAME else (i * b_b + h * b_d) * V, o, L, FULL)
        write(y, out, o, c, L, FULL)


@triton.jit
def backward_kernel(
    u, a, b, k, skip, g, du, da, db, dK, f1, f2, t1, B, D, L8, K, share, k_row, k_ahead,
    u_b, u_d, a_b, a_d, b_b, b_d, g_b, g_d, n_each,
    V: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr, BOTH: tl.constexpr, FULL: tl.constexpr,
    GAIN: tl.constexpr, WIDE: tl.constexpr, SAME: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Compute du, da, db and dK = sum over the batch of conj(X) H, those that have a place to go."""
    h = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1) * n_each
    first = part.to(tl.int64) if WIDE else part  # 64-bit offsets cost registers
    L = L8 * V
    o, f1r, f1i, _, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    P: tl.constexpr = N1 * N2
    kr, ki, ks = _filter(k, k_row, k_ahead, skip, h, share, o, K, f1r, f1i, f2r, f2i, f2n, tr, ti, BOTH)
    sum_r, sum_i = tl.zeros((N1, N2), tl.float32), tl.zeros((N1, N2), tl.float32)
    for step in tl.range(0, tl.minimum(n_each, B - part), num_stages=STAGES):
        i = first + step
        out = (i * D + h) * L
        w = read(g, out if SAME else (i * g_b + h * g_d) * V, o, L, FULL)
        if b is not None:
            w = w * read(b, out if SAME else (i * b_b + h * b_d) * V, o, L, FULL)
        w, hs = scaled(w)
        hr, hi = real_transform(w, f1r, f1i, f2r, f2i, f2n, tr, ti)
        pr, pi = hr.to(tl.float16), hi.to(tl.float16)
        zr, zi = hr * kr + hi * ki, hi * kr - hr * ki
        dx = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti) * (ks * hs * GAIN)
        x = read(u, out if SAME else (i * u_b + h * u_d) * V, o, L, FULL)
        if a is not None:
            gate = read(a, out if SAME else (i * a_b + h * a_d) * V, o, L, FULL)
            if da is not None:
                write(da, out, o, x * dx, L, FULL)
            dx = dx * gate
            x = x * gate
        if du is not None:
            write(du, out, o, dx, L, FULL)
        x, s = scaled(x)
        xr, xi = real_transform(x, f1r, f1i, f2r, f2i, f2n, tr, ti)
        if dK is not None:
            sum_r += (xr * pr + xi * pi) * (s * hs)
            sum_i += (xr * pi - xi * pr) * (s * hs)
        if db is not None:
            zr, zi = xr * kr - xi * ki, xr * ki + xi * kr
            c = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti) * (ks * s * GAIN)
            again = read(g, out if SAME else (i * g_b + h * g_d) * V, o, L, FULL)
            write(db, out, o, c * again, L, FULL)
    if dK is not None:
        place = dK + (h * tl.num_programs(1) + tl.program_id(1)) * 2 * P + o
        tl.store(place, sum_r)
        tl.store(place + P, sum_i)


@triton.jit
def finish_kernel(
    dK, dk, f1, f2, t1, D, K, parts,
    N1: tl.constexpr, N2: tl.constexpr, BOTH: tl.constexpr, GAIN: tl.constexpr,
):  # fmt: skip
    """Add the shares of the batch in order and transform back to the gradients of the taps."""
    h = tl.program_id(0).to(tl.int64)
    P: tl.constexpr = N1 * N2
    o, f1r, f1i, _, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    sum_r, sum_i = tl.zeros((N1, N2), tl.float32), tl.zeros((N1, N2), tl.float32)
    for part in range(parts):
        place = dK + (h * parts + part) * 2 * P + o
        sum_r += tl.load(place)
        sum_i += tl.load(place + P)
    s, inverse = power_of_two(tl.max(tl.max(tl.maximum(tl.abs(sum_r), tl.abs(sum_i)), 1), 0))
    back = real_inverse(sum_r * inverse, sum_i * inverse, f1r, f1i, f2r, f2i, f2n, tr, ti)
    write(dk, h * K, o, back * (s * GAIN), K, False)
    if BOTH:
        ahead = real_inverse(sum_r * inverse, -sum_i * inverse, f1r, f1i, f2r, f2i, f2n, tr, ti)
        write(dk, (D + h) * K, o, ahead * (s * GAIN), K, False)
