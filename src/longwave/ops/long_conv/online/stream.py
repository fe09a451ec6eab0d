"""The streaming convolution itself: one loop for all modes, led by a schedule."""

# Shapes: B batch, D width, P steps of a chunk, L max_length, H filters, R = B D / H rows that share a filter

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from longwave.ops.long_conv import long_conv
from longwave.ops.long_conv.online.buffers import Buffers, Filter
from longwave.ops.long_conv.online.schedules import Schedule, Tile
from longwave.ops.long_conv.online.tiles import contribution

__all__ = ["Stream"]

# Chunks up to this long are taken step by step: fewer operations than the FFTs of a chunk.
STEPS_UP_TO = 4

# Rows that share a filter up to which, on a CPU, product and sum beat the matrix product (512 channels, one
# sequence, 4096 inputs: 0.6 ms against 2.3 ms; with 8 sequences 20 ms against 2.4 ms).
FEW_ROWS = 2


class Stream:
    """Where a stream is, and how it goes on; arguments are checked already.

    Parameters
    ----------
    filter : Filter
    schedule : Schedule
    buffers : Buffers

    Notes
    -----
    ``y[t] = sums[t] + sum_{s=base..t} k[t-s] u[s]``. The sums of outputs from ``base`` on hold what all
    inputs before ``base`` contribute to them, at least up to the next time the base moves.
    """

    def __init__(self, filter: Filter, schedule: Schedule, buffers: Buffers) -> None:
        self.filter, self.schedule, self.buffers = filter, schedule, buffers
        self.position = 0
        self.base = 0  # the direct sum begins here
        self.previous = 0  # the base before, while the move from there can be undone
        self.origin = 0  # the base that was set last without a tile

    @property
    def is_due(self) -> bool:
        """Whether the direct sum is full, so that the base must move before the next step."""
        return self.position - self.base >= self.schedule.block

    def due_tile(self) -> Tile | None:
        """Return the tile without which the base cannot move to the present position."""
        return self._clip(self.schedule.tile(self.position, self.origin))

    def move_base(self, tile: Tile | None, part: Tensor | None) -> None:
        """Move the base to the present position, adding the contribution of the tile that was due."""
        self.buffers.undo_log = None
        if tile is not None and part is not None:
            self.buffers.add(tile, part, can_undo=True)
        self.previous, self.base = self.base, self.position

    def contribution(self, tile: Tile) -> Tensor:
        """Compute a tile (H, R, last - first)."""
        inputs = self.buffers.inputs[..., tile.begin : tile.end]
        return contribution(inputs, self.filter.spectrum(tile.n_fft), tile)

    def step(self, u_t: Tensor) -> Tensor:
        """Take one step (B, D) that no tile is due before."""
        buffers = self.buffers
        buffers.put(self.position, u_t[..., None])
        y = buffers.from_rows(self._direct_sum())[..., 0]  # (B, D)
        if self.filter.skip is not None:
            y = torch.addcmul(y, self.filter.skip, u_t.detach().to(y.dtype))
        self.position += 1
        return y.to(u_t.dtype)

    def prefill(self, u: Tensor, move_base: Callable[[], None]) -> Tensor:
        """Take a chunk (B, D, P), P >= 1; ``move_base`` is called where the base must move within it."""
        if u.shape[-1] <= STEPS_UP_TO:
            return torch.stack([self._step_of_chunk(u_t, move_base) for u_t in u.unbind(-1)], dim=-1)
        y = torch.empty(u.shape, dtype=u.dtype, device=u.device)
        start, end = self.position, self.position + u.shape[-1]
        self.buffers.put(start, u)
        if self.schedule.settles(u.shape[-1]):
            self.base = self.buffers.horizon = 0  # sums need not reach beyond the next base: do without
            y[...] = self._take(end)
            self.restore()
            return y
        while self.position < end:
            if self.is_due:
                move_base()
            begin, stop = self.position, self.schedule.piece_end(self.position, self.base, end)
            y[..., begin - start : stop - start] = self._take(stop)
        return y

    def truncate(self, position: int) -> None:
        """Go back to ``position``: within the direct sum, over the last move of the base, or anew."""
        if position == self.position:
            return
        self.position = position
        if self._continues_from(self.base):
            return
        if self._continues_from(self.previous):
            self.buffers.undo()
            self.base = self.previous
        else:
            self.restore()

    def reorder(self, index: Tensor) -> None:
        """Choose among the sequences; the last move of the base cannot be undone then."""
        self.buffers = self.buffers.reorder(index, self.position, self.base)
        self.previous = self.base

    def realign(self, position: int, max_length: int, schedule: Schedule) -> None:
        """Let the steps so far end at another position, in buffers of another length."""
        self.buffers = self.buffers.realign(self.position, position, max_length)
        self.position, self.schedule = position, schedule
        self.restore()

    def put(self, row: int, other: Stream) -> None:
        """Let a sequence be the one of another stream, of as many steps or fewer; no tile may be due."""
        buffers = other.buffers.realign(other.position, self.position, self.buffers.max_length)
        guest = Stream(self.filter, self.schedule, buffers)
        guest.position, guest.base = self.position, self.base
        guest._sum_up(self.schedule.tiles(self.base, self.origin))
        self.buffers.put_row(row, buffers, self.position, self.base)
        self.previous = self.base

    def copy(self) -> Stream:
        """Return a stream of its own memory at the same place; filter and schedule are shared."""
        new = copy.copy(self)
        new.buffers = self.buffers.copy()
        return new

    def replan(self, filter: Filter, schedule: Schedule) -> None:
        """Go on with a filter and schedule for another type or device."""
        self.filter, self.schedule = filter, schedule
        self.restore()

    def restore(self) -> None:
        """Forget the sums and make them anew from all inputs."""
        self.base, tiles = self.schedule.restore(self.position)
        self.origin = self.previous = self.base
        self._sum_up(tiles)

    def _sum_up(self, tiles: list[Tile]) -> None:
        """Make the sums from nothing."""
        self.buffers.horizon, self.buffers.undo_log = 0, None
        for tile in tiles:
            clipped = self._clip(tile)
            if clipped is not None:
                self.buffers.add(clipped, self.contribution(clipped))

    def _continues_from(self, base: int) -> bool:
        """Say whether the direct sum may begin at ``base``; from a long chunk's start it cannot."""
        return base <= self.position <= base + self.schedule.block

    def _step_of_chunk(self, u_t: Tensor, move_base: Callable[[], None]) -> Tensor:
        if self.is_due:
            move_base()
        return self.step(u_t)

    def _direct_sum(self) -> Tensor:
        """Return the sums at the present position plus the newest inputs' part, (H, R, 1)."""
        buffers, backwards, t = self.buffers, self.filter.backwards, self.position
        taps = backwards.shape[1]
        begin = max(self.base, t + 1 - taps)
        history = buffers.inputs[..., begin : t + 1]  # (H, R, M)
        newest = backwards[:, taps - (t + 1 - begin) :]  # (H, M)
        sums = None if buffers.sums is None or t >= buffers.horizon else buffers.sums[..., t : t + 1]
        if history.device.type == "cpu" and history.shape[1] <= FEW_ROWS:
            y = (history * newest[:, None]).sum(-1, keepdim=True)
            return y if sums is None else y.add_(sums)
        if sums is None:
            return torch.bmm(history, newest[..., None])
        return torch.baddbmm(sums, history, newest[..., None])

    def _take(self, end: int) -> Tensor:
        """Advance to ``end``; return the outputs (B, D, P) of inputs that are in the buffer already."""
        start, buffers, taps = self.position, self.buffers, self.filter.taps
        chunk = buffers.from_rows(buffers.inputs[..., start:end])
        y = long_conv(chunk, taps[:, : end - start], self.filter.skip)
        open_tile = self._clip(Tile(self.base, start, start, end))
        if open_tile is not None:
            part = self.contribution(open_tile)
            y[..., : part.shape[-1]] += buffers.from_rows(part)
        ready = min(buffers.horizon, end)
        if buffers.sums is not None and ready > start:
            y[..., : ready - start] += buffers.from_rows(buffers.sums[..., start:ready])
        self.position = end
        return y

    def _clip(self, tile: Tile | None) -> Tile | None:
        return None if tile is None else tile.clip(self.filter.taps.shape[1], self.buffers.max_length)
