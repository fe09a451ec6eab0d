"""Convolutions with few taps: of whole signals, and of one that arrives piece by piece."""

# Shapes: B batch, D width, P steps of a chunk, C filters, K taps

from __future__ import annotations

import copy

import torch
from torch import Tensor

from longwave.mixers.recent import RecentSteps
from longwave.ops import long_conv
from longwave.ops.short_conv import short_conv

__all__ = ["WindowConv", "gated_conv"]

FEW_TAPS = 9  # served by shifts; one core, 128 x 2048: 7 ms of both passes against 19 by FFT for 7 taps


def gated_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor,
    *,
    gate_in: Tensor | None = None,
    gate_out: Tensor | None = None,
    bidirectional: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Convolve like ``long_conv``, or by shifts where a filter of a few taps is shorter than the signal.

    Parameters, value and errors are those of ``long_conv``; a backend that is named is always taken. By
    shifts the result is differentiable once.
    """
    if bidirectional or backend != "auto" or not 0 < k.shape[-1] <= FEW_TAPS or k.shape[-1] == u.shape[-1]:
        return long_conv(
            u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=bidirectional, backend=backend
        )
    taps = k.repeat_interleave(u.shape[1] // k.shape[0], dim=0)  # (D, K)
    taps = torch.cat([taps[:, :1] + skip[:, None], taps[:, 1:]], dim=1)
    y = short_conv(u if gate_in is None else gate_in * u, taps)
    return y if gate_out is None else gate_out * y


class WindowConv:
    """Convolve a signal that arrives piece by piece with short filters, from its last K - 1 steps.

    ``OnlineConv``'s interface; ``truncate`` goes back over the last 32 steps, to marks and to the start.

    Parameters
    ----------
    taps : Tensor, shape (C, K)
        Copied; neighbouring channels share a row where there are more channels.
    skip : Tensor, shape (D,)
        Weight of the input itself, added to the convolution.
    batch : int

    Notes
    -----
    ``y[t] = skip u[t] + sum_{j<K} taps[j] u[t-j]`` in float32 or wider. Memory is K + 63 steps, whatever the
    length; O(D K) time a step.
    """

    def __init__(self, taps: Tensor, skip: Tensor, batch: int) -> None:
        dtype = torch.promote_types(torch.promote_types(taps.dtype, skip.dtype), torch.float32)
        with torch.inference_mode(False), torch.no_grad():
            self._taps = taps.detach().to(dtype, copy=True)
            self._skip = skip.detach().to(dtype, copy=True)
            self._backwards = self._taps.flip(-1).repeat_interleave(len(skip) // len(taps), dim=0)  # (D, K)
        self._recent = RecentSteps(batch, len(skip), taps.shape[1] - 1, dtype, taps.device)

    @property
    def position(self) -> int:
        """Steps taken so far."""
        return self._recent.position

    @property
    def nbytes(self) -> int:
        """Memory of filter, recent steps and marks."""
        own = (self._taps, self._skip, self._backwards)
        return sum(tensor.nbytes for tensor in own) + self._recent.nbytes

    @torch.no_grad()
    def step(self, u_t: Tensor) -> Tensor:
        """Take one more step (B, D); return the output (B, D) in its type."""
        window = self._recent.append(u_t[..., None])  # (B, D, K)
        y = (window * self._backwards).sum(-1)
        return torch.addcmul(y, window[..., -1], self._skip).to(u_t.dtype)

    @torch.no_grad()
    def prefill(self, u: Tensor) -> Tensor:
        """Take the next chunk (B, D, P); return the outputs (B, D, P) in its type."""
        if u.shape[-1] == 0:
            return u
        window = self._recent.append(u)  # (B, D, K-1+P)
        with torch.autocast(u.device.type, enabled=False):
            y = gated_conv(window, self._taps, self._skip)
        return y[..., self._recent.needed :].to(u.dtype)

    def mark(self) -> None:
        """Remember the present position for ``truncate``."""
        self._recent.mark()

    def clear_marks(self) -> None:
        """Forget marked positions."""
        self._recent.clear_marks()

    def can_truncate(self, position: int) -> bool:
        """Say whether this position is among the last steps, marked, or the start."""
        return self._recent.can_truncate(position)

    def truncate(self, position: int) -> None:
        """Go back to a position for which ``can_truncate`` holds; ShapeError otherwise."""
        self._recent.truncate(position)

    def realign(self, position: int, max_length: int) -> None:
        """Let the steps so far end at another position."""
        self._recent.realign(position, max_length)

    def put(self, row: int, other: WindowConv) -> None:
        """Let a sequence be the only one of another stream, which is left as it was."""
        self._recent.put(row, other._recent)

    def reorder(self, index: Tensor) -> None:
        """Replace the sequences by chosen ones of them."""
        self._recent.reorder(index)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        with torch.inference_mode(False), torch.no_grad():
            for name in ("_taps", "_skip", "_backwards"):
                setattr(self, name, getattr(self, name).to(device))
        self._recent.to(device)

    def copy(self) -> WindowConv:
        """Return an independent stream at the same position; the filter's memory is shared."""
        new = copy.copy(self)
        new._recent = self._recent.copy()
        return new
