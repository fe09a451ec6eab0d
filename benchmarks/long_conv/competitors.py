"""The convolutions that are compared: ours by backend, torch's FFT in three ways, flash-fft-conv where built.

Every builder takes a problem and returns a function ``(u, k, gate_in, gate_out) -> y``; it raises
``NotHereError`` where an entry is left out on purpose; any other error becomes the reason in its row.
"""

# Shapes: B batch, D width, L length

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from problems import Conv, NotHereError, Problem
from torch import Tensor

from longwave.ops.long_conv import BACKENDS as ALL_BACKENDS
from longwave.ops.long_conv import long_conv

# ours by name: not the oracle, which needs memory for every pair of steps, and no GPU kernels on a CPU
BACKENDS = {
    "cuda": [name for name in ALL_BACKENDS if name != "naive"],
    "cpu": [name for name in ALL_BACKENDS if name not in ("naive", "triton")],
}
# the direct sum is quadratic: beyond these lengths it would take the whole budget
LONGEST_DIRECT = {"cpu": 1024, "cuda": 4096}


@dataclass(frozen=True)
class Competitor:
    """A convolution by name."""

    name: str
    build: Callable[[Problem], Conv]
    dtype: torch.dtype | None = None  # of the signals, where it is not the problem's own


def ours(backend: str, problem: Problem) -> Conv:
    if backend == "direct" and problem.length > LONGEST_DIRECT[problem.device]:
        raise NotHereError(f"not run beyond {LONGEST_DIRECT[problem.device]} steps: it is quadratic")

    def conv(u: Tensor, k: Tensor, gate_in: Tensor | None, gate_out: Tensor | None) -> Tensor:
        return long_conv(u, k, gate_in=gate_in, gate_out=gate_out, backend=backend)

    return conv


def fft_conv(u: Tensor, k: Tensor, gate_in: Tensor | None, gate_out: Tensor | None) -> Tensor:
    """Convolve by real float32 FFTs of twice the length, as one writes it with torch."""
    length = u.shape[-1]
    v = u.float() if gate_in is None else u.float() * gate_in
    spectrum = torch.fft.rfft(v, n=2 * length) * torch.fft.rfft(k, n=2 * length)
    y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
    return (y if gate_out is None else y * gate_out).to(u.dtype)


def half_fft_conv(u: Tensor, k: Tensor, gate_in: Tensor | None, gate_out: Tensor | None) -> Tensor:
    """Convolve by real float16 FFTs; spectra are divided by the root of their length."""
    length = u.shape[-1]
    v = u if gate_in is None else u * gate_in
    taps = torch.fft.rfft(k, n=2 * length, norm="ortho").to(torch.complex32)
    spectrum = torch.fft.rfft(v.half(), n=2 * length, norm="ortho") * taps
    y = torch.fft.irfft(spectrum, n=2 * length, norm="forward")[..., :length]
    return (y if gate_out is None else y * gate_out).to(u.dtype)


def compiled_fft_conv(lengths: list[int], problem: Problem) -> Conv:
    if problem.length not in lengths:
        raise NotHereError("not compiled at this length; see --compile-lengths")
    torch._dynamo.reset()
    return torch.compile(fft_conv, dynamic=False)


def half_on_gpu(problem: Problem) -> Conv:
    if problem.device != "cuda":
        raise NotHereError("torch has half-precision FFTs on GPUs only")
    return half_fft_conv


def flash_fft_conv(dtype: torch.dtype, problem: Problem) -> Conv:
    """Wrap ``FlashFFTConv``, whose FFT size must be twice the length for a causal result."""
    if problem.device != "cuda":
        raise NotHereError("flash-fft-conv runs on GPUs only")
    from flashfftconv import FlashFFTConv

    module = FlashFFTConv(2 * problem.length, dtype=dtype).to(problem.device)

    def conv(u: Tensor, k: Tensor, gate_in: Tensor | None, gate_out: Tensor | None) -> Tensor:
        gates = (g if g is None else g.contiguous() for g in (gate_in, gate_out))
        y: Tensor = module(u.contiguous(), k, *gates)
        return y

    return conv


def peers(compile_lengths: list[int]) -> list[Competitor]:
    """Return the others, the sturdiest first: what breaks the GPU's context then breaks nothing before it."""
    return [
        Competitor("torch-fft", lambda _: fft_conv),
        Competitor("torch-fft-compiled", partial(compiled_fft_conv, compile_lengths)),
        Competitor("torch-fft-half", half_on_gpu),
        Competitor("flash-fft-conv-bf16", partial(flash_fft_conv, torch.bfloat16), torch.bfloat16),
        Competitor("flash-fft-conv-fp16", partial(flash_fft_conv, torch.float16), torch.float16),
    ]


def own_backends(names: Iterable[str]) -> list[Competitor]:
    return [Competitor(f"ours-{name}", partial(ours, name)) for name in names]


OURS = Competitor("ours", partial(ours, "auto"))
