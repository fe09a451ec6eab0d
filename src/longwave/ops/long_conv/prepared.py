"""Filters that stay the same over many calls, with their spectra kept."""

# Shapes: B batch, D width, L length, K taps

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["PreparedFilter", "prepare_filter"]

# Signals of many lengths need many spectra; the oldest goes when there are more than this.
SPECTRA_KEPT = 4


class PreparedFilter:
    """A filter and skip without gradients, and the spectra that calls have needed so far.

    Made by ``prepare_filter`` and given to ``long_conv`` in place of the filter. Not safe to share between
    threads that run at once.

    Attributes
    ----------
    taps : Tensor, shape (D, K), (heads, K) or (2, ..., K)
        The filter, as ``long_conv`` takes it.
    skip : Tensor, shape (D,), or None
    bidirectional : bool
    """

    def __init__(self, taps: Tensor, skip: Tensor | None, bidirectional: bool) -> None:
        self.taps = taps
        self.skip = skip
        self.bidirectional = bidirectional
        self._spectra: dict[Hashable, Tensor] = {}

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> PreparedFilter:
        """Return the filter on another device or in another type, with no spectra yet."""
        taps = self.taps.to(device=device, dtype=dtype)
        skip = None if self.skip is None else self.skip.to(device=device, dtype=dtype)
        return PreparedFilter(taps, skip, self.bidirectional)

    def check_alone(self, skip: Tensor | None, bidirectional: bool) -> None:
        """Refuse a call that gives again, and otherwise, what the filter was prepared with."""
        if skip is not None:
            raise ConfigError(
                f"A prepared filter was given together with skip of shape {tuple(skip.shape)}. "
                f"The skip belongs to the filter: call prepare_filter(k, skip)."
            )
        if bidirectional and not self.bidirectional:
            raise ConfigError(
                "A prepared filter that looks back only was given together with bidirectional=True. "
                "Leave that argument out, or call prepare_filter(k, bidirectional=True)."
            )

    def spectrum(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        """Return the spectrum of a name, computed when it is asked for the first time."""
        found = self._spectra.pop(key, None)
        if found is None:
            with torch.no_grad():
                found = compute()
        self._spectra[key] = found
        if len(self._spectra) > SPECTRA_KEPT:
            del self._spectra[next(iter(self._spectra))]
        return found


def prepare_filter(k: Tensor, skip: Tensor | None = None, *, bidirectional: bool = False) -> PreparedFilter:
    """Prepare a filter for many calls of ``long_conv``: its transform is computed once per length.

    Parameters
    ----------
    k : Tensor, shape (D, K) or (heads, K); bidirectional: (2, D, K) or (2, heads, K)
        The filter, copied: later changes of ``k`` do not reach the prepared filter.
    skip : Tensor, shape (D,), optional
        Weight of the input itself, copied too.
    bidirectional : bool
        Whether the filter looks ahead as well as back.

    Returns
    -------
    PreparedFilter
        To be given to ``long_conv`` instead of ``k``, without ``skip`` and ``bidirectional``.

    Raises
    ------
    ShapeError
        If the filter has the wrong number of dimensions, or a tensor is not of a real floating type.

    Notes
    -----
    No gradient flows to a prepared filter; to the input and the gates it does. The backends ``fft`` and
    ``chunked`` keep spectra, which take about ``4 L`` numbers a channel and length of signal; the last few
    lengths are kept. Other backends use the taps.

    Examples
    --------
    >>> from longwave.ops import long_conv
    >>> prepared = prepare_filter(torch.tensor([[3.0, 1.0]]))
    >>> long_conv(torch.tensor([[[1.0, 0.0, 2.0]]]), prepared, backend="naive")
    tensor([[[3., 1., 6.]]])
    """
    if k.dim() != (3 if bidirectional else 2) or (bidirectional and k.shape[0] != 2):
        form = "(2, D, K) for bidirectional=True" if bidirectional else "(D, K)"
        raise ShapeError(
            f"The filter of long_conv is {form}, not of shape {tuple(k.shape)}. "
            f"Give one row of taps per channel or head."
        )
    for name, tensor in (("k", k), ("skip", skip)):
        if tensor is not None and not tensor.is_floating_point():
            raise ShapeError(
                f"prepare_filter needs real floating-point tensors, not {tensor.dtype} ({name}). "
                f"Convert it with {name}.float()."
            )
    return PreparedFilter(k.detach().clone(), None if skip is None else skip.detach().clone(), bidirectional)
