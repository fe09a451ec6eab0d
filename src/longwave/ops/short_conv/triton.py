"""The short convolution on a GPU as a custom operator: launches of its kernels, fake forms and autograd.

Every part of the output has memory of its own and a launch of its own; the backward pass reads the parts'
gradients as they come. Arguments are checked already and nothing is empty.
"""

# Shapes: B batch, D width of a part, L length, K taps, T steps of a block, S programs a channel

from __future__ import annotations

import functools
import logging

import torch
from torch import Tensor

from longwave.ops._triton import can_launch, on_device
from longwave.ops.short_conv.kernels import backward_kernel, forward_kernel

__all__ = ["can_serve", "kernel_conv"]

MAX_TAPS = 9  # the present step and the octet before
TYPES = (torch.bfloat16, torch.float16, torch.float32)
OCTET = 8

_log = logging.getLogger(__name__)

Plan = tuple[int, int]  # steps of a block, warps
FORWARD_PLAN: Plan = (2048, 4)
BACKWARD_PLAN: Plan = (1024, 4)
PROGRAMS = 1 << 15  # of a backward pass: many waves on any device; fixed, as it fixes the order of sums


def can_serve(u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None) -> bool:
    """Whether the kernels take these arguments: types to float32, few taps."""
    tensors = [tensor for tensor in (u, k, bias, offset) if tensor is not None]
    return (
        all(tensor.dtype in TYPES and tensor.device == u.device for tensor in tensors)
        and k.shape[1] <= MAX_TAPS
        and (torch.compiler.is_compiling() or _runs_on(u.device))
    )


@functools.lru_cache(maxsize=32)
def _runs_on(device: torch.device) -> bool:
    """Tell by a tiny call whether kernels can be compiled for a device; a warning says if not."""
    ones = torch.ones(1, 1, OCTET, device=device)
    return can_launch(
        lambda: run_forward(ones, ones[0, :, :2], None, None, 1, FORWARD_PLAN),
        _log,
        f"short_conv takes the slower torch form on {device}: its kernel fails",
    )


def kernel_conv(
    u: Tensor, k: Tensor, bias: Tensor | None = None, offset: Tensor | None = None, parts: int = 1
) -> tuple[Tensor, ...]:
    """Convolve as ``split_short_conv`` does; arguments checked and non-empty, CPU in the interpreter only.

    A signal whose time is not contiguous is copied here, once for both passes; its gradient comes with time
    contiguous too.
    """
    u = u if u.stride(-1) == 1 else u.contiguous()
    return tuple(_convolve(u, k, bias, offset, parts))


@torch.library.custom_op(
    "longwave::short_conv",
    mutates_args=(),
    schema="(Tensor u, Tensor k, Tensor? bias, Tensor? offset, int parts) -> Tensor[]",
)
def _convolve(u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None, parts: int) -> list[Tensor]:
    return run_forward(u, k, bias, offset, parts, FORWARD_PLAN)


@_convolve.register_fake
def _(u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None, parts: int) -> list[Tensor]:  # noqa: ARG001
    return _empty_parts(u, parts)


