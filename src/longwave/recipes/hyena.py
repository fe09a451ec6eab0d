"""Hyena's language models on the Pile: the published sizes and training settings.

Architecture from table A.4 and training from appendix A.2 of arXiv 2302.10866: AdamW with betas 0.9 and 0.98,
weight decay 0.1, batches of 256 sequences of 2048 tokens, warm-up over 1 % of the steps, cosine to a tenth of
the peak, clipping at 1, bfloat16, no dropout. The public training configuration leaves the second beta at
0.999; the paper's value is used here. The Pile itself is no longer distributed: set ``data.path`` and
``data.validation_path`` to a corpus of your own and ``data.tokenizer`` to GPT-2's ``tokenizer.json``.
"""

from __future__ import annotations

from typing import Literal

from longwave.data import TextDataConfig
from longwave.models import preset
from longwave.training import OptimConfig, TrainConfig

__all__ = ["hyena_pile"]

PEAK_LR = {"153m": 6e-4, "355m": 4e-4, "1.3b": 2.2e-4}
STEPS_5B, STEPS_15B, STEPS_150B = 10_000, 30_000, 300_000  # the schedule is as long as the run


def hyena_pile(size: Literal["153m", "355m", "1.3b"], *, steps: int = STEPS_15B) -> TrainConfig:
    """Return the settings of one of the paper's models; ``data.path`` must be set.

    Parameters
    ----------
    size : {"153m", "355m", "1.3b"}
    steps : int
        10 000, 20 000 or 30 000 for the paper's 5, 10 and 15 billion tokens; 300 000 for the released 153 M
        model.
    """
    return TrainConfig(
        model=preset(f"hyena-{size}"),
        data=TextDataConfig(
            path="pile/train", validation_path="pile/validation", tokenizer="gpt2/tokenizer.json"
        ),
        optim=OptimConfig(lr=PEAK_LR[size], weight_decay=0.1, warmup_fraction=0.01, final_lr_fraction=0.1),
        steps=steps,
        batch_size=256,
        precision="bfloat16",
        eval_every=1000,
        checkpoint_every=1000,
    )


def hyena_pile_153m() -> TrainConfig:
    """Return the 153 M model at 15 billion tokens."""
    return hyena_pile("153m")


def hyena_pile_153m_150b() -> TrainConfig:
    """Return the 153 M model at the released checkpoint's 150 billion tokens."""
    return hyena_pile("153m", steps=STEPS_150B)


def hyena_pile_355m() -> TrainConfig:
    """Return the 355 M model at 15 billion tokens."""
    return hyena_pile("355m")


def hyena_pile_1_3b() -> TrainConfig:
    """Return the 1.3 B model; the paper trained it on 5 billion tokens."""
    return hyena_pile("1.3b", steps=STEPS_5B)
