"""GPU kernels for sequences longer than a chip holds: three passes over a few channels at a time.

A sequence of N0 P points is a matrix x[n0 P + m] of N0 rows. Its quarter-shifted transform is

    columns:  E[k0, m] = T0[k0, m] sum_n0 F0[k0, n0] x[n0, m]          ``columns_kernel``
    rows:     X[k0, k'] = transform of E[k0, :], P points               ``rows_kernel``
    product with the filter's spectrum, rows back                       ``rows_kernel``
    columns:  y[n0, m] = Re sum_k0 ~F0[k0, n0] ~T0[k0, m] E[k0, m]      ``columns_back_kernel``

N0 is any number. Tiles of columns have R rows, a power of two: F0 and T0 end in zeros up to the next multiple
of R, and rows from N0 on are neither stored nor loaded (FULL: there are none). The kernels learn N0 when they
run, so that one compiled kernel serves all lengths of a tile.

The spectra between the passes are fp16, real and imaginary rows in turn: (N0, 2, P) for each sequence, at any
distance from each other. The caller takes a few channels at a time. Every tile was divided by a power of two
above its largest element; the powers lie in places of their own, one a tile of columns on the way in and one
a row on the way out.
"""

# Shapes: B batch, D width, L length, C channels at a time, S = C B sequences of a group (channel first);
# N0 rows of P columns, P = N1 N2; R rows of a block of F0, M columns of a tile; E_b and E_d
# distances of batch and of channel in units of 8 halves

# ruff: noqa: PLR0913 - a kernel takes its arguments flat
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl

from longwave.ops.long_conv.triton.transforms import (
    complex_inverse,
    complex_transform,
    load_factors,
    read,
    scaled,
    scaled_pair,
    write,
)

__all__ = ["columns_back_kernel", "columns_kernel", "rows_backward_kernel", "rows_kernel"]

TINY: tl.constexpr = tl.constexpr(2.0**-100)  # keeps the quotient of two scales of nothing finite


@triton.jit
def _gated(u, a, skip, h, at, gate_at, o, L):
    """Load a tile of a * u, the skip added at lag zero where u are taps."""
    x = read(u, at, o, L, False)
    if a is not None:
        x = x * read(a, gate_at, o, L, False)
    if skip is not None:
        x += tl.where(o == 0, tl.load(skip + h).to(tl.float32), 0.0)
    return scaled(x)


@triton.jit
def _store_pair(place, er, ei, k0, N0, P: tl.constexpr, FULL: tl.constexpr):
    """Store real and imaginary rows of a tile of E."""
    if FULL:
        tl.store(place, er.to(tl.float16))
        tl.store(place + P, ei.to(tl.float16))
    else:
        tl.store(place, er.to(tl.float16), mask=(k0 < N0)[:, None])
        tl.store(place + P, ei.to(tl.float16), mask=(k0 < N0)[:, None])


