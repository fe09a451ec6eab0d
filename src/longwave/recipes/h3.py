"""H3's language models: the Pile in four sizes, OpenWebText and WikiText-103.

Settings from the public training configurations of arXiv 2212.14052: AdamW with weight decay 0.1 and torch's
betas, warm-up over 1 % of the run, cosine to a tenth of the peak that ends at three quarters of the run,
clipping at 1, embedding dropout 0.1, dropout 0.1 in attention. Differences: WikiText-103 was trained in
float16, here in bfloat16; read-outs and skips of the state spaces are not decayed (``readout_weight_decay``
of the mixer brings that back); the 2.7 B model starts from the usual deviation 0.02, not from its own of
sqrt(2 / 5 D) = 0.0125. None of the corpora is ours to distribute: set ``data.path`` and
``data.validation_path``, and ``data.tokenizer`` to GPT-2's ``tokenizer.json``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from longwave.data import TextDataConfig
from longwave.models import preset
from longwave.training import OptimConfig, TrainConfig

__all__ = ["h3_openwebtext", "h3_pile", "h3_wikitext103", "pile_run"]

Size = Literal["125m", "355m", "1.3b", "2.7b"]
PEAK_LR = {"125m": 6e-4, "355m": 3e-4, "1.3b": 2e-4, "2.7b": 1.6e-4}
LARGE = ("1.3b", "2.7b")  # twice the batch, half the steps
STEPS, LARGE_STEPS = 800_000, 400_000  # 419 billion tokens either way
STEPS_50B = 100_000
DECAY_SHARE = 0.75  # of a whole run; then the rate stays
BETAS = (0.9, 0.999)

OPENWEBTEXT_STEPS = 95_000  # 50 billion tokens in batches of 512 x 1024
WIKITEXT_STEPS = 22_500  # 100 epochs of some 118 million tokens of GPT-2's, in batches of 512 x 1024


def h3_pile(
    size: Size, *, attention: Literal["trained", "released"] = "trained", steps: int | None = None
) -> TrainConfig:
    """Return the settings of one of the paper's models on the Pile; ``data.path`` must be set.

    Parameters
    ----------
    size : {"125m", "355m", "1.3b", "2.7b"}
    attention : {"trained", "released"}
        Layers of attention where the public training configurations have them, or where the released weights
        do.
    steps : int, optional
        Default: 419 billion tokens, with the schedule described above. A shorter run has a schedule of its
        own length; 100 000 is the 125 M configuration of 50 billion tokens.
    """
    name = f"h3-{size}" if attention == "trained" else f"h3-{size}-released"
    return pile_run(
        name,
        lr=PEAK_LR[size],
        batch_size=512 if size in LARGE else 256,
        steps=steps,
        whole_run=LARGE_STEPS if size in LARGE else STEPS,
    )


def pile_run(
    name: str,
    *,
    lr: float = PEAK_LR["125m"],
    batch_size: int = 256,
    steps: int | None = None,
    whole_run: int = STEPS,
) -> TrainConfig:
    """Return H3's settings on the Pile for any preset.

    Parameters
    ----------
    name : str
        Of a preset.
    lr : float
        Peak learning rate.
    batch_size : int
    steps : int, optional
        Shorter than the whole run.
    whole_run : int
        Its steps.
    """
    # the whole run warms up over a hundredth of itself, not of its schedule
    warmup = 0.01 if steps else 0.01 / DECAY_SHARE
    return TrainConfig(
        model=preset(name),
        data=TextDataConfig(
            path="pile/train", validation_path="pile/validation", tokenizer="gpt2/tokenizer.json"
        ),
        optim=OptimConfig(
            lr=lr,
            betas=BETAS,
            warmup_fraction=warmup,
            schedule_steps=None if steps else round(whole_run * DECAY_SHARE),
        ),
        steps=steps or whole_run,
        batch_size=batch_size,
        precision="bfloat16",
        eval_every=1000 if batch_size > 256 else 2000,
        checkpoint_every=1000,
    )


def h3_openwebtext(name: str = "h3-125m") -> TrainConfig:
    """Return the paper's comparison on OpenWebText; ``data.path`` must be set.

    Parameters
    ----------
    name : str
        Preset of 125 M: ``"h3-125m-pure"``, ``"h3-125m"`` (hybrid), ``"s4d-125m"`` or ``"gpt-125m"``.
        Published perplexities: 21.0, 19.6, 24.9 and 20.6.
    """
    return TrainConfig(
        model=replace(preset(name), max_length=1024),
        data=TextDataConfig(
            path="openwebtext/train",
            validation_path="openwebtext/validation",
            tokenizer="gpt2/tokenizer.json",
        ),
        optim=OptimConfig(lr=6e-4, betas=BETAS),
        steps=OPENWEBTEXT_STEPS,
        batch_size=512,
        precision="bfloat16",
        eval_every=1000,
        checkpoint_every=1000,
    )


def h3_wikitext103() -> TrainConfig:
    """Return the 125 M model on WikiText-103, 100 epochs; published perplexity 18.5."""
    return replace(
        h3_openwebtext(),
        data=TextDataConfig(
            path="wikitext103/train",
            validation_path="wikitext103/validation",
            tokenizer="gpt2/tokenizer.json",
        ),
        steps=WIKITEXT_STEPS,
    )


def h3_pile_125m() -> TrainConfig:
    """Return the 125 M model at 419 billion tokens."""
    return h3_pile("125m")


def h3_pile_125m_50b() -> TrainConfig:
    """Return the 125 M model at 50 billion tokens."""
    return h3_pile("125m", steps=STEPS_50B)


def h3_pile_355m() -> TrainConfig:
    """Return the 355 M model at 419 billion tokens."""
    return h3_pile("355m")


def h3_pile_1_3b() -> TrainConfig:
    """Return the 1.3 B model at 419 billion tokens."""
    return h3_pile("1.3b")


def h3_pile_2_7b() -> TrainConfig:
    """Return the 2.7 B model at 419 billion tokens."""
    return h3_pile("2.7b")


def h3_openwebtext_pure() -> TrainConfig:
    """Return H3 without attention on OpenWebText."""
    return h3_openwebtext("h3-125m-pure")


def gpt_openwebtext() -> TrainConfig:
    """Return the Transformer of the comparison on OpenWebText."""
    return h3_openwebtext("gpt-125m")
