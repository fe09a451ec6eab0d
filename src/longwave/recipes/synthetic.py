"""Reasoning tasks: the settings of the papers' studies, and small ones that a CPU trains in minutes.

Table A.1 of arXiv 2302.10866: two layers of width 64, AdamW with betas 0.9 and 0.98, learning rate 5e-4,
weight decay 0.1, no dropout, 2000 sequences for 200 epochs in batches of 32, warm-up over 10 epochs, cosine.
The public configuration at 131,072 steps and the public recipe of arXiv 2212.14052 differ and are here as
well. ``data`` and ``model.mixer_options`` may be changed by ``key=value``; the sizes of the model follow.
"""

from __future__ import annotations

from collections.abc import Mapping

from longwave.data import TaskDataConfig
from longwave.models import LanguageModelConfig
from longwave.recipes.settings import fit_to_task
from longwave.training import OptimConfig, TrainConfig

__all__ = [
    "FILTERS",
    "MIXERS",
    "addition",
    "induction",
    "lra",
    "recall_131k",
    "recall_h3",
    "recall_paper",
    "recall_small",
]

# "synthetic" filters of the public configuration: few positional features, frequency 10, positions fixed
_HYENA: dict[str, object] = {
    "filter": {"d_hidden": 64, "d_position": 5, "frequency": 10.0, "position_lr": 0.0}
}
MIXERS: dict[str, dict[str, object]] = {
    "hyena": _HYENA,
    "h3": {},
    "attention": {"n_heads": 4},
    "long-conv": {},
    "s4d": {},
}

# the study of parametrisations (table C.1 of arXiv 2302.10866): an order-2 Hyena with filters of every kind
FILTERS: dict[str, dict[str, object]] = {
    "hyena-conv1d": {"filter": {"kind": "explicit", "n_taps": 64}},
    "hyena-fno": {"filter": {"kind": "fourier", "n_modes": 64}},
    "hyena-s4": {"filter": {"kind": "s4", "d_state": 64}},
    "hyena-transfer": {"filter": {"kind": "transfer", "order": 64}},
    "hyena-ckconv": {
        "filter": {"d_hidden": 32, "d_position": 5, "frequency": 10.0, "position_lr": 0.0, "modulate": False},
        "short_kernel_size": 1,
    },
}


def recall_small(mixer: str = "hyena", *, seed: int = 0) -> TrainConfig:
    """Return associative recall with 10 tokens over 64 steps: minutes on a CPU.

    Our own budget of 2000 steps; the learning rate is four times the paper's, for so short a run.

    Parameters
    ----------
    mixer : str
        A name from ``longwave list mixers``.
    seed : int
        Of the sequences, and of weights and order.
    """
    return _task_run(
        "associative-recall",
        {"vocab_size": 10, "length": 64},
        mixer=mixer,
        optim=OptimConfig(lr=2e-3, warmup_fraction=0.05),
        steps=2000,
        seed=seed,
        device="cpu",
        eval_every=250,
    )


def recall_paper(
    mixer: str = "hyena",
    *,
    length: int = 2048,
    vocab_size: int = 10,
    mixer_options: Mapping[str, object] | None = None,
    epochs: int = 200,
    seed: int = 0,
) -> TrainConfig:
    """Return associative recall with the settings of table A.1.

    Parameters
    ----------
    mixer : str
    length : int
        Of the pairs; the paper has 1024 times a power of two, up to 131,072.
    vocab_size : int
        10, 20, 30 or 40 in the paper.
    mixer_options : mapping, optional
        Default: those of ``MIXERS``.
    epochs : int
    seed : int
        Of the sequences, and of weights and order.

    Notes
    -----
    The paper does not say where the cosine ends; here it ends at 0.

    References
    ----------
    Tables 4.2, A.1 and C.1 of arXiv 2302.10866.
    """
    return _task_run(
        "associative-recall",
        {"vocab_size": vocab_size, "length": length},
        mixer=mixer,
        mixer_options=mixer_options,
        optim=OptimConfig(lr=5e-4, warmup_fraction=10 / 200, final_lr_fraction=0.0),
        steps=epochs * 2000 // 32,
        seed=seed,
    )


def recall_131k(*, seed: int = 0) -> TrainConfig:
    """Return associative recall with 30 tokens at 131,072 steps, as the public configuration has it.

    4000 sequences for 400 epochs, dropout 0.1 of the embedded tokens, warm-up over a tenth of the steps, then
    linear to 0. Needs a GPU and days.
    """
    return _task_run(
        "associative-recall",
        {"vocab_size": 30, "length": 131_072},
        embedding_dropout=0.1,
        optim=OptimConfig(lr=5e-4, warmup_fraction=0.1, schedule="linear", final_lr_fraction=0.0),
        steps=400 * 4000 // 32,
        n_train=4000,
        seed=seed,
        precision="bfloat16",
        eval_every=1000,
    )


def recall_h3(mixer: str = "h3", *, seed: int = 0) -> TrainConfig:
    """Return associative recall with 10 tokens over 20 steps: H3's public recipe, 31,250 short steps.

    References
    ----------
    Section 3.1 of arXiv 2212.14052; its table has 99.8 % for H3, 86.0 % for S4D and 100 % for attention.
    """
    return _h3_run("associative-recall", {"vocab_size": 10, "length": 20}, mixer, 200, "linear", seed)


