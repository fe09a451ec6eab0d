"""Linear layers to and from the layout of convolutions, where time comes last.

Automatic differentiation of the same products writes the gradient of ``x`` with time last and that of ``w``
with time first, and whoever receives them transposes them in a pass over memory. Here every gradient has the
layout of its tensor.
"""

# Shapes: B batch, L length, D width in, M width out

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["project_from_time_last", "project_to_time_last"]


def project_to_time_last(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply every step by a matrix and write time last.

    Parameters
    ----------
    x : Tensor, shape (B, L, D)
    weight : Tensor, shape (M, D)

    Returns
    -------
    Tensor, shape (B, M, L)
        In the type of ``x``, or that of autocast.
    """
    y: Tensor = _ToTimeLast.apply(_narrow(x), _narrow(weight))  # type: ignore[no-untyped-call]
    return y


def project_from_time_last(w: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Multiply every step of a signal with time last by a matrix, add a bias, and write the width last.

    Parameters
    ----------
    w : Tensor, shape (B, D, L)
    weight : Tensor, shape (M, D)
    bias : Tensor, shape (M,)

    Returns
    -------
    Tensor, shape (B, L, M)
        In the type of ``w``, or that of autocast.
    """
    y: Tensor = _FromTimeLast.apply(_narrow(w), _narrow(weight), _narrow(bias))  # type: ignore[no-untyped-call]
    return y


class _ToTimeLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.bmm(_repeat(weight, x), x.transpose(1, 2))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        needs: tuple[bool, ...] = ctx.needs_input_grad  # type: ignore[attr-defined]
        (g,) = grads  # (B, M, L)
        dx = torch.bmm(g.transpose(1, 2), _repeat(weight, x)) if needs[0] else None
        return dx, torch.bmm(g, x).sum(0) if needs[1] else None


class _FromTimeLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, w: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(w, weight)
        return torch.baddbmm(bias, w.transpose(1, 2), _repeat(weight.t(), w))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        w, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        needs: tuple[bool, ...] = ctx.needs_input_grad  # type: ignore[attr-defined]
        g = grads[0].transpose(1, 2)  # (B, M, L)
        dw = torch.bmm(_repeat(weight.t(), w), g) if needs[0] else None
        dweight = torch.bmm(g, w.transpose(1, 2)).sum(0) if needs[1] else None
        return dw, dweight, g.sum((0, 2)) if needs[2] else None


def _repeat(weight: Tensor, x: Tensor) -> Tensor:
    return weight.expand(x.shape[0], -1, -1)


def _narrow(x: Tensor) -> Tensor:
    """Cast as autocast would: outside of the function, so that gradients find one type inside."""
    if x.dtype == torch.float64 or not torch.is_autocast_enabled(x.device.type):
        return x
    return x.to(torch.get_autocast_dtype(x.device.type))
