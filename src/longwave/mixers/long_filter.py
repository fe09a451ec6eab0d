"""What a kind of long filter is: a module that says its taps, and perhaps how to stream them."""

# Shapes: B batch, P steps of a chunk, C filters, D channels, K taps

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.state_part import StatePart

__all__ = ["LongFilter", "StreamingConv"]


@runtime_checkable
class StreamingConv(StatePart, Protocol):
    """A convolution whose input arrives piece by piece, ``OnlineConv`` and its kin; no gradients."""

    def step(self, u_t: Tensor, /) -> Tensor:
        """Take one more step (B, D); return the output (B, D) in its type."""
        ...

    def prefill(self, u: Tensor, /) -> Tensor:
        """Take the next chunk (B, D, P); return the outputs (B, D, P) in its type."""
        ...


class LongFilter(nn.Module, ABC):
    """A set of long filters; each kind is made by a frozen configuration with ``kind`` and ``build``.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.

    Attributes
    ----------
    has_recurrence : bool
        Whether a convolution with these filters streams from a state that does not grow (``stream``).
    """

    has_recurrence: ClassVar[bool] = False

    def __init__(self, n_filters: int, max_length: int) -> None:
        super().__init__()
        self.n_filters = n_filters
        self.max_length = max_length

    @abstractmethod
    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps of every filter.

        Parameters
        ----------
        seq_len : int
            Steps of the signal, at most ``max_length``; a shorter filter is the beginning of a longer one.

        Returns
        -------
        Tensor, shape (C, K)
            Float32 or wider. K is ``seq_len``, or less where all further taps are zero.

        Raises
        ------
        ShapeError
            If ``seq_len`` is beyond ``max_length``.
        """

    @abstractmethod
    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Return learning rate and weight decay by parameter name, as ``Mixer.parameter_options`` does."""

    def conv_flops(self, seq_len: int) -> float:
        """Return the multiply-adds of a convolution a step and channel, ``5 log2 L`` by FFT."""
        return 5 * math.log2(max(seq_len, 1))

    def stream(self, rows: slice, skip: Tensor, batch: int) -> StreamingConv:  # noqa: ARG002
        """Return a stream of fixed memory, of the values that the parameters have now.

        Parameters
        ----------
        rows : slice
            Which of the filters; neighbouring channels share one where there are more channels.
        skip : Tensor, shape (D,)
            Weight of the input itself, added to the convolution.
        batch : int

        Raises
        ------
        ConfigError
            If this kind has no recurrence.
        """
        raise ConfigError(f"{type(self).__name__} has no recurrence. Choose another decode mode.")

    def _check_length(self, seq_len: int) -> None:
        if seq_len > self.max_length:
            raise ShapeError(
                f"A filter of {seq_len} taps was asked for but it was built for max_length="
                f"{self.max_length}. Build a longer one."
            )


def ahead_of_present(k: Tensor) -> Tensor:
    """Delay what looks ahead, k[1] of (2, D, K), by a step: the operator's has a tap for the present one."""
    return torch.stack([k[0], F.pad(k[1], (1, 0))[..., : k.shape[-1]]])


def undecayed(*, lr: float | None = None, max_lr: float | None = None) -> dict[str, float]:
    """Return what an optimiser is told of parameters without weight decay; None says nothing of the rate."""
    rates = {"lr": lr, "max_lr": max_lr}
    return {"weight_decay": 0.0} | {name: rate for name, rate in rates.items() if rate is not None}
