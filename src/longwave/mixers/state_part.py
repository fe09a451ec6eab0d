"""What a decoding state is made of: tensors, and parts that are none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol, Self, cast, runtime_checkable

import torch
from torch import Tensor

__all__ = ["StatePart", "leaves", "mapped"]


@runtime_checkable
class StatePart(Protocol):
    """A part of a state that is no tensor: it moves, copies and reorders itself, as ``OnlineConv`` does.

    Where it has them, ``truncate(position)``, ``can_truncate(position)``, ``mark()`` and ``clear_marks()``
    are called too, in states that rewind freely; ``realign(position, max_length)`` and ``put(row, other)``
    in states that realign.
    """

    @property
    def nbytes(self) -> int:
        """Memory held."""
        ...

    def reorder(self, index: Tensor, /) -> object:
        """Replace the sequences by chosen ones of them, in place."""
        ...

    def to(self, device: torch.device, /) -> object:
        """Move to a device, in place."""
        ...

    def copy(self) -> Self:
        """Return an independent copy."""
        ...


def mapped(
    value: object, on_tensor: Callable[[Tensor], Tensor], on_part: Callable[[StatePart], object]
) -> object:
    """Rebuild a field's value with its tensors and parts replaced."""
    if isinstance(value, Tensor):
        return on_tensor(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(item, on_tensor, on_part) for item in value)
    if isinstance(value, dict):
        return {key: mapped(item, on_tensor, on_part) for key, item in value.items()}
    return on_part(cast(StatePart, value)) if _is_part(value) else value


def leaves(value: object) -> Iterator[Tensor | StatePart]:
    """Yield the tensors and parts in a field's value."""
    if isinstance(value, (list, tuple, dict)):
        items = value.values() if isinstance(value, dict) else value
        for item in items:
            yield from leaves(item)
    elif isinstance(value, Tensor) or _is_part(value):
        yield cast(Tensor | StatePart, value)


def _is_part(value: object) -> bool:
    """Tell a ``StatePart`` without looking at its ``nbytes``, which an isinstance of Python 3.11 computes."""
    if value is None or isinstance(value, (int, float, str)):
        return False
    kind: Hashable = type(value)  # type: ignore[assignment]
    return _has_methods(kind) or isinstance(value, StatePart)


@functools.cache
def _has_methods(kind: Hashable) -> bool:
    return all(hasattr(kind, name) for name in ("nbytes", "reorder", "to", "copy"))
