"""What keeps filters that are stored tap by tap from learning noise: soft thresholds and moving averages."""

# Shapes: K taps, F = K // 2 + 1 frequencies; ... any axes before

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["smooth", "squash"]

DOMAINS = ("time", "frequency")


def squash(k: Tensor, threshold: float) -> Tensor:
    """Move every tap of a filter towards zero by a threshold, and to zero what lies below it.

    Parameters
    ----------
    k : Tensor, any shape
        Filters, real.
    threshold : float
        The paper's lambda, finite and at least 0; 0 changes nothing.

    Returns
    -------
    Tensor, shape and type of ``k``

    Raises
    ------
    ConfigError
        If the threshold is negative or not finite.
    ShapeError
        If ``k`` is not of a real floating type.

    Notes
    -----
    ``sign(k) max(|k| - threshold, 0)``, the soft threshold: the minimum over ``x`` of ``(x - k)² / 2 +
    threshold |x|``. The gradient is 1 where ``|k| > threshold`` and 0 elsewhere, so a filter that lies below
    the threshold everywhere can never learn. Smooth before squashing: an average makes zeros dense again.

    References
    ----------
    Section 3 of arXiv 2302.06646 ("Squash").

    Examples
    --------
    >>> squash(torch.tensor([0.5, -0.1, -2.0]), 0.25)
    tensor([ 0.2500,  0.0000, -1.7500])
    """
    if not 0 <= threshold < math.inf:
        raise ConfigError(
            f"The threshold of squash is {threshold}; give a finite number of at least 0. "
            f"The paper's range from 0.001 to 0.004."
        )
    _check_real("squash", k)
    return k - k.clamp(-threshold, threshold)


def smooth(k: Tensor, width: int = 7, *, domain: Literal["time", "frequency"] = "time") -> Tensor:
    """Replace every tap, or every frequency, of a filter by an average over its neighbours.

    Parameters
    ----------
    k : Tensor, shape (..., K)
        Filters, real.
    width : int
        Odd number of neighbours that count, the tap itself included; 1 changes nothing.
    domain : {"time", "frequency"}
        Time: every tap counts alike. Frequency: the real Fourier transform of the filter is averaged, under a
        bell of unit variance whose weights do not sum to one.

    Returns
    -------
    Tensor, shape (..., K)
        In the type of ``k``; half types are computed in float32.

    Raises
    ------
    ConfigError
        If the width is not odd and at least 1, or there is no such domain.
    ShapeError
        If ``k`` has no axis or is not of a real floating type.

    Notes
    -----
    Time: ``y[t] = sum_{|s| <= h} k[t+s] / width`` with ``h = width // 2`` and zeros beyond both ends, so the
    divisor is ``width`` at the borders too. Frequency: ``Y[f] = sum_{|s| <= h} exp(-s²/2) X[f+s]`` over the
    ``F`` frequencies of ``rfft``, again with zeros beyond; that gains a factor of about 2.5 for a wide bell.
    O(K width) time beside the transforms.

    References
    ----------
    Section 3 of arXiv 2302.06646 ("Smooth"); the frequency form is in its public code only, off by default.

    Examples
    --------
    >>> smooth(torch.tensor([3.0, 0.0, 6.0, 0.0]), 3)
    tensor([1., 3., 2., 2.])
    """
    if width < 1 or width % 2 == 0:
        raise ConfigError(
            f"The width of smooth is {width}; it must be odd and at least 1, to have a middle. "
            f"Use {max(width, 0) + 1}, or 7 as the paper does."
        )
    if domain not in DOMAINS:
        raise ConfigError(f'The domain of smooth is "{domain}"; give "time" or "frequency".')
    _check_real("smooth", k)
    if k.dim() == 0:
        raise ShapeError("smooth needs filters of shape (..., K), not a single number. Add an axis of taps.")
    if k.numel() == 0:
        return k
    wide = k.to(torch.promote_types(k.dtype, torch.float32))
    if domain == "time":
        return _sum_of_neighbours(wide, [1 / width] * width).to(k.dtype)
    weights = [math.exp(-((i - width // 2) ** 2) / 2) for i in range(width)]
    spectrum = _sum_of_neighbours(torch.fft.rfft(wide), weights)  # (..., F)
    smoothed: Tensor = torch.fft.irfft(spectrum, n=k.shape[-1])
    return smoothed.to(k.dtype)


def _sum_of_neighbours(x: Tensor, weights: Sequence[float]) -> Tensor:
    """Return ``y[t] = sum_i weights[i] x[t + i - h]``; shifted sums, since a GPU's conv1d may drop digits."""
    half, length = len(weights) // 2, x.shape[-1]
    padded = F.pad(x, (half, half))
    y = weights[0] * padded[..., :length]
    for i, weight in enumerate(weights[1:], start=1):
        y = torch.add(y, padded[..., i : i + length], alpha=weight)
    return y


def _check_real(name: str, k: Tensor) -> None:
    if not k.is_floating_point():
        raise ShapeError(f"{name} needs a real floating-point filter, not {k.dtype}. Convert it first.")
