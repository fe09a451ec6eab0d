"""Heads that remember outer products: how channels are laid out for them.

A head has E channels; its E x E products with another head's channels come in the order (head, row, column).
"""

# Shapes: B batch, D = H E width of H heads, ... any axes after

from __future__ import annotations

from torch import Tensor

__all__ = ["columns", "rows", "sum_rows"]


def rows(x: Tensor, head_dim: int) -> Tensor:
    """Repeat channel (head, i) of (B, D, ...) for every j: (B, D E, ...) in the order (head, i, j)."""
    return x if head_dim == 1 else x.repeat_interleave(head_dim, dim=1)


def columns(x: Tensor, head_dim: int) -> Tensor:
    """Repeat channel (head, j) of (B, D, ...) for every i: (B, D E, ...) in the order (head, i, j)."""
    if head_dim == 1:
        return x
    by_head = x.reshape(x.shape[0], x.shape[1] // head_dim, head_dim, *x.shape[2:])
    return by_head.repeat_interleave(head_dim, dim=1).flatten(1, 2)


def sum_rows(x: Tensor, head_dim: int) -> Tensor:
    """Sum (head, i, j) of (B, D E, ...) over i: (B, D, ...) in the order (head, j)."""
    if head_dim == 1:
        return x
    by_row = x.reshape(x.shape[0], x.shape[1] // head_dim**2, head_dim, head_dim, *x.shape[2:])
    return by_row.sum(2).flatten(1, 2)
