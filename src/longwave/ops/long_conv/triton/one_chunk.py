"""GPU kernels for sequences that fit on chip: a program holds a whole one, and reads and writes it once.

A program owns one channel. It makes the spectrum of the channel's filter, keeps it in registers, and takes
the sequences of its share of the batch one by one: load, gate, scale, transform, multiply, transform back,
gate, store. The backward kernel also sums the filter's gradient over those sequences, as a spectrum, in
registers; ``finish_kernel`` adds the shares in a fixed order, so gradients repeat bit for bit.

A sequence a little longer than the tile has a tail of up to TAIL rows. Where z**P = -i, the step P + n is
the step n times -i: so the tail enters a spectrum by a few more columns of F1, and comes back as the
imaginary part. What belongs 2 P steps away arrives as well, at one end of the real part. That end is not
written; ``split`` says who does.

Rows of odd length start anywhere. A convolution commutes with shifts, so a row may be read from the last
address before it that suits a wide load, a multiple of WORD elements: the tile then holds ``begin`` zeros and
the sequence, and the result comes back in its place.
"""

# Shapes: B batch, D width, L length, K taps; P = N1 N2 points of a tile, at least L unless there is a tail;
# S steps of an end

# ruff: noqa: PLR0913, PLR0915 - a kernel takes its arguments flat, and is one list of steps
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
def _load_tail(f1, N1: tl.constexpr, N2: tl.constexpr, TAIL: tl.constexpr):
    """Return the tail's offsets, and the columns of F1 for its rows: -i times the first ones."""
    r1, rows, r2 = tl.arange(0, N1), tl.arange(0, TAIL), tl.arange(0, N2)
    first = f1 + r1[:, None] * N1 + rows[None, :]
    return (N1 + rows[:, None]) * N2 + r2[None, :], tl.load(first + N1 * N1), -tl.load(first)


@triton.jit
def _start(at, WORD: tl.constexpr):
    """Return where to read a row from; the compiler sees that WORD divides it."""
    return at // WORD * WORD if WORD else at


@triton.jit
def _shifted(at, L, WORD: tl.constexpr):
    """Return where to read a row from, where it begins and ends in its tile, and the steps to read."""
    if WORD:
        begin = (at % WORD).to(tl.int32)
        return _start(at, WORD), begin, begin + L, (begin + L + WORD - 1) // WORD * WORD
    else:
        return at, 0, L, L


@triton.jit
def _gated(u, a, at, gate_at, o, L, begin, end, FULL: tl.constexpr, WORD: tl.constexpr):
    """Load a tile of a * u."""
    x = read(u, at, o, L, FULL)
    if a is not None:
        x = x * read(a, gate_at, o, L, FULL)
    return _own(x, o, begin, end, WORD)


@triton.jit
def _own(x, o, begin, end, WORD: tl.constexpr):
    """Choose zeros where a shifted row's neighbours were read: a product would keep their NaN."""
    return tl.where((o >= begin) & (o < end), x, 0.0) if WORD else x


@triton.jit
def _transform(x, tail, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti):
    """Transform a real tile in float32, with the tail if there is one; return the scale as well."""
    if tail is None:
        x, scale = scaled(x)
        xr, xi = real_transform(x, f1r, f1i, f2r, f2i, f2n, tr, ti)
    else:
        largest = tl.maximum(tl.max(tl.max(tl.abs(x), 1), 0), tl.max(tl.max(tl.abs(tail), 1), 0))
        scale, inverse = power_of_two(largest)
        x, tail = (x * inverse).to(tl.float16), (tail * inverse).to(tl.float16)
        dr, di = tl.dot(g1r, tail, tl.dot(f1r, x)), tl.dot(g1i, tail, tl.dot(f1i, x))
        er, ei = (dr * tr - di * ti).to(tl.float16), (dr * ti + di * tr).to(tl.float16)
        xr, xi = tl.dot(ei, f2n, tl.dot(er, f2r)), tl.dot(ei, f2r, tl.dot(er, f2i))
    return xr, xi, scale


@triton.jit
def _inverse(zr, zi, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti):
    """Return the real part of the inverse of a tile, and the tail."""
    gr, gi = zr.to(tl.float16), zi.to(tl.float16)
    dr, di = tl.dot(gi, f2i, tl.dot(gr, f2r)), tl.dot(gr, f2n, tl.dot(gi, f2r))
    er, ei = (dr * tr + di * ti).to(tl.float16), (di * tr - dr * ti).to(tl.float16)
    tail = tl.dot(tl.trans(g1i), ei, tl.dot(tl.trans(g1r), er))
    return tl.dot(tl.trans(f1i), ei, tl.dot(tl.trans(f1r), er)), tail


