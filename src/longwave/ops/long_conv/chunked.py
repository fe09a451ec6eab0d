"""The long convolution by short FFTs of chunks, in bounded scratch memory.

The signal is cut into chunks of P steps and the filter into partitions of Q taps, Q = P unless one partition
holds it all. With V_i the spectrum of chunk i and the Q - 1 steps before it, H_i that of chunk i of
``h = gate_out * dy`` alone, K_j that of partition j, and ``~`` for the conjugate,

    y_i  = last P of irfft(sum_j K_j V_{i-j})                 (overlap-save)
    dv_i = first P of irfft(sum_j ~K_j H_{i+j}), and what the transform of chunk i+1 leaves before its start
    dk_j = irfft(sum_{b,i} ~V_{i-j} H_i), turned by Q - 1

A bidirectional filter has partitions of negative index. Channels, batch and chunks are treated in blocks
whose buffers have a fixed size, unless a filter is longer: the steps a filter reaches back to are kept.
"""

# Shapes: B batch, D width, L length, K taps, P chunk, Q partition, J partitions, W chunks of a buffer,
# N transform length, F = N // 2 + 1 frequencies

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from longwave.ops.long_conv.lengths import next_fast_length
from longwave.ops.long_conv.prepared import PreparedFilter
from longwave.ops.long_conv.recompute import (
    Gradients,
    Inputs,
    arithmetic_type,
    empty_gradients,
    recomputed_conv,
    write_product,
)

__all__ = ["chunked_conv"]

BUFFER = 2**20  # points of one buffer on a CPU: 4 MB in float32; three or four are alive at once
GPU_BUFFER = 2**25
# Transform lengths chosen by default; in between a quarter of the filter, which makes eight partitions.
# Measured at L=K=64K with B8-D256, forward: chunks of 4K 1.17 s, 8K 1.09 s, 16K 1.21 s, 32K 1.73 s.
SHORTEST, LONGEST = 2**13, 2**17
Range = tuple[int, int]  # of chunks, end excluded


def chunked_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
    prepared: PreparedFilter | None = None,
    *,
    chunk_size: int | None = None,
) -> Tensor:
    """Compute ``long_conv`` by chunks; arguments as there, already checked and not empty.

    The result does not depend on ``chunk_size``, but for rounding.
    """
    algorithm = _Chunked(u, k, bidirectional, prepared, chunk_size or _chunk_size(k.shape[-1], bidirectional))
    return recomputed_conv(algorithm, Inputs(u, k, skip, gate_in, gate_out), bidirectional)


