"""Both mixers learn to copy: the second half of a sequence repeats the first."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from longwave.models import LanguageModel, LanguageModelConfig
from longwave.training import OptimConfig
from longwave.training.optim import build_optimizer, clip_gradients, set_rates
from longwave.training.validation import next_token_loss

HALF, SYMBOLS, STEPS = 4, 6, 600


def draw(batch: int, generator: torch.Generator) -> Tensor:
    """Return windows (B, 2 HALF) whose second half repeats the first."""
    first = torch.randint(SYMBOLS, (batch, HALF), generator=generator)
    return torch.cat([first, first], dim=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mixer", "options"), [("hyena", {}), ("attention", {"n_heads": 2})], ids=["hyena", "attention"]
)
def test_copying_is_learned(mixer: str, options: dict[str, object]) -> None:
    generator = torch.Generator().manual_seed(0)
    config = OptimConfig(lr=3e-3, warmup_fraction=0.05, weight_decay=0.0)
    model = LanguageModel(
        LanguageModelConfig(
            vocab_size=SYMBOLS,
            d_model=32,
            n_layers=2,
            max_length=2 * HALF - 1,
            mixer=mixer,
            mixer_options=options,
        )
    )
    optimizer = build_optimizer(model, config)
    for step in range(STEPS):
        set_rates(optimizer, config, step, STEPS)
        windows = draw(64, generator)
        next_token_loss(model, windows[:, :-1], windows[:, 1:]).backward()
        clip_gradients(model.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()
    windows = draw(256, torch.Generator().manual_seed(1))
    guesses = model.eval()(windows[:, :-1]).argmax(-1)[:, HALF - 1 :]
    assert (guesses == windows[:, HALF:]).float().mean() > 0.98