@triton.jit(do_not_specialize=["N0", "h0", "S", "n_each", "E_b", "E_d"])
def columns_kernel(
    u, a, skip, E, scales, f0, t0, N0, h0, B, S, n_each, L8, share, u_b, u_d, a_b, a_d, E_b, E_d,
    V: tl.constexpr, R: tl.constexpr, P: tl.constexpr, M: tl.constexpr,
    BLOCKS: tl.constexpr, FULL: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Transform the columns of a * u; one program takes M columns and R rows of several sequences."""
    L = L8 * V
    tile, block = tl.program_id(0), tl.program_id(1)
    first = tl.program_id(2) * n_each
    N = R * tl.num_programs(1) if BLOCKS else R  # N0 and the zeros after it
    rows, columns = tl.arange(0, R), tile * M + tl.arange(0, M)
    k0 = block * R + rows
    o = rows[:, None] * P + columns[None, :]
    to = k0[:, None] * P + columns[None, :]
    fo = k0[:, None] * N + rows[None, :]
    if not BLOCKS:  # the factors are the same for every sequence
        tr, ti = tl.load(t0 + to), tl.load(t0 + N * P + to)
        fr, fi = tl.load(f0 + fo), tl.load(f0 + N * N + fo)
    for step in tl.range(0, tl.minimum(n_each, S - first), num_stages=STAGES):
        s = first + step
        c, i = s // B, (s % B).to(tl.int64)
        h = (h0 + c).to(tl.int64)
        at = (i * u_b + (h // share) * u_d) * V
        gate_at = (i * a_b + h * a_d) * V
        if not BLOCKS:
            x, scale = _gated(u, a, skip, h, at, gate_at, o, L)
            dr, di = tl.dot(fr, x), tl.dot(fi, x)
            er, ei = dr * tr - di * ti, dr * ti + di * tr
        else:  # sums over blocks of rows, each scaled by itself
            dr, di = tl.zeros((R, M), tl.float32), tl.zeros((R, M), tl.float32)
            for q in tl.range(0, tl.num_programs(1), num_stages=STAGES):
                x, scale = _gated(u, a, skip, h, at, gate_at, o + q * R * P, L)
                dr += tl.dot(tl.load(f0 + fo + q * R), x) * scale
                di += tl.dot(tl.load(f0 + N * N + fo + q * R), x) * scale
            tr, ti = tl.load(t0 + to), tl.load(t0 + N * P + to)
            er, ei, scale = scaled_pair(dr * tr - di * ti, dr * ti + di * tr)
        place = E + (c.to(tl.int64) * E_d + i * E_b) * 8 + k0[:, None] * (2 * P) + columns[None, :]
        _store_pair(place, er, ei, k0, N0, P, FULL)
        tl.store(scales + (s * tl.num_programs(1) + block) * tl.num_programs(0) + tile, scale)


@triton.jit
def _load_row(place, scales, s, k0, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr):
    """Load row k0 of sequence s as an (N1, N2) tile in fp16 under one common scale, and that scale."""
    P: tl.constexpr = N1 * N2
    blocks = tl.cdiv(tl.num_programs(0), R)
    each = tl.load(scales + (s * blocks + k0 // R) * (P // M) + (tl.arange(0, N1) * N2) // M)
    scale = tl.max(each, 0)
    ratio = (each / scale).to(tl.float16)[:, None]
    return tl.load(place) * ratio, tl.load(place + P) * ratio, scale


@triton.jit
def _filter_row(
    E, scales, A, a_scales, h, k0, row, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti,
    R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr, BOTH: tl.constexpr,
):  # fmt: skip
    """Return a row of the filter's spectrum in fp16 and its scale; A is what looks ahead, where BOTH."""
    xr, xi, scale = _load_row(E + row + o, scales, h, k0, R, M, N1, N2)
    kr, ki = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
    if BOTH:
        xr, xi, other = _load_row(A + row + o, a_scales, h, k0, R, M, N1, N2)
        ar, ai = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        kr, ki = kr * scale + ar * other, ki * scale - ai * other
        kr, ki, scale = scaled_pair(kr, ki)
    else:
        kr, ki, more = scaled_pair(kr, ki)
        scale *= more
    return kr, ki, scale


@triton.jit(do_not_specialize=["E_b", "E_d"])
def rows_kernel(
    Ek, k_scales, Ea, a_scales, Ex, x_scales, x_rows, f1, f2, t1, B, E_b, E_d,
    R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr,
    BOTH: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Convolve the rows in place; one program takes row k0 of one channel's sequences."""
    k0, h, N0 = tl.program_id(0), tl.program_id(1), tl.num_programs(0)
    P: tl.constexpr = N1 * N2
    o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    row = (h.to(tl.int64) * N0 + k0) * (2 * P)
    kr, ki, ks = _filter_row(
        Ek, k_scales, Ea, a_scales, h, k0, row, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti, R, M, N1, N2, BOTH
    )
    for i in tl.range(0, B, num_stages=STAGES):
        s = h * B + i
        place = Ex + (h.to(tl.int64) * E_d + i * E_b.to(tl.int64)) * 8 + k0 * (2 * P) + o
        xr, xi, scale = _load_row(place, x_scales, s, k0, R, M, N1, N2)
        xr, xi = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        zr, zi, more = scaled_pair(xr * kr - xi * ki, xr * ki + xi * kr)
        er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        tl.store(place, er.to(tl.float16))
        tl.store(place + P, ei.to(tl.float16))
        tl.store(x_rows + s * N0 + k0, tl.maximum(ks * scale * more, TINY))


@triton.jit(do_not_specialize=["E_b", "E_d"])
def rows_backward_kernel(
    Ek, k_scales, k_rows, Ea, a_scales, a_rows, Ex, x_scales, x_rows, Eh, h_scales, h_rows, f1, f2, t1, B,
    E_b, E_d, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr,
    BOTH: tl.constexpr, WANT_X: tl.constexpr, WANT_C: tl.constexpr, WANT_K: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Replace H by the rows of dx, X by those of c, and the filter by those of its gradient, all in place."""
    k0, h, N0 = tl.program_id(0), tl.program_id(1), tl.num_programs(0)
    P: tl.constexpr = N1 * N2
    o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    row = (h.to(tl.int64) * N0 + k0) * (2 * P)
    kr, ki, ks = _filter_row(
        Ek, k_scales, Ea, a_scales, h, k0, row, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti, R, M, N1, N2, BOTH
    )
    sum_r, sum_i = tl.zeros((N1, N2), tl.float32), tl.zeros((N1, N2), tl.float32)
    for i in tl.range(0, B, num_stages=STAGES):
        s = h * B + i
        # Added first to a load's address, and to the offsets of a store: elsewhere it costs registers.
        row = (h.to(tl.int64) * E_d + i * E_b.to(tl.int64)) * 8 + k0 * (2 * P)
        hr, hi, hs = _load_row(Eh + row + o, h_scales, s, k0, R, M, N1, N2)
        hr, hi = complex_transform(hr, hi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        if WANT_X:
            zr, zi, more = scaled_pair(hr * kr + hi * ki, hi * kr - hr * ki)
            er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Eh + (row + o), er.to(tl.float16))
            tl.store(Eh + (row + o) + P, ei.to(tl.float16))
            tl.store(h_rows + s * N0 + k0, tl.maximum(ks * hs * more, TINY))
        if WANT_C or WANT_K:
            pr, pi, more = scaled_pair(hr, hi)
            xr, xi, scale = _load_row(Ex + row + o, x_scales, s, k0, R, M, N1, N2)
            xr, xi = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            if WANT_K:
                sum_r += (xr * pr + xi * pi) * (scale * hs * more)
                sum_i += (xr * pi - xi * pr) * (scale * hs * more)
        if WANT_C:
            zr, zi, more = scaled_pair(xr * kr - xi * ki, xr * ki + xi * kr)
            er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Ex + (row + o), er.to(tl.float16))
            tl.store(Ex + (row + o) + P, ei.to(tl.float16))
            tl.store(x_rows + s * N0 + k0, tl.maximum(ks * scale * more, TINY))
    if WANT_K:
        zr, zi, scale = scaled_pair(sum_r, sum_i)
        er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        row = (h.to(tl.int64) * N0 + k0) * (2 * P)
        tl.store(Ek + row + o, er.to(tl.float16))
        tl.store(Ek + row + o + P, ei.to(tl.float16))
        tl.store(k_rows + h * N0 + k0, scale)
        if BOTH:  # the filter that looks ahead has the conjugate spectrum
            er, ei = complex_inverse(zr, -zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Ea + row + o, er.to(tl.float16))
            tl.store(Ea + row + o + P, ei.to(tl.float16))
            tl.store(a_rows + h * N0 + k0, scale)


@triton.jit
def _untwiddled(place, tr, ti, ratio, k0, N0, P: tl.constexpr, FULL: tl.constexpr):
    """Load a tile of E, undo its twiddles and bring its rows to a common scale."""
    if FULL:
        er, ei = tl.load(place).to(tl.float32), tl.load(place + P).to(tl.float32)
    else:
        er = tl.load(place, mask=(k0 < N0)[:, None], other=0.0).to(tl.float32)
        ei = tl.load(place + P, mask=(k0 < N0)[:, None], other=0.0).to(tl.float32)
    return ((er * tr + ei * ti) * ratio).to(tl.float16), ((ei * tr - er * ti) * ratio).to(tl.float16)


@triton.jit
def _row_scales(place, k0, N0, FULL: tl.constexpr):
    """Load the scales of a block of rows; where there is no row, zero."""
    if FULL:
        return tl.load(place + k0)
    else:
        return tl.load(place + k0, mask=k0 < N0, other=0.0)


@triton.jit(do_not_specialize=["N0", "h0", "S", "n_each", "E_b", "E_d"])
def columns_back_kernel(
    E, row_scales, m1, y1, m2, y2, f0, t0, N0, gain, h0, B, S, n_each, L8, y_b, y_d, m1_b, m1_d, m2_b, m2_d,
    E_b, E_d, V: tl.constexpr, R: tl.constexpr, P: tl.constexpr, M: tl.constexpr,
    BLOCKS: tl.constexpr, FULL: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Transform columns back: c = Re(~F0 (~T0 E)), y1 = m1 * c and y2 = m2 * c; absent factors are ones."""
    L = L8 * V
    tile, block = tl.program_id(0), tl.program_id(1)
    first = tl.program_id(2) * n_each
    N = R * tl.num_programs(1) if BLOCKS else R  # N0 and the zeros after it
    rows, columns = tl.arange(0, R), tile * M + tl.arange(0, M)
    n0 = block * R + rows
    o = n0[:, None] * P + columns[None, :]
    to = rows[:, None] * P + columns[None, :]
    eo = rows[:, None] * (2 * P) + columns[None, :]
    fo = rows[None, :] * N + n0[:, None]  # the transpose: [n0, k0]
    if not BLOCKS:
        tr, ti = tl.load(t0 + to), tl.load(t0 + N * P + to)
        fr, fi = tl.load(f0 + fo), tl.load(f0 + N * N + fo)
    for step in tl.range(0, tl.minimum(n_each, S - first), num_stages=STAGES):
        s = first + step
        h, i = (h0 + s // B).to(tl.int64), (s % B).to(tl.int64)
        place = E + ((h - h0) * E_d + i * E_b) * 8 + eo
        each = _row_scales(row_scales + s * N0, rows, N0, FULL)
        scale = tl.max(each, 0)
        if not BLOCKS:
            gr, gi = _untwiddled(place, tr, ti, (each / scale)[:, None], rows, N0, P, FULL)
            c = tl.dot(fi, gi, tl.dot(fr, gr))
        else:
            for q in tl.range(1, tl.num_programs(1)):
                each = _row_scales(row_scales + s * N0, q * R + rows, N0, FULL)
                scale = tl.maximum(scale, tl.max(each, 0))
            c = tl.zeros((R, M), tl.float32)
            for q in tl.range(0, tl.num_programs(1), num_stages=STAGES):
                k0 = q * R + rows
                ratio = (_row_scales(row_scales + s * N0, k0, N0, FULL) / scale)[:, None]
                tr, ti = tl.load(t0 + to + q * R * P), tl.load(t0 + N * P + to + q * R * P)
                gr, gi = _untwiddled(place + q * R * (2 * P), tr, ti, ratio, k0, N0, P, FULL)
                c = tl.dot(tl.load(f0 + fo + q * R * N), gr, c)
                c = tl.dot(tl.load(f0 + N * N + fo + q * R * N), gi, c)
        c *= scale * gain
        at = (i * y_b + h * y_d) * V
        if y2 is not None:
            write(y2, at, o, c * read(m2, (i * m2_b + h * m2_d) * V, o, L, False), L, False)
        if y1 is not None:
            if m1 is not None:
                c = c * read(m1, (i * m1_b + h * m1_d) * V, o, L, False)
            write(y1, at, o, c, L, False)
