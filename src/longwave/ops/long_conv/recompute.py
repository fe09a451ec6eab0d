"""The autograd side of the backends: save the inputs and little else, and make the rest again.

A backend hands over an ``Algorithm``, which computes values and gradients from the five tensors of a call.
Here are the parts that do not depend on how: what is saved, the arithmetic's type, products with gates, and
the convolution in torch's own operations, which serves second derivatives and very small signals.
"""

# Shapes: B batch, D width, L length, K taps, H filters, F frequencies

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from longwave.ops.long_conv.lengths import next_fast_length

__all__ = [
    "Algorithm",
    "Gradients",
    "Inputs",
    "arithmetic_type",
    "empty_gradients",
    "has_gradients",
    "in_torch",
    "recomputed_conv",
    "textbook_conv",
    "write_product",
]

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None]


class Inputs(NamedTuple):
    """The tensors of one call of ``long_conv``; gradients come in the same order."""

    u: Tensor
    k: Tensor
    skip: Tensor | None
    gate_in: Tensor | None
    gate_out: Tensor | None


class Algorithm(Protocol):
    """A way to compute one long convolution and its gradients."""

    def forward(self, inputs: Inputs, kept: list[Tensor] | None = None) -> Tensor:
        """Return the output, of shape and type of ``inputs.u``; put into ``kept`` what gradients use."""
        ...

    def gradients(
        self, inputs: Inputs, needs: tuple[bool, ...], grad: Tensor, kept: Sequence[Tensor] = ()
    ) -> Gradients:
        """Return the gradients that are needed, each in the type of its input; ``kept`` must not change."""
        ...


def recomputed_conv(algorithm: Algorithm, inputs: Inputs, bidirectional: bool) -> Tensor:
    """Run an algorithm under autograd, outside autocast; ``inputs`` are kept for the backward pass."""
    if not has_gradients(inputs):
        return _run(algorithm, inputs)  # what autograd sets up takes as long as the work on few steps
    y: Tensor = _Recomputed.apply(algorithm, bidirectional, *inputs)  # type: ignore[no-untyped-call]
    return y


def has_gradients(inputs: Inputs) -> bool:
    """Tell whether autograd will ask for gradients of a call."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs)


def _run(algorithm: Algorithm, inputs: Inputs, kept: list[Tensor] | None = None) -> Tensor:
    if not torch.is_autocast_enabled(inputs.u.device.type):
        return algorithm.forward(inputs, kept)
    with torch.autocast(inputs.u.device.type, enabled=False):
        return algorithm.forward(inputs, kept)


def arithmetic_type(u: Tensor, k: Tensor) -> torch.dtype:
    """Return the wider type of signal and filter, float32 at least."""
    if u.dtype == k.dtype == torch.float32:
        return torch.float32
    return torch.promote_types(torch.promote_types(u.dtype, k.dtype), torch.float32)


def write_product(values: Tensor, gate: Tensor | None, out: Tensor) -> None:
    """Write ``gate * values`` into ``out``, rounding once; one has the arithmetic's type."""
    if gate is None:
        out.copy_(values)
    elif out.dtype == values.dtype:
        torch.mul(values, gate.to(values.dtype), out=out)
    else:
        dtype = torch.promote_types(torch.promote_types(out.dtype, values.dtype), torch.float32)
        out.copy_(values.to(dtype) * gate)


def empty_gradients(
    inputs: Inputs, needs: tuple[bool, ...]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Allocate the gradients of input and gates, those that are needed."""
    wanted = ((inputs.u, needs[0]), (inputs.gate_in, needs[3]), (inputs.gate_out, needs[4]))
    du, dgate_in, dgate_out = (
        torch.empty(inputs.u.shape, dtype=tensor.dtype, device=tensor.device)
        if tensor is not None and need
        else None
        for tensor, need in wanted
    )
    return du, dgate_in, dgate_out


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        algorithm: Algorithm,
        bidirectional: bool,
        *tensors: Tensor | None,
    ) -> Tensor:
        ctx.algorithm, ctx.bidirectional = algorithm, bidirectional  # type: ignore[attr-defined]
        kept: list[Tensor] = []
        y = _run(algorithm, Inputs(*tensors), kept)  # type: ignore[arg-type]
        ctx.save_for_backward(*tensors, *kept)  # type: ignore[arg-type]
        return y

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        n_inputs = len(Inputs._fields)
        inputs, kept = Inputs(*saved[:n_inputs]), saved[n_inputs:]
        needs: tuple[bool, ...] = ctx.needs_input_grad[2:]  # type: ignore[attr-defined]
        with torch.autocast(grad.device.type, enabled=False):
            if torch.is_grad_enabled():
                both: bool = ctx.bidirectional  # type: ignore[attr-defined]
                return None, None, *_differentiable_gradients(inputs, needs, grad, both)
            algorithm: Algorithm = ctx.algorithm  # type: ignore[attr-defined]
            return None, None, *algorithm.gradients(inputs, needs, grad, kept)


def _differentiable_gradients(
    inputs: Inputs, needs: tuple[bool, ...], grad: Tensor, bidirectional: bool
) -> Gradients:
    """Gradients through torch's own operations, for whoever differentiates twice."""
    y = textbook_conv(inputs, bidirectional)
    wanted = [tensor for tensor, need in zip(inputs, needs, strict=True) if need and tensor is not None]
    found = iter(torch.autograd.grad(y, wanted, grad, create_graph=True))
    du, dk, dskip, dgate_in, dgate_out = (next(found) if need else None for need in needs)
    return du, dk, dskip, dgate_in, dgate_out


def textbook_conv(inputs: Inputs, bidirectional: bool) -> Tensor:
    """Compute the convolution by FFT in torch's own operations, with torch's own gradients."""
    return in_torch(inputs, bidirectional, _by_fft)


def in_torch(
    inputs: Inputs, bidirectional: bool, convolve: Callable[[Tensor, Tensor, bool], Tensor]
) -> Tensor:
    """Put gates and skip around ``convolve`` of v (B, D, L) and filters, in torch's own operations."""
    u, k, skip, gate_in, gate_out = inputs
    dtype = arithmetic_type(u, k)
    v = in_type(dtype, u) if gate_in is None else in_type(dtype, u) * in_type(dtype, gate_in)
    y = convolve(v, in_type(dtype, k), bidirectional)
    if skip is not None:
        y = y + in_type(dtype, skip)[:, None] * v
    if gate_out is not None:
        y = y * in_type(dtype, gate_out)
    return in_type(u.dtype, y)


def _by_fft(v: Tensor, k: Tensor, bidirectional: bool) -> Tensor:
    seq_len = v.shape[-1]
    n_fft = next_fast_length(seq_len + k.shape[-1] - 1)
    filters = torch.fft.rfft(k, n=n_fft)
    if bidirectional:
        filters = filters[0] + filters[1].conj()
    if filters.shape[0] != v.shape[1]:
        filters = filters.repeat_interleave(v.shape[1] // filters.shape[0], dim=0)  # (D, F)
    spectrum = torch.fft.rfft(v, n=n_fft)
    spectrum = spectrum * filters if filters.requires_grad else spectrum.mul_(filters)
    y: Tensor = torch.fft.irfft(spectrum, n=n_fft)
    return y[..., :seq_len]


def in_type(dtype: torch.dtype, tensor: Tensor) -> Tensor:
    """Convert, without the microsecond that converting nothing takes."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)
