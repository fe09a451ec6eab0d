"""Batches of texts: places, room and positions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from longwave.generation import SamplingConfig
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.serving.batch import Batch, Row, room_for
from longwave.serving.drawing import Drawer, draw, top_ids

CPU = torch.device("cpu")
MAX_LENGTH = 200
GREEDY = Drawer(SamplingConfig(temperature=0.0), None, 0)


@pytest.fixture
def model() -> LanguageModel:
    sizes = {"vocab_size": 11, "d_model": 8, "n_layers": 2, "max_length": MAX_LENGTH}
    options = {"attention_layers": (1,), "attention_options": {"n_heads": 2}}
    return LanguageModel(LanguageModelConfig(**sizes, **options)).double().eval()


class Texts:
    """A batch, and the states and batch sizes that its model saw."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.batch, self.sizes = model, None, []
        self.state: Any = None

    def add(self, length: int, newest: int = 1, most: int = 16) -> Row:
        ids = torch.arange(length)[None] % 11
        state = self.model.init_state(1)
        state.realign(0, room_for(length, MAX_LENGTH))
        _, state = self.model.prefill(ids, state, last_only=True)
        row = Row(None, GREEDY, length=length, left=99, newest=newest)
        if self.batch is None:
            self.batch = Batch(self._step, row, state, MAX_LENGTH, CPU)
        else:
            self.batch.add(row, state, most)
        return row

    def _step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.sizes.append(len(ids))
        self.state = state
        return self.model.step(ids, state)


@pytest.fixture
def texts(model: LanguageModel) -> Texts:
    return Texts(model)


def test_places_double_and_stop_at_the_most(texts: Texts) -> None:
    sizes = []
    for length in (5, 4, 3, 2, 1, 1):
        texts.add(length, most=6)
        texts.batch.step()
        sizes.append(texts.sizes[-1])
    assert sizes == [1, 2, 4, 4, 6, 6]


def test_a_free_place_is_taken_before_new_ones_are_made(texts: Texts) -> None:
    rows = [texts.add(3) for _ in range(4)]
    texts.batch.step()
    keys = texts.state.layers[1].keys
    texts.batch.drop(rows[2])
    texts.add(2)
    texts.batch.step()
    assert texts.sizes == [4, 4]
    assert texts.state.layers[1].keys is keys  # nothing was copied


def test_rows_go_when_half_of_them_are_empty(texts: Texts) -> None:
    rows = [texts.add(3) for _ in range(4)]
    for row in rows[1:]:
        texts.batch.step()
        texts.batch.drop(row)
    texts.batch.step()
    assert texts.sizes == [4, 4, 2, 1]


def test_logits_are_in_the_order_of_the_rows(texts: Texts, model: LanguageModel) -> None:
    rows = [texts.add(length, newest=length) for length in (4, 9, 2)]
    texts.batch.drop(rows[1])
    texts.add(7, newest=7)
    logits = texts.batch.step()
    lengths = [row.length - 1 for row in texts.batch.rows]
    assert lengths == [4, 7, 2]
    for own, length in zip(logits, lengths, strict=True):
        ids = [*(n % 11 for n in range(length)), length]
        torch.testing.assert_close(own, model(torch.tensor([ids]))[0, -1])


def test_a_longer_newcomer_moves_the_batch_up(texts: Texts) -> None:
    texts.add(3)
    texts.batch.step()
    texts.add(70)
    texts.batch.step()
    assert texts.state.position == 71
    assert texts.state.max_length == 140
    assert texts.state.padding.tolist() == [66, 0]


def test_common_padding_goes_when_the_room_is_used_up(texts: Texts) -> None:
    long, short = texts.add(60), texts.add(2)
    for _ in range(68):  # from 60 to all of the room of 120, and on
        if texts.batch.rows[0] is long and long.length == 70:
            texts.batch.drop(long)
        texts.batch.step()
    assert short.length == 70
    assert (texts.state.position, texts.state.max_length) == (70, 124)


def test_room_doubles_up_to_what_the_model_has() -> None:
    assert [room_for(n, 200) for n in (1, 32, 33, 99, 100, 199)] == [64, 64, 66, 198, 200, 200]


def test_rows_draw_by_their_own_settings_and_seeds() -> None:
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    settings = (SamplingConfig(temperature=0.0), SamplingConfig(), SamplingConfig(top_k=3), SamplingConfig())

    def drawers() -> list[Drawer]:
        return [
            Drawer(s, None if s.is_greedy else torch.Generator().manual_seed(n), n)
            for n, s in enumerate(settings)
        ]

    together = draw(logits, drawers())
    alone = [draw(logits[n : n + 1], [drawer])[0] for n, drawer in enumerate(drawers())]
    assert together == alone
    assert [len(token.top) for token in together] == [0, 1, 2, 3]


def test_no_more_ids_are_listed_than_there_are() -> None:
    assert top_ids(torch.tensor([[-2.0, -1.0]]), 5) == [((1, -1.0), (0, -2.0))]