def induction(mixer: str = "h3", *, seed: int = 0) -> TrainConfig:
    """Return the induction head with 20 tokens over 30 steps: H3's public recipe, 62,500 short steps.

    References
    ----------
    Section 3.1 of arXiv 2212.14052; its table has 100 % for H3, 35.6 % for S4D and 100 % for attention.
    """
    return _h3_run("induction-head", {"vocab_size": 20, "length": 30}, mixer, 400, "cosine", seed)


def addition(n_digits: int = 4, *, n_layers: int = 2, mixer: str = "hyena", seed: int = 0) -> TrainConfig:
    """Return addition of numbers of ``n_digits`` digits, with the settings of table A.1 and 80 epochs.

    References
    ----------
    Appendix C.1 of arXiv 2302.10866: 2, 4, 8 and 16 digits with 1 to 3 layers.
    """
    return _task_run(
        "addition",
        {"n_digits": n_digits},
        mixer=mixer,
        n_layers=n_layers,
        optim=OptimConfig(lr=5e-4, warmup_fraction=10 / 200, final_lr_fraction=0.0),
        steps=80 * 2000 // 32,
        seed=seed,
    )


def lra(task: str, *, mixer: str = "long-conv", seed: int = 0, **options: int) -> TrainConfig:
    """Return ListOps or Pathfinder, read by a causal model that answers at the last position.

    Parameters
    ----------
    task : {"listops", "pathfinder"}
    mixer : str
    seed : int
    **options : int
        Of the task, e.g. ``size=128`` for Path-X.

    Notes
    -----
    Learning rate, decay, batch and width are near those of the public configurations of long convolutions
    (arXiv 2302.06646); the models there pool over bidirectional layers, and the data here are our own draws,
    so results are not comparable with published ones.
    """
    d_model, lr, batch_size, steps = {
        "listops": (128, 1e-3, 50, 80_000),
        "pathfinder": (256, 1e-3, 64, 100_000),
    }[task]
    return _task_run(
        task,
        options,
        mixer=mixer,
        d_model=d_model,
        n_layers=6,
        optim=OptimConfig(lr=lr, weight_decay=0.05, warmup_fraction=0.05, final_lr_fraction=0.0),
        steps=steps,
        batch_size=batch_size,
        n_train=96_000,
        n_test=2000,
        seed=seed,
        precision="bfloat16",
        eval_every=1000,
    )


def _h3_run(
    task: str, options: Mapping[str, object], mixer: str, epochs: int, schedule: str, seed: int
) -> TrainConfig:
    optim = OptimConfig(lr=5e-4, warmup_fraction=0.1, schedule="linear", final_lr_fraction=0.0)
    if schedule == "cosine":
        optim = OptimConfig(lr=5e-4, warmup_fraction=0.1, final_lr_fraction=0.1)
    return _task_run(
        task,
        options,
        mixer=mixer,
        d_model=32,
        embedding_dropout=0.1,
        optim=optim,
        steps=epochs * 5000 // 32,
        n_train=5000,
        seed=seed,
    )


def _task_run(
    task: str,
    options: Mapping[str, object],
    *,
    optim: OptimConfig,
    steps: int,
    seed: int,
    mixer: str = "hyena",
    mixer_options: Mapping[str, object] | None = None,
    d_model: int = 64,
    n_layers: int = 2,
    embedding_dropout: float = 0.0,
    batch_size: int = 32,
    n_train: int = 2000,
    n_test: int = 500,
    device: str = "auto",
    precision: str = "float32",
    eval_every: int = 500,
) -> TrainConfig:
    """Return a run whose model fits its task."""
    chosen = MIXERS.get(mixer, {}) if mixer_options is None else mixer_options
    model = LanguageModelConfig(
        vocab_size=1,
        d_model=d_model,
        n_layers=n_layers,
        max_length=1,
        mixer=mixer,
        mixer_options=chosen,
        embedding_dropout=embedding_dropout,
    )
    config = TrainConfig(
        model=model,
        data=TaskDataConfig(task=task, options=options, n_train=n_train, n_test=n_test, seed=seed),
        optim=optim,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        device=device,
        precision="bfloat16" if precision == "bfloat16" else "float32",
        log_every=50,
        eval_every=eval_every,
        checkpoint_every=1000,
    )
    return fit_to_task(config)


def recall_small_hyena() -> TrainConfig:
    """Return the small run of Hyena."""
    return recall_small("hyena")


def recall_small_h3() -> TrainConfig:
    """Return the small run of H3, which needs more steps than it has."""
    return recall_small("h3")


def recall_small_attention() -> TrainConfig:
    """Return the small run of attention."""
    return recall_small("attention")


def recall_small_long_conv() -> TrainConfig:
    """Return the small run of long convolutions without gates."""
    return recall_small("long-conv")


def recall_small_s4d() -> TrainConfig:
    """Return the small run of S4D."""
    return recall_small("s4d")


def listops() -> TrainConfig:
    """Return ListOps with long convolutions."""
    return lra("listops")


def pathfinder() -> TrainConfig:
    """Return Pathfinder with long convolutions; ``data.size=128`` makes it Path-X."""
    return lra("pathfinder")