def _chunk_size(taps: int, bidirectional: bool) -> int:
    """Return the chunk that goes with a filter: few partitions, but transforms in the cache."""
    n_fft = SHORTEST
    while n_fft < min(taps // 4, LONGEST):
        n_fft *= 2
    if 2 * taps <= n_fft and not bidirectional:  # one partition: what the taps leave of the transform
        return n_fft - taps + 1
    return n_fft // 2


class _Chunked:
    """What forward and backward must agree on, and both of them."""

    def __init__(
        self, u: Tensor, k: Tensor, bidirectional: bool, prepared: PreparedFilter | None, chunk: int
    ) -> None:
        self.dtype = arithmetic_type(u, k)
        self.batch, self.width, self.seq_len = u.shape
        self.heads, self.taps = k.shape[-2:]
        self.bidirectional, self.prepared = bidirectional, prepared
        self.chunk = min(chunk, self.seq_len)
        self.part = self.chunk if bidirectional else min(self.chunk, self.taps)
        self.lead = self.part - 1  # steps of the chunk before that a window holds
        self.n_fft = next_fast_length(self.chunk + self.lead)
        self.n_chunks = -(-self.seq_len // self.chunk)
        n_parts = -(-self.taps // self.part)
        self.parts: Range = (-n_parts if bidirectional else 0, n_parts)
        self._size_blocks(BUFFER if u.device.type == "cpu" else GPU_BUFFER)

    def _size_blocks(self, points: int) -> None:
        halo = self.parts[1] - self.parts[0]
        self.group = max(halo, points // self.n_fft - halo)
        windows = min(self.n_chunks + 1, self.group + halo) * self.n_fft
        self.rows = min(max(1, points // windows), self.batch)
        self.step = min(max(1, points // (windows * self.rows)), self.width)

    def forward(self, inputs: Inputs, kept: list[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        u, k, skip, gate_in, gate_out = inputs
        y = torch.empty(u.shape, dtype=u.dtype, device=u.device)
        for channels in _steps(self.width, self.step):
            filters = self._filters(k, skip, channels)
            for here, chunks in self._blocks(channels):
                windows = self._reach(chunks)
                spectra = self._windows(u[here], _part(gate_in, here), windows)
                values = self._convolve(spectra, filters, windows, chunks)
                self._write(values, _part(gate_out, here), y[here], chunks)
        return y

    def gradients(
        self,
        inputs: Inputs,
        needs: tuple[bool, ...],
        grad: Tensor,
        kept: Sequence[Tensor] = (),  # noqa: ARG002
    ) -> Gradients:
        u, k, skip, gate_in, gate_out = inputs
        du, dgate_in, dgate_out = empty_gradients(inputs, needs)
        needs_filter = needs[1] or needs[2]
        lags = (
            u.new_empty((self.width, self._n_parts * self.part), dtype=self.dtype) if needs_filter else None
        )
        for channels in _steps(self.width, self.step):
            filters = self._filters(k, skip, channels)
            correlation = torch.zeros_like(filters) if needs_filter else None
            for here, chunks in self._blocks(channels):
                if needs_filter or dgate_out is not None:
                    windows = self._reach(chunks)
                    spectra = self._windows(u[here], _part(gate_in, here), windows)
                    if dgate_out is not None:
                        values = self._convolve(spectra, filters, windows, chunks)
                        self._write(values, grad[here], dgate_out[here], chunks)
                    if correlation is not None:
                        spectra_h = self._padded(grad[here], _part(gate_out, here), chunks)
                        self._correlate(spectra, spectra_h, windows, chunks, correlation)
                        del spectra_h
                    del spectra
                if du is not None or dgate_in is not None:
                    dv = self._adjoint(grad[here], _part(gate_out, here), filters, chunks)
                    if du is not None:
                        self._write(dv, _part(gate_in, here), du[here], chunks)
                    if dgate_in is not None:
                        self._write(dv, u[here], dgate_in[here], chunks)
            if correlation is not None and lags is not None:
                # a window starts ``lead`` steps before its chunk, so that lag zero stands at -lead
                signal = torch.fft.irfft(correlation, n=self.n_fft).roll(self.lead, -1)
                lags[channels] = signal[..., : self.part].flatten(1)  # (D, J Q)
        if lags is None:
            return du, None, None, dgate_in, dgate_out
        dk, dskip = self._filter_gradients(lags, k, skip)
        return du, dk, dskip, dgate_in, dgate_out

    @property
    def _n_parts(self) -> int:
        return self.parts[1] - self.parts[0]

    def _blocks(self, channels: slice) -> Iterator[tuple[tuple[slice, slice], Range]]:
        for rows in _steps(self.batch, self.rows):
            for start in range(0, self.n_chunks, self.group):
                yield (rows, channels), (start, min(start + self.group, self.n_chunks))

    def _reach(self, chunks: Range) -> Range:
        """Return the windows that outputs depend on; bidirectional: one past the end holds the last steps."""
        first = max(0, chunks[0] - self.parts[1] + 1)
        return first, min(self.n_chunks + self.bidirectional, chunks[1] - self.parts[0])

    def _filters(self, k: Tensor, skip: Tensor | None, channels: slice) -> Tensor:
        if self.prepared is None:
            return self._filter_spectra(k, skip, channels)
        everything = slice(0, self.width)
        key = ("chunked", self.chunk, self.part, self.n_fft, self.width, self.dtype)
        spectra = self.prepared.spectrum(key, lambda: self._filter_spectra(k, skip, everything))
        return spectra[channels]

    def _filter_spectra(self, k: Tensor, skip: Tensor | None, channels: slice) -> Tensor:
        """Transform the partitions of the filters, the skip added as a tap at lag zero."""
        head = torch.arange(channels.start, channels.stop, device=k.device) // (self.width // self.heads)
        taps = k.to(self.dtype).index_select(-2, head) if self.heads != self.width else k[..., channels, :]
        zero = -self.parts[0] * self.part  # where lag zero stands
        lags = taps.new_zeros((len(head), self._n_parts * self.part), dtype=self.dtype)
        lags[:, zero : zero + self.taps] = taps[0] if self.bidirectional else taps
        if self.bidirectional:
            lags[:, zero - self.taps + 1 : zero + 1] += taps[1].flip(-1)
        if skip is not None:
            lags[:, zero] += skip[channels].to(self.dtype)
        spectra: Tensor = torch.fft.rfft(torch.unflatten(lags, -1, (self._n_parts, self.part)), n=self.n_fft)
        return spectra  # (D, J, F)

    def _windows(self, u: Tensor, gate: Tensor | None, windows: Range) -> Tensor:
        """Transform chunks of ``gate * u``, each after the ``lead`` steps before it."""
        buffer = self._buffer(u, windows)
        self._read(u, gate, buffer[..., self.lead : self.lead + self.chunk], windows)
        buffer[..., self.lead + self.chunk :] = 0
        if self.lead:
            buffer[:, :, 1:, : self.lead] = buffer[:, :, :-1, self.chunk : self.chunk + self.lead]
            start = windows[0] * self.chunk
            if start == 0:
                buffer[:, :, 0, : self.lead] = 0
            else:
                before = slice(start - self.lead, start)
                gate = None if gate is None else gate[..., before]
                write_product(u[..., before], gate, buffer[:, :, 0, : self.lead])
        spectra: Tensor = torch.fft.rfft(buffer)
        return spectra  # (B, D, W, F)

    def _padded(self, grad: Tensor, gate: Tensor | None, chunks: Range) -> Tensor:
        """Transform chunks of ``gate * grad``, zeros after each."""
        buffer = self._buffer(grad, chunks)
        self._read(grad, gate, buffer[..., : self.chunk], chunks)
        buffer[..., self.chunk :] = 0
        spectra: Tensor = torch.fft.rfft(buffer)
        return spectra  # (B, D, W, F)

    def _buffer(self, u: Tensor, chunks: Range) -> Tensor:
        shape = (*u.shape[:2], chunks[1] - chunks[0], self.n_fft)
        return torch.empty(shape, dtype=self.dtype, device=u.device)

    def _convolve(self, spectra: Tensor, filters: Tensor, windows: Range, chunks: Range) -> Tensor:
        if self._n_parts == 1:
            total = spectra * filters
        else:
            total = spectra.new_zeros((*spectra.shape[:2], chunks[1] - chunks[0], spectra.shape[-1]))
            for index, part in enumerate(range(*self.parts)):
                to, of = _overlap(chunks, windows, part)
                total[:, :, to].addcmul_(spectra[:, :, of], filters[:, index : index + 1])
        signal: Tensor = torch.fft.irfft(total, n=self.n_fft)
        return signal[..., self.lead : self.lead + self.chunk]  # (B, D, W, P)

    def _adjoint(self, grad: Tensor, gate: Tensor | None, filters: Tensor, chunks: Range) -> Tensor:
        """Return chunks of ``dv``; one transform more than chunks, for what it leaves before its start."""
        outer = (chunks[0], min(chunks[1] + 1, self.n_chunks + self.bidirectional))
        reach = (max(0, outer[0] + self.parts[0]), min(self.n_chunks, outer[1] + self.parts[1] - 1))
        spectra = self._padded(grad, gate, reach)
        total = spectra.new_zeros((*spectra.shape[:2], outer[1] - outer[0], spectra.shape[-1]))
        for index, part in enumerate(range(*self.parts)):
            to, of = _overlap(outer, reach, -part)
            total[:, :, to].addcmul_(spectra[:, :, of], filters[:, index : index + 1].conj())
        signal = torch.fft.irfft(total, n=self.n_fft)
        dv: Tensor = signal[:, :, : chunks[1] - chunks[0], : self.chunk]
        if self.lead:
            before = signal[:, :, 1:, self.n_fft - self.lead :]
            dv[:, :, : before.shape[2], self.chunk - self.lead :] += before
        return dv

    def _correlate(
        self, spectra_v: Tensor, spectra_h: Tensor, windows: Range, chunks: Range, out: Tensor
    ) -> None:
        """Add ``sum_{b,i} ~V_{i-j} H_i`` to row j of ``out``; ``spectra_v`` is overwritten."""
        conjugate = spectra_v.conj_physical_()
        for index, part in enumerate(range(*self.parts)):
            to, of = _overlap(chunks, windows, part)
            out[:, index] += (conjugate[:, :, of] * spectra_h[:, :, to]).sum((0, 2))

    def _filter_gradients(self, lags: Tensor, k: Tensor, skip: Tensor | None) -> tuple[Tensor, Tensor | None]:
        zero = -self.parts[0] * self.part
        dskip = None if skip is None else lags[:, zero].to(skip.dtype)
        if self.heads != self.width:
            lags = torch.unflatten(lags, 0, (self.heads, -1)).sum(1)
        dk = lags[:, zero : zero + self.taps]
        if self.bidirectional:
            dk = torch.stack([dk, lags[:, zero - self.taps + 1 : zero + 1].flip(-1)])
        return dk.to(k.dtype), dskip

    def _read(self, u: Tensor, gate: Tensor | None, out: Tensor, chunks: Range) -> None:
        """Write chunks of ``gate * u`` into ``out``, zeros past the end."""
        for rows, steps in self._pieces(chunks):
            piece = out[:, :, rows, : steps.size]
            write_product(steps.of(u), None if gate is None else steps.of(gate), piece)
            out[:, :, rows, steps.size :] = 0
        out[:, :, self.n_chunks - chunks[0] :] = 0

    def _write(self, values: Tensor, gate: Tensor | None, out: Tensor, chunks: Range) -> None:
        for rows, steps in self._pieces(chunks):
            piece = values[:, :, rows, : steps.size]
            write_product(piece, None if gate is None else steps.of(gate), steps.of(out))

    def _pieces(self, chunks: Range) -> Iterator[tuple[slice, _Steps]]:
        """Yield the whole chunks of a range and then the last one, if it is cut short."""
        start, stop = chunks[0], min(chunks[1], self.n_chunks)
        whole = min(stop, self.seq_len // self.chunk)
        if whole > start:
            yield slice(0, whole - start), _Steps(start * self.chunk, whole - start, self.chunk)
        if stop > max(whole, start):
            rest = self.seq_len - whole * self.chunk
            yield slice(whole - start, stop - start), _Steps(whole * self.chunk, 1, rest)


class _Steps:
    """A run of equal pieces of a signal."""

    def __init__(self, start: int, count: int, size: int) -> None:
        self.start, self.count, self.size = start, count, size

    def of(self, u: Tensor) -> Tensor:
        """Return the pieces as a view of shape (B, D, count, size)."""
        return torch.unflatten(
            u[..., self.start : self.start + self.count * self.size], -1, (self.count, self.size)
        )


def _overlap(to: Range, of: Range, shift: int) -> tuple[slice, slice]:
    """Return where ``i`` of one range and ``i - shift`` of the other exist, counted from their starts."""
    start = max(to[0], of[0] + shift)
    stop = max(start, min(to[1], of[1] + shift))
    first, second = start - to[0], start - shift - of[0]
    return slice(first, first + stop - start), slice(second, second + stop - start)


def _steps(n: int, step: int) -> Iterator[slice]:
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _part(gate: Tensor | None, here: tuple[slice, slice]) -> Tensor | None:
    return None if gate is None else gate[here]