@torch.library.custom_op(
    "longwave::short_conv_backward",
    mutates_args=(),
    schema="(Tensor[] grads, Tensor u, Tensor k, Tensor? offset) -> (Tensor, Tensor)",
)
def _differentiate(grads: list[Tensor], u: Tensor, k: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:
    return run_backward(grads, u, k, offset, BACKWARD_PLAN)


@_differentiate.register_fake
def _(grads: list[Tensor], u: Tensor, k: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    return u.new_empty(u.shape), u.new_empty((k.shape[0], k.shape[1] + 2), dtype=torch.float32)


def run_forward(
    u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None, parts: int, plan: Plan
) -> list[Tensor]:
    """Launch the forward kernel, once a part."""
    outputs = _empty_parts(u, parts)
    k, bias, offset = k.contiguous(), _dense(bias), _dense(offset)
    B, D, L = outputs[0].shape
    unit = OCTET if _is_in_octets([u, *outputs]) else 1
    T, warps = _fit(plan, L, unit)
    n_blocks = -(-L // T)
    with on_device(u):
        for n, y in enumerate(outputs):
            own = slice(n * D, (n + 1) * D)
            x = u[:, own]
            forward_kernel[(B * D * n_blocks,)](
                x,
                k[own],
                _cut(bias, own),
                _cut(offset, own),
                y,
                D,
                L // unit,
                n_blocks,
                *_row_strides(x, unit),
                *_row_strides(y, unit),
                k.shape[1],
                T,
                unit,
                num_warps=warps,
            )
    return outputs


def run_backward(
    grads: list[Tensor], u: Tensor, k: Tensor, offset: Tensor | None, plan: Plan
) -> tuple[Tensor, Tensor]:
    """Launch the backward kernel, once a part; return du and the sums (D, K+2) of taps, bias and offset."""
    grads = [g if g.stride(-1) == 1 else g.contiguous() for g in grads]
    k, offset = k.contiguous(), _dense(offset)
    du = u.new_empty(u.shape)
    B, D, L = grads[0].shape
    unit = OCTET if _is_in_octets([u, du, *grads]) else 1
    T, warps = _fit(plan, L, unit)
    n_blocks = -(-L // T)
    S = min(B * n_blocks, -(-PROGRAMS // u.shape[1]))
    sums = u.new_empty((u.shape[1], S, k.shape[1] + 2), dtype=torch.float32)
    with on_device(u):
        for n, g in enumerate(grads):
            own = slice(n * D, (n + 1) * D)
            x, y = u[:, own], du[:, own]
            backward_kernel[(D * S,)](
                g,
                x,
                k[own],
                _cut(offset, own),
                y,
                sums[own],
                L // unit,
                n_blocks,
                B * n_blocks,
                S,
                *_row_strides(g, unit),
                *_row_strides(x, unit),
                *_row_strides(y, unit),
                k.shape[1],
                T,
                unit,
                num_warps=warps,
            )
    return du, sums.sum(1)


def _save(
    ctx: torch.autograd.function.FunctionCtx,
    inputs: tuple[Tensor, Tensor, Tensor | None, Tensor | None, int],
    output: list[Tensor],  # noqa: ARG001
) -> None:
    u, k, bias, offset, _ = inputs
    ctx.save_for_backward(u, k, offset)  # type: ignore[arg-type]
    ctx.types = [None if x is None else x.dtype for x in (k, bias, offset)]  # type: ignore[attr-defined]


def _gradients(
    ctx: torch.autograd.function.FunctionCtx, grads: list[Tensor]
) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, None]:
    u, k, offset = ctx.saved_tensors  # type: ignore[attr-defined]
    du, sums = _differentiate(grads, u, k, offset)
    columns = (sums[:, :-2], sums[:, -2], sums[:, -1])
    types = ctx.types  # type: ignore[attr-defined]
    dk, dbias, doffset = (None if t is None else s.to(t) for s, t in zip(columns, types, strict=True))
    return du, dk, dbias, doffset, None


_convolve.register_autograd(_gradients, setup_context=_save)


def _empty_parts(u: Tensor, parts: int) -> list[Tensor]:
    B, D, L = u.shape
    return [u.new_empty((B, D // parts, L)) for _ in range(parts)]


def _fit(plan: Plan, length: int, unit: int) -> Plan:
    """Shrink a plan to a length, keeping a warp; lags that are loads need registers, so half the steps."""
    steps, warps = plan
    if unit != OCTET:
        steps //= 2
    T = min(steps, max(256, 1 << (length - 1).bit_length()))
    return T, max(1, warps * T // steps)


def _is_in_octets(tensors: list[Tensor]) -> bool:
    """Whether every row of every tensor is whole octets on a boundary of 16 bytes."""
    sizes = [n for x in tensors for n in (x.shape[-1], *_row_strides(x, 1))]
    return all(n % OCTET == 0 for n in sizes) and all(x.data_ptr() % 16 == 0 for x in tensors)


def _row_strides(x: Tensor, unit: int) -> tuple[int, int]:
    """Return the strides of batch and channel in units; that of a dimension of one step is 0."""
    b, d = (x.stride(n) if x.shape[n] > 1 else 0 for n in (0, 1))
    return b // unit, d // unit


def _dense(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.contiguous()


def _cut(vector: Tensor | None, own: slice) -> Tensor | None:
    return None if vector is None else vector[own]
