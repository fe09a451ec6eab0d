"""What a streaming convolution remembers: its filter in the forms it needs, its inputs, its running sums."""

# Shapes: B batch, D width, L max_length, K taps, H filters, R = B D / H rows that share a filter

from __future__ import annotations

import copy

import torch
from torch import Tensor

from longwave.ops.long_conv.online.schedules import Tile
from longwave.ops.long_conv.online.tiles import filter_spectrum

__all__ = ["Buffers", "Filter"]


class Filter:
    """The taps forwards, backwards, and as the spectra of their beginnings.

    Parameters
    ----------
    k : Tensor, shape (H, K)
    skip : Tensor, shape (D,), optional
    dtype : torch.dtype
    device : torch.device
    """

    def __init__(self, k: Tensor, skip: Tensor | None, dtype: torch.dtype, device: torch.device) -> None:
        with torch.inference_mode(False), torch.no_grad():
            self.taps = k.detach().to(device=device, dtype=dtype, copy=True)  # (H, K)
            self.backwards = self.taps.flip(-1)  # (H, K): a direct sum is a product of two contiguous runs
            self.skip = None if skip is None else skip.detach().to(device=device, dtype=dtype, copy=True)
        self._spectra: dict[int, Tensor] = {}

    def spectrum(self, n_fft: int) -> Tensor:
        """Return the spectrum (H, 1, F) of the first ``n_fft`` taps, computed once."""
        if n_fft not in self._spectra:
            self._spectra[n_fft] = filter_spectrum(self.taps, n_fft)
        return self._spectra[n_fft]

    @property
    def nbytes(self) -> int:
        """Memory of all forms."""
        own = [self.taps, self.backwards, *self._spectra.values()]
        return sum(tensor.nbytes for tensor in own) + (0 if self.skip is None else self.skip.nbytes)


