"""A part of a decoding state that all sequences share."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

__all__ = ["SharedPart"]


class SharedPart:
    """What all sequences of a state share, such as a discrete system; a ``StatePart``.

    Attributes of subclasses are tensors, named tuples of tensors, or None; tensors are never written to.
    """

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(tensor.nbytes for tensor in self.tensors())

    def tensors(self) -> Iterator[Tensor]:
        """Yield every tensor."""
        for value in vars(self).values():
            yield from (value if isinstance(value, tuple) else () if value is None else (value,))

    def reorder(self, _index: Tensor) -> Self:
        """Return this part as it is."""
        return self

    def realign(self, _position: int, _max_length: int) -> None:
        """Do nothing: no sequence is in this part."""

    def put(self, _row: int, _other: Self) -> None:
        """Do nothing: all sequences share this part."""

    def to(self, device: torch.device) -> Self:
        """Move to a device, in place."""
        for name, value in vars(self).items():
            if isinstance(value, tuple):
                setattr(self, name, type(value)(*(x.to(device) for x in value)))
            elif value is not None:
                setattr(self, name, value.to(device))
        return self

    def copy(self) -> Self:
        """Return a copy that moves alone; memory is shared."""
        return copy.copy(self)
