"""Tuning the GPU kernels on demand."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from longwave.errors import BackendUnavailable
from longwave.ops.long_conv.triton import refuse
from longwave.ops.long_conv.triton.tuning import Tuning, size_of, tune_sizes

__all__ = ["Tuning", "tune_long_conv"]


def tune_long_conv(
    lengths: Iterable[int],
    *,
    device: torch.device | str = "cuda",
    dtype: torch.dtype = torch.bfloat16,
) -> list[Tuning]:
    """Time the tiles of the GPU kernels on this GPU and keep the fastest for later calls.

    Nobody has to call this: compute capability 9.0 (H100, H200) has measured tables, and any other GPU is
    tuned by the first call of a size. Call it before a run for which a few percent matter.

    Parameters
    ----------
    lengths : iterable of int
        Steps of the signals to come; rounded up to powers of two.
    device : torch.device or str
        A CUDA device.
    dtype : torch.dtype
        Type of the signals to come.

    Returns
    -------
    list of Tuning
        Forward and backward of every size, in this order; none for a size where no plan runs.

    Raises
    ------
    ConfigError
        If a length is below 1 or above what the kernels serve.
    BackendUnavailable
        If the kernels cannot run on the device or in the type; the message says why.

    Notes
    -----
    At most a dozen plans a size and direction are compiled, checked against float64 and timed (median, CUDA
    events, two gates, 100 million values where memory allows): about a minute each at most. The result is
    kept in the user's cache folder by type, GPU, version of Triton and kernels, and serves all later
    processes. Another plan rounds otherwise, so results before and after differ in the last bits of half
    precision.

    Examples
    --------
    >>> from longwave.ops import tune_long_conv
    >>> found = tune_long_conv([4096, 16384])  # doctest: +SKIP
    """
    lengths, device = list(lengths), torch.device(device)
    longest = max(map(size_of, lengths), default=1)
    reason = _reason(device, dtype, longest)
    if reason is not None:
        raise BackendUnavailable(
            f'The backend "triton" of long_conv cannot be tuned: {reason} '
            f"Without tuning, long_conv takes the fastest backend that runs."
        )
    if device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return tune_sizes(lengths, device, dtype)


def _reason(device: torch.device, dtype: torch.dtype, longest: int) -> str | None:
    """Say why the kernels cannot be tuned on a device; None where they can."""
    if device.type != "cuda":  # also where Triton's interpreter would serve calls
        return f"its kernels run on CUDA devices, and this one is {device}."
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device."
    signal = torch.empty((0, 1, longest), dtype=dtype, device=device)
    return refuse(signal, signal, False)
