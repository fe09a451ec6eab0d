"""What a mixer remembers while it decodes, and what can be done with any such memory."""

# Shapes: B batch, P steps of a chunk

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.mixers.state_part import StatePart, leaves, mapped
from longwave.ops.long_conv.online.checks import check_index

__all__ = ["State"]


@dataclass
class State:
    """What a mixer remembers while it decodes; every mixer adds its own fields.

    Every field that is a tensor has the batch as its first axis; fields may also be lists, tuples and
    dictionaries of tensors, ``StatePart``s (an ``OnlineConv``, another state), and plain values. The methods
    here then serve every mixer. What sequences share, such as a filter, belongs on the mixer or in a part.

    Parameters
    ----------
    position : int
        Steps seen so far.
    max_length : int
        Steps the buffers have room for.
    batch : int
        Sequences decoded together.
    padding : Tensor, shape (B,), int64, optional
        Leading steps of each sequence that are padding and must leave no trace; set by ``pad``.

    Attributes
    ----------
    rewinds_freely : bool
        Whether ``truncate`` can go back to any position because the buffers keep all steps; parts must then
        go back by themselves (``truncate(position)``). Otherwise only to marked positions.
    realigns : bool
        Whether ``realign`` and ``put`` serve. A state that says so has tensors that mean the same at any
        position, or overrides ``_realign_tensors`` and ``_put_tensors``.
    """

    position: int
    max_length: int
    batch: int
    padding: Tensor | None = field(default=None, kw_only=True)
    _marks: dict[int, State] = field(default_factory=dict, init=False, repr=False, compare=False)
    _padded_until: int = field(default=0, init=False, repr=False, compare=False)

    rewinds_freely: ClassVar[bool] = False
    realigns: ClassVar[bool] = False

    def pad(self, padding: Tensor) -> None:
        """Declare the leading steps of each sequence that are padding, before the first step.

        Parameters
        ----------
        padding : Tensor, shape (B,), int64

        Raises
        ------
        ShapeError
            If steps were taken already, or these are no numbers of steps from 0 to ``max_length``.
        """
        if self.position:
            raise ShapeError(
                f"The state is at position {self.position}; padding is declared before the first step. "
                f"Call pad on a new state."
            )
        if padding.shape != (self.batch,) or padding.dtype != torch.int64:
            raise ShapeError(
                f"padding has shape {tuple(padding.shape)} and type {padding.dtype}; it is one int64 for "
                f"each of {self.batch} sequences. Give the number of steps to ignore at each one's start."
            )
        low, high = (int(bound) for bound in padding.aminmax()) if len(padding) else (0, 0)
        if low < 0 or high > self.max_length:
            raise ShapeError(
                f"padding runs from {low} to {high}; the state has room for {self.max_length} steps. "
                f"Give numbers from 0 to {self.max_length}."
            )
        self.padding, self._padded_until = (padding, high) if high else (None, 0)

    def real_steps(self, n: int) -> Tensor | None:
        """Say which of the next ``n`` steps are no padding.

        Returns
        -------
        Tensor, shape (B, n, 1), bool, or None
            None when all are real; else what enters a memory is multiplied by it.
        """
        if self.padding is None or self.position >= self._padded_until:
            return None
        steps = torch.arange(self.position, self.position + n, device=self.padding.device)
        return (steps >= self.padding[:, None])[..., None]

    def reorder(self, index: Tensor | Sequence[int]) -> None:
        """Replace the sequences by chosen ones of them, as beam search does; marked states too.

        Parameters
        ----------
        index : Tensor or sequence of int, shape (new B,)
            For each new sequence the number of a present one; some may be missing, some repeated.

        Raises
        ------
        ShapeError
            If ``index`` is not such a vector.
        """
        index = torch.as_tensor(index, dtype=None if len(index) else torch.int64)
        check_index(index, self.batch)
        self._replace(
            lambda tensor: tensor.index_select(0, index.to(tensor.device)), lambda part: part.reorder(index)
        )
        self.batch = len(index)
        for marked in self._marks.values():
            marked.reorder(index)

    @property
    def can_realign(self) -> bool:
        """Whether ``realign`` and ``put`` serve here and in all parts."""
        return self.realigns and all(
            part.can_realign if isinstance(part, State) else hasattr(part, "put") for part in self._parts()
        )

    def realign(self, position: int, max_length: int) -> None:
        """Let all sequences end at another position, as if they had had more or less padding in front.

        Marks are forgotten.

        Parameters
        ----------
        position : int
            Up to ``max_length``; going down at most by the padding that all sequences have.
        max_length : int
            Steps to make room for from now on, at most those of the state that ``init_state`` made.

        Raises
        ------
        ShapeError
            If the position does not fit, or this state cannot do so (``can_realign``).
        """
        shift = position - self.position
        least = 0 if self.padding is None or self.batch == 0 else int(self.padding.min())
        fits = 0 <= position <= max_length and shift + least >= 0 and (self.position > 0 or shift == 0)
        if not fits or not self.can_realign:
            raise ShapeError(
                f"{type(self).__name__} at position {self.position} with {least} steps of common padding "
                f"cannot end at position {position} of max_length={max_length}. Take a step first, and go "
                f"down by common padding at most; parts of your own need realign and put."
            )
        # A state that was realigned in inference mode must stay usable outside of it.
        with torch.inference_mode(False), torch.no_grad():
            self._realign_tensors(position, max_length)
            self._tell_parts("realign", position, max_length)
            if shift:
                padding = self._no_padding() if self.padding is None else self.padding
                self.padding = padding + shift
                self._padded_until = int(self.padding.max()) if self.batch else 0
        self.position, self.max_length = position, max_length
        self.clear_marks()

    def put(self, row: int, other: Self) -> None:
        """Let a sequence be the only one of another state, in place; the other state is left as it was.

        Both end at the present position: the newcomer has padding in front where it has fewer steps. Marks
        are forgotten.

        Parameters
        ----------
        row : int
            The sequence to replace.
        other : State
            Of the same mixer or model; one sequence, of at most as many steps.

        Raises
        ------
        ShapeError
            If there is no such sequence, or the other state does not fit.
        """
        fits = type(other) is type(self) and other.batch == 1 and 0 < other.position <= self.position
        if not (fits and 0 <= row < self.batch and self.can_realign):
            raise ShapeError(
                f"Cannot put {type(other).__name__} of {other.batch} sequences at position {other.position} "
                f"in place of sequence {row} of {self.batch} in {type(self).__name__} at position "
                f"{self.position}. Give one sequence of at most as many steps, or realign this state first."
            )
        # Only this mode may write to what steps in inference mode made, and it may write to anything.
        with torch.inference_mode():
            self._put_tensors(row, other)
            for part, given in zip(self._parts(), other._parts(), strict=True):
                part.put(row, given)  # type: ignore[attr-defined]
            self._put_padding(row, other)
        self.clear_marks()

    def to(self, device: torch.device | str) -> Self:
        """Move all tensors and parts to a device, in place; return this state."""
        target = torch.empty(0, device=device).device  # "cuda" becomes "cuda:0", as tensors say it
        self._replace(lambda tensor: tensor.to(target), lambda part: part.to(target))
        for marked in self._marks.values():
            marked.to(target)
        return self

    def copy(self) -> Self:
        """Return an independent copy, marked positions included."""
        new = self._snapshot()
        new._marks = {position: marked.copy() for position, marked in self._marks.items()}
        return new

    @property
    def nbytes(self) -> int:
        """Memory held by tensors, parts and marked copies, in bytes."""
        own = sum(value.nbytes for value in self._values())
        return own + sum(marked.nbytes for marked in self._marks.values())

    def mark(self) -> int:
        """Remember this position, so that ``truncate`` can come back to it; return the position.

        Costs a copy of the state where it does not rewind freely; ``clear_marks`` frees them.
        """
        if self.rewinds_freely:
            self._tell_parts("mark")
        else:
            self._marks[self.position] = self._snapshot()
        return self.position

    def clear_marks(self) -> None:
        """Forget all marked positions and free their memory."""
        self._marks.clear()
        self._tell_parts("clear_marks")

    def can_truncate(self, position: int) -> bool:
        """Say whether ``truncate`` to this position would succeed."""
        if position == self.position:
            return True
        if not 0 <= position < self.position:
            return False
        if not self.rewinds_freely:
            return position in self._marks
        asked = [getattr(part, "can_truncate", None) for part in self._parts()]
        return all(can(position) for can in asked if can is not None)

    def truncate(self, position: int) -> None:
        """Go back to an earlier position, as if the steps from there on had never been taken.

        Parameters
        ----------
        position : int, from 0 to the present position
            Marked before (``mark``), unless the state rewinds freely; marks at later positions are forgotten.

        Raises
        ------
        ShapeError
            If the state has not come that far or cannot go back there; nothing is changed then.
        """
        if not self.can_truncate(position):
            marked = ", ".join(map(str, sorted(self._marks))) or "none"
            raise ShapeError(
                f"{type(self).__name__} at position {self.position} cannot go back to {position}; a state "
                f"that does not keep its past returns to marked positions only (marked: {marked}). Call "
                f"mark() at the position before going on, or decode again from the start."
            )
        if position == self.position:
            return
        if self.rewinds_freely:
            self._tell_parts("truncate", position)
        else:
            restored = self._marks[position]._snapshot()
            for name in self._field_names():
                setattr(self, name, getattr(restored, name))
        self.position = position
        self._marks = {at: marked for at, marked in self._marks.items() if at <= position}

    def _realign_tensors(self, position: int, max_length: int) -> None:
        """Change the tensors for ``realign``, which changes the rest; for those that know positions."""

    def _put_tensors(self, row: int, other: Self) -> None:
        """Write the tensors of another state's sequence in place of one of these."""
        for name in self._field_names():
            if name == "padding":
                continue
            for own, given in zip(leaves(getattr(self, name)), leaves(getattr(other, name)), strict=True):
                if isinstance(own, Tensor) and isinstance(given, Tensor):
                    own[row] = given[0]

    def _put_padding(self, row: int, other: Self) -> None:
        own = 0 if other.padding is None else int(other.padding[0])
        own += self.position - other.position
        if self.padding is None and own:
            with torch.inference_mode(False):
                self.padding = self._no_padding()
        if self.padding is not None:
            self.padding[row] = own
            self._padded_until = max(self._padded_until, own)

    def _no_padding(self) -> Tensor:
        return torch.zeros(self.batch, dtype=torch.int64, device=self._device())

    def _device(self) -> torch.device:
        """Return where the tensors are."""
        for value in self._values():
            found = value._device() if isinstance(value, State) else getattr(value, "device", None)
            if isinstance(found, torch.device):
                return found
        return torch.device("cpu")

    def _snapshot(self) -> Self:
        """Copy all but the marks."""
        new = copy.copy(self)
        new._marks = {}
        new._replace(lambda tensor: tensor.clone(), lambda part: part.copy(), keep_parts=False)
        return new

    def _replace(
        self,
        on_tensor: Callable[[Tensor], Tensor],
        on_part: Callable[[StatePart], object],
        *,
        keep_parts: bool = True,
    ) -> None:
        """Map all tensors; call ``on_part`` for all parts, and take what it returns unless they are kept."""

        def of_part(part: StatePart) -> object:
            result = on_part(part)
            return part if keep_parts else result

        # A state that was reordered in inference mode must stay usable outside of it.
        with torch.inference_mode(False), torch.no_grad():
            for name in self._field_names():
                setattr(self, name, mapped(getattr(self, name), on_tensor, of_part))

    def _tell_parts(self, method: str, *arguments: object) -> None:
        for part in self._parts():
            call = getattr(part, method, None)
            if call is not None:
                call(*arguments)

    def _field_names(self) -> list[str]:
        return [own.name for own in dataclasses.fields(self) if own.name != "_marks"]

    def _values(self) -> Iterator[Tensor | StatePart]:
        for name in self._field_names():
            yield from leaves(getattr(self, name))

    def _parts(self) -> Iterator[StatePart]:
        return (value for value in self._values() if not isinstance(value, Tensor))
