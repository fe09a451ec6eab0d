"""What H3 remembers while it decodes."""

# Shapes: B batch, D width, H heads, E = D / H, M states of the shift, N stored modes of a diagonal system

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from longwave.mixers.shared import SharedPart
from longwave.mixers.state import State
from longwave.ops import OnlineConv

__all__ = ["H3ConvState", "H3State", "H3StepSystem"]


class H3StepSystem(SharedPart):
    """Both state spaces as a step needs them, fixed when the state was made.

    Parameters
    ----------
    taps : Tensor, shape (D, M)
        Of the shift.
    shift_skip : Tensor, shape (D,)
    diagonal : Tensor, shape (3, H, N)
        dA, dB and C of the heads.
    memory_skip : Tensor, shape (H,)
    """

    def __init__(self, taps: Tensor, shift_skip: Tensor, diagonal: Tensor, memory_skip: Tensor) -> None:
        self.taps, self.shift_skip = taps, shift_skip
        self.diagonal, self.memory_skip = diagonal, memory_skip


@dataclass
class H3State(State):
    """What H3 remembers while it decodes; its size does not depend on the length.

    Parameters
    ----------
    keys : Tensor, shape (B, D, M)
        Last keys, in the parameters' type as they come, that of step ``t`` in slot ``t mod M``.
    slot : Tensor, shape (B, D), int32
        Slot of the next key, for steps that are repeated on a device.
    memory : Tensor, shape (B, E², H, N)
        State of every product of a key and a value channel of a head, complex64 or complex128.
    system : H3StepSystem
    """

    keys: Tensor
    slot: Tensor
    memory: Tensor
    system: H3StepSystem

    realigns: ClassVar[bool] = True

    def _realign_tensors(self, position: int, max_length: int) -> None:  # noqa: ARG002
        slots = self.keys.shape[-1]
        self.keys = self.keys.roll((position - self.position) % slots, -1)
        self.slot = torch.full_like(self.slot, position % slots)

    def _put_tensors(self, row: int, other: Self) -> None:
        slots = self.keys.shape[-1]
        self.keys[row] = other.keys[0].roll((self.position - other.position) % slots, -1)
        self.memory[row] = other.memory[0]


@dataclass
class H3ConvState(State):
    """What H3 with long filters remembers: the inputs of both convolutions.

    Parameters
    ----------
    shift : OnlineConv
        Of width D.
    memory : OnlineConv
        Of width D E.
    """

    shift: OnlineConv
    memory: OnlineConv

    rewinds_freely: ClassVar[bool] = True
    realigns: ClassVar[bool] = True
