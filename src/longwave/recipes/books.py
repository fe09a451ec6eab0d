"""Twins on books: a Hyena model and an attention model of equal depth, width, parameters, data and schedule.

Our own comparison, in the spirit of table 4.3 of arXiv 2302.10866 at sizes that fit a laptop (``quickstart``)
and one GPU (``books``). The twin's MLP is widened until the parameter counts agree.
"""

from __future__ import annotations

from dataclasses import replace

from longwave.data import TextDataConfig
from longwave.models import LanguageModelConfig, match_parameters
from longwave.training import OptimConfig, TrainConfig

__all__ = ["books_twins", "quickstart_twins"]


def quickstart_twins(*, seed: int = 0) -> dict[str, TrainConfig]:
    """Return the two small models of the tour, by name; ``steps`` is a placeholder that the tour replaces."""
    hyena = TrainConfig(
        model=LanguageModelConfig(
            vocab_size=1024,
            d_model=160,
            n_layers=4,
            max_length=512,
            mixer="hyena",
            mixer_options={"filter": {"d_hidden": 32}},
        ),
        data=TextDataConfig(path="sample:books", tokenizer="bpe", vocab_size=1024),
        optim=OptimConfig(lr=2e-3, weight_decay=0.1, warmup_fraction=0.05),
        steps=200,
        batch_size=4,
        seed=seed,
        device="cpu",
        log_every=5,
        eval_every=50,
        validation_windows=48,
        checkpoint_every=100,
    )
    return {"hyena": hyena, "attention": _attention_twin(hyena, n_heads=2)}


def books_twins(*, seed: int = 0) -> dict[str, TrainConfig]:
    """Return the two models of ``benchmarks/books_lm``, about 43 M parameters at context 2048, by name.

    ``data.path`` must be set to a folder of books (``.txt`` or ``.jsonl.gz``).
    """
    hyena = TrainConfig(
        model=LanguageModelConfig(
            vocab_size=8192, d_model=512, n_layers=12, max_length=2048, mixer="hyena", dropout=0.1
        ),
        data=TextDataConfig(
            path="books/train", validation_path="books/validation", tokenizer="bpe", vocab_size=8192
        ),
        optim=OptimConfig(lr=1e-3, weight_decay=0.1, warmup_fraction=0.03),
        steps=1400,
        batch_size=32,
        seed=seed,
        precision="bfloat16",
        compile=True,
        log_every=10,
        eval_every=200,
        validation_windows=256,
        checkpoint_every=700,
    )
    return {"hyena": hyena, "attention": _attention_twin(hyena, n_heads=8, multiple_of=8)}


def quickstart_hyena() -> TrainConfig:
    """Return the Hyena model of the tour."""
    return quickstart_twins()["hyena"]


def quickstart_attention() -> TrainConfig:
    """Return the attention twin of the tour."""
    return quickstart_twins()["attention"]


def books_hyena() -> TrainConfig:
    """Return the Hyena model of ``benchmarks/books_lm``."""
    return books_twins()["hyena"]


def books_attention() -> TrainConfig:
    """Return the attention twin of ``benchmarks/books_lm``."""
    return books_twins()["attention"]


def _attention_twin(config: TrainConfig, *, n_heads: int, multiple_of: int = 1) -> TrainConfig:
    twin = replace(config.model, mixer="attention", mixer_options={"n_heads": n_heads})
    return replace(config, model=match_parameters(twin, config.model, multiple_of=multiple_of))