@triton.jit
def _filter(
    k, k_row, k_ahead, skip, h, share, o, rest, K, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti,
    BOTH: tl.constexpr,
):  # fmt: skip
    """Return the spectrum of a channel's filter in fp16, and its scale; the skip is a tap at lag zero."""
    row = (h // share) * k_row
    taps, tail = read(k, row, o, K, False), None
    if skip is not None:
        taps += tl.where(o == 0, tl.load(skip + h).to(tl.float32), 0.0)
    if rest is not None:
        tail = read(k, row, rest, K, False)
    if BOTH:
        ahead = read(k, row + k_ahead, o, K, False)
        scale, inverse = power_of_two(tl.max(tl.max(tl.maximum(tl.abs(taps), tl.abs(ahead)), 1), 0))
        kr, ki = real_transform((taps * inverse).to(tl.float16), f1r, f1i, f2r, f2i, f2n, tr, ti)
        # what looks ahead is an adjoint: its spectrum enters conjugated
        ar, ai = real_transform((ahead * inverse).to(tl.float16), f1r, f1i, f2r, f2i, f2n, tr, ti)
        kr += ar
        ki -= ai
    else:
        kr, ki, scale = _transform(taps, tail, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
    return kr.to(tl.float16), ki.to(tl.float16), scale


@triton.jit
def _write_from(pointer, offset, o, value, S, begin, end, WORD: tl.constexpr):
    """Store a tile's times from ``S`` on in the tensor's own type."""
    if WORD:
        _write(pointer, offset, o, value, begin + S, end, False, WORD)
    else:
        tl.store(pointer + offset + o, value.to(pointer.dtype.element_ty), mask=o >= S)


@triton.jit
def _write(pointer, offset, o, value, begin, end, FULL: tl.constexpr, WORD: tl.constexpr):
    """Store a tile's times below ``end``; those of a shifted row by whole words, then singly at its edges."""
    if WORD == 0:
        write(pointer, offset, o, value, end, FULL)
    else:
        first, last = (begin + WORD - 1) // WORD * WORD, end // WORD * WORD
        value = value.to(pointer.dtype.element_ty)
        tl.store(pointer + offset + o, value, mask=(o >= first) & (o < last))
        edge = (o >= begin) & (o < end) & ((o < first) | (o >= last))
        tl.store(pointer + offset + o, value, mask=edge)


@triton.jit(do_not_specialize=["L8", "y_d", "S8"])
def forward_kernel(
    u, a, b, k, skip, y, f1, f2, t1, B, D, L8, K, share, k_row, k_ahead,
    u_b, u_d, a_b, a_d, b_b, b_d, y_d, S8, n_each,
    V: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr, TAIL: tl.constexpr, BOTH: tl.constexpr,
    FULL: tl.constexpr, GAIN: tl.constexpr, WIDE: tl.constexpr, SAME: tl.constexpr, WORD: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Compute y = b * conv(a * u), with a tail from step S on.

    Lengths and strides are in units of V: so the compiler knows it divides.
    """
    h = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1) * n_each
    first = part.to(tl.int64) if WIDE else part  # 64-bit offsets cost registers
    L = L8 * V
    o, f1r, f1i, _, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    rest, g1r, g1i = None, None, None
    if TAIL:
        rest, g1r, g1i = _load_tail(f1, N1, N2, TAIL)
    kr, ki, ks = _filter(
        k, k_row, k_ahead, skip, h, share, o, rest, K, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti, BOTH
    )
    for step in tl.range(0, tl.minimum(n_each, B - part), num_stages=STAGES):
        i = first + step
        out, begin, end, words = _shifted((i * D + h) * (y_d * V), L, WORD)
        u_at = out if SAME else _start((i * u_b + h * u_d) * V, WORD)
        a_at = out if SAME else _start((i * a_b + h * a_d) * V, WORD)
        b_at = out if SAME else _start((i * b_b + h * b_d) * V, WORD)
        x, tail = _gated(u, a, u_at, a_at, o, words, begin, end, FULL, WORD), None
        if TAIL:
            tail = _gated(u, a, u_at, a_at, rest, words, begin, end, False, WORD)
        xr, xi, s = _transform(x, tail, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
        zr, zi = xr * kr - xi * ki, xr * ki + xi * kr
        if TAIL:
            c, tail = _inverse(zr, zi, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
            tail *= ks * s * GAIN
            if b is not None:
                tail = tail * read(b, b_at, rest, words, False)
            _write(y, out, rest, tail, begin, end, False, WORD)
        else:
            c = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti)
        c *= ks * s * GAIN
        if b is not None:
            c = c * read(b, b_at, o, words, FULL)
        if TAIL:
            _write_from(y, out, o, c, S8 * V, begin, end, WORD)
        else:
            _write(y, out, o, c, begin, end, FULL, WORD)


@triton.jit(do_not_specialize=["L8", "y_d", "S8"])
def backward_kernel(
    u, a, b, k, skip, g, u1, a1, g1, du, da, db, dK, f1, f2, t1, B, D, L8, K, share, k_row, k_ahead,
    u_b, u_d, a_b, a_d, b_b, b_d, g_b, g_d, y_d, S8, n_each,
    V: tl.constexpr, N1: tl.constexpr, N2: tl.constexpr, TAIL: tl.constexpr, BOTH: tl.constexpr,
    FULL: tl.constexpr, GAIN: tl.constexpr, WIDE: tl.constexpr, SAME: tl.constexpr, WORD: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Compute du, da, db and dK = sum over the batch of conj(X) H, those that have a place to go.

    With a tail: db from step S on, du and da up to S steps before the end. Given other steps u1, a1 and g1 of
    the same tensors, dK is that of them and h, and db theirs.
    """
    h = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1) * n_each
    first = part.to(tl.int64) if WIDE else part  # 64-bit offsets cost registers
    L = L8 * V
    o, f1r, f1i, _, f2r, f2i, f2n, tr, ti = load_factors(f1, f2, t1, N1, N2)
    rest, g1r, g1i = None, None, None
    if TAIL:
        rest, g1r, g1i = _load_tail(f1, N1, N2, TAIL)
    P: tl.constexpr = N1 * N2
    kr, ki, ks = _filter(
        k, k_row, k_ahead, skip, h, share, o, rest, K, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti, BOTH
    )
    sum_r, sum_i = tl.zeros((N1, N2), tl.float32), tl.zeros((N1, N2), tl.float32)
    lost = S8 * V if TAIL else 0
    WHOLE: tl.constexpr = FULL and TAIL == 0
    for step in tl.range(0, tl.minimum(n_each, B - part), num_stages=STAGES):
        i = first + step
        out, begin, end, words = _shifted((i * D + h) * (y_d * V), L, WORD)
        u_at = out if SAME else _start((i * u_b + h * u_d) * V, WORD)
        a_at = out if SAME else _start((i * a_b + h * a_d) * V, WORD)
        b_at = out if SAME else _start((i * b_b + h * b_d) * V, WORD)
        g_at = out if SAME else _start((i * g_b + h * g_d) * V, WORD)
        w, tail = _gated(g, b, g_at, b_at, o, words, begin, end, FULL, WORD), None
        if TAIL:
            tail = _gated(g, b, g_at, b_at, rest, words, begin, end, False, WORD)
        hr, hi, hs = _transform(w, tail, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
        pr, pi = hr.to(tl.float16), hi.to(tl.float16)
        zr, zi = hr * kr + hi * ki, hi * kr - hr * ki
        dx = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti) * (ks * hs * GAIN)
        x = read(u, u_at, o, words, FULL)
        if a is not None:
            gate = read(a, a_at, o, words, FULL)
            if da is not None:
                _write(da, out, o, x * dx, begin, end - lost, WHOLE, WORD)
            dx = dx * gate
            x = x * gate
        if du is not None:
            _write(du, out, o, dx, begin, end - lost, WHOLE, WORD)
        x = _own(x, o, begin, end, WORD)
        if u1 is not None:
            x = _gated(u1, a1, u_at, a_at, o, words, begin, end, FULL, WORD)
        if TAIL:
            tail = _gated(u, a, u_at, a_at, rest, words, begin, end, False, WORD)
        xr, xi, s = _transform(x, tail, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
        if dK is not None:
            sum_r += (xr * pr + xi * pi) * (s * hs)
            sum_i += (xr * pi - xi * pr) * (s * hs)
        if db is not None:
            zr, zi = xr * kr - xi * ki, xr * ki + xi * kr
            if TAIL:
                c, tail = _inverse(zr, zi, f1r, f1i, g1r, g1i, f2r, f2i, f2n, tr, ti)
                c *= ks * s * GAIN
                tail *= ks * s * GAIN
                _write(db, out, rest, tail * read(g, g_at, rest, words, False), begin, end, False, WORD)
                _write_from(db, out, o, c * read(g, g_at, o, words, FULL), S8 * V, begin, end, WORD)
            else:
                c = real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti) * (ks * s * GAIN)
                again = read(g if g1 is None else g1, g_at, o, words, FULL)
                _write(db, out, o, c * again, begin, end, FULL, WORD)
    if dK is not None:
        place = dK + (h * tl.num_programs(1) + tl.program_id(1)) * 2 * P + o
        tl.store(place, sum_r)
        tl.store(place + P, sum_i)


@triton.jit
def finish_kernel(
    dK, dk, f1, f2, t1, D, K, k_row, parts,
    N1: tl.constexpr, N2: tl.constexpr, BOTH: tl.constexpr, GAIN: tl.constexpr,
):  # fmt: skip
    """Add the shares of the batch in order and transform back to the gradients of K taps of a row."""
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
    write(dk, h * k_row, o, back * (s * GAIN), K, False)
    if BOTH:
        ahead = real_inverse(sum_r * inverse, -sum_i * inverse, f1r, f1i, f2r, f2i, f2n, tr, ti)
        write(dk, (D + h) * k_row, o, ahead * (s * GAIN), K, False)
