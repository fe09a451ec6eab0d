"""H3 with long convolutions in place of its state spaces, on the Pile (arXiv 2302.06646).

The public training configuration: H3's own of 125 M, with filters stored tap by tap, squash 0.003, a fifth of
the taps dropped, and the taps learning at the base rate. To decode, such a model keeps its inputs, not
a state of fixed size.
"""

from __future__ import annotations

from longwave.recipes.h3 import STEPS_50B, pile_run
from longwave.training import TrainConfig

__all__ = ["h3_conv_pile"]


def h3_conv_pile(*, steps: int | None = None) -> TrainConfig:
    """Return the 125 M model on the Pile; ``data.path`` must be set.

    Parameters
    ----------
    steps : int, optional
        Default: 419 billion tokens; 100 000 is the configuration of 50 billion.
    """
    return pile_run("h3-conv-125m", steps=steps)


def h3_conv_pile_125m() -> TrainConfig:
    """Return the 125 M model at 419 billion tokens."""
    return h3_conv_pile()


def h3_conv_pile_125m_50b() -> TrainConfig:
    """Return the 125 M model at 50 billion tokens."""
    return h3_conv_pile(steps=STEPS_50B)