class Buffers:
    """Inputs so far and sums for outputs to come.

    Sums count up to ``horizon``; beyond it nothing has been contributed yet and the memory is not even
    initialised. Neither is that of inputs to come.

    Parameters
    ----------
    batch, width, heads, max_length : int
    dtype : torch.dtype
    device : torch.device
    """

    def __init__(
        self, batch: int, width: int, heads: int, max_length: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.batch, self.width, self.heads, self.max_length = batch, width, heads, max_length
        self.horizon = 0
        self.inputs = self._empty(dtype, device)  # (H, R, L); rows are channels, then sequences
        self.sums: Tensor | None = None  # (H, R, L), made when first needed
        self.undo_log: tuple[int, Tensor, int] | None = None  # first output, sums and horizon before a tile

    def _empty(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        rows = self.batch * self.width // self.heads
        with torch.inference_mode(False):  # or whoever began in inference mode would have to stay in it
            return torch.empty((self.heads, rows, self.max_length), dtype=dtype, device=device)

    def put(self, start: int, u: Tensor) -> None:
        """Write inputs (B, D, P) from position ``start`` on, in the type of the arithmetic."""
        by_channel = self.inputs.view(self.width, self.batch, self.max_length)
        by_channel[..., start : start + u.shape[-1]] = u.detach().transpose(0, 1)

    def from_rows(self, rows: Tensor) -> Tensor:
        """Bring (H, R, P) into (B, D, P)."""
        return rows.reshape(self.width, self.batch, rows.shape[-1]).transpose(0, 1)

    def add(self, tile: Tile, values: Tensor, *, can_undo: bool = False) -> None:
        """Add a tile's contribution (H, R, last - first) to its outputs."""
        if self.sums is None:
            self.sums = self._empty(self.inputs.dtype, self.inputs.device)
        middle = min(max(self.horizon, tile.first), tile.last)
        old = middle - tile.first
        if can_undo:
            self.undo_log = (tile.first, self.sums[..., tile.first : middle].clone(), self.horizon)
        if old:
            self.sums[..., tile.first : middle] += values[..., :old]
        self.sums[..., middle : tile.last] = values[..., old:]
        self.horizon = max(self.horizon, tile.last)

    def undo(self) -> None:
        """Take back the tile in the log, to the last bit."""
        if self.undo_log is not None and self.sums is not None:
            first, old, self.horizon = self.undo_log
            self.sums[..., first : first + old.shape[-1]] = old
        self.undo_log = None

    def reorder(self, index: Tensor, position: int, base: int) -> Buffers:
        """Return buffers of chosen sequences: inputs up to ``position``, sums from ``base`` on."""
        new = Buffers(
            len(index), self.width, self.heads, self.max_length, self.inputs.dtype, self.inputs.device
        )
        self._copy(self.inputs, new.inputs, index, 0, position)
        if self.sums is not None and self.horizon > base:
            new.sums = new._empty(self.sums.dtype, self.sums.device)
            self._copy(self.sums, new.sums, index, base, self.horizon)
            new.horizon = self.horizon
        return new

    def realign(self, old: int, new: int, max_length: int) -> Buffers:
        """Return buffers in which the inputs before ``old`` end at ``new``, zeros in front, without sums."""
        moved = Buffers(self.batch, self.width, self.heads, max_length, self.inputs.dtype, self.inputs.device)
        kept = min(old, new)
        moved.inputs[..., : new - kept] = 0
        moved.inputs[..., new - kept : new] = self.inputs[..., old - kept : old]
        return moved

    def put_row(self, row: int, other: Buffers, position: int, base: int) -> None:
        """Replace a sequence by other buffers' only one: inputs up to ``position``, sums from ``base`` on."""
        self.undo_log = None
        end = max(self.horizon, other.horizon)
        for buffers in (self, other):
            buffers._reach(max(base, buffers.horizon), end)
        self._row(self.inputs, row)[..., :position] = other._row(other.inputs, 0)[..., :position]
        if self.sums is not None and other.sums is not None and end > base:
            self._row(self.sums, row)[..., base:end] = other._row(other.sums, 0)[..., base:end]

    def _reach(self, begin: int, end: int) -> None:
        """Let sums count up to ``end``; what lies beyond the horizon has no contribution yet."""
        if end > begin:
            self.sums = self._empty(self.inputs.dtype, self.inputs.device) if self.sums is None else self.sums
            self.sums[..., begin:end] = 0
            self.horizon = end

    def _row(self, rows: Tensor, row: int) -> Tensor:
        """View one sequence's channels (H, D/H, L)."""
        return rows.view(self.heads, self.width // self.heads, self.batch, self.max_length)[:, :, row]

    def copy(self) -> Buffers:
        """Return buffers of their own memory with the same content."""
        new = copy.copy(self)
        with torch.inference_mode(False), torch.no_grad():
            new.inputs = self.inputs.clone()
            new.sums = None if self.sums is None else self.sums.clone()
        return new  # nothing writes into the log, so it may be shared

    def _copy(self, source: Tensor, target: Tensor, index: Tensor, begin: int, end: int) -> None:
        shape = (self.heads, self.width // self.heads, self.batch, self.max_length)
        by_sequence = source.view(shape)[..., begin:end]  # (H, D/H, B, steps)
        chosen = by_sequence.index_select(2, index)
        target[..., begin:end] = chosen.reshape(*target.shape[:2], end - begin)

    def to(self, dtype: torch.dtype, device: torch.device) -> None:
        """Move and convert what is remembered."""
        with torch.inference_mode(False), torch.no_grad():
            self.inputs = self.inputs.to(device=device, dtype=dtype)
            self.sums = None if self.sums is None else self.sums.to(device=device, dtype=dtype)

    @property
    def nbytes(self) -> int:
        """Memory of inputs, sums and log."""
        sums = 0 if self.sums is None else self.sums.nbytes
        return self.inputs.nbytes + sums + (0 if self.undo_log is None else self.undo_log[1].nbytes)
