"""From tensors to kernels: memory for the results, and the launches of the one-chunk kernels."""

# Shapes: B batch, D width, L length, K taps; S steps of an end of a sequence that is split

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops.long_conv.recompute import empty_gradients
from longwave.ops.long_conv.triton.call import (
    Call,
    Gradients,
    filter_strides,
    is_wide,
    strides,
    vector,
    word,
)
from longwave.ops.long_conv.triton.factors import shifted_factors
from longwave.ops.long_conv.triton.one_chunk import backward_kernel, finish_kernel, forward_kernel
from longwave.ops.long_conv.triton.passes import pass_backward, pass_forward
from longwave.ops.long_conv.triton.plans import ChunkPlan, PassPlan, backward_plan, forward_plan
from longwave.ops.long_conv.triton.split import SplitPlan, end_steps, plan_for

__all__ = ["Call", "Gradients", "backward", "forward"]

Plan = ChunkPlan | PassPlan | SplitPlan


def forward(call: Call, plan: Plan | None = None) -> Tensor:
    """Return ``y`` of shape (B, D, L), contiguous, in the type of ``u``."""
    y = torch.empty(call.u.shape, dtype=call.u.dtype, device=call.u.device)
    plan = plan or plan_for(call, forward_plan)
    if isinstance(plan, ChunkPlan):
        _chunk_forward(call, y, plan)
    elif isinstance(plan, SplitPlan):
        _split_forward(call, y, plan)
    else:
        pass_forward(call, y, plan)
    return y


def backward(
    call: Call, grad: Tensor, wants: tuple[bool, bool, bool, bool], plan: Plan | None = None
) -> Gradients:
    """Return the wanted ones of the gradients of ``u``, ``k``, ``gate_in`` and ``gate_out``."""
    k, D = call.k, call.u.shape[1]
    du, da, db = empty_gradients(call, (wants[0], False, False, *wants[2:]))
    dk = k.new_empty((*k.shape[:-2], D, k.shape[-1]), dtype=torch.float32) if wants[1] else None
    found = Gradients(du, dk, da, db)
    plan = plan or plan_for(call, backward_plan)
    if isinstance(plan, ChunkPlan):
        _chunk_backward(call, grad, found, plan)
    elif isinstance(plan, SplitPlan):
        _split_backward(call, grad, found, plan)
    else:
        pass_backward(call, grad, found, plan)
    return found


def _split_forward(call: Call, y: Tensor, plan: SplitPlan) -> None:
    L = y.shape[-1]
    S = end_steps(L, plan.head.points)
    _chunk_forward(_steps(call, slice(S), S), y[..., :S], plan.ends, row=L)
    _chunk_forward(call, y, plan.head, rows=plan.rows, S=S)


def _split_backward(call: Call, grad: Tensor, found: Gradients, plan: SplitPlan) -> None:
    L, K, a = grad.shape[-1], call.k.shape[-1], call.gate_in
    S = end_steps(L, plan.head.points)
    first, last = slice(S), slice(L - S, L)
    du, dk, da = (t if t is None else t[..., last] for t in found[:3])
    db = found.gate_out if found.gate_out is None else found.gate_out[..., first]
    ends = Gradients(du, dk if K > L - S else None, da, db)
    if any(t is not None for t in ends):
        _chunk_backward(
            _steps(call, last, S), grad[..., last], ends, plan.ends, row=L,
            others=(call.u[..., first], None if a is None else a[..., first], grad[..., first]),
        )  # fmt: skip
    _chunk_backward(call, grad, found, plan.head, rows=plan.rows, S=S)


def _steps(call: Call, steps: slice, S: int) -> Call:
    """Return the convolution of some S steps alone."""
    u, k, skip, *gates = call
    a, b = (t if t is None else t[..., steps] for t in gates)
    return Call(u[..., steps], k[..., :S], skip, a, b)


def _chunk_forward(
    call: Call, y: Tensor, plan: ChunkPlan, *, row: int | None = None, rows: int = 0, S: int = 0
) -> None:
    """Launch the forward kernel.

    Parameters
    ----------
    call, y, plan
        Tensors of L steps, and the tiles.
    row
        Steps of the contiguous tensor that ``y`` is a part of; L unless given.
    rows
        Rows of the tail, which holds the steps beyond the plan's points; 0 where there are none.
    S
        First step written; not 0 only where there is a tail.
    """
    u, k, skip, a, b = call
    B, D, L = u.shape
    row, parts = row or L, min(plan.parts, B)
    W = word(row, plan.points + rows * plan.N2 - L, plan.points, u, a, b)
    V = 1 if W else vector(L, y, u, a, b)
    forward_kernel[(D, parts)](
        u, a, b, k, skip, y, *shifted_factors(plan.N1, plan.N2, u.device),
        B, D, L // V, k.shape[-1], call.share, *filter_strides(k),
        *strides(u, V), *strides(a, V), *strides(b, V), row // V, S // V, -(-B // parts),
        V, plan.N1, plan.N2, rows, call.both, plan.points <= L, plan.gain,
        is_wide(V, y, u, a, b), _have_rows(row, u, a, b), W, plan.stages,
        num_warps=plan.warps, maxnreg=plan.registers,
    )  # fmt: skip


def _chunk_backward(
    call: Call, grad: Tensor, found: Gradients, plan: ChunkPlan, *, row: int | None = None, rows: int = 0,
    S: int = 0, others: tuple[Tensor | None, ...] = (None, None, None),
) -> None:  # fmt: skip
    """Launch the backward kernels; arguments as in ``_chunk_forward``.

    With a tail, gradients lack S steps at one end. ``others`` are other steps of ``u``, the first gate and
    ``grad``: the gradient of the filter is that of those inputs, and that of the second gate is theirs.
    """
    u, k, skip, a, b = call
    (B, D, L), places = u.shape, (found.u, found.gate_in, found.gate_out)
    row, parts, factors = row or L, min(plan.parts, B), shifted_factors(plan.N1, plan.N2, u.device)
    W = word(row, plan.points + rows * plan.N2 - L, plan.points, u, a, b, grad)
    V = 1 if W else vector(L, u, a, b, grad)
    dK = None if found.k is None else torch.empty((D, parts, 2, plan.points), device=u.device)
    backward_kernel[(D, parts)](
        u, a, b, k, skip, grad, *others, *places, dK, *factors,
        B, D, L // V, k.shape[-1], call.share, *filter_strides(k),
        *strides(u, V), *strides(a, V), *strides(b, V), *strides(grad, V), row // V, S // V, -(-B // parts),
        V, plan.N1, plan.N2, rows, call.both, plan.points <= L, plan.gain,
        is_wide(V, u, a, b, grad), _have_rows(row, u, a, b, grad), W, plan.stages,
        num_warps=plan.warps, maxnreg=plan.registers,
    )  # fmt: skip
    if found.k is not None:
        K = min(found.k.shape[-1], L - S)
        finish_kernel[(D,)](
            dK, found.k, *factors, D, K, found.k.stride(-2), parts,
            plan.N1, plan.N2, call.both, plan.gain, num_warps=plan.warps,
        )  # fmt: skip


def _have_rows(row: int, *tensors: Tensor | None) -> bool:
    """Tell whether sequences lie as in a contiguous tensor with rows of so many steps.

    Then one offset serves all tensors and the output; several cost registers.
    """
    return all(
        (t.shape[0] == 1 or t.stride(0) == t.shape[1] * row) and (t.shape[1] == 1 or t.stride(1) == row)
        for t in tensors
        if t is not None
    )
