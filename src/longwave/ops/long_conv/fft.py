"""The long convolution by real FFTs, with a backward pass of its own.

Autograd's derivative of ``rfft`` is a complex transform of twice the work. Here the backward pass knows that
its signals are real: with ``h = gate_out * dy``, capital letters for spectra and ``~`` for the conjugate,

    dv = irfft(~K H)        dk = irfft(sum_b ~V H)        dgate_out = dy * irfft(V K)

The skip is one more tap at lag zero, so it is added to the filter's spectrum and costs nothing. On a CPU only
the inputs are saved and spectra are made again, which costs little in blocks that stay in the cache; on a GPU
V and K are kept.
"""

# Shapes: B batch, D width, L length, K taps, H filters, N transform length, F = N // 2 + 1 frequencies

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

__all__ = ["fft_conv", "next_fast_length"]

# Points of one block of padded channels, the least and the most: 2 MB in float32, so that a block's chain of
# transforms stays in the cache; longer transforms take up to 8 MB, because MKL computes its table of roots
# in every call (12 ns a point), which more rows share. Measured with 2 cores (Xeon with 2 MB L2 a core),
# B8-D256, forward, 2 MB against 8 MB: L=1K 4.1 and 4.5 ms, L=16K 240 and 168 ms, L=64K 880 and 760 ms.
CPU_BLOCK = (2**19, 2**21)
ROWS = 128  # of a block, between the two
KEEPING = ("cuda",)  # devices where spectra are kept for the backward pass, as torch's own gradients would


def fft_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
    prepared: PreparedFilter | None = None,
) -> Tensor:
    """Compute ``long_conv`` by FFT; arguments as there, already checked and not empty."""
    inputs = Inputs(u, k, skip, gate_in, gate_out)
    return recomputed_conv(_FFT(u, k, bidirectional, prepared), inputs, bidirectional)


