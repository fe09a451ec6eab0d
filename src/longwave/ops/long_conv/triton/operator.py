"""The kernels as operators of torch: gradients, shapes for ``torch.compile``, a way out when a check fails.

Only the inputs are saved; the backward pass makes their spectra again. A second derivative goes through the
FFT backend, in torch's own operations.
"""

# Shapes: B batch, D width, L length, K taps, H filters

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from longwave.ops._triton import on_device
from longwave.ops.long_conv.fft import fft_conv

__all__ = ["convolve"]

_INPUTS = "Tensor u, Tensor k, Tensor? skip, Tensor? gate_in, Tensor? gate_out"


def convolve(
    u: Tensor, k: Tensor, skip: Tensor | None, gate_in: Tensor | None, gate_out: Tensor | None
) -> Tensor:
    """Convolve by the GPU kernels; a filter of three axes looks both ways."""
    y: Tensor = torch.ops.longwave.long_conv(u, k, skip, gate_in, gate_out)
    return y


@torch.library.custom_op("longwave::long_conv", mutates_args=(), schema=f"({_INPUTS}) -> Tensor")
def _convolve(*inputs: Tensor | None) -> Tensor:
    from longwave.ops.long_conv.triton import launch
    from longwave.ops.long_conv.triton.self_check import is_right
    from longwave.ops.long_conv.triton.split import plan_for
    from longwave.ops.long_conv.triton.tuning import planner

    call = launch.Call(*_time_contiguous(*inputs))
    plan = plan_for(call, planner(call.u.device, call.u.dtype, is_backward=False))
    with on_device(call.u):
        is_odd = call.u.shape[-1] % 2 == 1
        if is_right(plan, call.u.device, call.u.dtype, is_backward=False, is_odd=is_odd):
            return launch.forward(call, plan)
    return fft_conv(*call, call.both).contiguous()


@torch.library.custom_op(
    "longwave::long_conv_backward",
    mutates_args=(),
    schema=f"(Tensor grad, {_INPUTS}, bool[] wants) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _differentiate(
    grad: Tensor,
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    wants: list[bool],
) -> tuple[Tensor, ...]:
    """Return the gradients of the five inputs, empty where they are not wanted."""
    from longwave.ops.long_conv.triton import launch
    from longwave.ops.long_conv.triton.self_check import is_right
    from longwave.ops.long_conv.triton.split import plan_for
    from longwave.ops.long_conv.triton.tuning import planner

    call = launch.Call(*_time_contiguous(u, k, skip, gate_in, gate_out))
    plan = plan_for(call, planner(call.u.device, call.u.dtype, is_backward=True))
    with on_device(u):
        if not is_right(plan, u.device, u.dtype, is_backward=True, is_odd=u.shape[-1] % 2 == 1):
            leaves = [t if t is None else t.detach().requires_grad_() for t in call]
            return _filled(_gradients_by_fft(grad, leaves, wants), u)
        (grad,) = _time_contiguous(grad)
        found = launch.backward(call, grad, (wants[0], wants[1] or wants[2], wants[3], wants[4]), plan)
    dk = dskip = None
    if found.k is not None:
        H, K = k.shape[-2:]
        dk = found.k if call.share == 1 else found.k.view(*k.shape[:-2], H, call.share, K).sum(-2)
        dk = dk.to(k.dtype)
        lag_zero = found.k[0, :, 0] if call.both else found.k[:, 0]
        dskip = None if skip is None else lag_zero.to(skip.dtype, copy=True)
    return _filled(
        (found.u, dk if wants[1] else None, dskip if wants[2] else None, found.gate_in, found.gate_out), u
    )


@_convolve.register_fake
def _(u: Tensor, *others: Tensor | None) -> Tensor:
    del others
    return torch.empty(u.shape, dtype=u.dtype, device=u.device)


@_differentiate.register_fake
def _(grad: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    *tensors, wants = inputs
    kept = (t if want else None for t, want in zip(tensors, wants, strict=True))
    return _filled(
        [None if t is None else torch.empty(t.shape, dtype=t.dtype, device=t.device) for t in kept], grad
    )


def _time_contiguous(*tensors: Tensor | None) -> tuple[Any, ...]:
    """Copy what does not run through time element by element; the kernels take any other strides."""
    return tuple(t if t is None or t.stride(-1) == 1 or t.shape[-1] == 1 else t.contiguous() for t in tensors)


def _filled(gradients: Any, like: Tensor) -> tuple[Tensor, ...]:
    """Put an empty tensor where there is no gradient: an operator returns tensors only."""
    return tuple(like.new_empty(0) if each is None else each for each in gradients)


def _save(ctx: Any, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:
    del output
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wants = [need and t is not None for need, t in zip(ctx.needs_input_grad, ctx.saved_tensors, strict=True)]
    found = torch.ops.longwave.long_conv_backward(grad, *ctx.saved_tensors, wants)
    return tuple(each if want else None for each, want in zip(found, wants, strict=True))


def _save_for_second(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    del output
    *tensors, ctx.wants = inputs
    ctx.save_for_backward(*tensors)


def _second_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the gradients themselves, through the FFT."""
    leaves = [t if t is None else t.detach().requires_grad_() for t in ctx.saved_tensors]
    first = _gradients_by_fft(leaves[0], leaves[1:], ctx.wants, create_graph=True)
    pairs = [(each, grad) for each, grad in zip(first, grads, strict=True) if each is not None]
    outputs, incoming = ([pair[i] for pair in pairs] for i in range(2))
    known = [leaf for leaf in leaves if leaf is not None]
    found = iter(torch.autograd.grad(outputs, known, incoming, allow_unused=True))
    return (*(None if leaf is None else next(found) for leaf in leaves), None)


def _gradients_by_fft(
    grad: Any, leaves: Sequence[Any], wants: list[bool], *, create_graph: bool = False
) -> list[Tensor | None]:
    """Return the wanted gradients as the FFT backend computes them; the leaves require gradients."""
    with torch.enable_grad():
        u, k, skip, gate_in, gate_out = leaves
        y = fft_conv(u, k, skip, gate_in, gate_out, k.dim() == 3)
        wanted = [leaf for leaf, want in zip(leaves, wants, strict=True) if want]
        found = iter(torch.autograd.grad(y, wanted, grad, create_graph=create_graph))
    return [next(found) if want else None for want in wants]


_convolve.register_autograd(_backward, setup_context=_save)
_differentiate.register_autograd(_second_backward, setup_context=_save_for_second)
