"""What a streaming convolution accepts, and the sentences that say so."""

# Shapes: B batch, D width, P steps of a chunk, K taps, H filters

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import ShapeError

__all__ = ["check_dtype", "check_filter", "check_index"]


def check_filter(k: Tensor, max_length: int, skip: Tensor | None, batch: int | None) -> None:
    """Raise ShapeError unless these can start an ``OnlineConv``."""
    if k.dim() != 2 or k.shape[0] == 0:
        raise ShapeError(
            f"The filter of OnlineConv is (D, K) or (heads, K), not {tuple(k.shape)}. "
            f"Give one row of taps for each channel or head."
        )
    if max_length < 1:
        raise ShapeError(f"max_length is {max_length}; give the steps to make room for, at least 1.")
    if k.shape[1] > max_length:
        raise ShapeError(
            f"The filter has {k.shape[1]} taps but max_length is {max_length}. "
            f"Cut the filter to k[:, :{max_length}] or make room for more steps."
        )
    if not k.is_floating_point() or (skip is not None and not skip.is_floating_point()):
        raise ShapeError(
            f"OnlineConv needs a real floating-point filter and skip, not {k.dtype}"
            f"{'' if skip is None else f' and {skip.dtype}'}. Convert them first."
        )
    if skip is not None and (skip.dim() != 1 or skip.shape[0] == 0 or skip.shape[0] % k.shape[0]):
        raise ShapeError(
            f"skip has shape {tuple(skip.shape)}; it has one weight per channel, a multiple of the filter's "
            f"{k.shape[0]} rows. Give skip of shape (D,)."
        )
    if batch is not None and batch < 0:
        raise ShapeError(
            f"batch is {batch}; give the number of sequences, or None to learn it from the input."
        )


def check_dtype(u: Tensor, dtype: torch.dtype, device: torch.device) -> None:
    """Raise ShapeError unless arithmetic in ``dtype`` on ``device`` can take the input without loss."""
    if not u.is_floating_point() or torch.promote_types(u.dtype, dtype) != dtype:
        raise ShapeError(
            f"The input is {u.dtype} but this OnlineConv computes in {dtype}. Give real floating-point input "
            f"no wider than that, or widen the convolution with conv.to(dtype=torch.float64)."
        )
    if u.device != device:
        raise ShapeError(
            f"The input is on {u.device} but this OnlineConv is on {device}. "
            f"Move one of them; conv.to(device) moves the convolution."
        )


def check_index(index: Tensor, batch: int) -> None:
    """Raise ShapeError unless ``index`` chooses among ``batch`` sequences.

    Values are looked at on a CPU only; elsewhere that would wait for the device, which checks them itself.
    """
    if index.dim() != 1 or index.dtype not in (torch.int32, torch.int64):
        raise ShapeError(
            f"reorder needs a vector of whole numbers, not shape {tuple(index.shape)} of {index.dtype}. "
            f"Give one number of a present sequence for each new one."
        )
    if index.device.type != "cpu" or len(index) == 0:
        return
    lowest, highest = int(index.min()), int(index.max())
    if not 0 <= lowest <= highest < batch:
        raise ShapeError(
            f"reorder was asked for sequences {lowest} to {highest} but there are {batch}. "
            f"Give numbers from 0 to {batch - 1}."
        )
