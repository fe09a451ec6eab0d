"""The transform inside the GPU kernels: scaled loads, and a Fourier transform as four matrix products.

A sequence of P = N1 N2 points is a matrix A[n1, n2] = x[n1 N2 + n2], and its transform

    X = ((F1 A) * T1) F2            X[k1, k2] is the frequency k1 + N1 k2

with DFT matrices F1, F2 and twiddles T1 (Monarch form). On the way back the conjugates stand in the opposite
order. Read as code, the data are multiplied from the left, the right, the right and the left: no tile is
transposed, and the accumulator of one product becomes the operand of the next without leaving the registers.

``real_`` functions take or return real sequences. Their F1 and T1 are shifted by a quarter of a frequency
(see ``factors``); F2 is the same. Operands are fp16, sums fp32. ``_n`` marks a negated imaginary part.
"""

# Shapes: N1, N2 factors of the P points of a tile; every tile is (N1, N2)

# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl

__all__ = [
    "complex_inverse",
    "complex_transform",
    "load_factors",
    "power_of_two",
    "read",
    "real_inverse",
    "real_transform",
    "scaled",
    "scaled_pair",
    "write",
]


@triton.jit
def power_of_two(largest):
    """Return a power of two above ``largest`` and its inverse, from the bits of the exponent."""
    exponent = (largest.to(tl.int32, bitcast=True) >> 23) & 0xFF
    exponent = tl.minimum(tl.maximum(exponent + 1, 64), 190)  # both stay far inside float32
    return (exponent << 23).to(tl.float32, bitcast=True), ((254 - exponent) << 23).to(
        tl.float32, bitcast=True
    )


@triton.jit
def scaled(x):
    """Divide a tile by a power of two above its largest element; return it in fp16, and the power."""
    scale, inverse = power_of_two(tl.max(tl.max(tl.abs(x), 1), 0))
    return (x * inverse).to(tl.float16), scale


@triton.jit
def scaled_pair(xr, xi):
    """Scale a complex tile like ``scaled``."""
    scale, inverse = power_of_two(tl.max(tl.max(tl.maximum(tl.abs(xr), tl.abs(xi)), 1), 0))
    return (xr * inverse).to(tl.float16), (xi * inverse).to(tl.float16), scale


@triton.jit
def read(pointer, offset, o, L, FULL: tl.constexpr):
    """Load a tile as float32; times from ``L`` on are zero. FULL: there are none."""
    if FULL:
        return tl.load(pointer + offset + o).to(tl.float32)
    else:
        return tl.load(pointer + offset + o, mask=o < L, other=0.0).to(tl.float32)


@triton.jit
def write(pointer, offset, o, value, L, FULL: tl.constexpr):
    """Store a tile's times below ``L`` in the tensor's own type."""
    if FULL:
        tl.store(pointer + offset + o, value.to(pointer.dtype.element_ty))
    else:
        tl.store(pointer + offset + o, value.to(pointer.dtype.element_ty), mask=o < L)


@triton.jit
def load_factors(f1, f2, t1, N1: tl.constexpr, N2: tl.constexpr):
    """Return a tile's offsets and F1, F2, T1; imaginary parts of F1 and F2 come negated as well."""
    r1, r2 = tl.arange(0, N1), tl.arange(0, N2)
    o1 = r1[:, None] * N1 + r1[None, :]
    o2 = r2[:, None] * N2 + r2[None, :]
    o = r1[:, None] * N2 + r2[None, :]
    f1r, f1i, f1n = tl.load(f1 + o1), tl.load(f1 + N1 * N1 + o1), tl.load(f1 + 2 * N1 * N1 + o1)
    f2r, f2i, f2n = tl.load(f2 + o2), tl.load(f2 + N2 * N2 + o2), tl.load(f2 + 2 * N2 * N2 + o2)
    return o, f1r, f1i, f1n, f2r, f2i, f2n, tl.load(t1 + o), tl.load(t1 + N1 * N2 + o)


@triton.jit
def _twiddle(dr, di, tr, ti):
    return (dr * tr - di * ti).to(tl.float16), (dr * ti + di * tr).to(tl.float16)


@triton.jit
def _untwiddle(dr, di, tr, ti):
    return (dr * tr + di * ti).to(tl.float16), (di * tr - dr * ti).to(tl.float16)


@triton.jit
def real_transform(x, f1r, f1i, f2r, f2i, f2n, tr, ti):
    """Transform a real tile in fp16: 6 real products; complex result in float32."""
    er, ei = _twiddle(tl.dot(f1r, x), tl.dot(f1i, x), tr, ti)
    return tl.dot(ei, f2n, tl.dot(er, f2r)), tl.dot(ei, f2r, tl.dot(er, f2i))


@triton.jit
def real_inverse(zr, zi, f1r, f1i, f2r, f2i, f2n, tr, ti):
    """Return the real part of the inverse of a complex tile: 6 real products."""
    gr, gi = zr.to(tl.float16), zi.to(tl.float16)
    dr, di = tl.dot(gi, f2i, tl.dot(gr, f2r)), tl.dot(gr, f2n, tl.dot(gi, f2r))
    er, ei = _untwiddle(dr, di, tr, ti)
    return tl.dot(tl.trans(f1i), ei, tl.dot(tl.trans(f1r), er))


@triton.jit
def complex_transform(xr, xi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti):
    """Transform a complex tile in fp16: 8 real products; result in float32."""
    dr, di = tl.dot(f1n, xi, tl.dot(f1r, xr)), tl.dot(f1r, xi, tl.dot(f1i, xr))
    er, ei = _twiddle(dr, di, tr, ti)
    return tl.dot(ei, f2n, tl.dot(er, f2r)), tl.dot(ei, f2r, tl.dot(er, f2i))


@triton.jit
def complex_inverse(gr, gi, f1r, f1i, f1n, f2r, f2i, f2n, tr, ti):
    """Transform a complex tile in fp16 back: 8 real products; result in float32. Needs F1 symmetric."""
    dr, di = tl.dot(gi, f2i, tl.dot(gr, f2r)), tl.dot(gr, f2n, tl.dot(gi, f2r))
    er, ei = _untwiddle(dr, di, tr, ti)
    return tl.dot(f1i, ei, tl.dot(f1r, er)), tl.dot(f1r, ei, tl.dot(f1n, er))
