"""S4D as a language model: the baseline of H3's comparison on OpenWebText (arXiv 2212.14052).

The state spaces are those of arXiv 2206.11893 with 64 real states a channel, in the same blocks as H3's; the
paper publishes no more of it than its perplexity of 24.9, so the rest is H3's own settings.
"""

from __future__ import annotations

from longwave.recipes.h3 import h3_openwebtext
from longwave.training import TrainConfig

__all__ = ["s4d_openwebtext"]


def s4d_openwebtext() -> TrainConfig:
    """Return the 125 M S4D model on OpenWebText; ``data.path`` must be set."""
    return h3_openwebtext("s4d-125m")
