"""The long convolution by real FFTs, with a backward pass of its own.

Autograd's derivative of ``rfft`` is a complex transform of twice the work. Here the backward pass knows that
its signals are real: with ``h = gate_out * dy``, capital letters for spectra and ``~`` for the conjugate,

    dv = irfft(~K H)        dk = irfft(sum_b ~V H)        dgate_out = dy * irfft(V K)

The skip is one more tap at lag zero, so it is added to the filter's spectrum and costs nothing. Only the
inputs are saved; spectra are made again.
"""

# Shapes: B batch, D width, L length, K taps, H filters, N transform length, F = N // 2 + 1 frequencies

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["fft_conv", "next_fast_length"]

# Points of one block of padded channels: 2 MB in float32, so that a block's chain of transforms stays in the
# cache (measured with 2 cores at B16-D160-L512: 13 ms forward and backward against 21 ms in one piece).
CPU_BLOCK = 2**19

Grads = tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None, None]


def fft_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> Tensor:
    """Compute ``long_conv`` by FFT; arguments as there, already checked and not empty."""
    y: Tensor = _FFTConv.apply(u, k, skip, gate_in, gate_out, bidirectional)  # type: ignore[no-untyped-call]
    return y


def next_fast_length(n: int) -> int:
    """Return the smallest length from ``n`` on whose FFT is fast.

    That is a multiple of 8 without a prime factor above 5; below 16 any such number. Measured with MKL, odd
    and barely even lengths such as 1125 or 1250 take two to four times as long per point as 1152 and 1280.

    Examples
    --------
    >>> [next_fast_length(n) for n in (1, 7, 1023, 1025, 2047)]
    [1, 8, 1024, 1080, 2048]
    """
    step = 8 if n >= 16 else 1
    candidate = max(-(-n // step) * step, 1)
    while not _is_smooth(candidate):
        candidate += step
    return candidate


def _is_smooth(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


class _Plan(NamedTuple):
    """What forward and backward must agree on."""

    dtype: torch.dtype  # of the arithmetic
    seq_len: int
    taps: int
    n_fft: int
    bidirectional: bool
    blocks: tuple[slice, ...]  # of channels, treated one after the other


class _FFTConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        u: Tensor,
        k: Tensor,
        skip: Tensor | None,
        gate_in: Tensor | None,
        gate_out: Tensor | None,
        bidirectional: bool,
    ) -> Tensor:
        plan = _plan(u, k, bidirectional)
        ctx.plan = plan  # type: ignore[attr-defined]
        ctx.save_for_backward(u, k, skip, gate_in, gate_out)  # type: ignore[arg-type]
        y = torch.empty(u.shape, dtype=u.dtype, device=u.device)
        with torch.autocast(u.device.type, enabled=False):
            filters = _filter_spectrum(k, skip, u.shape[1], plan)
            for block in plan.blocks:
                spectrum = _gated_spectrum(u, gate_in, block, plan)
                _multiply(_inverse(spectrum.mul_(filters[block]), plan), gate_out, block, out=y)
        return y

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grad_outputs: Tensor) -> Grads:
        (grad,) = grad_outputs
        plan: _Plan = ctx.plan  # type: ignore[attr-defined]
        u, k, skip, gate_in, gate_out = ctx.saved_tensors  # type: ignore[attr-defined]
        saved = _Saved(u, k, skip, gate_in, gate_out)
        needs: tuple[bool, ...] = ctx.needs_input_grad  # type: ignore[attr-defined]
        with torch.autocast(grad.device.type, enabled=False):
            if torch.is_grad_enabled():
                return _differentiable_gradients(saved, needs, grad, plan)
            return _gradients(saved, needs, grad, plan)


class _Saved(NamedTuple):
    u: Tensor
    k: Tensor
    skip: Tensor | None
    gate_in: Tensor | None
    gate_out: Tensor | None


def _plan(u: Tensor, k: Tensor, bidirectional: bool) -> _Plan:
    dtype = torch.promote_types(torch.promote_types(u.dtype, k.dtype), torch.float32)
    batch, width, seq_len = u.shape
    taps = k.shape[-1]
    # L + K - 1 points keep what wraps around away from the L outputs, on both sides when bidirectional.
    n_fft = next_fast_length(seq_len + taps - 1)
    step = width if u.device.type != "cpu" else max(1, CPU_BLOCK // (batch * n_fft))
    blocks = tuple(slice(start, start + step) for start in range(0, width, step))
    return _Plan(dtype, seq_len, taps, n_fft, bidirectional, blocks)


def _gated_spectrum(u: Tensor, gate: Tensor | None, block: slice, plan: _Plan) -> Tensor:
    """Transform ``gate * u``; the product is written straight into the padded buffer."""
    u = u[:, block]
    padded = torch.empty((*u.shape[:2], plan.n_fft), dtype=plan.dtype, device=u.device)
    padded[..., plan.seq_len :] = 0
    gate = None if gate is None else gate[:, block]
    _multiply(u.to(plan.dtype), gate, slice(None), out=padded[..., : plan.seq_len])
    spectrum: Tensor = torch.fft.rfft(padded)  # (B, D, F)
    return spectrum


def _multiply(values: Tensor, gate: Tensor | None, block: slice, out: Tensor) -> None:
    """Write ``gate * values`` into a block of channels of ``out``, rounding once; None is a gate of ones."""
    if gate is None:
        out[:, block] = values
    elif out.dtype == values.dtype:
        torch.mul(values, gate[:, block].to(values.dtype), out=out[:, block])
    else:
        out[:, block] = values * gate[:, block]


def _filter_spectrum(k: Tensor, skip: Tensor | None, width: int, plan: _Plan) -> Tensor:
    """Transform the filters of all channels, the skip added as a tap at lag zero."""
    spectrum: Tensor = torch.fft.rfft(k.to(plan.dtype), n=plan.n_fft)
    if plan.bidirectional:  # conjugation turns time around
        spectrum = spectrum[0] + spectrum[1].conj()
    if spectrum.shape[0] != width:
        spectrum = spectrum.repeat_interleave(width // spectrum.shape[0], dim=0)
    return spectrum if skip is None else spectrum + skip.to(plan.dtype)[:, None]  # (D, F)


def _inverse(spectrum: Tensor, plan: _Plan) -> Tensor:
    signal: Tensor = torch.fft.irfft(spectrum, n=plan.n_fft)
    return signal[..., : plan.seq_len]


def _gradients(saved: _Saved, needs: tuple[bool, ...], grad: Tensor, plan: _Plan) -> Grads:
    u, k, skip, gate_in, gate_out = saved
    needs_filter = needs[1] or needs[2]
    du, dgate_in, dgate_out = (
        torch.empty(u.shape, dtype=tensor.dtype, device=u.device) if tensor is not None and need else None
        for tensor, need in ((u, needs[0]), (gate_in, needs[3]), (gate_out, needs[4]))
    )
    filters = _filter_spectrum(k, skip, u.shape[1], plan)
    correlation = torch.empty_like(filters) if needs_filter else None
    for block in plan.blocks:
        spectrum_h = _gated_spectrum(grad, gate_out, block, plan)
        if needs_filter or dgate_out is not None:
            spectrum_v = _gated_spectrum(u, gate_in, block, plan)
            if correlation is not None:
                correlation[block] = torch.linalg.vecdot(spectrum_v, spectrum_h, dim=0)
            if dgate_out is not None:
                _multiply(_inverse(spectrum_v.mul_(filters[block]), plan), grad, block, out=dgate_out)
        if du is not None or dgate_in is not None:
            dv = _inverse(spectrum_h.mul_(filters[block].conj()), plan)
            if du is not None:
                _multiply(dv, gate_in, block, out=du)
            if dgate_in is not None:
                _multiply(dv, u, block, out=dgate_in)
    dk, dskip = (None, None) if correlation is None else _filter_gradients(correlation, k, skip, plan)
    return du, dk, dskip, dgate_in, dgate_out, None


def _filter_gradients(
    correlation: Tensor, k: Tensor, skip: Tensor | None, plan: _Plan
) -> tuple[Tensor, Tensor | None]:
    """Read gradients off the correlation of input and gradient: lag j is tap j's, lag 0 the skip's too."""
    lags: Tensor = torch.fft.irfft(correlation, n=plan.n_fft)  # (D, N)
    dskip = None if skip is None else lags[:, 0].to(skip.dtype)
    heads = k.shape[-2]
    if heads != lags.shape[0]:
        lags = lags.view(heads, -1, plan.n_fft).sum(1)  # (H, N)
    dk = lags[:, : plan.taps]
    if plan.bidirectional:
        ahead = lags.roll(-1, dims=-1).flip(-1)[:, : plan.taps]  # lags 0, -1, -2, ... of the circle
        dk = torch.stack([dk, ahead])
    return dk.to(k.dtype), dskip


def _differentiable_gradients(saved: _Saved, needs: tuple[bool, ...], grad: Tensor, plan: _Plan) -> Grads:
    """Gradients through torch's own operations, for whoever differentiates twice."""
    u, k, skip, gate_in, gate_out = saved
    v = u.to(plan.dtype) if gate_in is None else u.to(plan.dtype) * gate_in.to(plan.dtype)
    spectrum = torch.fft.rfft(v, n=plan.n_fft) * _filter_spectrum(k, skip, u.shape[1], plan)
    y = _inverse(spectrum, plan)
    y = (y if gate_out is None else y * gate_out.to(plan.dtype)).to(u.dtype)
    wanted = [tensor for tensor, need in zip(saved, needs, strict=False) if need and tensor is not None]
    found = iter(torch.autograd.grad(y, wanted, grad, create_graph=True))
    du, dk, dskip, dgate_in, dgate_out = (next(found) if need else None for need in needs[:5])
    return du, dk, dskip, dgate_in, dgate_out, None
