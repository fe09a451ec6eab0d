"""The last steps of a signal, for a short filter that streams."""

# Shapes: B batch, C channels, P steps of a chunk, S taps

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from longwave.errors import ShapeError

__all__ = ["RecentSteps"]

KEPT = 32  # steps one can always go back, so that drafted tokens can be refused


class RecentSteps:
    """A sliding window over the newest steps, without a copy a step.

    Parameters
    ----------
    batch, channels : int
    needed : int
        Steps before the present one that the filter reads, S - 1.
    dtype : torch.dtype
    device : torch.device

    Notes
    -----
    Steps are written side by side into a buffer of ``S - 1 + 2 KEPT`` steps, whose newest ones move to the
    front when it is full: O(1) copies a step, and windows are views.

    Examples
    --------
    >>> recent = RecentSteps(1, 1, 2, torch.float32, torch.device("cpu"))
    >>> recent.append(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[0., 0., 1., 2.]]])
    >>> recent.append(torch.tensor([[[3.0]]]))
    tensor([[[1., 2., 3.]]])
    """

    def __init__(
        self, batch: int, channels: int, needed: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.needed = needed
        self.position = 0
        self._end = needed  # where the next step is written
        self._marks: dict[int, Tensor] = {}
        with torch.inference_mode(False):
            self._buffer = torch.zeros((batch, channels, needed + 2 * KEPT), dtype=dtype, device=device)

    @property
    def dtype(self) -> torch.dtype:
        """Type in which steps are kept."""
        return self._buffer.dtype

    @property
    def device(self) -> torch.device:
        """Where steps are kept."""
        return self._buffer.device

    @property
    def nbytes(self) -> int:
        """Memory of the buffer and of marked windows."""
        return self._buffer.nbytes + sum(marked.nbytes for marked in self._marks.values())

    def append(self, u: Tensor) -> Tensor:
        """Take a chunk (B, C, P); return it after the steps before it, (B, C, S-1+P).

        The result may be a view that the next call overwrites.
        """
        steps, capacity = u.shape[-1], self._buffer.shape[-1]
        self.position += steps
        if self._end + steps > capacity:
            if steps > KEPT:
                window = torch.cat([self._last(self.needed), u.to(self.dtype)], dim=-1)
                self._refill(window)
                return window
            self._refill(self._last(self.needed + KEPT))
        start, self._end = self._end, self._end + steps
        self._buffer[..., start : self._end] = u
        return self._buffer[..., start - self.needed : self._end]

    def mark(self) -> None:
        """Remember the present position for ``truncate``."""
        self._marks[self.position] = self._last(self.needed).clone()

    def clear_marks(self) -> None:
        """Forget marked positions."""
        self._marks.clear()

    def can_truncate(self, position: int) -> bool:
        """Say whether this position is among the last steps, marked, or the start."""
        back = self.position - position
        return 0 <= back <= self._end - self.needed or position == 0 or position in self._marks

    def truncate(self, position: int) -> None:
        """Go back to a position for which ``can_truncate`` holds.

        Raises
        ------
        ShapeError
            If it does not hold.
        """
        if not self.can_truncate(position):
            raise ShapeError(
                f"The short filter's last steps reach back from position {self.position} to "
                f"{self.position - self._end + self.needed}, not to {position}. Call mark() at the position "
                f"before going on, or decode again from the start."
            )
        back = self.position - position
        if back <= self._end - self.needed:
            self._end -= back
        elif position in self._marks:
            self._refill(self._marks[position])
        else:
            self._buffer.zero_()
            self._end = self.needed
        self.position = position
        self._marks = {at: marked for at, marked in self._marks.items() if at <= position}

    def realign(self, position: int, max_length: int) -> None:  # noqa: ARG002 - nothing grows with the length
        """Let the steps so far end at another position."""
        self.position = position
        self._marks.clear()

    def put(self, row: int, other: RecentSteps) -> None:
        """Let a sequence be the only one of another window, which is left as it was."""
        kept = min(self._end, other._end)
        if self._end > kept:
            self._refill(self._last(kept))
        self._buffer[row, :, : self._end] = other._last(self._end)[0]
        self._marks.clear()

    def reorder(self, index: Tensor) -> None:
        """Replace the sequences by chosen ones of them."""
        self._replace(lambda kept: kept.index_select(0, index.to(kept.device)))

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self._replace(lambda kept: kept.to(device))

    def copy(self) -> RecentSteps:
        """Return an independent copy."""
        new = copy.copy(self)
        new._replace(torch.clone)
        return new

    def _last(self, steps: int) -> Tensor:
        return self._buffer[..., self._end - steps : self._end]

    def _refill(self, steps: Tensor) -> None:
        """Start anew with the last of these steps in front."""
        kept = steps[..., max(steps.shape[-1] - self.needed - KEPT, 0) :]
        self._end = kept.shape[-1]
        self._buffer[..., : self._end] = kept.clone()

    def _replace(self, change: Callable[[Tensor], Tensor]) -> None:
        with torch.inference_mode(False), torch.no_grad():
            self._buffer = change(self._buffer)
            self._marks = {at: change(marked) for at, marked in self._marks.items()}