class _FFT:
    """What forward and backward must agree on, and both of them."""

    def __init__(self, u: Tensor, k: Tensor, bidirectional: bool, prepared: PreparedFilter | None) -> None:
        self.dtype = arithmetic_type(u, k)
        self.batch, self.width, self.seq_len = u.shape
        self.taps = k.shape[-1]
        # L + K - 1 points keep what wraps around away from the L outputs, on both sides when bidirectional.
        self.n_fft = next_fast_length(self.seq_len + self.taps - 1)
        self.bidirectional = bidirectional
        self.prepared = prepared
        least, most = CPU_BLOCK
        points = min(max(least, ROWS * self.n_fft), most)
        on_cpu = u.device.type == "cpu"
        self.step = max(1, points // (self.batch * self.n_fft)) if on_cpu else self.width

    def forward(self, inputs: Inputs, kept: list[Tensor] | None = None) -> Tensor:
        u, k, skip, gate_in, gate_out = inputs
        filters, padded = self._filters(k, skip), self._padded(u)
        signals: list[Tensor] | None = None
        if kept is not None and u.device.type in KEEPING:
            kept.append(filters)
            signals = kept if any(_needs_grad(t) for t in (k, skip, gate_out)) else None

        def values(block: slice) -> Tensor:
            spectrum = self._spectrum(u[:, block], _part(gate_in, block), padded)
            if signals is None:
                return self._inverse(spectrum.mul_(filters[block]))
            signals.append(spectrum)
            return self._inverse(spectrum * filters[block])

        if self.step >= self.width and gate_out is None and u.dtype == self.dtype:
            # One block: the signal may stay where its padding is, a few MB on a CPU. On a GPU torch's irfft
            # leaves it there too, and a copy takes a tenth of the time.
            return values(slice(None))
        y = torch.empty(u.shape, dtype=u.dtype, device=u.device)
        for block in self._blocks():
            write_product(values(block), _part(gate_out, block), y[:, block])
        return y

    def gradients(
        self, inputs: Inputs, needs: tuple[bool, ...], grad: Tensor, kept: Sequence[Tensor] = ()
    ) -> Gradients:
        u, k, skip, gate_in, gate_out = inputs
        du, dgate_in, dgate_out = empty_gradients(inputs, needs)
        filters, signals = (kept[0], kept[1:]) if kept else (self._filters(k, skip), ())
        padded = self._padded(u)
        correlation = torch.empty_like(filters) if needs[1] or needs[2] else None
        for n, block in enumerate(self._blocks()):
            spectrum_h = self._spectrum(grad[:, block], _part(gate_out, block), padded)
            if correlation is not None or dgate_out is not None:
                spectrum_v = (
                    signals[n] if signals else self._spectrum(u[:, block], _part(gate_in, block), padded)
                )
                if dgate_out is not None:
                    values = self._inverse(spectrum_v * filters[block])
                    write_product(values, grad[:, block], dgate_out[:, block])
                if correlation is not None and signals:  # which must not change
                    correlation[block] = torch.linalg.vecdot(spectrum_v, spectrum_h, dim=0)
                elif correlation is not None:
                    _correlate(spectrum_v, spectrum_h, out=correlation[block])
            if du is not None or dgate_in is not None:
                dv = self._inverse(spectrum_h.mul_(filters[block].conj()))
                if du is not None:
                    write_product(dv, _part(gate_in, block), du[:, block])
                if dgate_in is not None:
                    write_product(dv, u[:, block], dgate_in[:, block])
        if correlation is None:
            return du, None, None, dgate_in, dgate_out
        dk, dskip = self._filter_gradients(correlation, k, skip)
        return du, dk, dskip, dgate_in, dgate_out

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, self.width, self.step):
            yield slice(start, min(start + self.step, self.width))

    def _padded(self, u: Tensor) -> Tensor:
        """Return a buffer for a block of signals whose padding is zero and stays so."""
        shape = (self.batch, min(self.step, self.width), self.n_fft)
        padded = torch.empty(shape, dtype=self.dtype, device=u.device)
        padded[..., self.seq_len :] = 0
        return padded

    def _spectrum(self, u: Tensor, gate: Tensor | None, padded: Tensor) -> Tensor:
        """Transform ``gate * u``; the product is written straight into the padded buffer."""
        padded = padded[:, : u.shape[1]]
        write_product(u, gate, padded[..., : self.seq_len])
        spectrum: Tensor = torch.fft.rfft(padded)  # (B, D, F)
        return spectrum

    def _inverse(self, spectrum: Tensor) -> Tensor:
        signal: Tensor = torch.fft.irfft(spectrum, n=self.n_fft)
        return signal[..., : self.seq_len]

    def _filters(self, k: Tensor, skip: Tensor | None) -> Tensor:
        if self.prepared is None:
            return self._filter_spectrum(k, skip)
        key = ("fft", self.n_fft, self.width, self.dtype)
        return self.prepared.spectrum(key, lambda: self._filter_spectrum(k, skip))

    def _filter_spectrum(self, k: Tensor, skip: Tensor | None) -> Tensor:
        """Transform the filters of all channels, the skip added as a tap at lag zero."""
        spectrum: Tensor = torch.fft.rfft(k.to(self.dtype), n=self.n_fft)
        if self.bidirectional:  # conjugation turns time around
            spectrum = spectrum[0] + spectrum[1].conj()
        if spectrum.shape[0] != self.width:
            spectrum = spectrum.repeat_interleave(self.width // spectrum.shape[0], dim=0)
        return spectrum if skip is None else spectrum + skip.to(self.dtype)[:, None]  # (D, F)

    def _filter_gradients(
        self, correlation: Tensor, k: Tensor, skip: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Read gradients off the correlation of input and gradient: lag j is tap j's, lag 0 the skip's."""
        lags: Tensor = torch.fft.irfft(correlation, n=self.n_fft)  # (D, N)
        dskip = None if skip is None else lags[:, 0].to(skip.dtype)
        heads = k.shape[-2]
        if heads != lags.shape[0]:
            lags = lags.view(heads, -1, self.n_fft).sum(1)  # (H, N)
        dk = lags[:, : self.taps]
        if self.bidirectional:
            ahead = lags.roll(-1, dims=-1).flip(-1)[:, : self.taps]  # lags 0, -1, -2, ... of the circle
            dk = torch.stack([dk, ahead])
        return dk.to(k.dtype), dskip


def _part(gate: Tensor | None, block: slice) -> Tensor | None:
    return None if gate is None else gate[:, block]


def _needs_grad(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.requires_grad


def _correlate(spectrum_v: Tensor, spectrum_h: Tensor, out: Tensor) -> None:
    """Write ``sum_b ~V H`` into ``out``; ``spectrum_v`` is overwritten.

    On a CPU, conjugating in place and adding row after row takes 0.6 of the time of ``torch.linalg.vecdot``.
    """
    conjugate = spectrum_v.conj_physical_()
    torch.mul(conjugate[0], spectrum_h[0], out=out)
    for v, h in zip(conjugate[1:], spectrum_h[1:], strict=True):
        out.addcmul_(v, h)
