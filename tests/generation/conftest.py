"""Fake decoders with known logits and tokenizers with known pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn


@dataclass
class Tape:
    """The state of a fake decoder: every id it was given."""

    seen: list[Tensor] = field(default_factory=list)
    batch: int = 0
    room: int = 0


class TableDecoder:
    """Give logits that depend on the last token alone: row ``i`` of a table follows token ``i``."""

    def __init__(self, table: Tensor, max_length: int | None = None) -> None:
        self.table = table
        self.max_length = max_length
        self.tape = Tape()

    def init_state(self, batch: int, max_length: int | None = None) -> Tape:
        self.tape = Tape(batch=batch, room=max_length or 0)
        return self.tape

    def prefill(self, ids: Tensor, state: Tape, *, last_only: bool = False) -> tuple[Tensor, Tape]:
        state.seen.extend(ids.unbind(1))
        return self.table[ids[:, -1:] if last_only else ids], state

    def step(self, ids: Tensor, state: Tape) -> tuple[Tensor, Tape]:
        state.seen.append(ids)
        return self.table[ids], state


class TrainedModule(nn.Module):
    """A decoder that is a module; records mode and autograd at every call."""

    max_length = None

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.frozen = nn.Dropout()
        self.frozen.eval()
        self.modes: list[tuple[bool, bool]] = []

    def init_state(self, batch: int, max_length: int | None = None) -> Tape:
        return Tape(batch=batch, room=max_length or 0)

    def prefill(self, ids: Tensor, state: Tape, *, last_only: bool = False) -> tuple[Tensor, Tape]:
        self.modes.append((self.training, torch.is_grad_enabled()))
        return self.weight.expand(state.batch, 1 if last_only else ids.shape[1], 3), state

    def step(self, ids: Tensor, state: Tape) -> tuple[Tensor, Tape]:
        return self.prefill(ids.unsqueeze(1), state)[0][:, 0], state


class PieceTokenizer:
    """A tokenizer whose tokens are given byte strings; id 0 ends a document."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = (b"<end>", *pieces)
        self.end_id = 0

    def encode(self, text: str) -> list[int]:
        return [self.pieces.index(character.encode()) for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(self.pieces[i] for i in ids).decode("utf-8", errors="replace")


def chain(*ids: int, vocab_size: int) -> Tensor:
    """Return a table under which greedy choice walks through ``ids`` in order, then stays."""
    table = torch.zeros(vocab_size, vocab_size)
    for i, following in zip(ids, [*ids[1:], ids[-1]], strict=True):
        table[i, following] = 1.0
    return table


@pytest.fixture
def table_decoder() -> type[TableDecoder]:
    return TableDecoder


@pytest.fixture
def trained_module() -> TrainedModule:
    return TrainedModule()


@pytest.fixture
def says() -> Callable[..., tuple[TableDecoder, PieceTokenizer]]:
    """Return a function that makes a model which continues "?" by the given pieces (None: the end id)."""

    def make(*pieces: bytes | None, max_length: int | None = None) -> tuple[TableDecoder, PieceTokenizer]:
        # Every piece becomes an id of its own, so that a piece may come twice.
        tokenizer = PieceTokenizer(b"?", *(piece or b"" for piece in pieces))
        ids = [1, *(0 if piece is None else i for i, piece in enumerate(pieces, start=2))]
        return TableDecoder(chain(*ids, vocab_size=len(tokenizer.pieces)), max_length), tokenizer

    return make
