"""Loss and bits per byte on held-out text, against sums written out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import BPETokenizer, build_token_file, spread_windows
from longwave.training.distributed import Workers
from longwave.training.validation import bits_per_byte, next_token_loss, validate

ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))


class Bigram(nn.Module):
    """Logits from a table of the last token."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.table = nn.Parameter(
            torch.randn(vocab_size, vocab_size, generator=torch.Generator().manual_seed(0))
        )

    def forward(self, ids: Tensor) -> Tensor:
        assert ids.dtype == torch.int64
        return self.table[ids]


def test_bits_per_byte_of_a_uniform_guess_over_bytes_are_eight() -> None:
    assert bits_per_byte(100 * math.log(256), 100) == pytest.approx(8)


def test_the_loss_is_the_mean_over_all_targets() -> None:
    windows = torch.tensor([[0, 1, 2], [2, 2, 0]])
    model = Bigram(3)
    logs = F.log_softmax(model.table, dim=1)
    expected = -(logs[0, 1] + logs[1, 2] + logs[2, 2] + logs[2, 0]) / 4
    assert torch.allclose(next_token_loss(model, windows[:, :-1], windows[:, 1:]), expected)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_validation_is_the_sum_over_its_windows(batch_size: int, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the cat sat on the mat. " * 40)
    tokenizer = BPETokenizer.train(["the cat sat on the mat."] * 3, 270)
    tokens = build_token_file(tmp_path / "text.txt", tmp_path / "tokens", tokenizer)
    model = Bigram(tokenizer.vocab_size)
    loss, bits = validate(
        model,
        tokens,
        torch.from_numpy(tokenizer.byte_lengths),
        seq_len=13,
        max_windows=7,
        batch_size=batch_size,
        workers=ALONE,
        autocast=torch.autocast("cpu", enabled=False),
    )
    logs = F.log_softmax(model.table, dim=1).detach().double().numpy()
    nats = n_bytes = 0.0
    for start in spread_windows(len(tokens), 13, 7):
        window = tokens.tokens[start : start + 14].astype(int)
        nats -= logs[window[:-1], window[1:]].sum()
        n_bytes += tokenizer.byte_lengths[window[1:]].sum()
    assert loss == pytest.approx(nats / (7 * 13))
    assert bits == pytest.approx(nats / math.log(2) / n_bytes)
    assert model.training
    assert np.isfinite(bits)
