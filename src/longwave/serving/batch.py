"""Texts of different lengths in one batch, which join and leave between its steps.

All texts of a decoding state share one position, that of the newest token, because convolutions sum up their
past along with the position. A text that has read fewer tokens than that has padding in front, which leaves
no trace: everything a model remembers of a text depends on the distance between its tokens, not on where it
began, so the same text may end at any position. Joining and leaving then are

* **to join**, the text is read in a state of its own, and put in place of a row nobody needs
  (``State.put``), with padding up to the batch's position. Where the newcomer is longer, the batch is moved
  up first (``State.realign``), everyone's padding growing alike.
* **to leave**, a text's row is left unread. Rows are taken out (``State.reorder``) when half of them stand
  empty, and made, twice as many, when there is none for a newcomer.
* **when the room is used up**, the padding that all texts have is dropped and there is room again for twice
  the longest text. No text is longer than the model allows, so the position never is; and as the longest at
  least doubles in between, the cost of moving stays in proportion to that of the steps.

Moving is exact but for rounding. States that cannot be moved (``State.can_realign``) make batches of one.
"""

# Shapes: B rows of the state, V vocabulary

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from longwave.serving.drawing import Drawer
from longwave.serving.jobs import Job

__all__ = ["Batch", "Row", "room_for"]

MIN_ROOM = 64

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


@dataclass
class Row:
    """A text that goes on.

    Parameters
    ----------
    job : Job
    drawer : Drawer
    length : int
        Tokens the model has read of it.
    left : int
        Tokens that may still be drawn.
    newest : int
        The token drawn last, which the next step reads.
    """

    job: Job
    drawer: Drawer
    length: int
    left: int
    newest: int


def room_for(longest: int, max_length: int) -> int:
    """Return the steps a state makes room for when its longest text has so many tokens."""
    return min(max_length, max(2 * longest, MIN_ROOM))


class Batch:
    """Texts that take their steps together.

    Parameters
    ----------
    step : callable
        The model's ``step``.
    row : Row
        The first text.
    state : object
        The state in which it was read.
    max_length : int
        Most tokens of a text.
    device : torch.device

    Attributes
    ----------
    can_grow : bool
        Whether other texts can join.
    """

    def __init__(self, step: Step, row: Row, state: Any, max_length: int, device: torch.device) -> None:
        self._step = step
        self._state = state
        self._max_length = max_length
        self._device = device
        self._rows: list[Row | None] = [row]
        self.can_grow: bool = getattr(state, "can_realign", False)

    @property
    def rows(self) -> list[Row]:
        """The texts that go on, in the order of their places."""
        return [row for row in self._rows if row is not None]

    def add(self, row: Row, state: Any, most: int) -> None:
        """Let a text join, from the state in which it was read; the batch may have so many rows at most."""
        if row.length > self._state.position or self._state.position == self._state.max_length:
            self._realign(row.length)
        if None not in self._rows:
            self._grow(most)
        place = self._rows.index(None)
        self._state.put(place, state)
        self._rows[place] = row

    def drop(self, row: Row) -> None:
        """Let a text leave; its place is free."""
        self._rows[next(place for place, own in enumerate(self._rows) if own is row)] = None

    def step(self) -> Tensor:
        """Read each text's newest token; return the logits (B, V) of ``rows`` after them."""
        self._shrink()
        if self.can_grow and self._state.position == self._state.max_length:
            self._realign(0)
        ids = torch.tensor([0 if row is None else row.newest for row in self._rows], device=self._device)
        logits, self._state = self._step(ids, self._state)
        for row in self.rows:
            row.length += 1
        if None not in self._rows:
            return logits
        return logits[[place for place, row in enumerate(self._rows) if row is not None]]

    def _shrink(self) -> None:
        """Take empty rows out where they are half of all."""
        if 2 * len(self.rows) <= len(self._rows):
            self._keep_rows()

    def _grow(self, most: int) -> None:
        """Make room for as many rows again; what stands in them does not matter."""
        n_rows = len(self._rows)
        more = min(n_rows, most - n_rows)
        self._state.reorder([*range(n_rows), *[0] * more])
        self._rows += [None] * more

    def _realign(self, newcomer: int) -> None:
        """Drop common padding, or move up to a longer newcomer, and make room for further steps."""
        self._keep_rows()
        longest = max([newcomer, *(row.length for row in self.rows)])
        self._state.realign(longest, room_for(longest, self._max_length))

    def _keep_rows(self) -> None:
        """Take all empty rows out."""
        if None in self._rows:
            self._state.reorder([place for place, row in enumerate(self._rows) if row is not None])
            self._rows = [row for row in self._rows if row is not None]
