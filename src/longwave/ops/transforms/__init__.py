"""Orthonormal transforms of real fields: cosines, Hartley and packed Fourier modes, on any grid.

``bases.py`` says what the modes are, ``fields.py`` transforms and goes back, by matrix or by the FFTs of
``fast.py``, ``resample.py`` changes grids, ``shift.py`` moves periodic fields and ``mirror.py`` mirrors any.
"""

from longwave.ops.transforms.bases import BASES, basis_matrix, frequencies
from longwave.ops.transforms.fields import crop_modes, dct, idct, inverse, pad_modes, transform
from longwave.ops.transforms.mirror import mirror, mirror_modes
from longwave.ops.transforms.resample import resample, rescale
from longwave.ops.transforms.shift import shift, shift_modes

__all__ = [
    "BASES",
    "basis_matrix",
    "crop_modes",
    "dct",
    "frequencies",
    "idct",
    "inverse",
    "mirror",
    "mirror_modes",
    "pad_modes",
    "resample",
    "rescale",
    "shift",
    "shift_modes",
    "transform",
]
