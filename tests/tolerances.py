"""Tolerances, stated once per data type.

float64 leaves room for the rounding of an FFT of a few thousand points; float32 for the same in single
precision (relative error of an FFT convolution is about 3e-7, sums of hundreds of such terms lose another
digit); the half types are bounded by the rounding of their own output (2^-11 and 2^-8), twice.
"""

RELATIVE_ABSOLUTE = {
    "float64": (1e-10, 1e-11),
    "float32": (2e-5, 2e-5),
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1.6e-2),
}
