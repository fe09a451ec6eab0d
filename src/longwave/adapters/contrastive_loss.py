"""The contrastive loss of one anchor: each positive competes with the negatives, and with no other positive.

Shapes: A anchors, U points.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["contrastive_loss"]

_NOTHING = -1e9  # finite: a row without negatives has a loss of 0 and a gradient of 0, not NaN


def contrastive_loss(similarities: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return the loss of every anchor, shape (A,).

    Parameters
    ----------
    similarities : Tensor, shape (A, U)
        Cosine of anchor and point over the temperature τ.
    positives, negatives : Tensor, shape (A, U), bool
        Which points play which role for which anchor.

    Returns
    -------
    Tensor, shape (A,)
        0 for an anchor without positives or without negatives. Differentiable in ``similarities``.

    Notes
    -----
    ``L = -(1/|P|) Σ_{j∈P} [s_j - log(exp s_j + Σ_{k∈N} exp s_k)]``, section 3 of the specification. With
    ``ℓ = log Σ_{k∈N} exp s_k`` every term is ``log(1 + exp(ℓ - s_j))``: one log-sum-exp an anchor and one
    softplus a positive, O(AU) in all, and no overflow at any temperature.
    """
    level = torch.logsumexp(similarities.masked_fill(~negatives, _NOTHING), dim=1, keepdim=True)  # (A, 1)
    terms = F.softplus(level - similarities).masked_fill(~positives, 0.0)
    return terms.sum(dim=1) / positives.sum(dim=1).clamp_min(1)
