"""GPU kernels for sequences longer than a chip holds: three passes over a few channels at a time.

A sequence of N0 P points is a matrix x[n0 P + m] of N0 rows. Its quarter-shifted transform is

    columns:  E[k0, m] = T0[k0, m] sum_n0 F0[k0, n0] x[n0, m]          ``columns_kernel``
    rows:     X[k0, k'] = transform of E[k0, :], P points               ``rows_kernel``
    product with the filter's spectrum, rows back                       ``rows_kernel``
    columns:  y[n0, m] = Re sum_k0 ~F0[k0, n0] ~T0[k0, m] E[k0, m]      ``columns_back_kernel``

The spectra between the passes are fp16, real and imaginary rows in turn: (S, N0, 2, P). The caller takes a
few channels at a time. Every tile was divided by a power of two above its largest element; the powers lie
beside the spectra, one a tile of columns on the way in and one a row on the way out.
"""

# Shapes: B batch, D width, L length, C channels at a time, S = C B sequences of a group (channel first);
# N0 rows of P columns, P = N1 N2; R rows of a block of F0, M columns of a tile

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


@triton.jit(do_not_specialize=["h0", "S", "n_each"])
def columns_kernel(
    u, a, skip, E, scales, f0, t0, h0, B, S, n_each, L8, share, u_b, u_d, a_b, a_d,
    V: tl.constexpr, N0: tl.constexpr, R: tl.constexpr, P: tl.constexpr, M: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Transform the columns of a * u; one program takes M columns and R rows of several sequences."""
    L = L8 * V
    tile, block = tl.program_id(0), tl.program_id(1)
    first = tl.program_id(2) * n_each
    rows, columns = tl.arange(0, R), tile * M + tl.arange(0, M)
    k0 = block * R + rows
    o = rows[:, None] * P + columns[None, :]
    to = k0[:, None] * P + columns[None, :]
    fo = k0[:, None] * N0 + rows[None, :]
    if N0 == R:  # the factors are the same for every sequence
        tr, ti = tl.load(t0 + to), tl.load(t0 + N0 * P + to)
        fr, fi = tl.load(f0 + fo), tl.load(f0 + N0 * N0 + fo)
    for step in tl.range(0, tl.minimum(n_each, S - first), num_stages=STAGES):
        s = first + step
        h, i = (h0 + s // B).to(tl.int64), (s % B).to(tl.int64)
        at = (i * u_b + (h // share) * u_d) * V
        gate_at = (i * a_b + h * a_d) * V
        if N0 == R:
            x, scale = _gated(u, a, skip, h, at, gate_at, o, L)
            dr, di = tl.dot(fr, x), tl.dot(fi, x)
            er, ei = dr * tr - di * ti, dr * ti + di * tr
        else:  # sums over blocks of rows, each scaled by itself
            dr, di = tl.zeros((R, M), tl.float32), tl.zeros((R, M), tl.float32)
            for q in tl.range(0, N0 // R, num_stages=STAGES):
                x, scale = _gated(u, a, skip, h, at, gate_at, o + q * R * P, L)
                dr += tl.dot(tl.load(f0 + fo + q * R), x) * scale
                di += tl.dot(tl.load(f0 + N0 * N0 + fo + q * R), x) * scale
            tr, ti = tl.load(t0 + to), tl.load(t0 + N0 * P + to)
            er, ei, scale = scaled_pair(dr * tr - di * ti, dr * ti + di * tr)
        place = E + s.to(tl.int64) * (2 * N0 * P) + k0[:, None] * (2 * P) + columns[None, :]
        tl.store(place, er.to(tl.float16))
        tl.store(place + P, ei.to(tl.float16))
        tl.store(scales + (s * tl.num_programs(1) + block) * tl.num_programs(0) + tile, scale)


@triton.jit
def _load_row(E, scales, s, k0, o, N0: tl.constexpr, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr):  # fmt: skip  # noqa: E501
    """Load a row of E as an (N1, N2) tile in fp16 under one common scale, and that scale."""
    P: tl.constexpr = N1 * N2
    place = E + (s.to(tl.int64) * N0 + k0) * (2 * P) + o
    each = tl.load(scales + (s * (N0 // R) + k0 // R) * (P // M) + (tl.arange(0, N1) * N2) // M)
    scale = tl.max(each, 0)
    ratio = (each / scale).to(tl.float16)[:, None]
    return tl.load(place) * ratio, tl.load(place + P) * ratio, scale


@triton.jit
def _filter_row(
    E, scales, A, a_scales, h, k0, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti,
    N0: tl.constexpr, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr,
    BOTH: tl.constexpr,
):  # fmt: skip
    """Return a row of the filter's spectrum in fp16 and its scale; A is what looks ahead, where BOTH."""
    xr, xi, scale = _load_row(E, scales, h, k0, o, N0, R, M, N1, N2)
    kr, ki = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
    if BOTH:
        xr, xi, other = _load_row(A, a_scales, h, k0, o, N0, R, M, N1, N2)
        ar, ai = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        kr, ki = kr * scale + ar * other, ki * scale - ai * other
        kr, ki, scale = scaled_pair(kr, ki)
    else:
        kr, ki, more = scaled_pair(kr, ki)
        scale *= more
    return kr, ki, scale


@triton.jit
def rows_kernel(
    Ek, k_scales, Ea, a_scales, Ex, x_scales, x_rows, f1, f2, t1, B,
    N0: tl.constexpr, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr,
    BOTH: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Convolve the rows in place; one program takes row k0 of one channel's sequences."""
    k0, h = tl.program_id(0), tl.program_id(1)
    P: tl.constexpr = N1 * N2
    o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    kr, ki, ks = _filter_row(
        Ek, k_scales, Ea, a_scales, h, k0, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti, N0, R, M, N1, N2, BOTH
    )
    for i in tl.range(0, B, num_stages=STAGES):
        s = h * B + i
        xr, xi, scale = _load_row(Ex, x_scales, s, k0, o, N0, R, M, N1, N2)
        xr, xi = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        zr, zi, more = scaled_pair(xr * kr - xi * ki, xr * ki + xi * kr)
        er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        place = Ex + (s.to(tl.int64) * N0 + k0) * (2 * P) + o
        tl.store(place, er.to(tl.float16))
        tl.store(place + P, ei.to(tl.float16))
        tl.store(x_rows + s * N0 + k0, tl.maximum(ks * scale * more, TINY))


@triton.jit
def rows_backward_kernel(
    Ek, k_scales, k_rows, Ea, a_scales, a_rows, Ex, x_scales, x_rows, Eh, h_scales, h_rows, f1, f2, t1, B,
    N0: tl.constexpr, R: tl.constexpr, M: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr,
    BOTH: tl.constexpr, WANT_X: tl.constexpr, WANT_C: tl.constexpr, WANT_K: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Replace H by the rows of dx, X by those of c, and the filter by those of its gradient, all in place."""
    k0, h = tl.program_id(0), tl.program_id(1)
    P: tl.constexpr = N1 * N2
    o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    kr, ki, ks = _filter_row(
        Ek, k_scales, Ea, a_scales, h, k0, o, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti, N0, R, M, N1, N2, BOTH
    )
    sum_r, sum_i = tl.zeros((N1, N2), tl.float32), tl.zeros((N1, N2), tl.float32)
    for i in tl.range(0, B, num_stages=STAGES):
        s = h * B + i
        row = (s.to(tl.int64) * N0 + k0) * (2 * P) + o
        hr, hi, hs = _load_row(Eh, h_scales, s, k0, o, N0, R, M, N1, N2)
        hr, hi = complex_transform(hr, hi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        if WANT_X:
            zr, zi, more = scaled_pair(hr * kr + hi * ki, hi * kr - hr * ki)
            er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Eh + row, er.to(tl.float16))
            tl.store(Eh + row + P, ei.to(tl.float16))
            tl.store(h_rows + s * N0 + k0, tl.maximum(ks * hs * more, TINY))
        if WANT_C or WANT_K:
            pr, pi, more = scaled_pair(hr, hi)
            xr, xi, scale = _load_row(Ex, x_scales, s, k0, o, N0, R, M, N1, N2)
            xr, xi = complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            if WANT_K:
                sum_r += (xr * pr + xi * pi) * (scale * hs * more)
                sum_i += (xr * pi - xi * pr) * (scale * hs * more)
        if WANT_C:
            zr, zi, more = scaled_pair(xr * kr - xi * ki, xr * ki + xi * kr)
            er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Ex + row, er.to(tl.float16))
            tl.store(Ex + row + P, ei.to(tl.float16))
            tl.store(x_rows + s * N0 + k0, tl.maximum(ks * scale * more, TINY))
    if WANT_K:
        zr, zi, scale = scaled_pair(sum_r, sum_i)
        er, ei = complex_inverse(zr, zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
        row = (h.to(tl.int64) * N0 + k0) * (2 * P) + o
        tl.store(Ek + row, er.to(tl.float16))
        tl.store(Ek + row + P, ei.to(tl.float16))
        tl.store(k_rows + h * N0 + k0, scale)
        if BOTH:  # the filter that looks ahead has the conjugate spectrum
            er, ei = complex_inverse(zr, -zi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti)
            tl.store(Ea + row, er.to(tl.float16))
            tl.store(Ea + row + P, ei.to(tl.float16))
            tl.store(a_rows + h * N0 + k0, scale)


@triton.jit
def _untwiddled(place, tr, ti, ratio, P: tl.constexpr):
    """Load a tile of E, undo its twiddles and bring its rows to a common scale."""
    er, ei = tl.load(place).to(tl.float32), tl.load(place + P).to(tl.float32)
    return ((er * tr + ei * ti) * ratio).to(tl.float16), ((ei * tr - er * ti) * ratio).to(tl.float16)


@triton.jit(do_not_specialize=["h0", "S", "n_each"])
def columns_back_kernel(
    E, row_scales, m1, y1, m2, y2, f0, t0, h0, B, S, n_each, L8, y_b, y_d, m1_b, m1_d, m2_b, m2_d,
    V: tl.constexpr, N0: tl.constexpr, R: tl.constexpr, P: tl.constexpr, M: tl.constexpr, GAIN: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Transform columns back: c = Re(~F0 (~T0 E)), y1 = m1 * c and y2 = m2 * c; absent factors are ones."""
    L = L8 * V
    tile, block = tl.program_id(0), tl.program_id(1)
    first = tl.program_id(2) * n_each
    rows, columns = tl.arange(0, R), tile * M + tl.arange(0, M)
    n0 = block * R + rows
    o = n0[:, None] * P + columns[None, :]
    to = rows[:, None] * P + columns[None, :]
    eo = rows[:, None] * (2 * P) + columns[None, :]
    fo = rows[None, :] * N0 + n0[:, None]  # the transpose: [n0, k0]
    if N0 == R:
        tr, ti = tl.load(t0 + to), tl.load(t0 + N0 * P + to)
        fr, fi = tl.load(f0 + fo), tl.load(f0 + N0 * N0 + fo)
    for step in tl.range(0, tl.minimum(n_each, S - first), num_stages=STAGES):
        s = first + step
        h, i = (h0 + s // B).to(tl.int64), (s % B).to(tl.int64)
        place = E + s.to(tl.int64) * (2 * N0 * P) + eo
        each = tl.load(row_scales + s * N0 + rows)
        scale = tl.max(each, 0)
        if N0 == R:
            gr, gi = _untwiddled(place, tr, ti, (each / scale)[:, None], P)
            c = tl.dot(fi, gi, tl.dot(fr, gr))
        else:
            for q in tl.range(1, N0 // R):
                scale = tl.maximum(scale, tl.max(tl.load(row_scales + s * N0 + q * R + rows), 0))
            c = tl.zeros((R, M), tl.float32)
            for q in tl.range(0, N0 // R, num_stages=STAGES):
                ratio = (tl.load(row_scales + s * N0 + q * R + rows) / scale)[:, None]
                tr, ti = tl.load(t0 + to + q * R * P), tl.load(t0 + N0 * P + to + q * R * P)
                gr, gi = _untwiddled(place + q * R * (2 * P), tr, ti, ratio, P)
                c = tl.dot(tl.load(f0 + fo + q * R * N0), gr, c)
                c = tl.dot(tl.load(f0 + N0 * N0 + fo + q * R * N0), gi, c)
        c *= scale * GAIN
        at = (i * y_b + h * y_d) * V
        if y2 is not None:
            write(y2, at, o, c * read(m2, (i * m2_b + h * m2_d) * V, o, L, False), L, False)
        if y1 is not None:
            if m1 is not None:
                c = c * read(m1, (i * m1_b + h * m1_d) * V, o, L, False)
            write(y1, at, o, c, L, False)
