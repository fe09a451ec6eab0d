"""Group DRO: descend the loss of the group that is worst at the moment. It needs groups of training points.

Shapes: n points, d width of the embeddings, C classes, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from longwave.adapters.base import Problem
from longwave.adapters.descent import DescentConfig, Step
from longwave.adapters.embeddings import Ints, code_groups
from longwave.adapters.network import AdapterConfig
from longwave.adapters.network_method import NetworkMethod
from longwave.adapters.sampling import even_batches
from longwave.errors import ConfigError

__all__ = ["GroupDRO"]


class GroupDRO(NetworkMethod):
    """Train an adapter on a weighting of groups that moves towards the worst.

    Parameters
    ----------
    eta : float
        Step size of the groups' weights.
    network : AdapterConfig, optional
    descent : DescentConfig, optional
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", ...
    seed : int

    Attributes
    ----------
    weights_ : ndarray, shape (G,)
        Of the groups after the last epoch, in the sorted order of ``group_names_``.
    net_, history_, best_epoch_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    An epoch draws n points with replacement, every group equally likely. On a batch with mean losses ``l_g``
    weights become ``w_g exp(η l_g)`` for the groups in it, then sum to 1, and the step goes down
    ``Σ_g w_g l_g``. The epoch is chosen as `ERMAdapter` does.

    References
    ----------
    arXiv 1911.08731, algorithm 1.
    """

    def __init__(
        self,
        *,
        eta: float = 0.01,
        network: AdapterConfig | None = None,
        descent: DescentConfig | None = None,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.eta = eta
        self.network = network
        self.descent = descent
        self.device = device
        self.seed = seed

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Learn from embeddings (n, d), labels (n,) and groups (n,), which are needed.

        Other parameters and errors as `ERMAdapter.fit`.
        """
        if groups is None:
            raise ConfigError(
                "GroupDRO needs the groups of the training points; pass groups. ContrastiveAdapter, JTT and "
                "ERMAdapter(resampling=...) do without."
            )
        if not self.eta > 0:
            raise ConfigError(f"eta is {self.eta}; accepted are numbers above 0.")
        problem = self._check(embeddings, labels, class_embeddings, validation)
        codes, self.group_names_ = code_groups(groups, len(problem.x))
        self._train(problem, codes)
        return self

    def _train(self, problem: Problem, groups: Ints) -> None:
        descent, x, y = self._start(problem)
        g = torch.from_numpy(groups).to(x.device)
        counts = np.bincount(groups)
        chances = 1 / (len(counts) * counts[groups])
        log_weights = torch.zeros(len(counts), device=x.device)

        def run_epoch(epoch: int, step: Step) -> tuple[str, Tensor]:
            nonlocal log_weights
            rng = np.random.default_rng((self.seed, epoch))
            losses = []
            for batch in even_batches(rng.choice(len(x), len(x), p=chances), self._descent().batch_size):
                b = torch.from_numpy(batch).to(x.device)
                each = F.cross_entropy(self.net_.logits(x[b], self._q), y[b], reduction="none")
                by_group, is_present = mean_by_group(each, g[b], len(counts))
                log_weights = (log_weights + self.eta * by_group.detach() * is_present).log_softmax(0)
                losses.append(step((log_weights.exp() * by_group).sum()))
            return "classes", torch.stack(losses)

        descent.run(run_epoch)
        self.weights_ = log_weights.exp().cpu().numpy()
        self._finish(descent)


def mean_by_group(losses: Tensor, groups: Tensor, n_groups: int) -> tuple[Tensor, Tensor]:
    """Return the mean loss of each group (G,), 0 where it has no points, and which have some (G,)."""
    member = F.one_hot(groups, n_groups).to(losses.dtype)  # (B, G)
    n = member.sum(dim=0)
    return losses @ member / n.clamp_min(1), n > 0
