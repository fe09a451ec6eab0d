"""Models on books that differ in the mixer alone: equal depth, width, parameters, data and schedule.

Our own comparison, in the spirit of table 4.3 of arXiv 2302.10866 and table 3 of arXiv 2212.14052, at sizes
that fit a laptop (``quickstart``) and one GPU (``books``). MLPs are widened until the parameter counts agree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from longwave.data import TextDataConfig
from longwave.models import LanguageModelConfig, match_parameters
from longwave.training import OptimConfig, TrainConfig

__all__ = ["books_models", "quickstart_twins"]

BOOKS_SIZES = {"9m": {"n_layers": 8, "d_model": 256}, "43m": {"n_layers": 12, "d_model": 512}}


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


def books_models(size: Literal["9m", "43m"] = "43m", *, seed: int = 0) -> dict[str, TrainConfig]:
    """Return the models of ``benchmarks/books_lm`` at one size and context 2048, by name.

    ``"hyena"`` sets the parameter count. ``"attention"`` is the Transformer. ``"h3-hybrid"`` has attention
    in the second layer and in the one half the depth later, as the papers' hybrids. ``"h3-conv-hybrid"`` is
    the same with long filters, stored tap by tap, in place of the state spaces: its taps come on top (2 ·
    2048 a channel and layer, more than the rest of such small models), everything else has equal sizes.

    Parameters
    ----------
    size : {"9m", "43m"}
        Parameters of each, about.
    seed : int

    Returns
    -------
    dict of TrainConfig
        ``data.path`` must be set to a folder of books (``.txt`` or ``.jsonl.gz``).

    References
    ----------
    Section 3.3 of arXiv 2212.14052 (hybrids); table 9 of arXiv 2302.06646 (squash and dropout of the taps).
    """
    layers, width = BOOKS_SIZES[size]["n_layers"], BOOKS_SIZES[size]["d_model"]
    model = LanguageModelConfig(
        vocab_size=8192, d_model=width, n_layers=layers, max_length=2048, mixer="hyena", dropout=0.1
    )
    hyena = TrainConfig(
        model=model,
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
    heads: dict[str, object] = {"n_heads": width // 64}
    attention = replace(model, mixer="attention", mixer_options=heads)
    hybrid = replace(model, mixer="h3", attention_layers=(1, 1 + layers // 2), attention_options=heads)
    hybrid = match_parameters(hybrid, model, multiple_of=8)
    models = {
        "hyena": model,
        "attention": match_parameters(attention, model, multiple_of=8),
        "h3-hybrid": hybrid,
        "h3-conv-hybrid": replace(hybrid, mixer_options={"kernel": "long_conv"}),
    }
    return {name: replace(hyena, model=each) for name, each in models.items()}


def quickstart_hyena() -> TrainConfig:
    """Return the Hyena model of the tour."""
    return quickstart_twins()["hyena"]


def quickstart_attention() -> TrainConfig:
    """Return the attention twin of the tour."""
    return quickstart_twins()["attention"]


def books_hyena() -> TrainConfig:
    """Return the 43 M Hyena model of ``benchmarks/books_lm``."""
    return books_models()["hyena"]


def books_attention() -> TrainConfig:
    """Return its attention twin."""
    return books_models()["attention"]


def books_h3() -> TrainConfig:
    """Return its twin of H3 with two layers of attention."""
    return books_models()["h3-hybrid"]


def books_h3_conv() -> TrainConfig:
    """Return the same with long filters in place of the state spaces."""
    return books_models()["h3-conv-hybrid"]


def _attention_twin(config: TrainConfig, *, n_heads: int) -> TrainConfig:
    twin = replace(config.language_model, mixer="attention", mixer_options={"n_heads": n_heads})
    return replace(config, model=match_parameters(twin, config.language_model))
