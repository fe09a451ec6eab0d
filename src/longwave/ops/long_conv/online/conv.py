"""A causal long convolution whose input arrives piece by piece."""

# Shapes: B batch, D width, P steps of a chunk, L max_length, K taps, H filters, R = B D / H rows of a filter

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.ops.long_conv.online.buffers import Buffers, Filter
from longwave.ops.long_conv.online.checks import check_dtype, check_filter, check_index
from longwave.ops.long_conv.online.choose import MODES, choose_mode, make_schedule
from longwave.ops.long_conv.online.schedules import Schedule
from longwave.ops.long_conv.online.stream import Stream

__all__ = ["OnlineConv"]


class OnlineConv:
    """Convolve a signal that arrives piece by piece, exactly as ``long_conv`` would have in one go.

    The object is filter and state in one. Inputs come one step at a time or in chunks, in any mixture; the
    outputs do not depend on the split, up to rounding. Without gradients.

    Parameters
    ----------
    k : Tensor, shape (D, K) or (heads, K), K <= max_length
        Filters, copied; ``k[:, 0]`` multiplies the present step. With fewer filters than channels, ``D /
        heads`` neighbouring channels share one. A filter shorter than ``max_length`` is a window.
    max_length : int
        Steps to make room for.
    mode : {"auto", "lazy", "epoched", "relaxed"}
        How old inputs are summed up. Lazy: by a dot product each step, O(L²) in all. Epoched: by one FFT
        every ``sqrt(L log L)`` steps. Relaxed: by tiles that double in size, O(L log² L). ``"auto"`` is the
        fastest measured.
    skip : Tensor, shape (D,), optional
        Weight of the input itself, added to the convolution.
    batch : int, optional
        Number of sequences; by default that of the first input.

    Raises
    ------
    ShapeError
        If filter, skip and length do not fit together.
    UnknownName
        If there is no such mode.

    Notes
    -----
    Arithmetic is float32, or float64 where the filter is or ``to`` asked for it; outputs have the type of
    their inputs. Memory is L inputs per channel and sequence; L sums more when epoched, relaxed, or after a
    chunk; and spectra of the filter's beginnings, about 2 L numbers per filter when relaxed. No step waits
    for the device.

    References
    ----------
    Tiles: arXiv 2410.12982. Epochs, and the future contributions of a prompt: arXiv 2410.03766.

    Examples
    --------
    >>> conv = OnlineConv(torch.tensor([[1.0, 10.0, 100.0]]), max_length=8)
    >>> conv.prefill(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[ 1., 12.]]])
    >>> conv.step(torch.tensor([[3.0]]))
    tensor([[123.]])
    """

    def __init__(
        self,
        k: Tensor,
        max_length: int,
        mode: str = "auto",
        *,
        skip: Tensor | None = None,
        batch: int | None = None,
    ) -> None:
        check_filter(k, max_length, skip, batch)
        if mode not in MODES:
            raise UnknownName("OnlineConv mode", mode, MODES)
        self.max_length = self._longest = max_length
        self.batch = batch
        self._requested_mode = self._mode = mode
        dtype = torch.promote_types(k.dtype, torch.float32)
        taps = k if k.shape[1] else k.new_zeros((k.shape[0], 1))
        self._filter = Filter(taps, skip, dtype, k.device)
        self._stream: Stream | None = None  # made when batch and width are known
        self._flush_group: Callable[[], int] | None = None  # runs the tiles of all members, this one's too

    @property
    def position(self) -> int:
        """Steps taken so far."""
        return 0 if self._stream is None else self._stream.position

    @property
    def mode(self) -> str:
        """The mode in use; "auto" until the first input tells batch and width."""
        return self._mode

    @property
    def dtype(self) -> torch.dtype:
        """Type of the arithmetic."""
        return self._filter.taps.dtype

    @property
    def device(self) -> torch.device:
        """Where inputs must be."""
        return self._filter.taps.device

    @property
    def nbytes(self) -> int:
        """Memory held by filter, spectra, inputs and sums."""
        return self._filter.nbytes + (0 if self._stream is None else self._stream.buffers.nbytes)

    @torch.no_grad()
    def step(self, u_t: Tensor) -> Tensor:
        """Take one more step.

        Parameters
        ----------
        u_t : Tensor, shape (B, D)

        Returns
        -------
        Tensor, shape (B, D)
            ``skip u[t] + sum_{j<=min(t, K-1)} k[j] u[t-j]`` in the type of ``u_t``.

        Raises
        ------
        ShapeError
            If batch, width, type or device do not fit, or ``max_length`` steps were taken before.
        """
        if u_t.dim() != 2:
            raise ShapeError(
                f"step of OnlineConv needs input of shape (B, D), not {tuple(u_t.shape)}. "
                f"Use prefill for chunks (B, D, P)."
            )
        stream = self._accept(u_t, 1)
        with _no_autocast(self.device):
            if stream.is_due:
                self._move_base(stream)
            return stream.step(u_t)

    @torch.no_grad()
    def prefill(self, u: Tensor) -> Tensor:
        """Take the next chunk of steps; any number of times, also between steps.

        Parameters
        ----------
        u : Tensor, shape (B, D, P)
            Any P from 0 on; no steps change nothing.

        Returns
        -------
        Tensor, shape (B, D, P)
            In the type of ``u``.

        Raises
        ------
        ShapeError
            If batch, width, type or device do not fit, or there is no room for P more steps.

        Notes
        -----
        What the chunk contributes to later outputs is kept: relaxed, in tiles as they fall due; otherwise,
        for a chunk of 64 steps or more, by one FFT over all outputs to come, after which decoding is as cheap
        as from the start of a stream.
        """
        if u.dim() != 3:
            raise ShapeError(
                f"prefill of OnlineConv needs input of shape (B, D, P), not {tuple(u.shape)}. "
                f"Use step for single steps (B, D)."
            )
        if u.shape[-1] == 0:
            self._check(u, 0)
            return u
        stream = self._accept(u, u.shape[-1])
        with _no_autocast(self.device):
            return stream.prefill(u, lambda: self._move_base(stream))

    def reorder(self, index: Tensor | Sequence[int]) -> None:
        """Replace the sequences by chosen ones of them, as beam search does.

        Parameters
        ----------
        index : Tensor or sequence of int, shape (new B,)
            For each new sequence the number of a present one; some may be missing, some repeated.

        Raises
        ------
        ShapeError
            If ``index`` is not such a vector, or there are no sequences yet.
        """
        if self.batch is None:
            raise ShapeError(
                "There are no sequences to reorder before the first input. Take a step, or give batch=."
            )
        index = torch.as_tensor(index, dtype=None if len(index) else torch.int64)
        check_index(index, self.batch)
        self.batch = len(index)
        if self._stream is not None:
            with torch.no_grad():
                stream = self._stream
                stream.reorder(index.to(self.device))

    def realign(self, position: int, max_length: int) -> None:
        """Let the steps so far end at another position, with room for ``max_length``; O(L log L).

        Going up puts zeros in front. Going down drops as many steps, which must have been zeros.

        Raises
        ------
        ShapeError
            If there is less room than steps or more than this was built for, or no step was taken yet and the
            position is not 0.
        """
        fits = 0 <= position <= max_length and 1 <= max_length <= self._longest
        if not fits or (self._stream is None and position):
            raise ShapeError(
                f"Cannot let {self.position} steps end at position {position} of max_length={max_length}. "
                f"Give a max_length up to {self._longest}, as this OnlineConv was built, and a position "
                f"within it; without any step it is 0."
            )
        self.max_length = max_length
        if self._stream is not None:
            with torch.no_grad(), _no_autocast(self.device):
                buffers = self._stream.buffers
                schedule = self._plan(buffers.batch * buffers.width)
                self._stream.realign(position, max_length, schedule)

    def put(self, row: int, other: OnlineConv) -> None:
        """Let a sequence be the only one of another stream with the same filter; O(L log L).

        The newcomer's steps end where these end, after zeros where it has fewer; its own stream is left as it
        was.

        Raises
        ------
        ShapeError
            If there is no such sequence, or the other stream has more than one, no step, or more steps.
        """
        if (
            self._stream is None
            or other._stream is None
            or other.batch != 1
            or not 0 <= row < self._stream.buffers.batch
            or not 0 < other.position <= self.position
        ):
            raise ShapeError(
                f"Cannot put a stream of {other.batch} sequences at position {other.position} in place of "
                f"sequence {row} of {self.batch} at position {self.position}. Give one sequence of at most "
                f"as many steps, or realign this stream first."
            )
        with torch.no_grad(), _no_autocast(self.device):
            if self._stream.is_due:
                self._move_base(self._stream)
            self._stream.put(row, other._stream)

    def truncate(self, position: int) -> None:
        """Go back to an earlier position, as if the steps from there on had never been taken.

        Parameters
        ----------
        position : int, from 0 to the present position

        Raises
        ------
        ShapeError
            If the stream has not come that far.

        Notes
        -----
        Next to free for at least as many steps as the smallest tile has inputs (32 on a CPU), and for all
        since the last long chunk when lazy. Otherwise the sums are computed anew, O(L log L); so they are to
        go back into a long chunk, or over a tile that was run before a ``reorder``.
        """
        if not 0 <= position <= self.position:
            raise ShapeError(
                f"Cannot go back to position {position}: {self.position} steps were taken. "
                f"Give a position from 0 to {self.position}."
            )
        if self._stream is not None:
            with torch.no_grad(), _no_autocast(self.device):
                self._stream.truncate(position)

    def copy(self) -> OnlineConv:
        """Return an independent stream at the same position; the filter's memory is shared.

        The copy belongs to no group.
        """
        new = copy.copy(self)
        new._flush_group = None
        new._stream = None if self._stream is None else self._stream.copy()
        return new

    def reset(self) -> None:
        """Forget all steps, and the batch size; keep the filter and its spectra."""
        self.batch = None
        self._stream = None
        self._mode = self._requested_mode

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> OnlineConv:
        """Move filter and state to a device, or change the type of the arithmetic; return this object.

        Raises
        ------
        ConfigError
            If ``dtype`` is neither float32 nor float64.
        """
        dtype = self.dtype if dtype is None else dtype
        if dtype not in (torch.float32, torch.float64):
            raise ConfigError(
                f"OnlineConv cannot compute in {dtype}, only in float32 and float64. "
                f"Inputs of narrower types need no conversion."
            )
        target = self.device if device is None else torch.empty(0, device=device).device
        self._filter = Filter(self._filter.taps, self._filter.skip, dtype, target)
        if self._stream is not None:
            with torch.no_grad(), _no_autocast(target):
                buffers = self._stream.buffers
                buffers.to(dtype, target)
                self._stream.replan(self._filter, self._plan(buffers.batch * buffers.width))
        return self

    def _accept(self, u: Tensor, steps: int) -> Stream:
        """Check an input (B, D) or (B, D, P); return the stream that takes it, made if it is the first."""
        self._check(u, steps)
        if self._stream is not None:
            return self._stream
        heads = self._filter.taps.shape[0]
        batch, width = u.shape[:2]
        buffers = Buffers(batch, width, heads, self.max_length, self.dtype, self.device)
        self._stream, self.batch = Stream(self._filter, self._plan(batch * width), buffers), batch
        return self._stream

    def _plan(self, n_channels: int) -> Schedule:
        """Resolve the mode for a stream of so many channels of all sequences on this device."""
        device_type = self.device.type
        if self._requested_mode == "auto":
            self._mode = choose_mode(n_channels * self.max_length, device_type)
        return make_schedule(self._mode, self.max_length, device_type)

    def _check(self, u: Tensor, steps: int) -> None:
        check_dtype(u, self.dtype, self.device)
        self._check_size(*u.shape[:2])
        if self.position + steps > self.max_length:
            raise ShapeError(
                f"This OnlineConv has room for max_length={self.max_length} steps; it is at position "
                f"{self.position} and {steps} more do not fit. Build it with max_length="
                f"{self.position + steps} or more, or call reset() to begin anew."
            )

    def _check_size(self, batch: int, width: int) -> None:
        if self.batch is not None and batch != self.batch:
            raise ShapeError(
                f"The input has {batch} sequences but this OnlineConv holds {self.batch}. "
                f"Give as many, choose among them with reorder(index), or call reset()."
            )
        heads, skip = self._filter.taps.shape[0], self._filter.skip
        if self._stream is not None:
            wanted, fits = str(self._stream.buffers.width), width == self._stream.buffers.width
        elif skip is not None:
            wanted, fits = str(len(skip)), width == len(skip)
        else:
            wanted, fits = f"a multiple of the filter's {heads} rows", width > 0 and width % heads == 0
        if not fits:
            raise ShapeError(
                f"The input has width {width} but this OnlineConv takes {wanted}. "
                f"Give one channel for each filter, or the same number for each."
            )

    def _move_base(self, stream: Stream) -> None:
        """Run the tile that is due, together with those of the group."""
        if self._flush_group is not None:
            self._flush_group()
        else:
            tile = stream.due_tile()
            stream.move_base(tile, None if tile is None else stream.contribution(tile))


def _no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Keep products in the type of their factors; entered only where needed, since a step is short."""
    kind = device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()
