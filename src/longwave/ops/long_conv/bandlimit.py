"""Filters without their high frequencies, by a hard rule."""

# Shapes: K taps, F = K // 2 + 1 frequencies of the circle of K points; ... any axes before

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["band_mask", "bandlimit"]


def band_mask(frequency: Tensor, fraction: float | Tensor) -> Tensor:
    """Say which frequencies a bandlimit keeps: those strictly below ``fraction`` of the Nyquist frequency.

    Parameters
    ----------
    frequency : Tensor, any shape
        In cycles per sample, of either sign; the Nyquist frequency is 1/2.
    fraction : float or Tensor
        Above 1 keeps frequencies that the samples cannot show. A tensor is broadcast.

    Returns
    -------
    Tensor of bool

    Notes
    -----
    ``|frequency| < fraction / 2``. The modes of a state-space kernel have frequency ``step |Im A| / 2 pi``,
    with the step of the base resolution; so S4ND limits its kernels (arXiv 2210.06583, bandlimiting).

    Examples
    --------
    >>> band_mask(torch.tensor([0.0, 0.1, 0.25, -0.2]), 0.5)
    tensor([ True,  True, False,  True])
    """
    return frequency.abs() < fraction / 2


def bandlimit(k: Tensor, fraction: float | Tensor) -> Tensor:
    """Keep the lowest ``fraction`` of a filter's frequencies.

    Parameters
    ----------
    k : Tensor, shape (..., K)
        Filters, real.
    fraction : float, or Tensor that broadcasts to shape (...)
        Above 0 and up to 1; a tensor limits every filter by itself. It gets no gradient.

    Returns
    -------
    Tensor, shape (..., K)
        In the type of ``k``; half types are computed in float32.

    Raises
    ------
    ConfigError
        If a fraction is not above 0 and up to 1.
    ShapeError
        If ``k`` is not real, has no axis, or the fractions do not broadcast to its filters.

    Notes
    -----
    The rule, on the circle of the filter's own K points: frequency ``f = m / K``, ``m = 0 ... K // 2``, is
    kept if ``f < fraction / 2``, as ``band_mask`` says it, and always with ``fraction=1`` (the identity: the
    Nyquist frequency of an even K stays too). Frequency 0 is always kept. The operator is a linear projection
    (twice is once) and its own adjoint, so a gradient is limited the same way. O(K log K) time.

    The result has K taps again and stays causal, at a price: what the ideal filter would spread to taps
    before 0 wraps around to the last ones. And the response vanishes at those K frequencies only, with
    ripples between them. The convolution that follows costs the same as before.

    References
    ----------
    Frequency-sparse convolutions of arXiv 2311.05908, which zero entries of the padded filter's spectrum
    instead; such a filter is as long as the transform and not causal.

    Examples
    --------
    >>> bandlimit(torch.tensor([1.0, -1.0, 1.0, 1.0]), 0.5)
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    if k.dim() == 0 or not k.is_floating_point():
        raise ShapeError(
            f"bandlimit needs real filters of shape (..., K), not {k.dtype} of shape {tuple(k.shape)}. "
            f"For modes of a complex kernel use band_mask."
        )
    limits = torch.as_tensor(fraction, dtype=torch.float64).detach()
    _check_fractions(limits, k)
    taps = k.shape[-1]
    if k.numel() == 0 or bool((limits == 1).all()):
        return k
    frequency = torch.arange(taps // 2 + 1, dtype=torch.float64, device=limits.device) / taps
    keep = band_mask(frequency, limits[..., None]) | (limits[..., None] == 1)  # (..., F)
    with torch.autocast(k.device.type, enabled=False):
        spectrum = torch.fft.rfft(k.to(torch.promote_types(k.dtype, torch.float32)))
        limited: Tensor = torch.fft.irfft(spectrum * keep.to(k.device), n=taps)
    return limited.to(k.dtype)


def _check_fractions(limits: Tensor, k: Tensor) -> None:
    if not bool(((limits > 0) & (limits <= 1)).all()):
        raise ConfigError(
            f"The fraction of a bandlimit is {limits.tolist()}; give numbers above 0 and up to 1. "
            f"1 keeps every frequency."
        )
    filters = k.shape[:-1]
    if limits.dim() > len(filters) or any(
        size not in (1, there) for size, there in zip(reversed(limits.shape), reversed(filters), strict=False)
    ):
        raise ShapeError(
            f"Fractions of shape {tuple(limits.shape)} do not fit filters of shape {tuple(k.shape)}. "
            f"Give one number, or a tensor that broadcasts to {tuple(filters)}."
        )
