"""What is computed: random signals of a shape, exact results on a few channels, the bytes that must move."""

# Shapes: B batch, D width, L length, C channels of the reference

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

Conv = Callable[[Tensor, Tensor, Tensor | None, Tensor | None], Tensor]  # u, k, gate_in, gate_out -> y


@dataclass(frozen=True)
class Problem:
    """A gated causal convolution with a float32 filter as long as the signal."""

    width: int
    batch: int
    length: int
    dtype: torch.dtype
    device: str
    is_gated: bool = True

    @property
    def signal_bytes(self) -> int:
        return self.batch * self.width * self.length * self.dtype.itemsize

    def floor_bytes(self) -> tuple[int, int]:
        """Return the bytes of forward and forward+backward if each tensor is read and written once.

        Forward reads input, gates and filter and writes the output; backward reads all of these and the
        output's gradient and writes a gradient for each.
        """
        n_inputs = 3 if self.is_gated else 1
        filter_bytes = 4 * self.width * self.length
        forward = (n_inputs + 1) * self.signal_bytes + filter_bytes
        return forward, forward + (2 * n_inputs + 1) * self.signal_bytes + 2 * filter_bytes


class NotHereError(Exception):
    """An entry is left out on purpose for this problem; it makes no row."""


class Signals(NamedTuple):
    u: Tensor  # (B, D, L)
    k: Tensor  # (D, L)
    gate_in: Tensor | None  # (B, D, L)
    gate_out: Tensor | None  # (B, D, L)
    grad: Tensor  # (B, D, L), of the output

    def to(self, dtype: torch.dtype) -> Signals:
        """Return the signals in another type; the filter stays as it is."""
        gates = (gate if gate is None else gate.to(dtype) for gate in (self.gate_in, self.gate_out))
        return Signals(self.u.to(dtype), self.k, *gates, self.grad.to(dtype))


@dataclass(frozen=True)
class Case:
    """A computation without arguments, the tensors it is differentiated by, and the output's gradient."""

    compute: Callable[[], Tensor]
    wanted: Sequence[Tensor]
    grad: Tensor

    def forward(self) -> Tensor:
        with torch.no_grad():
            return self.compute()

    def forward_backward(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        y = self.compute()
        return y, torch.autograd.grad(y, self.wanted, self.grad)


def draw(problem: Problem, seed: int = 0) -> Signals:
    """Draw every tensor from a normal distribution; the filter is scaled so that outputs are about 1."""
    generator = torch.Generator(problem.device).manual_seed(seed)
    shape = (problem.batch, problem.width, problem.length)

    def normal(*size: int, dtype: torch.dtype) -> Tensor:
        return torch.randn(size, generator=generator, dtype=dtype, device=problem.device)

    u, grad = normal(*shape, dtype=problem.dtype), normal(*shape, dtype=problem.dtype)
    gates = [normal(*shape, dtype=problem.dtype) if problem.is_gated else None for _ in range(2)]
    k = normal(problem.width, problem.length, dtype=torch.float32) / math.sqrt(problem.length)
    return Signals(u, k, *gates, grad)


def conv_case(conv: Conv, signals: Signals) -> Case:
    """Return the case of a convolution; gradients of input, filter and gates."""
    tensors = [t if t is None else t.detach().requires_grad_() for t in signals[:4]]
    return Case(lambda: conv(*tensors), [t for t in tensors if t is not None], signals.grad)


def pick_channels(width: int) -> list[int]:
    """Return up to four channels, spread over the width."""
    return sorted({round(i * (width - 1) / 3) for i in range(4)})


def reference(signals: Signals, channels: list[int]) -> dict[str, Tensor]:
    """Return output and gradients of some channels, by float64 FFTs."""
    length = signals.u.shape[-1]
    u, grad = signals.u[:, channels].double(), signals.grad[:, channels].double()  # (B, C, L)
    gate_in, gate_out = (
        torch.ones_like(u) if gate is None else gate[:, channels].double()
        for gate in (signals.gate_in, signals.gate_out)
    )
    inputs, taps, outputs = (
        torch.fft.rfft(x, n=2 * length) for x in (gate_in * u, signals.k[channels].double(), gate_out * grad)
    )

    def back(spectrum: Tensor) -> Tensor:
        signal: Tensor = torch.fft.irfft(spectrum, n=2 * length)
        return signal[..., :length]

    convolved, dv = back(inputs * taps), back(outputs * taps.conj())
    found = {
        "y": gate_out * convolved,
        "du": gate_in * dv,
        "dk": back((outputs * inputs.conj()).sum(0)),
    }
    if signals.gate_in is not None:
        found |= {"da": u * dv, "db": grad * convolved}
    return found


def relative_errors(
    case: Case, exact: dict[str, Tensor], channels: list[int]
) -> tuple[dict[str, float], bool]:
    """Run a case over poisoned memory; return the relative L2 error of each result, and if all are finite."""
    poison(case)
    y, gradients = case.forward_backward()
    found = dict(zip(exact, (y, *gradients), strict=True))
    errors = {}
    for name, values in found.items():
        part = (values[channels] if name == "dk" else values[:, channels]).detach().double()
        errors[name] = float((part - exact[name]).norm() / exact[name].norm())
    return errors, all(bool(values.isfinite().all()) for values in found.values())


def poison(case: Case) -> None:
    """Leave NaN in the memory that the next results will take from the allocator."""
    for _ in range(2):
        blocks = [torch.full_like(case.grad, math.nan) for _ in range(3)]
        blocks += [torch.full_like(tensor, math.nan) for tensor in case.wanted]
        del blocks
