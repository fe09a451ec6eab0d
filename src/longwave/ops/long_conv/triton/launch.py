"""From tensors to kernels: memory for the results, and the launches of the one-chunk kernels."""

# Shapes: B batch, D width, L length, K taps

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops.long_conv.recompute import empty_gradients
from longwave.ops.long_conv.triton.call import (
    Call,
    Gradients,
    are_contiguous,
    filter_strides,
    is_wide,
    strides,
    vector,
)
from longwave.ops.long_conv.triton.factors import shifted_factors
from longwave.ops.long_conv.triton.one_chunk import backward_kernel, finish_kernel, forward_kernel
from longwave.ops.long_conv.triton.passes import pass_backward, pass_forward
from longwave.ops.long_conv.triton.plans import ChunkPlan, PassPlan, backward_plan, forward_plan

__all__ = ["Call", "Gradients", "backward", "forward"]


def forward(call: Call, plan: ChunkPlan | PassPlan | None = None) -> Tensor:
    """Return ``y`` of shape (B, D, L), contiguous, in the type of ``u``."""
    y = torch.empty(call.u.shape, dtype=call.u.dtype, device=call.u.device)
    plan = plan or forward_plan(call.u.shape[-1])
    if isinstance(plan, ChunkPlan):
        _chunk_forward(call, y, plan)
    else:
        pass_forward(call, y, plan)
    return y


def backward(
    call: Call, grad: Tensor, wants: tuple[bool, bool, bool, bool], plan: ChunkPlan | PassPlan | None = None
) -> Gradients:
    """Return the wanted ones of the gradients of ``u``, ``k``, ``gate_in`` and ``gate_out``."""
    k, D = call.k, call.u.shape[1]
    du, da, db = empty_gradients(call, (wants[0], False, False, *wants[2:]))
    dk = k.new_empty((*k.shape[:-2], D, k.shape[-1]), dtype=torch.float32) if wants[1] else None
    found = Gradients(du, dk, da, db)
    plan = plan or backward_plan(call.u.shape[-1])
    if isinstance(plan, ChunkPlan):
        _chunk_backward(call, grad, found, plan)
    else:
        pass_backward(call, grad, found, plan)
    return found


def _chunk_forward(call: Call, y: Tensor, plan: ChunkPlan) -> None:
    u, k, skip, a, b = call
    (B, D, L), V, parts = u.shape, vector(u.shape[-1], u, a, b), min(plan.parts, u.shape[0])
    forward_kernel[(D, parts)](
        u, a, b, k, skip, y, *shifted_factors(plan.N1, plan.N2, u.device),
        B, D, L // V, k.shape[-1], call.share, *filter_strides(k),
        *strides(u, V), *strides(a, V), *strides(b, V), -(-B // parts),
        V, plan.N1, plan.N2, call.both, plan.points == L, plan.gain,
        is_wide(V, y, u, a, b), are_contiguous(u, a, b), plan.stages,
        num_warps=plan.warps, maxnreg=plan.registers,
    )  # fmt: skip


def _chunk_backward(call: Call, grad: Tensor, found: Gradients, plan: ChunkPlan) -> None:
    u, k, skip, a, b = call
    (B, D, L), V, parts = u.shape, vector(u.shape[-1], u, a, b, grad), min(plan.parts, u.shape[0])
    factors = shifted_factors(plan.N1, plan.N2, u.device)
    dK = None if found.k is None else torch.empty((D, parts, 2, plan.points), device=u.device)
    backward_kernel[(D, parts)](
        u, a, b, k, skip, grad, found.u, found.gate_in, found.gate_out, dK, *factors,
        B, D, L // V, k.shape[-1], call.share, *filter_strides(k),
        *strides(u, V), *strides(a, V), *strides(b, V), *strides(grad, V), -(-B // parts),
        V, plan.N1, plan.N2, call.both, plan.points == L, plan.gain,
        is_wide(V, u, a, b, grad), are_contiguous(u, a, b, grad), plan.stages,
        num_warps=plan.warps, maxnreg=plan.registers,
    )  # fmt: skip
    if dK is not None:
        finish_kernel[(D,)](
            dK, found.k, *factors, D, k.shape[-1], parts,
            plan.N1, plan.N2, call.both, plan.gain, num_warps=plan.warps,
        )  # fmt: skip
