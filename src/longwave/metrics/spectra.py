"""How the energy of fields is spread over wave numbers, and how far one spectrum is from another."""

# Shapes: B samples, C channels, grid 1 to 3 axes, N points of an axis, S shells of wave numbers

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.metrics.field_arrays import check_fields, check_pair, quotient, sum_by_sample

__all__ = ["energy_spectrum", "energy_spectrum_error"]

Array = NDArray[np.float64]

FLOOR = 1e-12  # of the strongest shell: what single precision cannot tell from zero


def energy_spectrum(fields: ArrayLike) -> Array:
    """Return how the energy of each channel is spread over wave numbers.

    Parameters
    ----------
    fields : array, shape (B, C, *grid)
        Real and finite, on a periodic grid of 1 to 3 axes and any sizes.

    Returns
    -------
    array, shape (B, C, S)
        Energy in shell ``s = 0, 1, ...``: the wave numbers ``k``, in cycles over each axis, with ``s - 1/2 <=
        |k| < s + 1/2``.

    Raises
    ------
    ShapeError, DataError
        As `relative_l2`.

    Notes
    -----
    ``E(s) = 1/2 sum_{k in shell s} |u_k|²`` with ``u_k = mean_x u(x) exp(-2 pi i k.x)``, so that ``sum_s
    E(s)`` is half the mean square. Shells above ``min(N) // 2`` reach beyond the grid in some directions and
    hold its corners only. A field that is not periodic leaks from its jump at the border into all shells.

    Examples
    --------
    >>> x = np.arange(16) / 16
    >>> energy_spectrum(np.cos(2 * np.pi * 3 * x)[None, None]).round(6)[0, 0, :5]
    array([0.  , 0.  , 0.  , 0.25, 0.  ])
    """
    values = check_fields(fields, "field")
    sizes = values.shape[2:]
    spectrum = np.fft.rfftn(values, axes=tuple(range(2, values.ndim)), norm="forward")
    shells, times = _shells(sizes)
    power = 0.5 * (spectrum.real**2 + spectrum.imag**2) * times
    n_shells, rows = int(shells.max()) + 1, power.shape[0] * power.shape[1]
    place = shells.ravel() + n_shells * np.arange(rows)[:, None]
    found = np.bincount(place.ravel(), weights=power.ravel(), minlength=n_shells * rows)
    return np.asarray(found, dtype=np.float64).reshape(*values.shape[:2], n_shells)


def energy_spectrum_error(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return how far the energy spectrum of each sample is from the true one, in decades.

    Parameters
    ----------
    prediction, target : array, shape (B, C, *grid)
        As in `energy_spectrum`.

    Returns
    -------
    array, shape (B,)
        Mean over shells and channels of ``|log10(E_prediction / E_target)|``: 0.3 is a factor of 2. It sees
        what an error of the whole field hardly does, that the fine scales are missing.

    Raises
    ------
    ShapeError, DataError
        As `relative_l2`.

    Notes
    -----
    Shells count up to ``min(N) // 2`` and where the target has more than 1e-12 of its strongest shell; the
    prediction's energy is raised to that floor. A target that is zero everywhere gives 0 if the prediction
    is zero too, else infinity.
    """
    got, want = check_pair(prediction, target)
    whole = min((n for n in want.shape[2:] if n > 1), default=1) // 2 + 1
    energy, true = energy_spectrum(got)[..., :whole], energy_spectrum(want)[..., :whole]
    floor = FLOOR * true.max(axis=-1, keepdims=True)  # (B, C, 1)
    counts = true > floor
    ratio = np.divide(np.maximum(energy, floor), true, out=np.ones_like(true), where=counts)
    n_shells = sum_by_sample(counts.astype(np.float64))
    decades = quotient(sum_by_sample(np.abs(np.log10(ratio))), n_shells)
    return np.where((n_shells == 0) & (sum_by_sample(energy) > 0), math.inf, decades)


def _shells(sizes: Sequence[int]) -> tuple[NDArray[np.int64], Array]:
    """Return the shell of every entry of a real transform, and how many of a whole one it stands for."""
    waves = [np.fft.fftfreq(n, 1 / n) for n in sizes[:-1]] + [np.fft.rfftfreq(sizes[-1], 1 / sizes[-1])]
    square = sum(wave**2 for wave in np.meshgrid(*waves, indexing="ij"))
    shells = np.floor(np.sqrt(square) + 0.5).astype(np.int64)
    last = np.arange(len(waves[-1]))
    times = np.where((last == 0) | (2 * last == sizes[-1]), 1.0, 2.0)  # the others have a conjugate
    return shells, times
