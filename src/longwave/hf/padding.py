"""Padding tokens: where an attention mask has them, and how a causal model is kept from seeing them."""

# Shapes: B batch, L length, D width

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import ShapeError

__all__ = ["count_padding", "padding_last", "undo_padding_last"]


def count_padding(attention_mask: Tensor, shape: torch.Size | tuple[int, ...], *, past: int | None) -> Tensor:
    """Count the leading zeros of each row of an attention mask.

    Parameters
    ----------
    attention_mask : Tensor, shape (B, past + L)
        1 for tokens, 0 for padding before them. Zeros after the last token are let through without a cache,
        where nothing real can see them.
    shape : (B, L)
        Of the token ids.
    past : int or None
        Tokens in the cache; None without one.

    Returns
    -------
    Tensor, shape (B,), int64

    Raises
    ------
    ShapeError
        If the shape is wrong, a token follows padding that follows a token, or a row ends with padding and
        the cache would have to go on after it.
    """
    expected = (shape[0], shape[1] + (past or 0))
    if tuple(attention_mask.shape) != expected:
        raise ShapeError(
            f"attention_mask has shape {tuple(attention_mask.shape)}, not {expected}: it has one column "
            "for each token, those in the cache included. Give a mask of zeros and ones of that shape."
        )
    is_real = attention_mask != 0
    has_begun = is_real.cumsum(dim=1) > 0
    has_ended = has_begun & ~is_real
    if bool((has_ended[:, :-1] & is_real[:, 1:]).any()):
        raise ShapeError(
            "attention_mask has zeros between ones; only padding before and after a sequence can be left "
            "out. Split packed rows into rows of their own."
        )
    if past is not None and bool(has_ended[:, -1:].any()):
        raise ShapeError(
            "attention_mask ends with zeros, so that the next token would not follow the last real one. Pad "
            'on the left to decode: padding_side="left" in the tokenizer.'
        )
    return (~has_begun).sum(dim=1)


def padding_last(ids: Tensor, padding: Tensor) -> Tensor:
    """Move the leading ``padding`` (B,) steps of each row of ``ids`` (B, L) behind the others.

    Notes
    -----
    A causal model then computes at every real step what it computes without padding.
    """
    return ids.gather(1, _shifted(ids, padding))


def undo_padding_last(hidden: Tensor, padding: Tensor) -> Tensor:
    """Move the steps of ``hidden`` (B, L, D) back to where ``padding_last`` found them."""
    index = _shifted(hidden[..., 0], -padding)
    return hidden.gather(1, index[..., None].expand(-1, -1, hidden.shape[-1]))


def _shifted(rows: Tensor, by: Tensor) -> Tensor:
    """Return, for each step of rows (B, L), the step ``by`` (B,) places further on, around the end."""
    length = rows.shape[1]
    steps = torch.arange(length, device=rows.device)
    return (steps + by[:, None]) % max(length, 1)
